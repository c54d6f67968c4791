# MySQL 8's authentication, by mysql8.py; Debian has no MySQL 8.  start_mysql8
# sets
#
#   port_mysql8_starttls   TLS by CLIENT_SSL only, caching_sha2_password
#
# User "alice", password "secret"; of two connects the first is
# authenticated in full, the second by the hash.

start_mysql8()
{
	start mysql8 "$PYTHON" -B "$TESTS/support/servers/mysql8.py" \
		"$CERTS/good.pem" "$CERTS/good.key" "$T/mysql8.port"
	within 10 test -e "$T/mysql8.port" ||
		{ cat "$T/mysql8.log" >&2; exit 1; }
	port_mysql8_starttls=$(cat "$T/mysql8.port")
}
