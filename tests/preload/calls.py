"""What datagrams.py and peers.py share: a call and what it gave, what the log has
said, and the relays of a program."""
import errno
import glob
import os
import select
import signal
import time


def say(what, call, *args):
    try:
        result = call(*args)
    except OSError as error:
        result = errno.errorcode[error.errno] if error.errno else "timed out"
    print("%s: %s" % (what, result), flush=True)
    return result


def wait_until_told(text):
    """Comes back when standard error, which is a file, has this text."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        with open("/proc/self/fd/2") as log:
            if text in log.read():
                return
        time.sleep(0.02)
    print("never told:", text, flush=True)


def relays(path):
    found = []
    for folder in glob.glob("/proc/[0-9]*"):
        try:
            if os.readlink(folder + "/exe") == path:
                found.append(int(folder[6:]))
        except OSError:
            pass
    return found


def kill(pid):
    """Comes back when the process has ended: one that is dying may still take a
    request, though its program is gone from /proc/PID/exe."""
    ended = select.poll()
    ended.register(os.pidfd_open(pid), select.POLLIN)
    os.kill(pid, signal.SIGKILL)
    ended.poll(15000)


def stop(pid):
    """Comes back when all threads of the process stand."""
    os.kill(pid, signal.SIGSTOP)
    until = time.monotonic() + 15
    while time.monotonic() < until:
        states = set()
        for stat in glob.glob("/proc/%d/task/*/stat" % pid):
            with open(stat) as file:
                states.add(file.read().rpartition(")")[2].split()[0])
        if states == {"T"}:
            return
        time.sleep(0.01)
    print("does not stand:", pid, flush=True)
