#!/bin/bash
# xsock probe dtls:// against servers of OpenSSL and GnuTLS, and against who
# answers badly or not at all.
. "$(dirname "$0")/../support/lib.sh"
. "$TESTS/tools/probe_cases.sh"

# --- the cases' tools -----------------------------------------------------

# udp_bound PID PORT: somebody has that port of UDP, or the process has ended
udp_bound()
{
	kill -0 "$1" 2>/dev/null || return 0
	grep -qiE "^ *[0-9]+: [0-9A-F]+:$(printf %04X "$2") " /proc/net/udp /proc/net/udp6 2>/dev/null
}

# udp_server NAME FUNCTION ARGUMENT…: FUNCTION PORT ARGUMENT… execs a server of
# datagrams.  Sets $port and port_NAME.
udp_server()
{
	local name=$1 function=$2 try
	shift 2
	for try in 1 2 3 4 5; do
		free_ports 1
		start "$name" "$function" "$port" "$@"
		within 30 udp_bound "$!" "$port" && kill -0 "$!" 2>/dev/null && break
		[ "$try" -lt 5 ] || { cat "$T/$name.log" >&2; exit 1; }
	done
	declare -g "port_$name=$port"
}

openssl_server()
{
	local port=$1 cert=$2
	shift 2
	exec openssl s_server -dtls -accept "127.0.0.1:$port" -quiet \
		-cert "$CERTS/$cert.pem" -key "$CERTS/$cert.key" "$@"
}

gnutls_server()
{
	local port=$1 cert=$2
	shift 2
	exec gnutls-serv --udp --quiet --echo -p "$port" --x509certfile "$CERTS/$cert.pem" \
		--x509keyfile "$CERTS/$cert.key" "$@"
}

# odd_server PORT KIND [TO]: mute; garbage, for an answer; loses, what comes
# first, and passes the rest to port TO and back
odd_server()
{
	exec "$PYTHON" -c '
import select, socket, sys
port, kind = int(sys.argv[1]), sys.argv[2]
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", port))
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
if kind == "loses":
    server.connect(("127.0.0.1", int(sys.argv[3])))
lost, client = 0, None
while True:
    for r in select.select([s, server] if kind == "loses" else [s], [], [])[0]:
        if r is server:
            s.sendto(server.recv(65536), client)
            continue
        data, client = s.recvfrom(65536)
        if kind == "garbage":
            s.sendto(b"\x1b[31m garbage \xff" * 3, client)
        elif kind == "loses" and lost < 1:
            lost += 1
        elif kind == "loses":
            server.send(data)
' "$@"
}

# --- servers --------------------------------------------------------------

suite_begin probe-dtls
need "servers of DTLS" gnutls-serv || { suite_end; exit; }
[ ! "${XSOCK_TEST_SANITIZED:-}" ] || ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=1

for cert in good expired wronghost selfsigned unknownca; do
	udp_server "$cert" openssl_server "$cert"
done
udp_server chain openssl_server nochain -cert_chain "$CERTS/intermediate.pem"
udp_server gnutls gnutls_server good --noticket
udp_server mute odd_server mute
udp_server garbage odd_server garbage
free_ports 1
port_closed=$port
export XSOCK_OPTIONS=cafile=$CA

# --- accepted -------------------------------------------------------------

good=dtls://localhost:$port_good
probe "$good"
expect "OpenSSL" 0 "$good" "address      127.0.0.1:$port_good" "times        resolve " \
	", handshake " "DTLS         DTLSv1.2, ECDHE-ECDSA-" "group x25519" "cookie       asked for" \
	"datagrams    up to 16384 bytes (the path takes 65507)" "ALPN         none" \
	"resumption   yes, in " "certificate  CN=xsock test good" "names    localhost, 127.0.0.1" \
	"+- CN=xsock test CA (self-signed, not sent, trusted)" \
	'verdict      accepted: verified "localhost"'
lacks "nothing connects" "connect "
lacks "nothing is sent again" "sent again"
if grep -v SSL_get_servername "$T/good.log"; then fail "no application data"; else pass "no application data"; fi
for option in $(grep -o 'peer_fingerprint=.*' "$OUT"); do
	probe -o '' "$good?verify_peer=0&$option"
	expect "a pin as it was printed: ${option%%:*}" 0 "fingerprint matches"
done
probe "dtlsv1.2://127.0.0.1:$port_good?mtu=1200"
expect "an exact version, an address, mtu" 0 "times        handshake " "DTLSv1.2" \
	"(the mtu is 1200)" 'verified "127.0.0.1"'
largest=$(sed -n 's/^datagrams  *up to \([0-9]*\) bytes.*/\1/p' "$OUT")
if [ "${largest:-0}" -gt 1100 ] && [ "$largest" -lt 1180 ]; then
	pass "mtu: the record takes its share"
else
	fail "mtu: the record takes its share"
fi
probe "$good?session_reuse=0"
expect "session_reuse=0" 0 "resumption   no, session_reuse=0"
probe "dtls://localhost:$port_chain"
expect "an intermediate" 0 "   +- CN=xsock test intermediate (sent by the server)"
probe "dtls://localhost:$port_gnutls"
expect "GnuTLS" 0 "DTLSv1.2, ECDHE-ECDSA-" "cookie       asked for" "CN=xsock test good" \
	'verdict      accepted: verified "localhost"'
probe "dtls://localhost:$port_wronghost?peer_name=other.example.test"
expect "peer_name" 0 'verified "other.example.test"'
probe -o '' "dtls://localhost:$port_unknownca?verify_peer=0"
expect "verify_peer=0" 0 "not verified (verify_peer=0)"
SSLKEYLOGFILE=$T/keys probe "$good"
if grep -q '^CLIENT_RANDOM ' "$T/keys"; then pass "SSLKEYLOGFILE"; else fail "SSLKEYLOGFILE"; fi

udp_server alpn openssl_server good -alpn coap
probe "dtls://localhost:$port?alpn_protocols=coap"
expect "ALPN" 0 "ALPN         coap"
udp_server loses odd_server loses "$port_good"
probe "dtls://127.0.0.1:$port"
expect "a datagram is lost" 0 "sent again   1 time, because no answer came" 'verified "127.0.0.1"'

# --- refused --------------------------------------------------------------

# refused NAME STATUS URL TEXT…: and a rule says the same
refused()
{
	local name=$1 status=$2 url=$3 sentence
	shift 3
	probe "$url"
	expect "$name" "$status" "$@"
	sentence=$(sed -n 's/^verdict  *[a-z]*: //p' "$OUT")
	# It reads until the socket tells.
	case_run with_xsock "udp://127.0.0.1:9=$url" \
		bash -c 'exec 3<>/dev/udp/127.0.0.1/9; echo x >&3; read -t 20 -u 3'
	if [ "$sentence" ] && grep -qF -- ": $sentence" "$ERR"; then
		pass "$name: the rule says the same"
	else
		fail "$name: the rule says the same" "not \"$sentence\""
	fi
}

refused "expired" 1 "dtls://127.0.0.1:$port_expired" "expired on 2021-01-01" \
	"CN=xsock test expired" "days ago"
refused "wrong host" 1 "dtls://127.0.0.1:$port_wronghost?peer_name=localhost" \
	'is not for "localhost"' "names    other.example.test"
refused "self-signed" 1 "dtls://127.0.0.1:$port_selfsigned" "is self-signed"
refused "unknown CA" 1 "dtls://127.0.0.1:$port_unknownca" "a CA that is not trusted"
refused "another's fingerprint" 1 \
	"dtls://127.0.0.1:$port_good?peer_fingerprint=sha256:$(printf '00%.0s' {1..32})" "fingerprint"
probe "dtls://localhost:$port_expired"
lacks "expired: no session is tried" "resumption"
udp_server strict openssl_server good -Verify 1 -verify_return_error -CAfile "$CA"
refused "a client certificate is wanted" 4 "dtls://127.0.0.1:$port" "client certificate"
probe "dtls://localhost:$port?local_cert=$CERTS/good.pem&local_pk=$CERTS/good.key"
expect "a client certificate" 0 'verified "localhost"'
udp_server old openssl_server good -min_protocol DTLSv1 -max_protocol DTLSv1 \
	-cipher DEFAULT@SECLEVEL=0
refused "a version that it does not have" 4 "dtlsv1.2://127.0.0.1:$port" \
	"version that the rule does not allow"
probe "dtlsv1.0://localhost:$port?security_level=0"
expect "DTLS 1.0" 0 "DTLSv1, " 'verified "localhost"'
refused "nobody there" 3 "dtls://127.0.0.1:$port_closed" "Connection refused by 127.0.0.1:$port_closed"
refused "silent" 5 "dtls://127.0.0.1:$port_mute?timeout=1.5" \
	"127.0.0.1:$port_mute did not finish the DTLS handshake within 1.5 s"
probe "dtls://127.0.0.1:$port_mute?timeout=0.1"
lacks "silent: no address" "address  "
probe "dtls://localhost:$port_mute?timeout=1.5"
expect "silent, and another address that refuses" 5 "127.0.0.1:$port_mute did not finish"
refused "garbage" 5 "dtls://127.0.0.1:$port_garbage?timeout=1.5" "address      127.0.0.1:$port_garbage" \
	"127.0.0.1:$port_garbage did not finish the DTLS handshake"
probe "dtls://no-such-host.invalid:4433"
expect "unknown host" 3 "cannot resolve no-such-host.invalid"

# --- for machines -----------------------------------------------------------

fields()
{
	local name=$1 status=$2 url=$3
	probe --json "$url"
	if [ "$STATUS" != "$status" ]; then
		fail "json: $name" "status $STATUS instead of $status"
	elif "$PYTHON" "$TESTS/tools/probe_fields.py" "$OUT" "$4" 2>"$ERR"; then
		pass "json: $name"
	else
		fail "json: $name"
	fi
}

if ! "$XSOCK" probe --json deny:// 2>"$ERR" >"$OUT" && grep -q "without jansson" "$ERR"; then
	skip "json" "xsock was built without jansson"
	suite_end
	exit
fi
fields "good" 0 "$good?mtu=1400" "
	p['target'] == '$good' and p['address'] == '127.0.0.1:$port_good' and
	p['milliseconds']['connect'] is None and p['milliseconds']['handshake'] > 0 and
	p['tls']['version'] == 'DTLSv1.2' and p['tls']['resumption'] is True and
	p['dtls']['cookie'] is True and p['dtls']['sent_again'] == 0 and
	p['dtls']['payload'] == 1400 and 1300 < p['dtls']['largest'] < 1380 and
	len(p['chain']) == 2 and p['verdict']['sentence'] == 'verified \"localhost\"'"
fields "refused" 1 "dtls://localhost:$port_expired" "
	p['verdict']['kind'] == 'certificate' and p['dtls']['largest'] is None and
	leaf['subject'] == 'CN=xsock test expired'"
fields "nobody there" 3 "dtls://localhost:$port_closed" "
	p['address'] is None and p['tls'] is None and p['dtls'] is None and
	p['verdict']['kind'] == 'network'"
fields "silent" 5 "dtls://127.0.0.1:$port_mute?timeout=1.5" "
	p['dtls'] is None and p['milliseconds']['handshake'] > 100 and
	p['verdict']['kind'] == 'timeout'"

suite_end
