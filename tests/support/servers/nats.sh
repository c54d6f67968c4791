# nats-server: NATS over TLS only.  start_nats sets
#
#   port_nats_starttls   its line INFO, then TLS
#   port_nats_tls        TLS from the first byte: by the server itself
#                        ("handshake_first", 2.10.4 and later), else by nginx in
#                        front of one without TLS
#
# The server listens at one address; socat is its other one.
#
# User "alice", password "secret", may do everything, and nobody else anything.
#
# Packages: nats-server, socat, and those of nginx.sh, which is sourced before.
needs_nats="nats-server nginx socat"

start_nats()
{
	mkdir -p "$T/nats"
	nats_start nats nats_starttls_exec
	port_nats_starttls=$port
	nats_conf 1 "handshake_first: true"
	if nats-server -t -c "$T/nats/1.conf" >"$T/nats/tried" 2>&1; then
		nats_start nats_first nats_first_exec
		port_nats_tls=$port
	else
		start_on_port nats_plain nats_plain_exec
		start_front nats "127.0.0.1:$port"
	fi
}

# nats_start NAME FUNCTION
nats_start()
{
	start_on_port "$@"
	ipv6_loopback || return 0
	start "$1-ipv6" socat "TCP6-LISTEN:$port,bind=[::1],fork" \
		"TCP4:127.0.0.1:$port"
	within 10 nats_open_ipv6
}

nats_open_ipv6()
{
	(exec 3<>"/dev/tcp/::1/$port") 2>/dev/null
}

nats_starttls_exec() { nats_exec "$1" ""; }
nats_first_exec() { nats_exec "$1" "handshake_first: true"; }
nats_plain_exec() { nats_exec "$1"; }

nats_exec()
{
	nats_conf "$@"
	exec nats-server -c "$T/nats/$1.conf"
}

# nats_conf PORT [WORDS]: WORDS are for "tls", which it has not without them
nats_conf()
{
	cat >"$T/nats/$1.conf" <<-END
	listen: "127.0.0.1:$1"
	authorization { user: alice, password: secret }
	${2+tls { cert_file: \"$CERTS/good.pem\", key_file: \"$CERTS/good.key\"
	$2 \}}
	END
}
