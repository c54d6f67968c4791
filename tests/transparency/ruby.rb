# Runs Ruby's own tests, and writes as cpython.py does.
#
#     ruby.rb RESULTS FOLDER [TEST-ID…]
#
# FOLDER is what source.sh made of Debian's source package.  A test's id is
# "ruby.", its class, "#" and its method.
require "rbconfig"

results, folder, *chosen = ARGV
FILES = %w[test/socket test/net/http test/net/protocol]
# A test that takes longer hangs.
TEST_SECONDS = 120

$LOAD_PATH.unshift "#{folder}/tool/lib"
require "test/unit"

# Tells what becomes of every test.  Not through a buffer: a test that forks
# must not write it twice.
class Verdicts
  def initialize(path, chosen)
    @done = File.exist?(path) ? File.readlines(path, chomp: true).map { _1.split(" ", 2)[1] } : []
    @chosen = chosen
    @fd = IO.sysopen(path, "a")
    @lines = IO.for_fd(@fd, "a", autoclose: false)
    @lines.sync = true
  end

  def wanted?(id)
    !@done.include?(id) && (@chosen.empty? || @chosen.include?(id))
  end

  def write(verdict, id)
    @lines.syswrite("#{verdict} #{id}\n")
  end
end

$verdicts = Verdicts.new(results, chosen)

module Told
  def run(runner)
    id = "ruby.#{self.class}##{__name__}"
    return "" unless $verdicts.wanted?(id)
    $verdicts.write("start", id)
    watchdog = Thread.new { sleep TEST_SECONDS; exit!(1) }
    result = super
    watchdog.kill
    $verdicts.write(result == "S" ? "skip" : result == "E" ? "error" : passed? ? "ok" : "fail", id)
    result
  end
end
Test::Unit::TestCase.prepend(Told)

ARGV.replace(["--ruby=#{RbConfig.ruby}", *FILES.map { "#{folder}/#{_1}" }])
Test::Unit::AutoRunner.run(true, "#{folder}/test")
# It has run to its end; what failed is in RESULTS.
exit!(0)
