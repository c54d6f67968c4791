# Which rule decides, where it leads, and which name is checked.

test_routes()
{
	to_another_place
	names_that_only_a_rule_knows
	patterns
	checks
	left_alone
}

# got NAME RULES URL REGEX [ERR-REGEX]: curl through the library
got()
{
	case_run with_xsock "$2" curl -sS --max-time 15 "$3"
	expect "$1" 0 "$4" "${5-}"
}

to_another_place()
{
	local at=http://localhost:$port_front/

	got "another port" "localhost=tls://:$port_nginx?cafile=$CA" "$at" \
		'^hello from nginx.*SNI localhost'
	got "another host by address: the certificate must be its" \
		"localhost=tls://127.0.0.1:$port_nginx?cafile=$CA" "$at" \
		'^hello from nginx.*SNI $'
	got "another host by name: that is the name that counts" \
		"127.0.0.1=tls://localhost:$port_nginx?cafile=$CA" \
		"http://127.0.0.1:$port_front/" '^hello from nginx.*SNI localhost'
	got "from IPv4 to IPv6" \
		"127.0.0.1=tls://[::1]:$port_nginx?cafile=$CA" \
		"http://127.0.0.1:$port_front/" '^hello from nginx'
	got "from IPv6 to IPv4" \
		"[::1]=tls://127.0.0.1:$port_nginx?cafile=$CA" \
		"http://[::1]:$port_front/" '^hello from nginx'
	got "tcp://, plain" "localhost=tcp://:$port_plain" "$at" \
		'^hello from plain, plain'
	got "tcp:// to another host" "localhost=tcp://127.0.0.1:$port_plain" \
		"$at" '^hello from plain, plain'
	got "tcp://?relay=yes" "localhost=tcp://:$port_plain?relay=yes" "$at" \
		'^hello from plain, plain'
	got "no scheme means tcp://" "localhost=:$port_plain" "$at" \
		'^hello from plain, plain'
}

# No DNS entry: the target's host stands for it.
names_that_only_a_rule_knows()
{
	local name=intranet.example.test
	local rule="$name:80=tls://127.0.0.1:$port_nginx?cafile=$CA&peer_name=localhost"
	local hello='^hello from nginx'

	got "rule-only name: curl" "$rule" "http://$name/" "$hello"
	got "rule-only name: target by name" \
		"$name:80=tls://localhost:$port_nginx?cafile=$CA" \
		"http://$name/" "$hello"
	got "rule-only name: a glob" \
		"*.example.test:80=tls://127.0.0.1:$port_nginx?cafile=$CA&peer_name=localhost" \
		"http://$name/" "$hello"
	case_run with_xsock "$rule" wget -q -O - "http://$name/"
	expect "rule-only name: wget" 0 "$hello" ''
	case_run with_xsock "$rule" "$PYTHON" -c '
import urllib.request, sys
print(urllib.request.urlopen(sys.argv[1]).read().decode())' "http://$name/"
	expect "rule-only name: python" 0 "$hello" ''
	case_run with_xsock "$rule" perl -MIO::Socket::INET -e '
my $s = IO::Socket::INET->new("$ARGV[0]:80") or die "cannot connect: $@";
print $s "GET / HTTP/1.0\r\n\r\n";
my @all = <$s>;
print $all[-1];' "$name"
	expect "rule-only name: perl, by gethostbyname" 0 "$hello" ''
	case_run with_xsock "$rule" bash -c '
exec 3<>/dev/tcp/$1/80 || exit
printf "GET / HTTP/1.0\r\n\r\n" >&3
tail -n 1 <&3' bash "$name"
	expect "rule-only name: bash" 0 "$hello" ''
	case_run with_xsock "$rule" getent hosts "$name"
	expect "rule-only name: getent hosts" 0 "^127\.0\.0\.1 +$name" ''
	case_run with_xsock "$rule" getent ahosts other.example.test
	expect "a name that no rule knows stays unknown" 2 '' ''
}

patterns()
{
	local at=localhost:$port_front hello='^hello from nginx'
	local to="tls://:$port_nginx?cafile=$CA"
	local url=http://localhost:$port_front/

	got "first match wins" "$at=$to $at=deny://" "$url" "$hello"
	got "a rule for another port does not match" \
		"localhost:1=deny:// $at=$to" "$url" "$hello"
	got "a rule for another host does not match" \
		"other.example.test=deny:// $at=$to" "$url" "$hello"
	# curl knows localhost without looking it up; wget asks.
	case_run with_xsock "local*:$port_front=$to" wget -q -O - "$url"
	expect "glob" 0 "$hello" ''
	case_run with_xsock "?ocalhos?:$port_front=$to" wget -q -O - "$url"
	expect "glob with ?" 0 "$hello" ''
	got "any host" "*:$port_front=$to" "$url" "$hello"
	got "network" "127.0.0.0/8:$port_front=$to&peer_name=localhost
		[::1/128]:$port_front=$to&peer_name=localhost" "$url" "$hello"
	got "port range" "localhost:$((port_front - 1))-$((port_front + 1))=$to" \
		"$url" "$hello"
	got "port list" "localhost:1,http,$port_front=$to" "$url" "$hello"
	got "LOCALHOST in the rule" "LOCALHOST:$port_front=$to" "$url" "$hello"
	got "LOCALHOST in the program" "$at=$to" \
		"http://LOCALHOST:$port_front/" "$hello"
	got "udp:// does not match TCP" "udp://*=deny:// $at=$to" "$url" "$hello"
	got "tcp:// in the pattern" "tcp://$at=$to" "$url" "$hello"
	printf '# a comment\n%s=%s # another\n' "$at" "$to" >"$T/my.rules"
	got "rules from a file" "@$T/my.rules" "$url" "$hello"
	got "an exemption above a broader rule" \
		"127.0.0.1:$port_plain=tcp:// *=deny://" \
		"http://127.0.0.1:$port_plain/" '^hello from plain'
	# The rule has a name, the program only an address.
	case_run with_xsock "$at=$to" bash -c '
exec 3<>/dev/tcp/127.0.0.1/$1 || exit
printf "GET / HTTP/1.0\r\n\r\n" >&3
tail -n 1 <&3' bash "$port_front"
	expect "exact name matched by address: bash" 0 "$hello" ''
	case_run with_xsock "$at=$to" bash -c '
printf "GET / HTTP/1.0\r\n\r\n" | nc 127.0.0.1 $1 | tail -n 1' bash \
		"$port_front"
	expect "exact name matched by address: nc" 0 "$hello" ''
}

checks()
{
	local url=http://localhost:$port_front/ at=localhost:$port_front

	got "peer_name" \
		"$at=tls://:$port_wronghost?cafile=$CA&peer_name=other.example.test" \
		"$url" '^hello from wronghost.*SNI other\.example\.test'
	got "a wildcard certificate" \
		"$at=tls://:$port_wildcard?cafile=$CA&peer_name=a.example.test" \
		"$url" '^hello from wildcard'
	got "verify_peer_name=0" \
		"$at=tls://:$port_wronghost?cafile=$CA&verify_peer_name=0" "$url" \
		'^hello from wronghost' '*'
	XSOCK_LOG=info got "verify_peer=0, and it is logged" \
		"$at=tls://:$port_selfsigned?verify_peer=0" "$url" \
		'^hello from selfsigned' 'not verified|unverified|verify_peer'
	got "SNI_enabled=0" \
		"$at=tls://:$port_nginx?cafile=$CA&SNI_enabled=0" "$url" \
		'^hello from nginx.*SNI $'
	mkdir "$T/capath" && cp "$CA" "$T/capath/" &&
		openssl rehash "$T/capath" >/dev/null
	got "capath" "$at=tls://:$port_nginx?capath=$T/capath" "$url" \
		'^hello from nginx'
	SSL_CERT_FILE=$CA got "SSL_CERT_FILE of the application" \
		"$at=tls://:$port_nginx" "$url" '^hello from nginx'
	SSL_CERT_DIR=$T/capath got "SSL_CERT_DIR of the application" \
		"$at=tls://:$port_nginx" "$url" '^hello from nginx'
	XSOCK_OPTIONS=cafile=$CA got "XSOCK_OPTIONS" "$at=tls://:$port_nginx" \
		"$url" '^hello from nginx'
	cp "$CA" "$T/a b&c.pem"
	got "a percent-encoded file name" \
		"$at=tls://:$port_nginx?cafile=$T/a%20b%26c.pem" "$url" \
		'^hello from nginx'
	cd "$T" || exit
	got "a relative file name" "$at=tls://:$port_nginx?cafile=certs/ca.pem" \
		"$url" '^hello from nginx'
	cd - >/dev/null || exit
}

left_alone()
{
	local url=http://localhost:$port_plain/ hello='^hello from plain, plain'

	got "no rules" "" "$url" "$hello"
	got "no rule matches" "*.example.test=deny:// 192.0.2.0/24=deny://" \
		"$url" "$hello"
	XSOCK_RELAY=/nonexistent got "no rule matches: needs no relay" \
		"*.example.test=tls://" "$url" "$hello"
}
