#!/bin/sh
# gnutls-serv cannot do the renegotiation that it begins, while it gives tickets.
#
# Seen with: gnutls-bin 3.7.9-2+deb12u7, openssl 3.0.20-1~deb12u2 as its client
#   (Debian 12).
# Input: with TLS 1.2, a client sends the line **REHANDSHAKE**, by which
#   "gnutls-serv --echo" begins a renegotiation (its manual page, "Interactive
#   mode").  The client takes part in it.
# Expected: a second handshake, and the connection goes on.
# Seen: the server prints "Cannot perform this action while handshake is in
#   progress" and ends the connection with the alert internal_error.  With
#   --noticket, which is not about renegotiation, the connection goes on.
# For xsock: our tests of renegotiation=yes start gnutls-serv with --noticket.
. "$(dirname "$0")/debian.sh"
debian_root bookworm gnutls-bin=3.7.9-2+deb12u7 openssl=3.0.20-1~deb12u2 dash \
	coreutils grep

openssl req -x509 -newkey rsa:2048 -nodes -days 3 -subj /CN=localhost \
	-keyout "$root/tmp/key.pem" -out "$root/tmp/cert.pem" 2>/dev/null
cat >"$root/tmp/try.sh" <<'END'
gnutls-serv --echo -p 25000 --x509keyfile /tmp/key.pem \
	--x509certfile /tmp/cert.pem \
	--priority NORMAL:-VERS-ALL:+VERS-TLS1.2 $1 >/tmp/server 2>&1 &
server=$!
sleep 1
{
	echo before
	sleep 1
	echo '**REHANDSHAKE**'
	sleep 3
} | timeout 10 openssl s_client -connect 127.0.0.1:25000 -tls1_2 -no_ign_eof \
	>/tmp/client 2>&1
kill $server
grep -qx before /tmp/client || echo "no echo"
if grep -q 'alert internal error' /tmp/client; then
	echo "alert internal_error"
else
	echo "goes on"
fi
grep -o 'Cannot perform this action.*' /tmp/server
END
seen "with tickets" "alert internal_error; Cannot perform this action while handshake is in progress." \
	"$(debian_run sh /tmp/try.sh | paste -sd ';' - | sed 's/;/; /')"
seen "--noticket" "goes on" "$(debian_run sh /tmp/try.sh --noticket)"
finding_end
