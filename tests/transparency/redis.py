"""Runs Redis's own tests with Debian's programs, and writes as cpython.py does.

    redis.py RESULTS FOLDER [TEST-ID…]

FOLDER is what redis.sh made of Debian's source package.  A test's id is
"redis.", its unit, " " and its name.  The unit by itself is a test, too, which
is whether it came to its end: a unit's tests build on each other, so the units
of the tests that are asked for are run whole.
"""
import os
import re
import signal
import subprocess
import sys

# What has to do with connections: commands that wait, limits of clients,
# replication, the command line's tools.  replication, its -3, -4 and -psync take
# minutes each, for the same connects.
UNITS = """
unit/auth unit/protocol unit/multi unit/quit unit/pubsub unit/pubsubshard
unit/introspection unit/limits unit/obuf-limits unit/pause unit/querybuf
unit/pendingquerybuf unit/tracking unit/wait unit/shutdown unit/networking
unit/client-eviction unit/replybufsize
integration/block-repl integration/replication-2
integration/replication-buffer integration/shutdown integration/psync2-reg
integration/psync2-pingoff integration/psync2-master-restart
integration/failover integration/redis-cli integration/redis-benchmark
""".split()
# A unit that says nothing for so long hangs.
QUIET_SECONDS = 120

VERDICTS = {"ok": "ok", "err": "fail", "skip": "skip", "ignore": "skip"}
LINE = re.compile(r"\[(ok|err|skip|ignore)\]: (.*)")


def name_of(verdict, text):
    """What stands behind a verdict, without what is not the test's name."""
    if verdict == "ok":
        return re.sub(r" \(\d+ ms\)$", "", text)
    if verdict == "err":
        return re.sub(r" in tests/\S+\.tcl$", "", text)
    if verdict == "ignore":
        return text.rpartition(": ")[0]
    return text


def run(folder, unit, excluded, lines):
    """Runs a unit without what is excluded; true when it came to its end."""
    whole = False
    prefix = f"redis.{unit} "
    command = ["tclsh", "tests/test_helper.tcl", "--single", unit,
               "--clients", "1", "--durable", "--timeout", str(QUIET_SECONDS)]
    for test in excluded:
        if test.startswith(prefix):
            command += ["--skiptest", test[len(prefix):]]
    with subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="replace", start_new_session=True) as tests:
        try:
            for line in tests.stdout:
                print(line, end="", flush=True)
                whole = whole or line.strip() == "The End"
                found = LINE.match(line.rstrip("\n"))
                test = prefix + name_of(*found.groups()) if found else None
                if test and test not in excluded:
                    lines.write(f"{VERDICTS[found[1]]} {test}\n")
        finally:
            # The servers that it left behind.
            try:
                os.killpg(tests.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
    return whole


def main():
    results, folder, *chosen = sys.argv[1:]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    done, excluded = set(), set()
    if os.path.exists(results):
        with open(results, encoding="utf-8") as lines:
            for line in lines:
                verdict, test = line.rstrip("\n").split(None, 1)
                (excluded if verdict == "excluded" else done).add(test)
    units = {test.split(" ")[0] for test in chosen}
    with open(results, "a", encoding="utf-8", buffering=1) as lines:
        for unit in UNITS:
            test = f"redis.{unit}"
            if test in done or (chosen and test not in units):
                continue
            lines.write(f"start {test}\n")
            print(f"--- {test}", flush=True)
            verdict = "ok" if run(folder, unit, excluded, lines) else "fail"
            lines.write(f"{verdict} {test}\n")


if __name__ == "__main__":
    main()
