"""Runs one test module of CPython and writes one line per test.

    cpython.py RESULTS MODULE [TEST-ID… | ~REGEX]

RESULTS gets "start ID" before a test, and "ok ID", "skip ID", "fail ID" or
"error ID" behind it, so a line without a verdict names a test that took the
interpreter with it.  Tests that RESULTS already names are not run again: who
calls once more goes on behind such a test.  What tests print, and why they
failed, goes to standard output.  A REGEX chooses those in whose IDs it is found.
"""
import faulthandler
import importlib
import os
import re
import sys
import unittest

from test import support
from test.support import os_helper

# Everything but the Internet, and what takes gigabytes.
RESOURCES = ["audio", "cpu", "curses", "decimal", "gui", "subprocess",
             "urlfetch"]
# This one asks for the network and means loopback.
MEANS_LOOPBACK = ["test_socketserver"]
# These lie beside this file.
OWN = ["socket_unbound"]
# A test that takes longer hangs.
TEST_SECONDS = 120

ORDER = ["ok", "skip", "fail", "error"]


class Lines:
    """The file of results.  Not through a buffer: a test that forks must not
    write it twice."""

    def __init__(self, path):
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)

    def write(self, verdict, name):
        os.write(self.fd, f"{verdict} {name}\n".encode())


class Result(unittest.TextTestResult):
    """Tells what became of every test."""

    lines = None
    verdict = "ok"

    def startTest(self, test):
        self.verdict = "ok"
        self.lines.write("start", test.id())
        faulthandler.dump_traceback_later(TEST_SECONDS, exit=True)
        super().startTest(test)

    def stopTest(self, test):
        super().stopTest(test)
        faulthandler.cancel_dump_traceback_later()
        self.lines.write(self.verdict, test.id())

    def judge(self, verdict, test):
        if isinstance(test, unittest.TestCase):
            # A test may fail, and its clean-up, too: the worst counts.
            self.verdict = max(self.verdict, verdict, key=ORDER.index)
        else:
            # The set-up of a class or module, which is not "started".
            self.lines.write(verdict, test.id())

    def addError(self, test, err):
        super().addError(test, err)
        self.judge("error", test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.judge("fail", test)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.judge("fail", test)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.judge("skip", test)

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self.judge("fail", test)


def keep(suite, wanted):
    """Leaves in a suite only the tests that are wanted: its structure decides
    when classes and modules are set up."""
    kept = [keep(test, wanted) if isinstance(test, unittest.TestSuite) else
            test for test in suite
            if isinstance(test, unittest.TestSuite) or wanted(test.id())]
    return unittest.TestSuite(kept)


def is_chosen(test, chosen):
    """Without a choice, all are."""
    return not chosen or any(
        re.search(one[1:], test) if one.startswith("~") else one == test
        for one in chosen)


def main():
    path, name, *chosen = sys.argv[1:]
    done = set()
    if os.path.exists(path):
        with open(path, encoding="utf-8") as lines:
            done = {line.split(None, 1)[1].rstrip("\n") for line in lines}
    Result.lines = Lines(path)
    faulthandler.enable()
    # A list before CPython 3.14, a dict since then: this serves both.
    support.use_resources = dict.fromkeys(RESOURCES + (
        ["network"] if name in MEANS_LOOPBACK else []))
    with os_helper.temp_cwd(f"{name}.{os.getpid()}"):
        module = importlib.import_module(
            name if name in OWN else "test." + name)
        suite = keep(
            unittest.defaultTestLoader.loadTestsFromModule(module),
            lambda test: test not in done and is_chosen(test, chosen))
        unittest.TextTestRunner(stream=sys.stdout, verbosity=2,
                                resultclass=Result).run(suite)


if __name__ == "__main__":
    main()
