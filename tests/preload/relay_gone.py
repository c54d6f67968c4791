"""A relay that is stopped or killed while a connect waits for it.

    relay_gone.py RELAY stopped|killed PORT

RELAY is the file of a relay that nobody else uses.  Prints what the program is
told, and "late" where it took much longer than the rule's timeout of a second.
"""
import errno
import os
import select
import signal
import socket
import sys
import time

relay, how, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
server = ("127.0.0.1", port)


def processes():
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.readlink("/proc/%s/exe" % pid) == relay:
                yield int(pid)
        except OSError:
            pass


def tell(signal_number):
    for pid in processes():
        os.kill(pid, signal_number)


def say(key, error, began=None):
    late = began is not None and time.monotonic() - began > 8
    print("%s: %s%s" % (key, errno.errorcode.get(error, error), " late" if late else ""))


def begin():
    s = socket.socket()
    s.setblocking(False)
    say("begun", s.connect_ex(server))
    time.sleep(0.2)
    return s


def stopped():
    pending = begin()
    tell(signal.SIGSTOP)
    try:
        s = socket.socket()
        signal.alarm(20)
        began = time.monotonic()
        say("blocking connect", s.connect_ex(server), began)
        began = time.monotonic()
        try:
            pending.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
            print("getsockopt: answered")
        except OSError as e:
            say("getsockopt", e.errno, began)
    finally:
        tell(signal.SIGCONT)


def killed():
    s, again = begin(), begin()
    tell(signal.SIGKILL)
    for key, one in (("connect", s), ("connect behind SO_ERROR", again)):
        poll = select.poll()
        poll.register(one, select.POLLOUT)
        print("poll says HUP:", bool(poll.poll(2000)[0][1] & select.POLLHUP))
        if one is again:
            say("SO_ERROR", one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
        say(key, one.connect_ex(server))


{"stopped": stopped, "killed": killed}[how]()
