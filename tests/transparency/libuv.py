"""Runs libuv's tests, each in a process of its own, and writes as cpython.py
does.

    libuv.py RESULTS FOLDER [TEST-ID…]

FOLDER is what libuv.sh made.  A test's id is "libuv." and its name.
"""
import os
import subprocess
import sys

TEST_SECONDS = 60
# What uv_run_tests exits with (test/task.h).
VERDICTS = {0: "ok", 7: "skip"}
PREFIX = "libuv."


def run(program, folder, name):
    """The verdict of one test."""
    print(f"--- {name}", flush=True)
    try:
        done = subprocess.run([program, name], cwd=folder, timeout=TEST_SECONDS,
                              stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT,
                              check=False)
    except subprocess.TimeoutExpired:
        print("takes too long")
        return "error"
    return VERDICTS.get(done.returncode, "fail")


def main():
    results, folder, *chosen = sys.argv[1:]
    program = os.path.abspath(os.path.join(folder, "uv_run_tests"))
    source = os.path.join(folder, "source")
    # Behind a name may stand which servers the test starts.
    lines = subprocess.run([program, "--list"], stdout=subprocess.PIPE,
                           check=True, text=True).stdout.splitlines()
    ids = [PREFIX + line.split()[0] for line in lines if line.strip()]
    done = set()
    if os.path.exists(results):
        with open(results, encoding="utf-8") as lines:
            done = {line.split(None, 1)[1].rstrip("\n") for line in lines}
    with open(results, "a", encoding="utf-8", buffering=1) as lines:
        for test in ids:
            if test in done or (chosen and test not in chosen):
                continue
            lines.write(f"start {test}\n")
            verdict = run(program, source, test[len(PREFIX):])
            lines.write(f"{verdict} {test}\n")


if __name__ == "__main__":
    main()
