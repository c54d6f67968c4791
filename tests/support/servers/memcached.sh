# memcached: on a UNIX socket, TLS by nginx in front (Debian's is built
# without).  start_memcached sets port_memcached_tls.
#
# Packages: memcached, and those of nginx.sh, which is sourced before.
needs_memcached="memcached nginx"

start_memcached()
{
	mkdir -p "$T/memcached"
	start memcached memcached -s "$T/memcached/socket" -a 0600 \
		$(as_root -u root) -m 8
	wait_for "$T/memcached/socket" memcached
	start_front memcached "unix:$T/memcached/socket"
}
