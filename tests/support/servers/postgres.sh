# PostgreSQL.  start_postgres sets
#
#   port_postgres_starttls   TLS by SSLRequest only (hostssl), SCRAM passwords
#   port_postgres_tls        TLS from the first byte, by nginx in front: the
#                            server itself has that from version 17 on, where
#                            the ALPN "postgresql" is required, as it is here
#   port_postgres_direct_tls the same, but the server sees TLS, too, so that it
#                            offers SCRAM-SHA-256-PLUS as version 17 does
#
# User "alice", password "secret", owns the database "shop".
#
# Packages: postgresql, and those of nginx.sh, which is sourced before.
needs_postgres="nginx setpriv socat openssl"

start_postgres()
{
	local here=$T/postgres
	mkdir -p "$here"
	postgres_bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
	[ "$postgres_bin" ] || { echo "PostgreSQL is not installed" >&2; exit 1; }
	cp "$CERTS/good.pem" "$CERTS/good.key" "$here/"
	chmod 600 "$here/good.key"
	# It refuses to be run by root.
	postgres_user=()
	if [ "$(id -u)" -eq 0 ]; then
		postgres_user=(setpriv --reuid=nobody --regid=nogroup
			--clear-groups env HOME="$here")
		chown -R nobody:nogroup "$here"
		chmod 711 "$T"
	fi
	postgres_initialise
	start_on_port postgres postgres_exec
	port_postgres_starttls=$port
	postgres_pid=$!
	at_end+=(postgres_stop)
	postgres_fill || exit 1
	start_front postgres "unix:$here/.s.PGSQL.$port_postgres_starttls" \
		postgresql
	start postgres-direct socat "UNIX-LISTEN:$here/direct,fork" \
		"EXEC:openssl s_client -quiet -starttls postgres -connect 127.0.0.1\:$port_postgres_starttls"
	wait_for "$here/direct" postgres-direct
	start_front postgres_direct "unix:$here/direct" postgresql
}

postgres_initialise()
{
	local here=$T/postgres
	if ! "${postgres_user[@]}" "$postgres_bin/initdb" -D "$here/data" \
		-U owner -A reject --no-sync --locale=C -E UTF8 \
		>"$here/initdb.log" 2>&1; then
		cat "$here/initdb.log" >&2
		exit 1
	fi
	# The socket is what nginx is in front of; plain TCP is refused.
	cat >"$here/data/pg_hba.conf" <<-END
	local   all owner trust
	local   all all   scram-sha-256
	hostssl all all   127.0.0.1/32 scram-sha-256
	hostssl all all   ::1/128      scram-sha-256
	END
}

postgres_exec()
{
	local here=$T/postgres addresses=127.0.0.1
	! ipv6_loopback || addresses="127.0.0.1,::1"
	exec "${postgres_user[@]}" "$postgres_bin/postgres" -D "$here/data" \
		-c port="$1" -c listen_addresses="$addresses" \
		-c unix_socket_directories="$here" -c fsync=off \
		-c shared_buffers=16MB -c max_connections=20 \
		-c ssl=on -c ssl_cert_file="$here/good.pem" \
		-c ssl_key_file="$here/good.key" -c log_connections=on
}

# Killed, it would leave shared memory behind.
postgres_stop()
{
	kill -INT "$postgres_pid" && within 10 postgres_gone
} 2>/dev/null

postgres_gone()
{
	! kill -0 "$postgres_pid"
}

postgres_fill()
{
	within 20 "${postgres_user[@]}" "$postgres_bin/psql" -q -X \
		-h "$T/postgres" -p "$port_postgres_starttls" -U owner \
		-d postgres -v ON_ERROR_STOP=1 >"$T/postgres/fill.log" 2>&1 \
		-c "CREATE ROLE alice LOGIN PASSWORD 'secret'" \
		-c "CREATE DATABASE shop OWNER alice" && return
	cat "$T/postgres/fill.log" "$T/postgres.log" >&2
	return 1
}
