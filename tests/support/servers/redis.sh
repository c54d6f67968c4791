# redis: TLS only.  start_redis sets port_redis_tls; user "alice" with password
# "secret" may do everything, and nobody else anything.
#
# Packages: redis-server.
needs_redis=redis-server

start_redis()
{
	mkdir -p "$T/redis"
	start_on_port redis redis_tls_exec
	port_redis_tls=$port
}

redis_tls_exec()
{
	local addresses=127.0.0.1
	! ipv6_loopback || addresses="127.0.0.1 ::1"
	exec redis-server --port 0 --tls-port "$1" --bind $addresses \
		--tls-cert-file "$CERTS/good.pem" \
		--tls-key-file "$CERTS/good.key" \
		--tls-ca-cert-file "$CA" --tls-auth-clients no \
		--user default off --user alice on '>secret' '~*' '&*' +@all \
		--save '' --dir "$T/redis"
}
