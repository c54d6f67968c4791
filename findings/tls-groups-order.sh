#!/bin/sh
# A server with OpenSSL 3.5 asks for a second ClientHello where 3.0 needed none.
#
# Seen with: openssl 3.5.9-1~deb13u1 (Debian 13) as server, and openssl
#   3.0.20-1~deb12u2 (Debian 12) as server, for comparison, and as client.
# Input: a TLS 1.3 client with the groups P-384 and P-256, in this order, whose
#   ClientHello has a key share for P-384; servers with the default groups.
# Expected: the server knows P-384 and has a share for it, so it takes it.
# Seen: 3.0 does.  3.5 orders its default groups in classes, P-256 before P-384,
#   looks at the class before it looks at the share, and asks for a share for P-256
#   by HelloRetryRequest: one more round trip, and the client's second choice.
# For xsock: a rule with groups=P-384:P-256 connects more slowly when the server
#   goes from Debian 12 to 13.  groups=P-384 alone takes the round trip back.
. "$(dirname "$0")/debian.sh"
debian_root bookworm openssl=3.0.20-1~deb12u2 coreutils dash
debian_root trixie openssl=3.5.9-1~deb13u1 coreutils dash
cp -a "$folder/bookworm" "$root/client"

# hellos PROGRAM: what goes over the line until a server has answered for good
hellos()
{
	debian_run sh -c '
	cd /tmp
	client() { chroot /client openssl "$@"; }
	[ -e cert ] || openssl req -x509 -newkey rsa:2048 -nodes -keyout key -out cert \
		-subj /CN=localhost -config /dev/null 2>/dev/null
	cp cert key /client/tmp
	case $1 in
	3.5) cd /tmp && openssl s_server -accept 127.0.0.1:4433 -cert cert -key key -quiet & ;;
	3.0) chroot /client sh -c "cd /tmp && exec openssl s_server -accept 127.0.0.1:4433 \
		-cert cert -key key -quiet" & ;;
	esac
	tries=0
	while [ $tries -lt 50 ]; do
		client s_client -connect 127.0.0.1:4433 -groups P-384:P-256 -msg \
			</dev/null >/tmp/said 2>/dev/null && break
		tries=$((tries + 1))
		sleep 0.1
	done
	cat /tmp/said' sh "$1" 2>/dev/null |
		sed -n 's/.*Handshake.*, \(ClientHello\)$/\1/p
			s/^Server Temp Key: ECDH, \([^,]*\),.*/\1/p' | paste -sd ' ' -
}

seen "server 3.0" "ClientHello secp384r1" "$(hellos 3.0)"
seen "server 3.5" "ClientHello ClientHello prime256v1" "$(hellos 3.5)"
finding_end
