"""What happens to a connected UDP socket in its life: datagrams.sh says which
rules there are.  Prints what each call gave, errors by name.

    datagrams.py CASE PORT [ARGUMENT…]
"""
import os
import select
import signal
import socket
import struct
import sys
import time

from calls import kill, relays, say, stop, wait_until_told

case, port = sys.argv[1], int(sys.argv[2])
more = sys.argv[3:]


def connected():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(15)
    s.connect(("127.0.0.1", port))
    return s


def ask(s, what):
    say("send %s" % what, s.send, what.encode())
    return say("answer", s.recv, 100)


def refused():
    """The server is not accepted: what was sent first is told by the next."""
    s = connected()
    for _ in range(2):
        say("send", s.send, b"secret")
        say("recv", s.recv, 100)


def leaves():
    """As logger does: all is sent, and the program is gone."""
    s = connected()
    for i in range(20):
        s.send(b"%02d" % i)


def unread():
    """What was sent is carried, though an answer is left unread: the kernel tells
    the relay of that (ECONNRESET) before what was sent."""
    s = connected()
    ask(s, "one")
    say("send two", s.send, b"two")
    select.select([s], [], [], 15)
    for pid in relays(more[0]):
        stop(pid)
    for _ in range(5):
        s.send(b"line")
    s.close()
    for pid in relays(more[0]):
        os.kill(pid, signal.SIGCONT)


def ends():
    """The server says goodbye, and the next datagram finds it again."""
    s = connected()
    ask(s, "one")
    say("send close", s.send, b"close")
    wait_until_told("because the server said so")
    ask(s, "two")


def forgets():
    """The server forgets, and says nothing."""
    s = connected()
    ask(s, "one")
    say("send forget", s.send, b"forget")
    s.settimeout(0.5)
    for _ in range(60):
        s.send(b"two")
        try:
            print("answer:", s.recv(100))
            return
        except socket.timeout:
            pass
    print("no answer")


def idles():
    """Nothing is sent for the rule's idle time."""
    s = connected()
    ask(s, "one")
    wait_until_told("for the rule's idle time")
    ask(s, "two")


def name_of(s):
    inode = str(os.fstat(s.fileno()).st_ino)
    for line in open("/proc/net/unix"):
        fields = line.split()
        if len(fields) > 7 and fields[6] == inode:
            return "\0" + fields[7][1:]


def has_ended(s):
    """Waits until its relay has closed it, and takes no error from it."""
    ends = select.poll()
    ends.register(s, 0)
    return bool(ends.poll(30000))


def killed():
    """The relay is killed: nobody comes in its place."""
    s = connected()
    ask(s, "one")
    name = name_of(s)
    for pid in relays(more[0]):
        kill(pid)
    print("events:", has_ended(s))
    for kind in socket.SOCK_DGRAM, socket.SOCK_SEQPACKET, socket.SOCK_STREAM:
        stranger = socket.socket(socket.AF_UNIX, kind)
        try:
            stranger.connect(name)
            stranger.send(b"stranger")
            print("a stranger has sent")
        except OSError:
            pass
    say("send", s.send, b"lost")
    s.setblocking(False)
    say("recv", s.recv, 100)
    s.settimeout(15)
    s.send(b"two")
    print("answer:", s.recv(100))


def bind_when_free(s, own):
    """A process that is killed has no name a moment before it has no sockets."""
    for _ in range(500):
        try:
            return s.bind(own)
        except OSError:
            time.sleep(0.01)
    raise TimeoutError(own)


def same_port():
    """A client that was killed comes again, from the port that it had."""
    own = ("127.0.0.1", 0)
    for what in "one", "two":
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.settimeout(8)
        bind_when_free(s, own)
        own = s.getsockname()
        s.connect(("127.0.0.1", port))
        ask(s, what)
        for pid in relays(more[0]):
            os.kill(pid, signal.SIGKILL)
        s.close()


def waiting():
    """More than may wait."""
    s = connected()
    for i in range(200):
        s.send(b"%03d" % i)
    say("recv", s.recv, 100)


def shared():
    """Two processes have the socket when it fails."""
    s = connected()
    sent, tell = os.pipe()
    if os.fork() == 0:
        os.read(sent, 1)
        has_ended(s)
        say("child send", s.send, b"by the child")
        say("child send again", s.send, b"by the child")
        say("child recv", s.recv, 100)
        os._exit(0)
    say("send", s.send, b"by the parent")
    os.write(tell, b"x")
    os.wait()
    say("recv", s.recv, 100)


def addressed():
    """With an address, from a socket that has a peer."""
    ruled, free = ("127.0.0.1", port), ("127.0.0.1", int(more[0]))
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(15)
    s.connect(free)
    say("send, no rule", s.send, b"open")
    say("answer", s.recv, 100)
    say("sendto, a rule", s.sendto, b"secret", ruled)
    s.connect(ruled)
    say("sendto, the peer", s.sendto, b"to the peer", ruled)
    say("sendto, another", s.sendto, b"to another", free)


def segments():
    """UDP_SEGMENT beside the data: never one datagram of many."""
    s = connected()
    say("sendmsg", s.sendmsg, [b"x" * 900],
        [(socket.IPPROTO_UDP, 103, struct.pack("=H", 400))])
    say("send", s.send, b"after")
    say("answer", s.recv, 1000)


def stopped():
    """Who sends waits for nobody, also when nobody can say whether the cipher
    takes so much."""
    s = connected()
    ask(s, "one")
    pids = relays(more[0])
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    began = time.monotonic()
    for _ in range(5):
        s.send(b"x" * 1330)
    print("late:", time.monotonic() - began > 10)
    for pid in pids:
        os.kill(pid, signal.SIGCONT)
    say("answer", lambda: len(s.recv(2000)))


def bursts():
    """Many at once, of some lengths: each comes back by itself, in order."""
    s = connected()
    ask(s, "one")
    lengths = [(90, 90, 90, 12, 700, 700, 3, 1200)[i % 8] for i in range(64)]
    for i, length in enumerate(lengths):
        s.send(bytes([i]) * length)
    back = [s.recv(2000) for _ in lengths]
    print("back:", back == [bytes([i]) * length
                            for i, length in enumerate(lengths)])


def sends():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    say("connect", s.connect, ("127.0.0.1", port))
    say("sendto", s.sendto, b"secret", ("127.0.0.1", port))


def others():
    """Sockets of SOCK_DGRAM that are not UDP: no rule is about them."""
    lite = 136  # IPPROTO_UDPLITE
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, lite)
    server.bind(("127.0.0.1", port))
    server.settimeout(5)
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, lite)
    say("sendto", s.sendto, b"address", ("127.0.0.1", port))
    say("got", server.recv, 100)
    say("connect", s.connect, ("127.0.0.1", port))
    say("send", s.send, b"connected")
    say("got", server.recv, 100)


globals()[case]()
