"""Runs curl's own tests with Debian's curl, and writes as cpython.py does.

    curl.py RESULTS FOLDER [TEST-ID…]

FOLDER is what curl.sh made of Debian's source package.  A test's id is "curl."
and its number.  A test that is skipped has no line: which ones these are
depends on what this curl can, in each mode alike.
"""
import os
import pwd
import re
import shutil
import subprocess
import sys

PREFIX = "curl."
# What runtests.pl says of one test, and of all that failed at the end.
PASSED = re.compile(r"PASS: (\d+) - ")
FAILED = re.compile(r"TESTFAIL: These test cases failed: ([\d ]+)")


def main():
    results, folder, *chosen = sys.argv[1:]
    done = []
    if os.path.exists(results):
        with open(results, encoding="utf-8") as lines:
            done = [line.split(None, 1)[1].rstrip("\n") for line in lines]
    tests = [test[len(PREFIX):] for test in chosen]
    tests += ["!" + test[len(PREFIX):] for test in done
              if test.startswith(PREFIX)]
    curl = shutil.which("curl")
    # -a: all, also behind a failure; -am: lines that can be read; -n: without
    # Valgrind.  Its SSH server does not run as root.
    command = ["perl", "runtests.pl", "-a", "-am", "-n", "-c", curl,
               "-vc", curl, "!SCP", "!SFTP", *tests]
    # It ends without one.
    os.environ["USER"] = pwd.getpwuid(os.getuid()).pw_name
    whole = False
    with open(results, "a", encoding="utf-8", buffering=1) as lines, \
            subprocess.Popen(
                command, cwd=os.path.join(folder, "tests"),
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, text=True, errors="replace") as run:
        for line in run.stdout:
            print(line, end="", flush=True)
            whole = whole or line.startswith("TESTDONE: ")
            if found := PASSED.match(line):
                lines.write(f"ok {PREFIX}{found[1]}\n")
            if found := FAILED.match(line):
                for test in found[1].split():
                    lines.write(f"fail {PREFIX}{test}\n")
    sys.exit(not whole)


if __name__ == "__main__":
    main()
