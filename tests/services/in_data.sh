# Redis, PostgreSQL, PgBouncer, MariaDB.

# --- Redis: a replica -------------------------------------------------------

setup_redis()
{
	no_reload="it has none"
	peer_port=6380
	peer redis /usr/bin/redis-server --port 0 --tls-port 6380 --save "''" --dir /tmp \
		--protected-mode no \
		--tls-cert-file /etc/peer/cert.pem --tls-key-file /etc/peer/key.pem \
		--tls-ca-cert-file /etc/corp.pem --tls-auth-clients no \
		--repl-diskless-sync-delay 0 && trap_port 6379
	ask()
	{
		redis-cli --tls --cacert /etc/corp.pem -h server.example -p 6380 \
			set "$token" yes && within 2 replicated
	}
}

replicated()
{
	redis-cli get "$token" | grep -q yes
}

# --- PostgreSQL -------------------------------------------------------------

postgres_bin=$(echo /usr/lib/postgresql/*/bin)

as_postgres()
{
	(cd / && runuser -u postgres -- "$@")
}

# A server that takes no password without TLS: user "replica", password "secret"
peer_postgres()
{
	local data=/srv/postgres/data
	peer_port=5432
	install -d -o postgres /srv/postgres
	install -o postgres -m 600 /etc/peer/key.pem /srv/postgres/key.pem
	as_postgres "$postgres_bin/initdb" -D $data -A trust --no-sync
	cat >$data/pg_hba.conf <<-END
	local all all trust
	hostssl all,replication replica 192.0.2.0/24 scram-sha-256
	END
	peer_settings="User=postgres"
	peer postgres "$postgres_bin/postgres" -D $data -c listen_addresses=192.0.2.2 \
		-c unix_socket_directories=/srv/postgres -c ssl=on -c wal_level=replica \
		-c ssl_cert_file=/etc/peer/cert.pem -c ssl_key_file=/srv/postgres/key.pem &&
		primary "CREATE ROLE replica LOGIN REPLICATION PASSWORD 'secret'" \
			"CREATE TABLE words(word text)" \
			"GRANT ALL ON words TO replica"
}

# primary SQL…: what the server is asked by its administrator
primary()
{
	local one
	for one; do
		as_postgres psql -qAtX -h /srv/postgres -v ON_ERROR_STOP=1 -c "$one" || return
	done
}

here_psql()
{
	as_postgres psql -qAtX -c "$1"
}

# A standby, which is a copy of the server
setup_postgresql()
{
	local data=/var/lib/postgresql/15/main
	peer_postgres || return
	rm -r $data
	as_postgres pg_basebackup -D $data -X stream -c fast \
		-d "host=server.example user=replica password=secret sslmode=require" || return
	as_postgres touch $data/standby.signal
	ask()
	{
		primary "INSERT INTO words VALUES ('$token')" && within 3 on_standby
	}
}

on_standby()
{
	here_psql "SELECT word FROM words" | grep -q "$token"
}

setup_postgres_fdw()
{
	peer_postgres
	ask()
	{
		here_psql "INSERT INTO words VALUES ('$token')" && primary \
			"SELECT word FROM words" | grep -q "$token"
	}
}

# --- PgBouncer --------------------------------------------------------------

setup_pgbouncer()
{
	peer_postgres
	ask()
	{
		PGPASSWORD=secret psql -qAtX -h localhost -p 6432 -U replica shop \
			-c "INSERT INTO words VALUES ('$token')" &&
			primary "SELECT word FROM words" | grep -q "$token"
	}
}

# --- MariaDB: a replica -----------------------------------------------------

setup_mariadb()
{
	local data=/srv/mariadb
	peer_port=3306
	mkdir -p $data
	mariadb-install-db --no-defaults --user=mysql --datadir=$data \
		--auth-root-authentication-method=normal --skip-test-db || return
	install -o mysql -m 600 /etc/peer/key.pem $data/key.pem
	peer mariadb /usr/sbin/mariadbd --no-defaults --user=mysql --datadir=$data \
		--socket=$data/socket --pid-file=$data/pid --bind-address=192.0.2.2 \
		--server-id=1 --log-bin=log --require-secure-transport=ON \
		--ssl-cert=/etc/peer/cert.pem --ssl-key=$data/key.pem || return
	source_sql "CREATE USER replica@'%' IDENTIFIED BY 'secret';
		GRANT REPLICATION SLAVE ON *.* TO replica@'%'; CREATE DATABASE shop;
		CREATE TABLE shop.words(word char(40));"
	no_reload="a reload reads its logs and rights again, no connection"
	ask()
	{
		source_sql "INSERT INTO shop.words VALUES ('$token')" && within 3 on_replica
	}
}

source_sql()
{
	mariadb --no-defaults -u root -S /srv/mariadb/socket -e "$1"
}

on_replica()
{
	mariadb -N -e "SELECT word FROM shop.words" | grep -q "$token"
}
