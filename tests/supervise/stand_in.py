# Why a supervisor refuses a datagram with an address that a rule is about.  It
# could send it, by a copy of the program's socket, to a stand-in of the relay's.
# But what comes back must come from the peer's address.  "seen" would mean that
# it does, without the rights of root and without a look at what is received.
import os, socket, struct

IP_FREEBIND, IP_TRANSPARENT, IP_PKTINFO = 15, 19, 8
peer = "192.0.2.1"
if os.getuid() == 0:
    os.setresuid(65534, 65534, 65534)


def udp(address):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(5)
    s.bind((address, 0))
    return s


def told(key, call):
    try:
        call()
        print("seen:", key)
    except OSError as error:
        print("%s: %s" % (key, error.strerror))


# The program waits; the supervisor sends for it.
program, stand_in = udp("0.0.0.0"), udp("127.16.0.1")
copy = program.dup()
copy.sendto(b"question", stand_in.getsockname())
question, back = stand_in.recvfrom(64)
stand_in.sendto(b"answer", back)
answer, source = program.recvfrom(64)
assert question == b"question" and answer == b"answer"
print("%s by %s" % ("seen: the peer" if source[0] == peer else "not from the peer", source[0]))

# A stand-in with the peer's address.
there = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
told("bound to it", lambda: there.bind((peer, 5514)))
told("IP_TRANSPARENT", lambda: there.setsockopt(socket.IPPROTO_IP, IP_TRANSPARENT, 1))
there.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
there.bind((peer, 5514))
told("IP_FREEBIND", lambda: there.sendto(b"answer", back))
info = struct.pack("=I4s4s", 0, socket.inet_aton(peer), bytes(4))
told("IP_PKTINFO", lambda: stand_in.sendmsg(
    [b"answer"], [(socket.IPPROTO_IP, IP_PKTINFO, info)], 0, back))
