"""Runs tests that are a process each, and writes as cpython.py does.

    each.py RESULTS FOLDER [TEST-ID…]

FOLDER/list was made by get.sh: a line is the test's id, the folder in FOLDER
where it runs, the status of a test that skips itself, and the command, with
tabs between them.  "./" at the beginning of a command is FOLDER.
"""
import os
import subprocess
import sys

TEST_SECONDS = 60


def run(folder, where, skips, command):
    """The verdict of one test."""
    if command[0].startswith("./"):
        command[0] = os.path.abspath(os.path.join(folder, command[0]))
    try:
        done = subprocess.run(command, cwd=os.path.join(folder, where),
                              timeout=TEST_SECONDS, stdin=subprocess.DEVNULL,
                              stderr=subprocess.STDOUT, check=False)
    except subprocess.TimeoutExpired:
        print("takes too long")
        return "error"
    if done.returncode == 0:
        return "ok"
    return "skip" if str(done.returncode) == skips else "fail"


def main():
    results, folder, *chosen = sys.argv[1:]
    with open(os.path.join(folder, "list"), encoding="utf-8") as lines:
        tests = [line.rstrip("\n").split("\t") for line in lines]
    done = set()
    if os.path.exists(results):
        with open(results, encoding="utf-8") as lines:
            done = {line.split(None, 1)[1].rstrip("\n") for line in lines}
    with open(results, "a", encoding="utf-8", buffering=1) as lines:
        for test, where, skips, *command in tests:
            if test in done or (chosen and test not in chosen):
                continue
            lines.write(f"start {test}\n")
            print(f"--- {test}", flush=True)
            lines.write(f"{run(folder, where, skips, command)} {test}\n")


if __name__ == "__main__":
    main()
