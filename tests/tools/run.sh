#!/usr/bin/env bash
# The command xsock: what it prints, its exit statuses, and above all which
# commands "xsock run" refuses.
#
#   XSOCK_TEST_BUILD    folder with what was built (default: build)
set -u
TESTS=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$TESTS/support/world.sh"
BUILD=$(cd "${XSOCK_TEST_BUILD:-$TESTS/../build}" && pwd) || exit 1
XSOCK=$BUILD/xsock
T=$(mktemp -d) || exit 1
trap 'rm -rf "$T"' EXIT
# A sanitized library comes in front of the sanitizer's runtime here.
export ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0
unset XSOCK_RULES XSOCK_OPTIONS XSOCK_LOG LD_PRELOAD
passed=0 failed=0

# count NAME GOOD WHY: GOOD is 0 or not; what was written is shown if not
count()
{
	if [ "$2" = 0 ]; then
		passed=$((passed + 1))
		echo "ok    $1"
	else
		failed=$((failed + 1))
		echo "FAIL  $1: $3 in:"
		sed 's/^/      /' "$T/out"
	fi
}

# expect NAME STATUS TEXT COMMAND…: that status, and TEXT in what it wrote
expect()
{
	local name=$1 status=$2 text=$3 got good=1
	shift 3
	timeout 60 "$@" >"$T/out" 2>&1 </dev/null
	got=$?
	[ "$got" = "$status" ] && { [ -z "$text" ] || grep -qF -- "$text" "$T/out"; } && good=0
	count "$name" $good "status $got, expected $status and \"$text\""
}

# also NAME TEXT: TEXT was in the last output too; not_ NAME TEXT: it was not
also()
{
	grep -qF -- "$2" "$T/out"
	count "$1" $? "\"$2\" is not"
}

not_()
{
	! grep -qF -- "$2" "$T/out"
	count "$1" $? "\"$2\" is"
}

skip()
{
	echo "SKIP  $1: $2"
}

cd "$T" || exit 1

# --- xsock itself ---------------------------------------------------------

expect "help lists the commands" 0 "run a command with the library" "$XSOCK" --help
expect "version" 0 "xsock " "$XSOCK" --version
expect "no command" 2 "a command is missing" "$XSOCK"
expect "unknown command" 2 "unknown command \"frob\"" "$XSOCK" frob
expect "unknown option" 2 "--frob" "$XSOCK" --frob

# libipsec-mb is for OpenSSL 3.0, also where it is installed; later ones have VAES
# themselves.
case $(openssl version) in
"OpenSSL 3.0."*) ;;
*)
	for program in "$XSOCK" "$BUILD/xsock-relay"; do
		expect "${program##*/}: needs OpenSSL" 0 libcrypto.so readelf -d "$program"
		not_ "${program##*/}: does not need libipsec-mb" libIPSec_MB
	done ;;
esac

# --- check ----------------------------------------------------------------

openssl req -x509 -newkey rsa:2048 -keyout key.pem -passout pass:geheim \
	-subj /CN=test -days 2 -out ca.pem 2>/dev/null
cat ca.pem key.pem >both.pem

expect "check: help has targets" 0 "smtp+starttls://" "$XSOCK" check --help
also "check: help has values of long options" "starttls=required|optional"
also "check: help has options" "verify_peer_name=0|1"
expect "check: version" 0 "xsock " "$XSOCK" check --version
expect "check: no rules at all" 2 "there are no rules" "$XSOCK" check
expect "check: a destination alone" 2 'a:80 is a destination, because it has no "="' "$XSOCK" check a:80
expect "check: rules of the environment" 0 "1 rule, no errors" \
	env XSOCK_RULES='a=tls://' "$XSOCK" check
expect "check: rules as argument" 0 "2 rules, no errors" "$XSOCK" check 'a=tls:// b=tcp://'
expect "check: rules with -r" 0 "1 rule, no errors" "$XSOCK" check -r 'a=tls://'
expect "check: -r goes before the environment" 0 "1 rule, no errors" \
	env XSOCK_RULES='a=tsl://' "$XSOCK" check -r 'a=tls://'
expect "check: rules twice" 2 "given twice" "$XSOCK" check -r 'a=tls://' 'b=tls://'
expect "check: wrong rules" 1 'XSOCK_RULES:1:3: unknown transport "tsl" (did you mean "tls"?)' \
	"$XSOCK" check 'a=tsl://'
expect "check: an option of FTP's" 1 \
	'option "ftp_data" is for FTP: starttls://, ftp+starttls://, ftp+tls://' \
	"$XSOCK" check 'a:25=smtp+starttls://?ftp_data=control'
expect "check: an option of FTP's for FTP" 0 "1 rule, no errors" \
	"$XSOCK" check 'a:21=ftp+starttls://?ftp_data=control'
expect "check: wrong options" 1 'XSOCK_OPTIONS:1:1: unknown option "x"' \
	"$XSOCK" check -o x=1 'a=tls://'
printf 'a=tls://\n\nb=tls://?cafile=nope\n' >rules
expect "check: wrong file of rules" 1 'rules:3:17: cafile "nope" cannot be read' \
	"$XSOCK" check @rules
expect "check: destination without port" 2 "a port is missing" "$XSOCK" check 'a=tls://' b
expect "check: destination with a wrong port" 2 "65535" "$XSOCK" check 'a=tls://' b:0
expect "check: destination with a wrong transport" 2 "tcp:// or udp://" \
	"$XSOCK" check 'a=tls://' tls://b:1

mkdir hashed && cp ca.pem hashed/ && openssl rehash hashed >/dev/null
mkdir unhashed && cp ca.pem unhashed/
rules='www.example.com:80=ssl://:443
*.corp=tlsv1.2://?verify_peer_name=0&capath=hashed
proxied=tls://other.example:8443
pinned=tls://192.0.2.7?peer_name=real.example&cafile=ca.pem
here=tls://?verify_peer=0&verify_peer_name=0
10.0.0.0/8:5432=tls://
[2001:db8::/32]:5432=tcp://[2001:db8::9]:6000?relay=yes
udp://*:53=deny://'
expect "check: capath without hashed names" 1 \
	"no certificate with a hashed name (\"openssl rehash $T/unhashed\"" \
	"$XSOCK" check 'a=tls://?capath=unhashed'
also "check: capath without hashed names, place" "XSOCK_RULES:1:1: "
expect "check: SSL_CERT_FILE that is missing" 1 \
	"no trusted certificates in SSL_CERT_FILE=$T/nope.pem: No such file" \
	env SSL_CERT_FILE=nope.pem "$XSOCK" check 'a=tls://'
expect "check: SSL_CERT_FILE that is broken" 1 \
	"no trusted certificates in SSL_CERT_FILE=/etc/passwd" \
	env SSL_CERT_FILE=/etc/passwd "$XSOCK" check 'a=tls://'
expect "check: SSL_CERT_FILE that does not count" 0 "1 rule, no errors" \
	env SSL_CERT_FILE=/nope "$XSOCK" check 'a=tls://?cafile=ca.pem'
expect "check: SSL_CERT_DIR beside a good file" 0 "1 rule, no errors" \
	env SSL_CERT_DIR="$T/unhashed" SSL_CERT_FILE=ca.pem "$XSOCK" check 'a=tls://'
expect "check: what a port rule does" 0 "connects to  www.example.com:443" \
	"$XSOCK" check "$rules" www.example.com:80
also "check: which rule" "XSOCK_RULES:1:1 www.example.com:80=ssl://:443"
also "check: in words" "TLS at once"
also "check: the CA" "from a CA that OpenSSL trusts by default"
also "check: the name asked for" "for www.example.com (the name asked for)"
expect "check: the name's case and dot do not count" 0 "connects to  www.example.com:443" \
	"$XSOCK" check "$rules" WWW.Example.com.:http
expect "check: no rule" 0 "none matches" "$XSOCK" check "$rules" www.example.com:81
expect "check: exact version" 0 "exactly TLS 1.2" "$XSOCK" check "$rules" a.b.corp:1
also "check: a private CA" "from a CA in $T/hashed"
also "check: no name" "for any name: not checked (verify_peer_name=0)"
expect "check: the target's host" 0 "for other.example (the target's host)" \
	"$XSOCK" check "$rules" proxied:1
also "check: target" "connects to  other.example:8443"
expect "check: peer_name" 0 "for real.example (peer_name)" "$XSOCK" check "$rules" pinned:1
also "check: target address" "connects to  192.0.2.7:1"
also "check: cafile" "from a CA in $T/ca.pem"
expect "check: nothing is verified" 0 "not checked (verify_peer=0)" "$XSOCK" check "$rules" here:1
expect "check: an address" 0 "for 10.1.2.3 (the address)" \
	"$XSOCK" check "$rules" 10.1.2.3:5432
expect "check: an IPv6 address" 0 "connects to  [2001:db8::9]:6000" \
	"$XSOCK" check "$rules" '[2001:db8::1]:postgresql'
also "check: through the relay" "plain TCP, through the relay"
expect "check: udp" 0 "fails with EACCES" "$XSOCK" check "$rules" udp://192.0.2.1:53
expect "check: udp is not tcp" 0 "none matches" "$XSOCK" check "$rules" 192.0.2.1:53
datagrams='udp://log.example:514=dtls://:6514?mtu=1200&cafile=ca.pem
udp://coap.example=dtlsv1.2://192.0.2.7?peer_name=real.example udp://*:161=udp://?relay=1'
expect "check: DTLS" 0 "sends to     log.example:6514" "$XSOCK" check "$datagrams" udp://log.example:514
also "check: DTLS, in words" "DTLS over UDP, the best version that both sides have"
also "check: DTLS, the CA" "from a CA in $T/ca.pem"
also "check: DTLS, the name" "for log.example (the name asked for)"
expect "check: an exact DTLS" 0 "exactly DTLS 1.2" "$XSOCK" check "$datagrams" udp://coap.example:5684
also "check: an exact DTLS, its name" "for real.example (peer_name)"
expect "check: datagrams by the relay" 0 "plain UDP, through the relay" \
	"$XSOCK" check "$datagrams" udp://192.0.2.9:snmp
expect "check: DTLS is not for TCP" 0 "none matches" "$XSOCK" check "$datagrams" log.example:514
expect "check: TLS for datagrams" 1 \
	'XSOCK_RULES:1:11: "tls" is for TCP, and this pattern is for UDP: dtls:// is meant' \
	"$XSOCK" check 'udp://a:1=tls://'
expect "check: DTLS for TCP" 1 \
	'XSOCK_RULES:1:5: "dtls" is for UDP, and this pattern is for TCP: tls:// is meant, or a pattern that starts with udp://' \
	"$XSOCK" check 'a:1=dtls://'
expect "check: an option of streams" 1 \
	'option "half_close" does not belong to "dtls": it is for TLS over TCP' \
	"$XSOCK" check 'udp://a:1=dtls://?half_close=0'
expect "check: mtu" 1 'option "mtu" takes a number from 508 to 16384, not "500"' \
	"$XSOCK" check 'udp://a:1=dtls://?mtu=500'
expect "check: a name whose address is in a network" 0 "127.0.0.0/8=deny://" \
	"$XSOCK" check '127.0.0.0/8=deny:// localhost=tls://' tcp://localhost:80
expect "check: an address that a rule's name has" 0 "localhost has this address now" \
	"$XSOCK" check 'localhost=tls://' 127.0.0.1:80
also "check: that name is expected" "for localhost (the rule's name)"
expect "check: several destinations" 0 "192.0.2.2:2" \
	"$XSOCK" check 'a=tls://' 192.0.2.1:1 192.0.2.2:2

# What only OpenSSL knows is asked here, not at the first connect.
for wrong in "ciphers=HIGH:NOPE|option ciphers=HIGH:NOPE cannot be used" \
	"ciphersuites=NOPE|option ciphersuites=NOPE cannot be used" \
	"groups=X25519:NOPE|option groups=X25519:NOPE cannot be used: this OpenSSL has no \"NOPE\"" \
	"cafile=/etc/passwd|no trusted certificates in cafile=/etc/passwd" \
	"crlfile=ca.pem|no CRL in PEM in crlfile=" \
	"local_cert=key.pem&passphrase=geheim|no certificate in local_cert=" \
	"local_cert=ca.pem|no private key in local_cert=" \
	"local_cert=both.pem|a passphrase is needed" \
	"local_cert=both.pem&passphrase=falsch|the passphrase is wrong" \
	"local_cert=pkcs11:x|no certificate in local_cert=pkcs11:x"; do
	expect "check: ${wrong%|*}" 1 "XSOCK_RULES:1:10: ${wrong#*|}" \
		"$XSOCK" check "b=tcp:// a=tls://?${wrong%|*}"
	not_ "check: ${wrong%|*}: the secret" falsch
done
expect "check: ciphers of DTLS" 1 "XSOCK_RULES:1:1: option ciphers=NOPE cannot be used" \
	"$XSOCK" check "udp://a=dtls://?ciphers=NOPE"
expect "check: trust of DTLS" 1 "no trusted certificates in cafile=/etc/passwd" \
	"$XSOCK" check "udp://a=dtls://?cafile=/etc/passwd"
(umask 077; printf 'me:%032d\n' 1 >keys.psk)
for wrong in "psk_identity=you&psk_file=keys.psk|it has no key of \"you\"" \
	"psk_identity=me&psk_file=ca.pem|it has no key of \"me\"" \
	"psk_identity=me&psk_file=keys.psk&security_level=4|has 128 bits, and must have 192" \
	"psk_identity=me&psk_file=keys.psk&ciphers=HIGH|is not for pre-shared keys"; do
	expect "check: ${wrong%|*}" 1 "${wrong#*|}" \
		"$XSOCK" check "udp://a:1=dtls://?${wrong%|*}"
done
expect "check: a key and a certificate" 1 'option "cafile" is about certificates' \
	"$XSOCK" check "a=tls://?psk_identity=me&psk_file=keys.psk&cafile=ca.pem"
expect "check: a pre-shared key" 0 "key          me" \
	"$XSOCK" check "udp://a:1=dtls://?psk_identity=me&psk_file=keys.psk" udp://a:1
also "check: the file of keys" "$T/keys.psk"
also "check: no certificate" "certificate  none: whoever has the key is the server"
not_ "check: a file of keys for few" warning
hybrid='a=tls://?groups=X25519MLKEM768:X25519'
if openssl list -tls-groups 2>/dev/null | grep -q X25519MLKEM768; then
	expect "check: a hybrid group" 0 "groups=X25519MLKEM768:X25519" "$XSOCK" check "$hybrid" a:1
else
	expect "check: a hybrid group that libssl lacks" 1 'has no "X25519MLKEM768" (groups with ML-KEM came' \
		"$XSOCK" check "$hybrid" a:1
fi
XSOCK_TEST_P=geheim expect "check: passphrase of the environment" 0 "passphrase=***" \
	"$XSOCK" check "a=tls://?local_cert=both.pem&passphrase=env:XSOCK_TEST_P" a:1
also "check: the client certificate" "ours         $T/both.pem"
echo geheim >secret
expect "check: passphrase of a file" 0 "passphrase=***" \
	"$XSOCK" check "a=tls://?local_cert=both.pem&passphrase=file:secret" a:1
expect "check: passphrase of a descriptor" 0 "passphrase=***" \
	bash -c '"$0" check "$1" a:1 9<secret' "$XSOCK" \
	"a=tls://?local_cert=both.pem&passphrase=fd:9"
not_ "check: the secret" geheim

# --- lints ----------------------------------------------------------------

lint()
{
	expect "lint: $1" 0 "$2" "$XSOCK" check "$3"
	also "lint: $1 is counted" "no errors, 1 warning"
}
lint "same pattern twice" "XSOCK_RULES:1:10: warning: a=tcp://: never matches" 'a=tls:// a=tcp://'
lint "glob above" "never matches" '*.x=tls:// a.x:443=tcp://'
lint "glob above glob" "never matches" '*.x=tls:// *.a.x=tcp://'
lint "network above" "never matches" '10.0.0.0/8=tls:// 10.1.0.0/16:5=tcp://'
lint "star above" "never matches" '*=tcp:// [::1]:80=deny://'
lint "ports above" "never matches" 'a:1-100,200-300=tcp:// a:50,250-300=tcp://'
lint "no verification" "verify_peer=0: anybody" 'a=tls://?verify_peer=0'
lint "no name" "verify_peer_name=0: any server" 'a=tls://?verify_peer_name=0'
lint "self-signed" "anybody can sign" 'a=tls://?allow_self_signed=1'
md5=d41d8cd98f00b204e9800998ecf8427e
expect "lint: a fingerprint is verification" 0 "1 rule, no errors" "$XSOCK" check \
	"a=tls://?verify_peer=0&verify_peer_name=0&peer_fingerprint=$md5" a:1
not_ "lint: a fingerprint is not worth a warning" warning
also "check: the fingerprint" "with a fingerprint that the rule names"
cp keys.psk open.psk && chmod 644 open.psk
lint "a key for everybody" "open to every user" 'a:1=tls://?psk_identity=me&psk_file=open.psk'
lint "everything" "give the pattern a port" '*=tls://'
lint "every datagram" "as in udp://*:514" 'udp://*=dtls://'
lint "plaintext port of datagrams" "usually 6514, as in dtls://:6514" 'udp://a:514=dtls://'
lint "answers from another port" "must answer from this one" 'udp://a:69=dtls://:6969'
lint "plaintext target port of datagrams" "usually 5684, as in dtlsv1.2://:5684" 'udp://a=dtlsv1.2://:5683'
lint "DTLS without verification" "verify_peer=0: anybody" 'udp://a:514=dtls://:6514?verify_peer=0'
expect "lint: DTLS's port" 0 "2 rules, no errors" "$XSOCK" check 'udp://a:6514=dtls:// a:6514=tls://'
not_ "lint: DTLS's port is not worth a warning" warning
lint "plaintext port" "usually 443" 'a:80=tls://'
lint "plaintext port among others" "TLS goes to port 80" 'a:80,443=tls://'
expect "lint: a range is none" 0 "1 rule, no errors" "$XSOCK" check 'a:20-600=tls://'
not_ "lint: a range is not worth a warning" warning
lint "plaintext target port" "usually 993" 'a=tls://:143'
lint "FTPS" "port 990 is that of a protocol that needs more than TLS: ftp+tls://" 'a:990=tls://'
lint "FTPS by STARTTLS" "TLS at once: that is ftp+tls://" 'a:990=ftp+starttls://'
lint "FTPS to FTP's port" "usually 990, as in ftp+tls://:990" 'a:21=ftp+tls://'
lint "IMAP by STARTTLS" "TLS at once: that is imap+tls://" 'a:993=imap+starttls://'
expect "lint: TLS is enough for IMAP" 0 "1 rule, no errors" "$XSOCK" check 'a:993=tls://'
not_ "lint: TLS is enough for IMAP, mostly" warning
expect "lint: PostgreSQL has one port for both" 0 "1 rule, no errors" "$XSOCK" check 'a:5432=postgres+tls://'
not_ "lint: PostgreSQL's port is not worth a warning" warning
lint "pattern with tls://" "means tcp://" 'tls://a=tls://'
lint "empty target" "target is empty" 'a='
expect "lint: nothing to say" 0 "9 rules, no errors" "$XSOCK" check \
	'a:80=tls://:443 a=tcp:// *.x:1=tcp:// b.x=tcp:// 10.1.0.0/16=tcp:// 10.0.0.0/8=tcp:// udp://a=deny:// *:1-5=tcp:// *:4-6=tcp://'
not_ "lint: no warning" "warning"

# --- run ------------------------------------------------------------------

run=("$XSOCK" run -r '*:80=tls://:443')

expect "run: help" 0 "Exit status" "$XSOCK" run --help
expect "run: no command" 125 "a command is missing" "$XSOCK" run -r 'a=tls://'
expect "run: unknown option" 125 "frob" "$XSOCK" run --frob true
expect "run: no rules" 125 "there are no rules" "$XSOCK" run true
expect "run: empty rules" 125 "there are no rules" "$XSOCK" run -r '# a=tls://' true
expect "run: wrong rules" 125 'unknown transport "tsl"' "$XSOCK" run -r 'a=tsl://' true
expect "run: wrong options" 125 "XSOCK_OPTIONS:1:1" "$XSOCK" run -r 'a=tls://' -o x=1 true
expect "run: datagrams under a supervisor" 0 "" \
	"$XSOCK" run --supervise=always -r 'a=tls:// udp://b:1=dtls://' true
expect "run: wrong log" 125 "XSOCK_LOG" "$XSOCK" run -r 'a=tls://' -l loud true
expect "run: the command's status" 7 "" "${run[@]}" sh -c 'exit 7'
expect "run: the command's options are its own" 0 "-r x" "${run[@]}" echo -r x
expect "run: --" 0 "-r x" "${run[@]}" -- echo -r x
expect "run: not found" 127 "No such file" "${run[@]}" no-such-command
expect "run: not found by path" 127 "No such file" "${run[@]}" ./no-such-command
expect "run: not found with an empty name" 127 "" "${run[@]}" ''
expect "run: a folder" 126 "Permission denied" "${run[@]}" ./

expect "run: the environment" 0 "$BUILD/libxsock.so|*:80=tls://|timeout=5|off" \
	"$XSOCK" run -r '*:80=tls://' -o timeout=5 -l off \
	sh -c 'echo "$LD_PRELOAD|$XSOCK_RULES|$XSOCK_OPTIONS|$XSOCK_LOG"'
expect "run: rules of the environment" 0 "from=tls://" \
	env XSOCK_RULES='from=tls://' "$XSOCK" run sh -c 'echo "$XSOCK_RULES"'
libm=$(ldconfig -p | sed -n 's/.*libm\.so\.6 .*x86-64.* => //p' | head -1)
if [ "$libm" ]; then
	expect "run: what is preloaded already stays" 0 "libxsock.so:$libm" \
		env LD_PRELOAD="$libm" "${run[@]}" sh -c 'echo "$LD_PRELOAD"'
else
	skip "run: what is preloaded already stays" "no libm.so.6"
fi
expect "run: the library is loaded" 0 "libxsock.so" "${run[@]}" cat /proc/self/maps

# PATH: an empty entry is the working directory.
printf '#!/bin/sh\necho found me\n' >found-here
chmod +x found-here
expect "run: PATH" 0 "found me" env PATH="/nowhere:$T:/bin" "${run[@]}" found-here
expect "run: empty entry of PATH" 0 "found me" env PATH="/nowhere::/bin" "${run[@]}" found-here
chmod -x found-here
expect "run: only a file that cannot be executed" 126 "Permission denied" \
	env PATH="$T:/bin" "${run[@]}" found-here

# --- run: what the loader would start without the library ------------------

cat >program.c <<'END'
int main(void) { return 7; }
END
cat >go.c <<'END'
__asm__(".pushsection .note.go.buildid,\"a\",@note; .balign 4;"
	".long 4, 4, 4; .ascii \"Go\\0\\0id\\0\\0\"; .popsection");
int main(void) { return 7; }
END
CC=${CC:-cc}
$CC program.c -o dynamic || exit 1
expect "run: a dynamic program" 7 "" "${run[@]}" ./dynamic
expect "run: a dynamic program, not pie" 7 "" sh -c "$CC -no-pie program.c -o nopie && exec \"\$@\"" - "${run[@]}" ./nopie

# A copy beside which there is no library for other programs; where they are
# installed, that is where it was built to look, too.
others=$(ls /usr/local/lib/*-linux-*/libxsock.so 2>/dev/null)
mkdir one
cp "$XSOCK" "$BUILD/libxsock.so" one
run[0]=$T/one/xsock

refuse()
{
	local file=$1 text=$2
	case $text in
	*32-bit* | *"C library"*)
		if [ "$others" ]; then
			skip "refused: $file" "its library is installed"
			return
		fi
	esac
	expect "refused: $file" 126 "$text" "${run[@]}" "./$file"
}

if $CC -static program.c -o static 2>/dev/null; then
	refuse static "statically linked"
else
	skip "refused: static" "no static libc"
fi
if $CC -static-pie program.c -o static-pie 2>/dev/null; then
	refuse static-pie "statically linked"
else
	skip "refused: static-pie" "no static libc"
fi
# What a 32-bit compiler puts in front of a dynamic program: the ELF header,
# PT_INTERP and the loader's path.  Not every machine has such a compiler.
python3 -c '
import struct
loader = b"/lib/ld-linux.so.2\0"
header, segment = 52, 32
path = header + segment
open("other-class", "wb").write(
    b"\177ELF\1\1\1".ljust(16, b"\0") +
    # ET_DYN, EM_386, version, entry, phoff, shoff, flags, sizes and counts
    struct.pack("<HHIIIIIHHHHHH", 3, 3, 1, 0, header, 0, 0,
                header, segment, 1, 0, 0, 0) +
    # PT_INTERP: offset, addresses, sizes, PF_R, alignment
    struct.pack("<8I", 3, path, path, path, len(loader), len(loader), 4, 1) +
    loader)
'
chmod +x other-class
refuse other-class "32-bit x86"
printf '\177ELF\2\2\1\0\0\0\0\0\0\0\0\0\0\2\0\26\0\0\0\1%048d' 0 | tr 0 '\0' >other-order
chmod +x other-order
refuse other-order "S/390"
$CC program.c -o musl -Wl,--dynamic-linker=/lib/ld-musl-x86_64.so.1
refuse musl "another C library"
$CC go.c -o go
refuse go "Go program"
head -c 200 dynamic >truncated
chmod +x truncated
refuse truncated "broken program"
printf 'echo plain\n' >no-shebang
chmod +x no-shebang
refuse no-shebang "neither a program nor a script"

script()
{
	printf "$2" >"$1"
	chmod +x "$1"
}
script of-static "#!$T/musl\n"
refuse of-static "another C library"
script of-script "#!$T/of-static\n"
refuse of-script "another C library"
script by-env "#!/usr/bin/env -S A=b $T/musl -x\n"
refuse by-env "another C library"
script clears "#!/usr/bin/env -S -i sh\n"
refuse clears "clears the environment"
script without "#!/no/such/interpreter\n"
refuse without "/no/such/interpreter"
script env-without "#!/usr/bin/env no-such-interpreter\n"
refuse env-without "no-such-interpreter"
script itself "#!$T/itself\n"
refuse itself "too many interpreters"
script nothing "#!\n"
refuse nothing "interpreter"
script good "#! /bin/sh -e\necho good script\n"
expect "run: a script" 0 "good script" "${run[@]}" ./good
script good-env "#!/usr/bin/env sh\necho good script\n"
expect "run: a script by env" 0 "good script" "${run[@]}" ./good-env

# IDs and capabilities need root; whoever is not root cannot be tricked either.
cp dynamic setuid && cp dynamic setgid && cp dynamic own-setuid && cp dynamic capable
chmod u+s own-setuid
expect "run: set-user-ID of ourselves changes nothing" 7 "" "${run[@]}" ./own-setuid
if [ "$(id -u)" = 0 ] && chown nobody setuid && chgrp nogroup setgid; then
	chmod u+s setuid && chmod g+s setgid
	refuse setuid "set-user-ID"
	refuse setgid "set-group-ID"
	expect "run: set-user-ID with no_new_privs" 7 "" \
		setpriv --no-new-privs "${run[@]}" ./setuid
else
	skip "refused: setuid, setgid" "needs root"
fi
if [ "$(id -u)" = 0 ] && /usr/bin/python3 -c '
import os, struct
os.setxattr("capable", "security.capability",
            struct.pack("<IIIII", 0x02000001, 1 << 13, 0, 0, 0))' 2>/dev/null; then
	expect "run: file capabilities, for root" 7 "" "${run[@]}" ./capable
	mkdir -p by/bin
	cp "$XSOCK" "$BUILD/libxsock.so" by/bin
	chmod 755 "$T"
	expect "refused: file capabilities" 126 "file capabilities" \
		setpriv --reuid=65534 --regid=65534 --clear-groups \
		"$T/by/bin/xsock" run -r 'a=tls://' "$T/capable"
else
	skip "refused: file capabilities" "cannot set any"
fi

# --- where the library is --------------------------------------------------

place()
{
	rm -rf "$T/to"
	mkdir -p "$T/to/bin" "$T/to/$1"
	cp "$XSOCK" "$T/to/bin"
	cp "$BUILD/libxsock.so" "$T/to/$1"
	expect "library: in $1" 0 "$T/to/$1/libxsock.so" \
		"$T/to/bin/xsock" run -r 'a=tls://' sh -c 'echo $LD_PRELOAD'
}
place bin
place lib
expect "the other commands: not found" 2 "$T/to/bin/, ../libexec from there or " \
	"$T/to/bin/xsock" check 'a=tls://'
mkdir "$T/to/libexec"
cp "$BUILD/xsock-commands" "$T/to/libexec"
expect "the other commands: in ../libexec" 0 "1 rule, no errors" \
	"$T/to/bin/xsock" check 'a=tls://'
# As an image for containers may have it.
mkdir -p "$T/root/lib" "$T/root/lib64" "$T/root/usr" "$T/root/proc"
cp "$XSOCK" "$BUILD/xsock-commands" "$T/root"
cat >"$T/in_root" <<'END'
#!/bin/sh -e
# Its own folder is the root for the command.
root=$(dirname "$0")/root
for folder in lib lib64 usr proc; do
	[ ! -e "/$folder" ] || mount --rbind "/$folder" "$root/$folder"
done
exec chroot "$root" "$@"
END
chmod 755 "$T/in_root"
if unshare -rm "$T/in_root" /usr/bin/true 2>"$T/out"; then
	expect "the other commands: in the root" 0 "List the live connections" \
		unshare -rm "$T/in_root" /xsock help ps
else
	skip "the other commands: in the root" "no root of its own"
fi
# What is started waits for the loader.
readelf -d "$XSOCK" >"$T/out"
! grep -qE 'NEEDED.*lib(ssl|crypto|IPSec|ncurses|tinfo|jansson)' "$T/out"
count "xsock run is linked with nothing that is slow to load" $? "it is"
place lib64
place lib/x86_64-linux-gnu
mkdir -p "$T/a b"
cp "$XSOCK" "$BUILD/libxsock.so" "$T/a b"
expect "library: a path that LD_PRELOAD cannot have" 125 "blank or colon" \
	"$T/a b/xsock" run -r 'a=tls://' true
mkdir -p "$T/alone"
cp "$XSOCK" "$T/alone"
if ls /usr/local/lib/libxsock.so >/dev/null 2>&1; then
	skip "library: nowhere" "it is installed"
else
	expect "library: nowhere" 125 "libxsock.so is neither in $T/alone/, nor in ../lib" \
		"$T/alone/xsock" run -r 'a=tls://' true
	mkdir "$T/libexec"
	cp "$BUILD/xsock-commands" "$T/libexec"
	expect "library: nowhere for the other commands" 125 "libxsock.so is neither in $T/libexec/, " \
		"$T/alone/xsock" trace true
fi

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
