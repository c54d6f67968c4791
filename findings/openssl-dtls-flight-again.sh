#!/bin/sh
# OpenSSL packs a flight of DTLS into one datagram, and sends it again as one
# datagram for each message.
#
# Seen with: openssl 3.0.20-1~deb12u2 (Debian 12) as server and client, and
#   openssl 3.5.9-1~deb13u1 (Debian 13) as both.
# Input: a handshake of DTLS 1.2 with an MTU of 1400, through a proxy that loses one
#   datagram: the client's third, which has all of its last flight.
# Expected: the client sends its flight again as it sent it at first (RFC 6347, 4.2.4).
# Seen: three datagrams, which have one message each.  A server that has waited as long
#   does the same with its flight.
# For xsock: a path that loses each fifth datagram loses more of the second try than
#   of the first.  What counts a server's datagrams, to bound what it may send, must
#   not take such a flight for a flood.
. "$(dirname "$0")/debian.sh"

cat >proxy.py <<'END'
# Between a client and a server of DTLS: prints who sends a datagram, and the messages
# in it, and loses the third of the client.
import select, socket, sys, time

NAMES = {1: "ClientHello", 2: "ServerHello", 3: "HelloVerifyRequest", 4: "NewSessionTicket",
         11: "Certificate", 12: "ServerKeyExchange", 14: "ServerHelloDone",
         16: "ClientKeyExchange"}
TYPES = {20: "ChangeCipherSpec", 21: "Alert", 22: "Finished", 23: "data"}


def messages(datagram):
    at, found = 0, []
    while at + 13 < len(datagram):
        kind, epoch = datagram[at], datagram[at + 4]
        # A record: type, version, epoch, number, length (RFC 6347, 4.1).
        name = NAMES[datagram[at + 13]] if kind == 22 and not epoch else TYPES[kind]
        found.append(name)
        at += 13 + int.from_bytes(datagram[at + 11:at + 13], "big")
    return "+".join(found)


near, far = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in "12")
near.bind(("127.0.0.1", 25001))
far.connect(("127.0.0.1", 25002))
client, count, end = None, 0, time.time() + 4
while time.time() < end:
    for one in select.select([near, far], [], [], 0.2)[0]:
        if one is near:
            datagram, client = near.recvfrom(65536)
            count += 1
            print("lost" if count == 3 else "client", messages(datagram), flush=True)
            if count != 3:
                far.send(datagram)
        else:
            datagram = far.recv(65536)
            print("server", messages(datagram), flush=True)
            near.sendto(datagram, client)
END

# flights RELEASE OPENSSL-VERSION PYTHON-VERSION: what the client sends with its third
# datagram, and behind it
flights()
{
	debian_root "$1" "openssl=$2" "python3-minimal=$3" coreutils dash
	cp proxy.py "$root/tmp"
	debian_run sh -c '
	cd /tmp
	openssl req -x509 -newkey rsa:2048 -nodes -keyout key -out cert -subj /CN=localhost \
		-config /dev/null 2>/dev/null
	{ sleep 7; } | timeout 7 openssl s_server -dtls1_2 -mtu 1400 -accept 127.0.0.1:25002 \
		-cert cert -key key >/dev/null 2>&1 &
	python3 proxy.py >said &
	sleep 1
	{ sleep 4; } | timeout 5 openssl s_client -dtls1_2 -mtu 1400 \
		-connect 127.0.0.1:25001 >/dev/null 2>&1
	wait' sh >/dev/null 2>&1 || :
	sed -nE '/^lost/,$s/^(lost|client) //p' "$root/tmp/said" | head -n 4 |
		paste -sd ' ' -
}

expected="ClientKeyExchange+ChangeCipherSpec+Finished ClientKeyExchange ChangeCipherSpec Finished"
flights bookworm 3.0.20-1~deb12u2 3.11.2-1+b1 >bookworm.seen
seen "OpenSSL 3.0" "$expected" "$(cat bookworm.seen)"
flights trixie 3.5.9-1~deb13u1 3.13.5-1 >trixie.seen
seen "OpenSSL 3.5" "$expected" "$(cat trixie.seen)"
finding_end
