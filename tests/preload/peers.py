"""Unconnected UDP sockets and what must not happen to them: peers.sh says which
rules there are.  Prints what each call gave, errors by name.

    peers.py CASE PORT [ARGUMENT…]
"""
import array
import ctypes
import errno
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from ipaddress import ip_address

from calls import kill, relays, say, stop

case, port = sys.argv[1], int(sys.argv[2])
more = sys.argv[3:]
there = ("127.0.0.1", port)


def udp(*options):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(15)
    for option in options:
        s.setsockopt(socket.SOL_SOCKET, option, 1)
    return s


def ask(s, what, to=there):
    say("send %s" % what, s.sendto, what.encode(), to)
    got = say("answer", lambda: s.recvfrom(100))
    return got


def has_gone(s, key):
    """An unconnected socket is told by a send, not by a receive."""
    until = time.monotonic() + 15
    while time.monotonic() < until:
        try:
            s.sendto(b"again!", there)
        except OSError as error:
            print("%s: %s" % (key, errno.errorcode[error.errno]))
            return
        time.sleep(0.05)
    print("%s: never" % key)


def refused():
    s = udp()
    say("send", s.sendto, b"secret", there)
    has_gone(s, "next")


def list_refused():
    """The error of an association is told by sendmmsg(2), too, which looks at
    each message before it sends."""
    libc = ctypes.CDLL(None, use_errno=True)
    to = ctypes.create_string_buffer(struct.pack(
        "=HH4s8x", socket.AF_INET, socket.htons(port), socket.inet_aton(there[0])))
    text = ctypes.create_string_buffer(b"secret")
    part = struct.pack("@PN", ctypes.addressof(text), 6)
    parts = ctypes.create_string_buffer(part)
    message = ctypes.create_string_buffer(struct.pack(
        "@PIPNPNiI", ctypes.addressof(to), 16, ctypes.addressof(parts), 1, 0, 0, 0, 0))
    s = udp()
    say("send", s.sendto, b"secret", there)
    until = time.monotonic() + 15
    while (result := libc.sendmmsg(s.fileno(), message, 1, 0)) == 1:
        if time.monotonic() > until:
            break
        time.sleep(0.05)
    print("sendmmsg:", result, errno.errorcode.get(ctypes.get_errno()))


def races():
    """Two threads: one connects and disconnects the socket, the other one gives
    the address with each datagram."""
    s, sink = udp(), udp()
    sink.bind(there)
    sink.setblocking(False)
    s.setblocking(False)
    libc = ctypes.CDLL(None)
    to = struct.pack("=HH4s8x", socket.AF_INET, socket.htons(port),
                     socket.inet_aton(there[0]))
    until = time.monotonic() + 3

    def connects():
        while time.monotonic() < until:
            libc.connect(s.fileno(), to, 16)
            libc.connect(s.fileno(), bytes(16), 16)

    thread = threading.Thread(target=connects)
    thread.start()
    leaked = 0
    while time.monotonic() < until:
        for _ in range(100):
            libc.sendto(s.fileno(), b"secret", 6, 0, to, 16)
        try:
            while sink.recv(100):
                leaked += 1
        except BlockingIOError:
            pass
    thread.join()
    print("leaked:", leaked)


def sends():
    s = udp()
    say("sendto", s.sendto, b"secret", there)
    say("sendmsg", s.sendmsg, [b"secret"], [], 0, there)


def unspecified():
    """Two ways to write this host that the kernel takes."""
    for kind, what in (socket.SOCK_DGRAM, "sendto"), (socket.SOCK_STREAM, "connect"):
        for ip in "::", "::ffff:0.0.0.0":
            s = socket.socket(socket.AF_INET6, kind)
            if what == "connect":
                say(what + " " + ip, s.connect, (ip, port))
            else:
                say(what + " " + ip, s.sendto, b"secret", (ip, port))


def readv(s):
    parts = [bytearray(3), bytearray(100)]
    size = os.readv(s.fileno(), parts)
    return b"".join(parts)[:size]


def receive_itself(s):
    """By a system call of the program's own, of which the library knows nothing."""
    number = {"x86_64": 45, "aarch64": 207}[os.uname().machine]
    room = ctypes.create_string_buffer(100)
    size = ctypes.CDLL(None).syscall(number, s.fileno(), room, 100, 0, None, None)
    return room.raw[:size]


def forged():
    """What comes in the name of a peer, but not from the relay, nobody reads."""
    s, liar = udp(), udp()
    ask(s, "one")
    liar.bind(there)
    own = ("127.0.0.1", s.getsockname()[1])
    calls = (
        ("recvfrom", lambda: s.recvfrom(100)[0]),
        ("recv", lambda: s.recv(100)),
        ("recvmsg", lambda: s.recvmsg(100)[0]),
        ("peek", lambda: (s.recv(100, socket.MSG_PEEK), s.recv(100))),
        ("read", lambda: os.read(s.fileno(), 100)),
        ("readv", lambda: readv(s)),
        ("its own", lambda: receive_itself(s)),
    )
    for name, call in calls:
        s.settimeout(15 if name[:3] in ("rec", "pee") else None)
        say("forged", liar.sendto, b"forged", own)
        s.sendto(name.encode(), there)
        say(name, call)
    # Whom it has not sent to it may hear.
    other = udp()
    other.sendto(b"other", own)
    say("other", s.recv, 100)


def this_host():
    """Who is asked by the unspecified address answers from the loopback one, and
    nobody else does."""
    s, liar = udp(), udp()
    ask(s, "one", ("0.0.0.0", port))
    liar.bind(there)
    liar.sendto(b"forged", ("127.0.0.1", s.getsockname()[1]))
    ask(s, "two", ("0.0.0.0", port))
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as six:
        six.settimeout(15)
        ask(six, "three", ("::", port))


def cut():
    """The same where the caller has no room for the sender, and the datagram had
    come before the socket had a filter."""
    libc = ctypes.CDLL(None, use_errno=True)
    liar = udp()
    liar.bind(there)
    for size in 0, 8, 16:
        s = udp()
        s.bind(("", 0))
        s.settimeout(None)
        liar.sendto(b"forged", ("127.0.0.1", s.getsockname()[1]))
        s.sendto(b"true", there)
        data = ctypes.create_string_buffer(100)
        sender = ctypes.create_string_buffer(b"-" * 16, 16)
        room = ctypes.c_uint(size)
        got = libc.recvfrom(s.fileno(), data, 100, 0, sender,
                            ctypes.byref(room))
        print(size, data[:got], room.value,
              sender.raw[size:] == b"-" * (16 - size))


def put_filter(s):
    """One that lets everything pass."""
    passes = ctypes.create_string_buffer(struct.pack("=HBBI", 6, 0, 0, 65535))
    s.setsockopt(socket.SOL_SOCKET, 26,
                 struct.pack("@HL", 1, ctypes.addressof(passes)))


def large():
    """What only the cipher makes too long is told by a later call."""
    s = udp()
    for size in 1300, 1340, 1300, 1340:
        say("send %d" % size, s.sendto, b"x" * size, there)
        if size == 1300:
            say("answer", lambda: len(s.recv(2000)))


def unfit():
    """Sockets whose port does not protect a stand-in."""
    s = udp(socket.SO_REUSEPORT)
    s.bind(("", 0))
    say("SO_REUSEPORT", s.sendto, b"secret", there)
    s, other = udp(socket.SO_REUSEADDR), udp(socket.SO_REUSEADDR)
    s.bind(("", 0))
    other.bind(("127.0.0.9", s.getsockname()[1]))
    say("SO_REUSEADDR, shared", s.sendto, b"secret", there)
    print("has it:", s.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR))
    s, other = udp(), udp()
    s.bind(("127.0.0.1", 0))
    other.bind(("127.0.0.9", s.getsockname()[1]))
    say("bound, shared", s.sendto, b"secret", there)
    s = udp()
    s.bind(("224.0.0.251", 0))
    say("bound to a group", s.sendto, b"secret", there)
    s = udp()
    s.bind(("127.255.255.255", 0))
    say("bound to a broadcast address", s.sendto, b"secret", there)
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.bind(("::1", 0))
    say("bound to ::1", s.sendto, b"secret", ("::1", port))
    s = udp()
    s.connect(("127.0.0.1", 9))
    say("connected", s.sendto, b"secret", there)
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    s.bind(("::", 0))
    say("only IPv6", s.sendto, b"secret", ("::1", port))
    s = udp()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo\0")
    say("of a device", s.sendto, b"secret", there)
    s = udp()
    put_filter(s)
    say("with a filter", s.sendto, b"secret", there)
    s = udp()
    s.setsockopt(socket.SOL_SOCKET, 44, 1)
    say("without one for ever", s.sendto, b"secret", there)


def portless():
    """Sockets that would share their port, and have none yet: what they get is
    theirs."""
    four = udp(socket.SO_REUSEADDR, socket.SO_REUSEPORT)
    six = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    six.settimeout(15)
    six.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    for s, to in (four, there), (six, ("::1", port)):
        ask(s, "one", to)
        own = s.getsockname()[1]
        print("stand-ins:", len(stand_ins(own)))
        print("taken:", try_to_take(stand_ins(own), own))
    say("SO_REUSEADDR", four.setsockopt, socket.SOL_SOCKET,
        socket.SO_REUSEADDR, 1)


def take(s, to):
    """Asks on a socket that has a port; another user wants it, too."""
    ask(s, "one", to)
    own = s.getsockname()[1]
    print("taken:", try_to_take(stand_ins(own), own))
    print("SO_REUSEADDR:", s.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR))


def sharing():
    """SO_REUSEADDR, and nobody has the port, too: it loses the option."""
    four = udp(socket.SO_REUSEADDR)
    four.bind(("", 0))
    six = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    six.settimeout(15)
    six.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    six.bind(("::", 0))
    bound = udp(socket.SO_REUSEADDR)
    bound.bind(("127.0.0.1", 0))
    take(four, there)
    take(six, ("::1", port))
    take(bound, there)


def bound():
    """Sockets of an address of 127.0.0.0/8, with several peers and others."""
    four, six = udp(), socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    six.settimeout(15)
    six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    four.bind(("127.0.0.5", 0))
    six.bind(("::ffff:127.0.0.1", 0))
    take(six, ("::ffff:127.0.0.1", port))
    take(four, there)
    ask(four, "two", ("127.0.0.2", port))
    ask(four, "three")
    print("bound:", four.getsockname()[0])
    other = udp()
    other.sendto(b"other", four.getsockname())
    say("other", four.recv, 100)
    say("connect", four.connect, ("127.0.0.1", 9))
    own = four.getsockname()
    four.close()
    four = udp()
    four.bind(own)
    ask(four, "again")


def set_up(device, name, value):
    with open("/proc/sys/net/ipv4/conf/%s/%s" % (device, name), "w") as file:
        file.write(value)


def ip(words):
    subprocess.run(["ip"] + words.split(), check=True)


def device():
    """Sockets of an address of a network device, which is read at its other end,
    and which would let loopback's addresses pass.  Then routes send what is for
    the sockets there; then the device has the address no more."""
    address, ours, others = more
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    wire.bind((others, 0))
    wire.setblocking(False)
    four, six = udp(), socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    free = udp()
    six.settimeout(15)
    six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    six.bind(("::ffff:" + address, 0))
    four.bind((address, 0))
    take(six, ("::ffff:127.0.0.1", port))
    take(four, there)
    ask(four, "two", ("127.0.0.2", port))
    ask(free, "free")
    print("bound:", four.getsockname()[0] == address)
    other = udp()
    other.sendto(b"other", four.getsockname())
    say("other", four.recv, 100)
    set_up(ours, "route_localnet", "1")
    ip("route add default via 198.51.100.9 dev %s table 77" % ours)
    ip("neighbor replace 198.51.100.9 lladdr 02:00:00:00:00:09 dev " + ours)
    for s in four, free:
        ip("rule add pref 10 ipproto udp dport %d lookup 77" % s.getsockname()[1])
    ip("rule add pref 100 lookup local")
    ip("rule del pref 0")
    ask(four, "routed")
    ask(free, "routed")
    ip("rule add pref 0 lookup local")
    ip("address del %s/24 dev %s" % (address, ours))
    ip("address add 198.51.100.6/24 dev " + ours)
    ip("neighbor replace %s lladdr 02:00:00:00:00:09 dev %s" % (address, ours))
    udp().sendto(b"seen", (address, 9))
    say("gone", four.sendto, b"gone", there)
    time.sleep(0.3)
    frames = b""
    try:
        while True:
            frames += wire.recv(2000)
    except BlockingIOError:
        print("has left:", *(what in frames for what in
                             (b"routed", b"gone", b"seen")))


def written(source, to, data):
    """A datagram as whoever has the wire may write it."""
    parts = [socket.inet_aton(ip) for ip, _ in (source, to)]
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28 + len(data), 0, 0, 64, 17,
                       0, *parts)
    total = sum(struct.unpack("!10H", head))
    total = (total & 0xffff) + (total >> 16)
    head = head[:10] + struct.pack("!H", ~total & 0xffff) + head[12:]
    return head + struct.pack("!4H", source[1], to[1], 8 + len(data), 0) + data


def ways(own):
    """Of the stand-ins with this port: their address, and the one that they are
    connected to."""
    for line in open("/proc/net/udp").read().splitlines()[1:]:
        near, far = [field.split(":") for field in line.split()[1:3]]
        if int(near[1], 16) == int(far[1], 16) == own:
            yield [socket.inet_ntoa(struct.pack("=I", int(ip, 16)))
                   for ip, _ in (near, far)]


def neighbour():
    """Who is in the same network writes the addresses of the stand-in and of the
    program, and the device lets them in: nobody reads it."""
    address, ours, others = more
    for device, name, value in (
            ("all", "rp_filter", "0"), (ours, "rp_filter", "0"),
            (ours, "route_localnet", "1"), (ours, "accept_local", "1")):
        set_up(device, name, value)
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM)
    wire.bind((ours, 0))
    hardware = wire.getsockname()[4]

    def write(source, to, data):
        wire.sendto(written(source, to, data), (others, 0x800, 0, 0, hardware))

    other = udp()
    other.bind(("", 0))
    to = (address, other.getsockname()[1])
    write(("127.16.0.9", to[1]), to, b"loopback")
    say("let in", other.recv, 100)
    four, bound = udp(), udp()
    six = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    six.settimeout(15)
    bound.bind((address, 0))
    for s, to in (four, there), (six, ("::ffff:127.0.0.1", port)), (bound, there):
        ask(s, "one", to)
        own = s.getsockname()[1]
        (near, far), = ways(own)
        # The stand-in of a bound socket sends from an address of its own.
        sender = near if s is not bound else str(ip_address(far) - (0x800 << 12))
        write((sender, own), (address, own), b"forged for the program")
        write((far, own), (near, own), b"forged for the peer")
        write(("198.51.100.9", own), (address, own), b"stranger")
        say("next", s.recv, 100)
        ask(s, "two", to)


def bound_killed():
    """The relay is killed, and another user has the port on all addresses that
    are left: nobody but the socket itself gets what it sends."""
    s = udp()
    s.bind((more[1], 0))
    ask(s, "one")
    own = s.getsockname()[1]
    for pid in relays(more[0]):
        kill(pid)
    thief, told = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setresuid(65534, 65534, 65534)
        taken = []
        for ip in ("127.16.0.0", "127.144.0.0", "127.1.1.1"):
            taken.append(udp())
            taken[-1].bind((ip, own))
        os.write(told, b"x")
        for i in range(3):
            taken[0].sendmsg([b"forged"], [(socket.IPPROTO_IP, 8, struct.pack(
                "=i4s4s", 0, socket.inet_aton("127.144.0.%d" % i), bytes(4)))],
                0, (more[1], own))
        os._exit(0)
    os.read(thief, 1)
    os.waitpid(pid, 0)
    say("send", s.sendto, b"lost", there)
    for _ in range(3):
        data, (ip, _) = s.recvfrom(100)
        print("told as it is:", data, ip.startswith("127.144.0."))
    # What the library does when the relay ends in between.
    s.sendmsg([b"late"], [(socket.IPPROTO_IP, 8, struct.pack(
        "=i4s4s", 1, socket.inet_aton("127.144.0.0"), bytes(4)))],
        0, (more[1], own))
    say("comes back", s.recv, 100)
    ask(s, "two")


def later():
    """A socket with a stand-in must stay one that protects it."""
    s = udp()
    ask(s, "one")
    say("connect", s.connect, ("127.0.0.1", 9))
    say("SO_REUSEADDR", s.setsockopt, socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    say("SO_ATTACH_FILTER", put_filter, s)
    say("SO_DETACH_FILTER", s.setsockopt, socket.SOL_SOCKET, 27, 0)
    os.set_inheritable(s.fileno(), True)
    sys.stdout.flush()
    if os.fork() == 0:
        code = """
import socket
s = socket.socket(fileno=%d)
try:
    s.connect(("127.0.0.1", 9))
    print("behind exec: connected")
except OSError as error:
    print("behind exec:", error.strerror)
""" % s.fileno()
        os.execv(sys.executable, [sys.executable, "-c", code])
    os.wait()
    # Options that lead elsewhere (IP_UNICAST_IF) lead no plaintext there.
    device = socket.if_nameindex()[-1][0]
    s.setsockopt(socket.IPPROTO_IP, 50, struct.pack("!I", device))
    ask(s, "two")


def connects():
    """Also a connect to the very peer would give up what protects the others,
    and its answers would not pass the filter."""
    s = udp()
    ask(s, "one")
    say("connect", s.connect, there)
    ask(s, "two")


def stand_ins(own):
    """The loopback addresses that have this port, from the kernel's table."""
    found = []
    for line in open("/proc/net/udp").read().splitlines()[1:]:
        ip, number = line.split()[1].split(":")
        if int(number, 16) == own and ip.endswith("7F"):
            found.append(socket.inet_ntoa(struct.pack("=I", int(ip, 16))))
    return found


def try_to_take(addresses, own):
    """Another user wants the ports, with every option there is."""
    taken = 0
    pid = os.fork()
    if pid == 0:
        os.setresuid(65534, 65534, 65534)
        for address in addresses + ["127.0.0.1", "0.0.0.0", "127.1.1.1"]:
            for option in None, socket.SO_REUSEADDR, socket.SO_REUSEPORT:
                s = udp(*[option] if option else [])
                try:
                    s.bind((address, own))
                    taken += 1
                except OSError:
                    pass
        os._exit(taken)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def killed():
    """The relay is killed: nobody gets what is sent to the peer, and the next
    one carries it."""
    s = udp()
    ask(s, "one")
    own = s.getsockname()[1]
    addresses = stand_ins(own)
    print("stand-ins:", len(addresses))
    print("taken while it lives:", try_to_take(addresses, own))
    for pid in relays(more[0]):
        kill(pid)
    print("taken behind it:", try_to_take(addresses, own))
    say("send", s.sendto, b"lost", there)
    ask(s, "two")
    s.setblocking(False)
    say("nothing else", s.recv, 100)


def leaves():
    """Programs that send and end at once."""
    for _ in range(20):
        if os.fork() == 0:
            s = udp()
            for _ in range(3):
                s.sendto(b"line", there)
            os._exit(0)
        os.wait()


def succeeded():
    """What a program has sent is carried, when the relay comes to it only after
    the end of the program; and nothing of who has its port by then."""
    s = udp()
    ask(s, "one")
    own = s.getsockname()[1]
    address, = stand_ins(own)
    for pid in relays(more[0]):
        stop(pid)
    for _ in range(5):
        s.sendto(b"line", there)
    s.close()
    sys.stdout.flush()
    if os.fork() == 0:
        os.setresuid(65534, 65534, 65534)
        s = udp()
        s.bind(("127.0.0.1", own))
        for _ in range(5):
            print("forged:", s.sendto(b"forged", (address, own)))
        s.settimeout(0.1)
        say("answer", s.recv, 100)
        os._exit(0)
    os.wait()
    for pid in relays(more[0]):
        os.kill(pid, signal.SIGCONT)


def rebinds():
    """A port is free as soon as its socket is closed: for the same process, and
    for one that has never seen the relay."""
    s = udp()
    ask(s, "one")
    own = s.getsockname()[1]
    taken = answered = 0
    for i in range(20):
        s.close()
        s = udp()
        try:
            s.bind(("", own))
        except OSError as error:
            print("bind:", errno.errorcode[error.errno])
            continue
        taken += 1
        s.sendto(b"%d" % i, there)
        answered += s.recv(100) == b"%d" % i
    print("taken:", taken, "answered:", answered, flush=True)
    s.close()
    code = "import socket; socket.socket(type=socket.SOCK_DGRAM).bind(('', %d))"
    os.execv(sys.executable, [sys.executable, "-c", code % own])


def is_answered(s, text, peer):
    """Datagrams may be lost on a machine that is busy, and answers be late."""
    s.settimeout(3)
    for _ in range(10):
        s.sendto(text, peer)
        try:
            answer = s.recvfrom(100)
            while answer[1] != peer:
                answer = s.recvfrom(100)
            return answer[0] == text
        except TimeoutError:
            print("nothing from", peer, file=sys.stderr)
    return False


def many():
    """A thousand peers of one socket; closing it ends them all."""
    s = udp()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    count = int(more[0])
    peers = [("10.%d.%d.7" % (i // 250, i % 250 + 1), port)
             for i in range(count)]
    for turn in b"first", b"second":
        right = 0
        for i, peer in enumerate(peers):
            right += is_answered(s, turn + b"%d" % i, peer)
        print("right:", right)
    print("stand-ins:", len(stand_ins(s.getsockname()[1])) >= count)
    own = s.getsockname()[1]
    s.close()
    until = time.monotonic() + 30
    while stand_ins(own) and time.monotonic() < until:
        time.sleep(0.1)
    print("left:", len(stand_ins(own)))


def passed():
    """The socket goes to a process of another tree, which has other rules in no
    memory that is shared: it is told the peers all the same."""
    here, other = socket.socketpair()
    environment = {name: value for name, value in os.environ.items()
                   if name != "XSOCK_NAMES"}
    os.set_inheritable(other.fileno(), True)
    code = """
import array, socket
c = socket.socket(fileno=%d)
data, parts, _, _ = c.recvmsg(1, socket.CMSG_SPACE(4))
s = socket.socket(fileno=array.array("i", parts[0][2])[0])
s.settimeout(15)
print("there, from before:", s.recvfrom(100))
s.sendto(b"there", ("127.0.0.1", %d))
print("there:", s.recvfrom(100))
""" % (other.fileno(), port)
    sys.stdout.flush()
    if os.fork() == 0:
        os.execve(sys.executable, [sys.executable, "-c", code], environment)
    s = udp()
    say("send", s.sendto, b"early", there)
    here.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                           array.array("i", [s.fileno()]))])
    os.wait()
    ask(s, "here")


globals()[case]()
