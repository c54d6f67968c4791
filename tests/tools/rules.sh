#!/bin/bash
# xsock rules: what it explains; and what it makes of a configuration of
# stunnel(8), which is tried beside stunnel itself.
. "$(dirname "$0")/../support/lib.sh"
. "$(dirname "$0")/lines.sh"

unset XSOCK_RULES XSOCK_OPTIONS XSOCK_LOG LD_PRELOAD

rules()
{
	local name=$1 status=$2
	shift 2
	runs "$name" "$status" rules "$@"
}

# written NAME LINE…: a configuration
written()
{
	local name=$1
	shift
	printf '%s\n' "$@" >"$T/$name"
}

suite_begin rules
need "stunnel" stunnel4 nc || { suite_end; exit; }

# --- explained ------------------------------------------------------------

rules "rules are explained" 0 'Mail.Example.com:smtp=smtp+starttls://mail.example.com:587?cafile='"$CA"' *.corp:6379,7000-7010=tls:// 10.1.2.3/8=deny:// [2001:db8::1]:80=tls://[::1]:443?verify_peer=0 a.test=tls://:8443?peer_name=b.test *=tcp://'
prints "an upgrade" "# XSOCK_RULES:1:1: TCP connections to mail.example.com, port 25 go to mail.example.com:587: SMTP: the relay upgrades to TLS; the server's certificate must come from a CA in $CA and be for mail.example.com"
prints "an upgrade, canonical" "mail.example.com:25=smtp+starttls://mail.example.com:587?cafile=$CA"
prints "several ports, canonical" "*.corp:6379,7000-7010=tls://"
prints "a network, canonical" "10.0.0.0/8=deny://"
prints "an address of IPv6, canonical" "[2001:db8::1]:80=tls://[::1]:443?verify_peer=0"
grep -q "port 80 go to \[::1\]:443: .*; nothing about the server is checked$" "$OUT" &&
	pass "nothing is checked" || fail "nothing is checked"
grep -q "every port go to port 8443: .* and be for b.test$" "$OUT" &&
	pass "another name" || fail "another name"
tells "what lint finds" "warning: [2001:db8::1]:80=tls://[::1]:443?verify_peer=0: verify_peer=0"

cp "$OUT" "$T/again.rules"
rules "what is printed is a file of rules" 0 "@$T/again.rules"
diff <(grep -v '^#' "$T/again.rules") <(grep -v '^#' "$OUT") >&2 &&
	pass "and is the same" || fail "and is the same"

rules "rules for datagrams are explained" 0 'udp://Log.Example.com:514=dtls://:6514?mtu=1200&idle=300 udp://10.0.0.0/8=dtlsv1.2://[::1]:5684?verify_peer=0 udp://*:53,123=udp:// udp://*:161=udp://192.0.2.1?relay=1 udp://*=deny://'
prints "DTLS" "# XSOCK_RULES:1:1: UDP datagrams to log.example.com, port 514 go to port 6514: DTLS over UDP, the best version that both sides have; the server's certificate must come from a CA that OpenSSL trusts by default and be for the host that was asked for"
prints "DTLS, canonical" "udp://log.example.com:514=dtls://:6514?mtu=1200&idle=300"
prints "an exact version" "# XSOCK_RULES:1:58: UDP datagrams to the network 10.0.0.0/8, every port go to [::1]:5684: exactly DTLS 1.2; nothing about the server is checked"
prints "an exemption" "# XSOCK_RULES:1:111: UDP datagrams to every host, ports 53, 123: plain UDP"
prints "an exemption, canonical" "udp://*:53,123=udp://"
prints "plain, by the relay" "# XSOCK_RULES:1:133: UDP datagrams to every host, port 161 go to 192.0.2.1: plain UDP, through the relay"
prints "no datagrams" "# XSOCK_RULES:1:169: UDP datagrams to every host, every port are refused with EACCES"

export XSOCK_OPTIONS=timeout=7
rules "options that every rule starts from" 0 "a.test=tls://"
prints "stand in the rule" "a.test=tls://?timeout=7"
unset XSOCK_OPTIONS
rules "connect=early" 0 "a.test=tls://?connect=early"
grep -q "; connect succeeds with TCP" "$OUT" &&
	pass "is explained" || fail "is explained"
rules "connect=early where it means nothing" 1 "a.test=starttls://?connect=early"
tells "is refused" 'option "connect" '
rules "a passphrase" 0 "a.test=tls://?local_cert=$CERTS/good.pem&local_pk=$CERTS/good.key&passphrase=literal:hidden-word"
if grep -qF hidden-word "$OUT" "$ERR"; then fail "is not shown"; else pass "is not shown"; fi
rules "a rule that is wrong" 1 "a.test=tsl://"
tells "is told with its place" 'XSOCK_RULES:1:8: unknown transport "tsl"'
rules "no rules" 2
rules "rules and a configuration" 2 "a=tls://" --from-stunnel "$T/none"

# --- from stunnel ---------------------------------------------------------

serve tls:echo,tls="$CERTS/good"
free_ports 2
accept=${ports[0]}
written good.conf \
	"; what a client of stunnel has" "foreground = yes" "pid =" "CAfile = $CA" "" \
	"[echo]" "client = yes" "accept = 127.0.0.1:$accept" "connect = localhost:$port_tls" \
	"verifyChain = yes" "checkHost = localhost" "sslVersionMin = TLSv1.2" \
	"TIMEOUTidle = 100" "delay = yes"
rules "a client of stunnel" 0 --from-stunnel "$T/good.conf"
prints "its rule" "127.0.0.1:$accept=tls://localhost:$port_tls?peer_name=localhost&cafile=$CA&min_version=1.2"
prints "what is not carried over" "# TIMEOUTidle = 100: not carried over; the program decides"
cp "$OUT" "$T/good.rules"

# echo_by NAME COMMAND…: a program that connects to where stunnel accepts
echo_by()
{
	local name=$1
	shift
	echo "hello $name" | "$@" nc -q1 127.0.0.1 "$accept" >"$OUT" 2>"$ERR"
	STATUS=$?
	[ "$(cat "$OUT")" = "hello $name" ] && pass "$name" || fail "$name"
}

echo_by "the program, with the rule" with_xsock "@$T/good.rules"
start stunnel stunnel4 "$T/good.conf"
stunnel=$!
within 20 port_open "$accept" || fail "stunnel starts" "$(cat "$T/stunnel.log")"
echo_by "the program, with stunnel" bounded
{ kill "$stunnel"; wait "$stunnel"; } 2>/dev/null

written many.conf "[pop3]" "client = yes" "accept = 1110" "connect = pop.example.test:110" \
	"protocol = pop3" "sslVersion = TLSv1.2" "verify = 2" \
	"[six]" "client = yes" "accept = ::1:1993" "connect = 2001:db8::5:993" \
	"sslVersion = TLSv1.3" "sni = mail.example.test" "sessionResume = no" "securityLevel = 2" \
	"[server]" "accept = 993" "connect = 143"
rules "several sections" 0 -s "$T/many.conf"
prints "STARTTLS, either loopback address" "127.0.0.1:1110=pop3+starttls://pop.example.test:110?min_version=1.2&max_version=1.2"
prints "and the other" "[::1]:1110=pop3+starttls://pop.example.test:110?min_version=1.2&max_version=1.2"
prints "a name that was not compared" "# stunnel did not compare the name in the certificate; the rule does"
prints "one version, IPv6" "[::1]:1993=tlsv1.3://[2001:db8::5]:993?peer_name=mail.example.test&security_level=2&session_reuse=0"
prints "a chain that was not checked" "# stunnel accepted every certificate here; the rule does not"
prints "a server" "# not converted: this section is a server: rules are for clients"

printf 'me:%032d\n' 1 >"$T/psk"
written key.conf "[key]" "client = yes" "accept = 1" "connect = a.test:2" "ciphers = PSK" \
	"PSKidentity = me" "PSKsecrets = $T/psk" "CAfile = $CA"
rules "keys that both know" 0 -s "$T/key.conf"
prints "become a rule" "127.0.0.1:1=tls://a.test:2?psk_identity=me&psk_file=$T/psk&ciphers=PSK"
prints "that says what it takes" "# the rule takes nothing but the key, and no certificate"
rules "a rule with a key" 0 "udp://a.test:5683=dtls://:5684?psk_identity=me&psk_file=$T/psk"
prints "is explained" "# XSOCK_RULES:1:1: UDP datagrams to a.test, port 5683 go to port 5684: DTLS over UDP, the best version that both sides have; the server must have the pre-shared key of me in $T/psk"

# refuses NAME TEXT LINE…: a section that cannot be converted
refuses()
{
	local name=$1 text=$2
	shift 2
	written refused.conf "[x]" "client = yes" "accept = 1" "connect = a.test:2" "$@"
	rules "$name" 1 -s "$T/refused.conf"
	tells "$name: why" "$text"
}

refuses "a key whose identity is not said" "PSKsecrets is there without PSKidentity" "PSKsecrets = /etc/psk"
refuses "a protocol that xsock has not" 'xsock has no protocol "socks"' "protocol = socks"
refuses "a misspelt option" 'refused.conf:5: stunnel has no option "CAflie" (did you mean "CAfile"?)' "CAflie = x"
refuses "a version that is gone" 'refused.conf:5: xsock has no such version of TLS: "SSLv3"' "sslVersion = SSLv3"
refuses "a file that is missing" "[x]: " "CAfile = $T/none"
refuses "neither yes nor no" 'refused.conf:5: expected "yes" or "no", not "maybe"' "verifyChain = maybe"
refuses "a line that is none" 'refused.conf:5: expected "option = value"' "hello"
written none.conf "client = yes"
rules "no section" 1 -s "$T/none.conf"
rules "no file" 1 -s "$T/none"
tells "no file: which" "$T/none cannot be read: No such file or directory"
mkdir "$T/conf.d"
written conf.d/1.conf "[one]" "client = yes" "accept = 1" "connect = one.test:2"
written conf.d/2.conf "[two]" "client = yes" "accept = 3" "connect = two.test:4"
written with.conf "include = $T/conf.d"
rules "a folder of parts" 0 -s "$T/with.conf"
prints "its second part" "127.0.0.1:3=tls://two.test:4"
written conf.d/3.conf "include = $T/conf.d"
rules "a folder that includes itself" 1 -s "$T/with.conf"
tells "too deep" "too many folders that include folders"

suite_end
