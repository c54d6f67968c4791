"""Runs Tcl's own tests, and writes as cpython.py does.

    tcl.py RESULTS FOLDER [TEST-ID…]

FOLDER is what source.sh made of Debian's source package.  A test's id is
"tcl." and its name; names are unique in the files below.
"""
import os
import re
import subprocess
import sys

FILES = ["socket", "http", "http11", "httpold"]
PREFIX = "tcl."
# What tcltest prints with these words in -verbose.
VERBOSE = "pass skip start error body"
LINES = [
    (re.compile(r"---- (\S+) start$"), "start"),
    (re.compile(r"\+\+\+\+ (\S+) PASSED$"), "ok"),
    (re.compile(r"\+\+\+\+ (\S+) SKIPPED: "), "skip"),
    (re.compile(r"==== (\S+) .*FAILED$"), "fail"),
]


def pattern(name):
    """A test's name where tcltest takes a glob."""
    return re.sub(r"([*?\[\]\\])", r"\\\1", name)


def run(folder, file, arguments, lines):
    """Runs one file; true when it came to its end."""
    whole = False
    path = os.path.join(folder, "tests", file + ".test")
    with subprocess.Popen(
            ["tclsh", path, "-verbose", VERBOSE, *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace") as tcl:
        for line in tcl.stdout:
            print(line, end="", flush=True)
            whole = whole or line.startswith(file + ".test:\tTotal")
            for form, verdict in LINES:
                found = form.match(line.rstrip("\n"))
                if found:
                    lines.write(f"{verdict} {PREFIX}{found[1]}\n")
    return whole


def main():
    results, folder, *chosen = sys.argv[1:]
    done = []
    if os.path.exists(results):
        with open(results, encoding="utf-8") as lines:
            done = [line.split(None, 1)[1].rstrip("\n") for line in lines]
    skip = [pattern(test[len(PREFIX):]) for test in dict.fromkeys(done)
            if test.startswith(PREFIX)]
    match = [pattern(test[len(PREFIX):]) for test in chosen]
    arguments = ["-skip", " ".join(skip)] if skip else []
    arguments += ["-match", " ".join(match)] if match else []
    with open(results, "a", encoding="utf-8", buffering=1) as lines:
        good = [run(folder, file, arguments, lines) for file in FILES]
    sys.exit(not all(good))


if __name__ == "__main__":
    main()
