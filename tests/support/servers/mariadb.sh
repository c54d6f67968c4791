# MariaDB.  start_mariadb sets
#
#   port_mariadb_starttls   TLS by CLIENT_SSL only (require_secure_transport)
#   port_mariadb_tls        TLS from the first byte, by nginx in front
#
# Users "alice" (mysql_native_password) and "edith" (ed25519), password
# "secret", may do everything in the database "shop".  caching_sha2_password is
# MySQL's alone, and Debian has no MySQL.
#
# Packages: mariadb-server, and those of nginx.sh, which is sourced before.
needs_mariadb="mariadbd mariadb-install-db mariadb nginx"

start_mariadb()
{
	local here=$T/mariadb
	mkdir -p "$here"
	mariadb_user=$(as_root --user=root)
	if ! mariadb-install-db --no-defaults $mariadb_user \
		--datadir="$here/data" --auth-root-authentication-method=normal \
		--skip-test-db --innodb-log-file-size=4M \
		>"$here/install.log" 2>&1 </dev/null; then
		cat "$here/install.log" >&2
		exit 1
	fi
	start_on_port mariadb mariadb_exec
	port_mariadb_starttls=$port
	mariadb_fill || exit 1
	start_front mariadb "unix:$here/socket"
}

mariadb_exec()
{
	local here=$T/mariadb
	exec mariadbd --no-defaults $mariadb_user --datadir="$here/data" \
		--socket="$here/socket" --pid-file="$here/pid" \
		--port="$1" --bind-address="$(mariadb_addresses)" \
		--innodb-log-file-size=4M --innodb-buffer-pool-size=8M \
		--innodb-flush-log-at-trx-commit=0 --skip-name-resolve \
		--plugin-load-add=auth_ed25519 --require-secure-transport=ON \
		--ssl-cert="$CERTS/good.pem" --ssl-key="$CERTS/good.key"
}

mariadb_addresses()
{
	if ipv6_loopback; then echo 127.0.0.1,::1; else echo 127.0.0.1; fi
}

# By the socket; from 11.4 on the client would ask for TLS and verify there, too.
mariadb_fill()
{
	cat >"$T/mariadb/fill.sql" <<-END
	CREATE DATABASE shop;
	CREATE USER alice@'%' IDENTIFIED VIA mysql_native_password
		USING PASSWORD('secret');
	CREATE USER edith@'%' IDENTIFIED VIA ed25519 USING PASSWORD('secret');
	GRANT ALL ON shop.* TO alice@'%', edith@'%';
	END
	mariadb --no-defaults --skip-ssl -u root -S "$T/mariadb/socket" \
		<"$T/mariadb/fill.sql"
}
