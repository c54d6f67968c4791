# Ruby: gets a file by HTTP and prints "WAY: LENGTH SUM" of its bytes.
#
#     ruby get.rb PORT PATH
require 'net/http'
require 'open-uri'
require 'socket'

PORT = Integer(ARGV[0])
PATH = ARGV[1]

def tell(way, bytes)
  puts "#{way}: #{bytes.bytesize} #{bytes.bytes.sum}"
end

def get(socket)
  socket.write "GET #{PATH} HTTP/1.0\r\n\r\n"
  socket.read.split("\r\n\r\n".b, 2)[1]
end

TCPSocket.open('localhost', PORT) do |s|
  raise 'peer' unless s.peeraddr[1] == PORT
  tell 'TCPSocket', get(s)
end
Socket.tcp('localhost', PORT, connect_timeout: 20) { |s| tell 'Socket.tcp', get(s) }
threads = Array.new(4) { Thread.new { TCPSocket.open('localhost', PORT) { |s| get(s) } } }
tell 'TCPSocket in four threads', threads.map(&:value).uniq.join
tell 'Net::HTTP', Net::HTTP.get(URI("http://localhost:#{PORT}#{PATH}"))
tell 'open-uri', URI.open("http://localhost:#{PORT}#{PATH}", 'rb', &:read)
