#!/bin/bash
# xsock probe against real servers: what it shows, its exit statuses, that it
# says what a rule says, and that nothing of what a server writes reaches the
# terminal raw.
. "$(dirname "$0")/../support/lib.sh"
. "$TESTS/tools/probe_cases.sh"

# --- the cases' tools -----------------------------------------------------

fingerprint()
{
	openssl x509 -in "$CERTS/$1.pem" -noout -fingerprint -sha256 |
		sed 's/.*=//; s/://g' | tr A-F a-f
}

pin()
{
	openssl x509 -in "$CERTS/$1.pem" -noout -pubkey |
		openssl pkey -pubin -outform DER |
		openssl dgst -sha256 -binary | base64
}

# --- servers --------------------------------------------------------------

suite_begin probe
[ ! "${XSOCK_TEST_SANITIZED:-}" ] || ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=1

esc=$(printf '\033')
many=$(seq -s , -f 'DNS:host%g.example.test' 1 40)
cat "$CERTS/good.pem" "$CERTS/unknown-ca.pem" >"$CERTS/extra.pem"
cp "$CERTS/good.key" "$CERTS/extra.key"
{
	certs_issue many ca leaf "DNS:localhost,$many" &&
	certs_key evil &&
	openssl req -config "$CERTS/config" -x509 -new -days 30 -utf8 \
		-key "$CERTS/evil.key" \
		-subj "/O=$(printf 'c1 \302\233 rtl \342\200\256')/CN=${esc}[31mred$(printf '\nverdict')" \
		-addext "subjectAltName=DNS:localhost,DNS:${esc}[2J,email:a${esc}b@c" \
		-out "$CERTS/evil.pem" &&
	openssl req -config "$CERTS/config" -x509 -newkey rsa:2048 -nodes -days 30 \
		-keyout "$CERTS/rsa.key" -subj "/CN=rsa" \
		-addext subjectAltName=DNS:localhost -out "$CERTS/rsa.pem"
} >>"$CERTS/log" 2>&1 || { cat "$CERTS/log" >&2; exit 1; }

names="good chain nochain expired wronghost selfsigned unknownca many evil rsa extra"
listeners=
for name in $names; do
	listeners="$listeners $name:echo,tls=$CERTS/$name"
done
serve $listeners "old:echo,tls=$CERTS/good,max=1.2" plain:greet mute:mute closed:closed \
	hangup:hangup full:full "bytewise:greet,tls=$CERTS/chain,one" "chatty:source,tls=$CERTS/good"
export XSOCK_OPTIONS=cafile=$CA
best=$(best_group)

# --- accepted -------------------------------------------------------------

probe "tls://localhost:$port_good"
expect "good" 0 "tls://localhost:$port_good" ":$port_good" "times        resolve " ", connect " \
	", handshake " "TLSv1.3, TLS_" "group $best" "resumption   yes, in " \
	"certificate  CN=xsock test good" "names    localhost, 127.0.0.1, ::1" \
	" days left" "EC 256 bits (prime256v1), signature ecdsa-with-SHA256" \
	"+- CN=xsock test CA (self-signed, not sent, trusted)" \
	'verdict      accepted: verified "localhost"'
expect "good: the certificate's digest, for a rule" 0 "peer_fingerprint=sha256:$(fingerprint good)"
expect "good: the key's pin, for a rule" 0 "peer_fingerprint=pin-sha256:$(pin good)"
expect "good: the CA's digest" 0 "sha256   $(fingerprint ca)"
if [ "$(wc -l <"$OUT")" -le 24 ]; then pass "good: one screen"; else fail "good: one screen"; fi
if [ -s "$T/servers/good.data" ]; then
	fail "good: no application data"
else
	pass "good: no application data"
fi

probe -- "ssl://127.0.0.1:$port_good"
expect "an address: no name is looked up" 0 "times        connect " 'verified "127.0.0.1"'
probe "tls://[::1]:$port_good"
expect "an IPv6 address" 0 "[::1]:$port_good" 'verified "::1"'
probe "tls://localhost:$port_chain"
expect "an intermediate" 0 "   +- CN=xsock test intermediate (sent by the server)" \
	"      +- CN=xsock test CA"
probe "tls://localhost:$port_extra"
expect "a certificate without need" 0 "also sent    CN=xsock test CA that nobody trusts (not needed)"
probe "tls://localhost:$port_old"
expect "TLS 1.2 only" 0 "TLSv1.2, ECDHE-ECDSA-" "group x25519" "resumption   yes"
probe "tls://localhost:$port_bytewise"
expect "a server that sends byte by byte" 0 "CN=xsock test intermediate (sent by the server)" \
	"resumption   yes"
probe "tls://localhost:$port_chatty"
expect "a server that does not stop talking" 0 'verified "localhost"'
probe "tls://localhost:$port_many"
expect "many names: the first" 0 "host5.example.test and 35 more"
probe "tls://localhost:$port_rsa?cafile=$CERTS/rsa.pem"
expect "RSA, trusted itself" 0 "CN=rsa (self-signed, sent by the server, trusted)" \
	"RSA 2048 bits, signature sha256WithRSAEncryption"
probe -o '' "tls://localhost:$port_unknownca?verify_peer=0"
expect "verify_peer=0: accepted, and said" 0 "not verified (verify_peer=0)" "CN=xsock test unknownca"
probe -o "verify_peer=0&verify_peer_name=0" "tls://localhost:$port_expired"
expect "nothing is verified" 0 "verify_peer_name=0" "days ago"
SSL_CERT_FILE=$CA probe -o '' "tls://localhost:$port_good"
expect "SSL_CERT_FILE" 0 'verified "localhost"'
probe "tls://localhost:$port_wronghost?peer_name=other.example.test"
expect "peer_name" 0 'verified "other.example.test"'
probe "tcp://localhost:$port_plain"
expect "tcp" 0 "connect " "nothing is encrypted" "tls://localhost:$port_plain"
lacks "tcp: no handshake" "handshake"
probe "localhost:$port_plain"
expect "no scheme is tcp, as in a rule" 0 "tcp://localhost:$port_plain" "for that, tls://localhost:$port_plain"
probe no-such-host.invalid:443
expect "no scheme, and no connect" 3 "without a scheme" "for TLS, tls://no-such-host.invalid:443"

# --- options ----------------------------------------------------------------

good=tls://localhost:$port_good
probe "$good"
for option in $(grep -o 'peer_fingerprint=.*' "$OUT"); do
	probe -o '' "$good?verify_peer=0&$option"
	expect "a pin as it was printed: ${option%%:*}" 0 "fingerprint matches"
done
probe "$good?session_reuse=0"
expect "session_reuse=0" 0 "resumption   no, session_reuse=0"
probe "$good?max_version=TLSv1.2"
expect "max_version" 0 "TLSv1.2, "
probe "$good?groups=P-384"
expect "groups" 0 ", group secp384r1"
probe "$good?groups=X25519MLKEM768"
if libssl_has_hybrid; then
	expect "groups: a hybrid one" 0 ", group X25519MLKEM768"
else
	expect "groups: a hybrid one that libssl lacks" 2 'has no "X25519MLKEM768"' "OpenSSL 3.5"
fi
probe -o '' "tls://localhost:$port_selfsigned?allow_self_signed=1"
expect "allow_self_signed" 0 "accepted: self-signed (allow_self_signed=1)"
probe "$good?local_cert=$CERTS/good.pem&local_pk=$CERTS/good.key&passphrase=hunter2"
expect "a passphrase" 0
lacks "a passphrase is not shown" hunter2
SSLKEYLOGFILE=$T/keys probe "$good"
if grep -q ^CLIENT_TRAFFIC_SECRET_0 "$T/keys"; then
	pass "SSLKEYLOGFILE"
else
	fail "SSLKEYLOGFILE"
fi

# --- refused --------------------------------------------------------------

# rule_says NAME URL: the sentence of the last verdict is what a rule gives
rule_says()
{
	local sentence
	sentence=$(sed -n 's/^verdict  *[a-z]*: //p' "$OUT")
	case_run with_xsock "localhost:9=$2" bash -c 'exec 3<>/dev/tcp/localhost/9'
	if [ "$sentence" ] && grep -qF -- ": $sentence" "$ERR"; then
		pass "$1: the rule says the same"
	else
		fail "$1: the rule says the same" "not \"$sentence\""
	fi
}

# refused NAME STATUS URL TEXT…
refused()
{
	local name=$1 status=$2 url=$3
	shift 3
	probe "$url"
	expect "$name" "$status" "$@"
	rule_says "$name" "$url"
}

refused "expired" 1 "tls://localhost:$port_expired" "expired on 2021-01-01" "days ago" \
	"sha256:$(fingerprint expired)"
lacks "expired: no session is tried" "resumption"
refused "wrong host" 1 "tls://localhost:$port_wronghost" 'is not for "localhost"' \
	"names    other.example.test"
refused "self-signed" 1 "tls://localhost:$port_selfsigned" "is self-signed" \
	"CN=xsock test selfsigned (self-signed, sent by the server)"
refused "unknown CA" 1 "tls://localhost:$port_unknownca" "a CA that is not trusted" \
	"+- CN=xsock test CA that nobody trusts (missing"
refused "incomplete chain" 1 "tls://localhost:$port_nochain" "intermediate" \
	"+- CN=xsock test intermediate (missing: not sent by the server, not trusted)"
refused "TLS 1.2 refused" 1 "tlsv1.2://localhost:$port_expired" "TLSv1.2, ECDHE" \
	"sha256:$(fingerprint expired)"
refused "a version that it does not have" 4 "tlsv1.3://localhost:$port_old" "protocol_version"
refused "another's fingerprint" 1 "$good?peer_fingerprint=sha256:$(fingerprint chain)" \
	"fingerprint" "sha256:$(fingerprint good)" "CN=xsock test CA"
refused "plaintext" 4 "tls://localhost:$port_plain" 'it said "220 hello"'
refused "hangs up" 4 "tls://localhost:$port_hangup" "closed the connection"
refused "closed port" 3 "tls://localhost:$port_closed" "Connection refused" "times "
refused "full" 5 "tls://localhost:$port_full?timeout=1.5" "did not accept the connection within 1.5 s"
refused "silent" 5 "tls://localhost:$port_mute?timeout=1.5" "within 1.5 s"
probe "tls://no-such-host.invalid:443"
expect "unknown host" 3 "cannot resolve no-such-host.invalid"
probe deny://
expect "deny" 6 "EACCES"

# --- what stands in a certificate -------------------------------------------

probe "tls://localhost:$port_evil"
expect "control characters: escaped" 1 '\1B[31mred\0Averdict' '\x1b[2J' 'email:a\x1bb@c'
if LC_ALL=C grep -q '[^ -~]' "$OUT" "$ERR"; then
	fail "control characters: none is printed"
else
	pass "control characters: none is printed"
fi

# --- servers of OpenSSL -----------------------------------------------------

s_server()
{
	exec openssl s_server -accept "127.0.0.1:$1" -quiet -cert "$CERTS/good.pem" \
		-key "$CERTS/good.key" $s_options
}
s_options="-num_tickets 0"
start_on_port ticketless s_server
probe "tls://localhost:$port"
expect "no session" 0 "resumption   no, the server gives no session"
s_options="-Verify 1 -verify_return_error"
start_on_port strict s_server
probe "tlsv1.3://localhost:$port"
expect "a client certificate is wanted, TLS 1.3" 4 "certificate_required"
probe "tlsv1.2://localhost:$port"
expect "a client certificate is wanted, TLS 1.2" 4 "client certificate"
s_options="-Verify 1 -verify_return_error -CAfile $CA -alpn h2,http/1.1"
start_on_port choosy s_server
probe "tls://localhost:$port?local_cert=$CERTS/good.pem&local_pk=$CERTS/good.key&alpn_protocols=http/1.1"
expect "a client certificate, and ALPN" 0 "ALPN         http/1.1" "resumption   yes"
alpn=$port

# --- usage ------------------------------------------------------------------

usage()
{
	local name=$1 text=$2
	shift 2
	probe "$@"
	expect "usage: $name" 2 "$text"
}
usage "no URL" "a URL is missing"
usage "two URLs" "one URL at a time" tls://a:1 tls://b:1
usage "no host" "a host and a port, as in tls://www.example.com:443" tls://
usage "no port" "as in tls://a.test:443" tls://a.test
usage "no port behind a name alone" "as in tls://a.test:443" a.test
usage "no port for STARTTLS" "as in smtp+starttls://a.test:PORT" smtp+starttls://a.test
usage "no port behind IPv6" "as in tls://[2001:db8::1]:443" 'tls://[2001:db8::1]'
usage "only a port" "as in tls://www.example.com:993" tls://:993
usage "unknown scheme" 'URL:1: unknown transport "tsl" (did you mean "tls"?)' tsl://a:1
usage "scheme without engine" '"sslv2" is SSL 2.0' sslv2://a:1
usage "plain datagrams" "udp:// has nothing to ask" udp://a:1
usage "plain datagrams: what to ask" "for DTLS, dtls://a:1" udp://a:1
usage "no port for DTLS" "as in dtls://a.test:PORT" dtls://a.test
usage "unknown option" 'URL:11: unknown option "frob"' 'tls://a:1?frob=1'
usage "wrong value" "URL:19: option" 'tls://a:1?timeout=soon'
usage "a blank" 'URL:10: a blank or ";"' 'tls://a:1 b=deny://'
usage "wrong options" "XSOCK_OPTIONS:1:1" -o frob=1 tls://a:1
usage "a URL of the web" '"https" (did you mean "tls"?)' https://a:1
usage "unknown switch" "--frob" --frob tls://a:1
case_run "$XSOCK" probe --help
expect "help has the statuses" 0 "  1  the certificate, or pre-shared key, is not accepted" "  5  not done within"
bounded "$XSOCK" probe "tcp://localhost:$port_plain" >/dev/full 2>"$ERR"
STATUS=$?
expect "output that cannot be written" 7 "cannot write the report"

# --- for machines -----------------------------------------------------------

# fields NAME STATUS URL EXPRESSION: of the object as p, in python
fields()
{
	local name=$1 status=$2 url=$3
	probe --json "$url"
	if [ "$STATUS" != "$status" ]; then
		fail "json: $name" "status $STATUS instead of $status"
		return
	fi
	if "$PYTHON" -m json.tool "$OUT" "$T/parsed" 2>"$ERR" &&
		"$PYTHON" "$TESTS/tools/probe_fields.py" "$T/parsed" "$4" 2>>"$ERR"; then
		pass "json: $name"
	else
		fail "json: $name"
	fi
}

if ! "$XSOCK" probe --json deny:// 2>"$ERR" >"$OUT" && grep -q "without jansson" "$ERR"; then
	skip "json" "xsock was built without jansson"
	suite_end
fi

fields "good" 0 "tls://localhost:$port_good" "
	p['target'] == 'tls://localhost:$port_good' and p['name'] == 'localhost' and
	p['address'] in ('127.0.0.1:$port_good', '[::1]:$port_good') and
	min(p['milliseconds'].values()) > 0 and
	p['tls']['version'] == 'TLSv1.3' and p['tls']['cipher'].startswith('TLS_') and
	p['tls']['group'] == '$best' and p['tls']['alpn'] is None and
	p['tls']['resumption'] is True and len(p['chain']) == 2 and
	p['verdict'] == {'accepted': True, 'kind': 'accepted', 'status': 0,
		'sentence': 'verified \"localhost\"'}"
fields "the server's certificate" 0 "tls://localhost:$port_good" "
	leaf['subject'] == 'CN=xsock test good' and leaf['issuer'] == 'CN=xsock test CA' and
	leaf['names'] == ['DNS:localhost', 'IP:127.0.0.1', 'IP:::1'] and
	leaf['not_before'] < now < leaf['not_after'] and leaf['days_left'] in (29, 30) and
	leaf['key'] == {'type': 'EC', 'bits': 256, 'group': 'prime256v1'} and
	leaf['signature'] == 'ecdsa-with-SHA256' and
	leaf['sha256'] == '$(fingerprint good)' and leaf['pin_sha256'] == '$(pin good)' and
	(leaf['self_signed'], leaf['sent'], leaf['trusted'], leaf['needed']) ==
		(False, True, False, True)"
fields "the CA's" 0 "tls://localhost:$port_good" "
	ca['subject'] == ca['issuer'] == 'CN=xsock test CA' and ca['names'] == [] and
	ca['sha256'] == '$(fingerprint ca)' and
	(ca['self_signed'], ca['sent'], ca['trusted'], ca['needed']) ==
		(True, False, True, True)"
fields "all names" 0 "tls://localhost:$port_many" \
	"len(leaf['names']) == 41 and leaf['names'][40] == 'DNS:host40.example.test'"
fields "not needed" 0 "tls://localhost:$port_extra" \
	"[c['needed'] for c in p['chain']] == [True, True, False]"
fields "ALPN" 0 \
	"tls://localhost:$alpn?local_cert=$CERTS/good.pem&local_pk=$CERTS/good.key&alpn_protocols=h2" \
	"p['tls']['alpn'] == 'h2'"
fields "RSA" 0 "tls://localhost:$port_rsa?cafile=$CERTS/rsa.pem" \
	"leaf['key'] == {'type': 'RSA', 'bits': 2048, 'group': None}"
fields "refused" 1 "tls://localhost:$port_expired" "
	p['verdict']['kind'] == 'certificate' and p['verdict']['status'] == 1 and
	p['verdict']['accepted'] is False and 'expired on' in p['verdict']['sentence'] and
	p['tls']['resumption'] is None and leaf['days_left'] < -2000 and
	leaf['not_after'] == '2021-01-01T00:00:00Z' and len(p['chain']) == 2"
fields "escaped" 1 "tls://localhost:$port_evil" "leaf['names'][1] == 'DNS:\\\\x1b[2J'"
fields "closed port" 3 "tls://localhost:$port_closed" "
	p['address'] is None and p['tls'] is None and p['chain'] == [] and
	p['milliseconds']['handshake'] is None and p['verdict']['kind'] == 'network'"
fields "plaintext" 4 "tls://localhost:$port_plain" \
	"p['tls'] is None and p['verdict']['kind'] == 'protocol'"
fields "silent" 5 "tls://127.0.0.1:$port_mute?timeout=1.5" "
	p['milliseconds']['resolve'] is None and p['milliseconds']['handshake'] > 100 and
	p['verdict']['kind'] == 'timeout'"
fields "deny" 6 deny:// "
	p['target'] == 'deny://' and p['name'] is None and p['verdict']['kind'] == 'denied'"
fields "tcp" 0 "tcp://localhost:$port_plain" "p['tls'] is None and p['verdict']['accepted']"

suite_end
