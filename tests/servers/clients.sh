# Each client does what its users do with it, knowing nothing of TLS.

hello='^hello from nginx, TLSv1\.3, .*SNI localhost'

# A rule that leads the front door, which refuses, to a TLS server.
front()
{
	echo "localhost:$port_front=${2:-tls}://:$1?cafile=$CA"
}

test_clients()
{
	http_clients
	line_clients
	redis_clients
	versions
	families
	bulk
	logging
}

# http NAME TOOL COMMAND…
http()
{
	local name=$1
	need "$name" "$2" || return
	shift
	case_run with_xsock "$(front "$port_nginx")" "$@"
	expect "$name" 0 "$hello" '*'
	[ -z "$(lines)" ] || fail "$name: without a word" "$(lines)"
}

http_clients()
{
	local at=localhost:$port_front

	http "curl" curl -sS "http://$at/"
	http "curl, twice on one connection" curl -sS "http://$at/" "http://$at/"
	http "wget" wget -nv -O - "http://$at/"
	http "python http.client" "$PYTHON" -c '
import http.client, sys
c = http.client.HTTPConnection("localhost", int(sys.argv[1]), timeout=10)
c.request("GET", "/")
print(c.getresponse().read().decode())' "$port_front"
	http "python asyncio" "$PYTHON" -c '
import asyncio, sys
async def main():
    r, w = await asyncio.open_connection("localhost", int(sys.argv[1]))
    assert w.get_extra_info("peername")[1] == int(sys.argv[1])
    w.write(b"GET / HTTP/1.0\r\n\r\n")
    await w.drain()
    print((await r.read()).decode().split("\r\n\r\n")[1])
asyncio.run(main())' "$port_front"
	http "perl IO::Socket::INET" perl -MIO::Socket::INET -e '
my $s = IO::Socket::INET->new(PeerAddr => "localhost", PeerPort => $ARGV[0],
	Proto => "tcp", Timeout => 10) or die "cannot connect: $@";
print $s "GET / HTTP/1.0\r\n\r\n";
my @all = <$s>;
print $all[-1];' "$port_front"
	http "bash /dev/tcp" bash -c '
exec 3<>/dev/tcp/localhost/$1 || exit
printf "GET / HTTP/1.0\r\n\r\n" >&3
tail -n 1 <&3' bash "$port_front"
	http "nc" bash -c '
printf "GET / HTTP/1.0\r\n\r\n" | nc localhost $1 | tail -n 1' bash \
		"$port_front"
	if need "php" php; then
		http "php" php -n -r '
echo file_get_contents("http://localhost:$argv[1]/");' "$port_front"
	fi
}

# Lines there and back, with s_server -rev, which reverses each.
line_clients()
{
	case_run with_xsock "$(front "$port_s_server")" bash -c '
exec 3<>/dev/tcp/localhost/$1 || exit
for word in stressed drawer; do
	echo $word >&3
	read -r back <&3
	echo $back
done' bash "$port_front"
	expect "bash, line by line, against s_server" 0 '^desserts' ''
	expect "bash, second line" 0 '^reward' ''
}

redis_clients()
{
	local redis="redis-cli -h localhost -p $port_front"

	need "redis-cli" redis-cli || return
	case_run with_xsock "$(front "$port_redis")" $redis set key value
	expect "redis-cli set" 0 '^OK$' ''
	case_run with_xsock "$(front "$port_redis")" $redis -r 100 incr counter
	expect "redis-cli, 100 round trips" 0 '^100$' ''
	case_run with_xsock "$(front "$port_redis")" \
		bash -c 'seq 1 20000 | sed "s/.*/SET k& v&/" | "$@" --pipe' \
		bash $redis
	expect "redis-cli --pipe, 20,000 commands" 0 'errors: 0, replies: 20000' ''
}

versions()
{
	local v
	for v in 1.2 1.3; do
		case_run with_xsock "$(front "$port_nginx" "tlsv$v")" \
			curl -sS "http://localhost:$port_front/"
		expect "tlsv$v://" 0 "^hello from nginx, TLSv$v," ''
	done
	case_run with_xsock "$(front "$port_tls12")" \
		curl -sS "http://localhost:$port_front/"
	expect "tls:// to a server that stops at TLS 1.2" 0 'TLSv1\.2' ''
	case_run with_xsock "$(front "$port_nginx" ssl)" \
		curl -sS "http://localhost:$port_front/"
	expect "ssl:// means the best of both" 0 "$hello" ''
	case_run with_xsock "$(front "$port_chain")" \
		curl -sS "http://localhost:$port_front/"
	expect "a chain with an intermediate CA" 0 '^hello from chain' ''
	case_run with_xsock "$(front "$port_bytes")" \
		curl -sS "http://localhost:$port_front/"
	expect "a server that sends a record for each byte" 0 \
		'^hello from bytes' ''
}

families()
{
	local rule="*:$port_front=tls://:$port_nginx?cafile=$CA" host

	for host in 127.0.0.1 '[::1]'; do
		case_run with_xsock "$rule" curl -sS "http://$host:$port_front/"
		expect "to $host, an address in the certificate, no SNI" 0 \
			'^hello from nginx.*SNI $' ''
	done
	case_run with_xsock "$rule" wget -4 -q -O - "http://localhost:$port_front/"
	expect "IPv4, by name" 0 "$hello" ''
	# Not every machine knows localhost as ::1.
	rule="six.example.test:80=tls://[::1]:$port_nginx?cafile=$CA&peer_name=localhost"
	case_run with_xsock "$rule" wget -6 -q -O - "http://six.example.test/"
	expect "IPv6, by name" 0 "$hello" ''
}

bulk()
{
	local i urls=() sum at=localhost:$port_front

	case_run with_xsock "$(front "$port_nginx")" \
		bash -c 'curl -sS "$1" | sha256sum' bash "http://$at/files/large"
	expect "5 MB down, intact" 0 "^${sum_large%% *}" ''
	case_run with_xsock "$(front "$port_sink")" \
		bash -c 'nc -N localhost $1 <"$2"' bash \
		"$port_front" "$T/nginx/files/large"
	expect "5 MB up, half-closed, answered" 0 "^5000000 ${sum_large%% *}" ''
	for i in $(seq 50); do
		urls+=("http://$at/?$i")
	done
	case_run with_xsock "$(front "$port_nginx")" \
		curl -sS -Z --parallel-immediate "${urls[@]}"
	[ "$(grep -c "$hello" "$OUT")" -eq 50 ] || STATUS=few
	lines >"$T/lines"
	mv "$T/lines" "$ERR"
	expect "curl, 50 at once" 0 "$hello" ''
}

logging()
{
	XSOCK_LOG=info case_run with_xsock "$(front "$port_nginx")" \
		curl -sS "http://localhost:$port_front/"
	expect "XSOCK_LOG=info tells version, cipher, verified name" 0 "$hello" \
		"^xsock: curl\[[0-9]+\]: localhost:$port_front by XSOCK_RULES:1:1 localhost:$port_front=tls://.*: .*TLSv1\.3.*TLS_AES_.*localhost"
	XSOCK_LOG=info:$T/log case_run with_xsock "$(front "$port_nginx")" \
		curl -sS "http://localhost:$port_front/"
	expect "XSOCK_LOG=info:FILE leaves standard error alone" 0 "$hello" ''
	cp "$T/log" "$ERR" 2>/dev/null
	expect "XSOCK_LOG=info:FILE writes the file" 0 '*' '^xsock: curl.*TLSv1\.3'
}
