# What must not work.  The next call tells the errno, one line has the reason, and
# nothing of the program's is at the server, nor where the program wanted to send it.

secret=SECRET-that-must-not-travel

part_refusals()
{
	trap_start
	refused_certificates
	refused_servers
	refused_by_rule
}

# Where the program wants to send it.
trap_start()
{
	[ ! "${port_trap-}" ] || return 0
	front trap sink && port_trap=$port
}

# bad NAME WORD…: a server behind a way; sets $port
bad()
{
	front "bad-$1" "${@:2}" && wire "bad-$1-way" "$port"
}

# refused NAME TARGET ERRNO REASON [WAY]: by the next recv(2), and by the next send(2)
refused()
{
	local call
	for call in recv send; do
		case_run with_xsock "udp://localhost:$port_trap=$2" \
			"$PYTHON" "$here/refuse.py" localhost "$port_trap" "$secret" $call
		judge_refusal "$1, at $call" "connect ok send ok $call $3" "$4" "${5-}"
	done
}

# judge_refusal NAME CALLS REASON WAY
judge_refusal()
{
	local dtls=1 other=0 _
	within 20 grep -q '^xsock: ' "$ERR"
	[ ! "$4" ] || read -r _ dtls _ other _ <"$U/$4.count"
	if grep -qa "$secret" "$U"/*.data "$U"/*.other; then
		fail "$1" "the secret has left"
		rm -f "$U"/*.other
	elif [ "$(tr '\n' ' ' <"$OUT")" != "$2 " ]; then
		fail "$1" "not: $2"
	elif [ "$(grep -c '^xsock: ' "$ERR")" -ne 1 ]; then
		fail "$1" "$(grep -c '^xsock: ' "$ERR") lines"
	elif ! grep -qiE -- "$3" "$ERR"; then
		fail "$1" "the line does not say $3"
	elif [ "$dtls" -eq 0 ]; then
		fail "$1" "nobody has asked the server"
	elif [ "$other" -ne 0 ]; then
		fail "$1" "$other datagrams were not DTLS"
	else
		pass "$1"
	fi
}

# to_port [OPTIONS]: the target
to_port()
{
	echo "dtls://:$port?cafile=$CA${1-}"
}

# refused_by_certificate CERTIFICATE ERRNO REASON
refused_by_certificate()
{
	bad "$1" "tls=$CERTS/$1"
	refused "$1" "$(to_port)" "$2" "$3" "bad-$1-way"
}

refused_certificates()
{
	refused_by_certificate expired EKEYREJECTED expired
	refused_by_certificate notyet EKEYREJECTED 'not (yet )?valid.*2049'
	refused_by_certificate wronghost EKEYREJECTED localhost
	refused_by_certificate selfsigned EKEYREJECTED 'self-?signed'
	refused_by_certificate unknownca EKEYREJECTED 'issuer|unknown|trusted'
	refused_by_certificate nochain EKEYREJECTED 'issuer|unknown|trusted'
	bad good "tls=$CERTS/good"
	refused "another peer_name" "$(to_port '&peer_name=other.example.test')" \
		EKEYREJECTED 'other\.example\.test' bad-good-way
	refused "no cafile: the system's CAs do not know it" "dtls://:$port" \
		EKEYREJECTED 'issuer|unknown|trusted' bad-good-way
}

refused_servers()
{
	bad old "tls=$CERTS/good" only=1.0
	refused "DTLS 1.0" "$(to_port)" EPROTO 'version|protocol' bad-old-way
	bad silent sink
	refused "a server that does not answer" "$(to_port '&timeout=1')" \
		ETIMEDOUT 'time'
	# It gets back what it has sent, which is nothing that a server says.
	bad parrot
	refused "a server without DTLS" "$(to_port '&timeout=3')" \
		ETIMEDOUT 'what came from it is no DTLS'
	port=$(unbound_port)
	refused "nobody there" "$(to_port)" ECONNREFUSED refused
}

unbound_port()
{
	local one=$((20000 + RANDOM % 12000))
	while udp_bound "$one"; do
		one=$((one + 1))
	done
	echo "$one"
}

refused_by_rule()
{
	case_run with_xsock "udp://localhost:$port_trap=deny://" \
		"$PYTHON" "$here/refuse.py" localhost "$port_trap" "$secret"
	if grep -qx 'connect EACCES' "$OUT" && ! grep -qa "$secret" "$U"/*.data; then
		pass "deny://"
	else
		fail "deny://"
	fi
}
