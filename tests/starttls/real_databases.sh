# PostgreSQL with hostssl alone, MariaDB with require_secure_transport.  MySQL's
# client begins TLS with a packet of its own, so there is nothing to be seen.

rows_databases()
{
	starttls_rows <<-END
	postgres | performed | postgres_starttls | psql sslmode=disable | psql_disable
	postgres | performed | postgres_starttls | psql sslmode=prefer | psql_prefer
	postgres | performed | postgres_starttls | python3 psycopg2 | psycopg_postgres
	postgres | performed | postgres_starttls | php | php_postgres
	postgres | at once | postgres_direct_tls | psql sslmode=disable | psql_disable
	postgres | at once | postgres_direct_tls | psql sslmode=prefer | psql_prefer
	postgres | at once | postgres_direct_tls | python3 psycopg2 | psycopg_postgres
	postgres | seen | postgres_starttls | python3 (scripted) | scripted_postgres
	postgres | own | postgres_starttls | psql sslmode=verify-full | psql_tls
	postgres | both | postgres_starttls | psql with Ctrl-C | psql_cancel
	postgres | own | postgres_starttls | node pg ssl | pg_tls
	postgres | performed | postgres_starttls | pgbench | pgbench_postgres
	postgres | performed | postgres_starttls | node pg | pg_postgres
	postgres | performed | postgres_starttls | node pg.Pool | pg_pool_postgres
	postgres | performed | postgres_starttls | node postgres | postgres_js
	mysql | performed | mariadb_starttls | mariadb --skip-ssl | mariadb_native
	mysql | performed | mariadb_starttls | mariadb ed25519 | mariadb_ed25519
	mysql | performed | mariadb_starttls | python3 pymysql | pymysql_mysql
	mysql | performed | mariadb_starttls | php mysqli | php_mysql
	mysql | performed | mariadb_starttls | node mysql2 | mysql2_mysql
	mysql | performed | mariadb_starttls | node mysql2 pool | mysql2_pool_mysql
	mysql | performed | mysql8_starttls | mariadb caching_sha2_password | mariadb_sha2
	mysql | performed | mysql8_starttls | php caching_sha2_password | php_sha2
	mysql | performed | mysql8_starttls | python3 caching_sha2_password | pymysql_sha2
	mysql | performed | mysql8_starttls | php change_user | php_change
	mysql | performed | mysql8_starttls | node caching_sha2_password | mysql2_sha2
	END
}

# 20,000 rows: more than one read's worth.
many_rows="SELECT count(*), sum(n) FROM generate_series(1, 20000) AS n"
many_bytes="SELECT repeat('0123456789abcdef', 40000) AS v"

psql_with()
{
	PGPASSWORD=secret client psql -X -A -t \
		"host=$host port=$port user=alice dbname=shop gssencmode=$1 $2" \
		-c "$many_rows" -c "$many_bytes" >"$W/rows" || return
	has "$W/rows" "20000|200010000" &&
		[ "$(wc -c <"$W/rows")" -gt 640000 ]
}

psql_disable() { psql_with disable sslmode=disable; }
psql_prefer() { [ "$attempt" != plain ] && psql_with prefer sslmode=prefer; }
psql_tls() { psql_with disable "sslmode=verify-full sslrootcert=$CA"; }

# psql says "Cancel request sent" whether it has gone anywhere or not.  Its cancel
# request has no TLS (libpq up to 16).
psql_cancel()
{
	PGPASSWORD=secret client timeout -s INT 10 psql -X \
		"host=$host port=$port user=alice dbname=shop gssencmode=disable
		sslmode=verify-full sslrootcert=$CA" -c "SELECT pg_sleep(40)"
	has "$W/stderr" "canceling statement due to user request"
}

psycopg_postgres()
{
	client "$PYTHON" -c '
import sys, psycopg2
db = psycopg2.connect(host=sys.argv[1], port=sys.argv[2], user="alice",
                      password="secret", dbname="shop", sslmode="disable")
cursor = db.cursor()
cursor.execute(sys.argv[3])
print(*cursor.fetchone())' "$host" "$port" "$many_rows" >"$W/rows" &&
		has "$W/rows" "20000 200010000"
}

php_postgres()
{
	client php -r '
$db = pg_connect("host=$argv[1] port=$argv[2] user=alice password=secret " .
		 "dbname=shop sslmode=disable") or exit(1);
print(implode(" ", pg_fetch_row(pg_query($db, $argv[3]))));' \
		"$host" "$port" "$many_rows" >"$W/rows" &&
		has "$W/rows" "20000 200010000"
}

# Each transaction on a connection of its own, and then many on two.
pgbench_postgres()
{
	export PGPASSWORD=secret PGSSLMODE=disable PGGSSENCMODE=disable
	pgbench_with -i -q && pgbench_with -n -C -c 2 -t 5 &&
		pgbench_with -n -c 2 -t 50
}

pgbench_with()
{
	client pgbench -h "$host" -p "$port" -U alice "$@" shop \
		>>"$W/rows"
}

# node_postgres NAME [CAFILE]
node_postgres()
{
	npm_client "$1" "$host" "$port" "$many_rows" "${@:2}" >"$W/rows" &&
		has "$W/rows" "20000 200010000"
}

pg_postgres() { node_postgres pg; }
pg_pool_postgres() { node_postgres pg-pool; }
pg_tls() { node_postgres pg-tls "$CA"; }
postgres_js() { node_postgres postgres; }

scripted_postgres()
{
	client "$PYTHON" "$here/scripted.py" postgres "$host" "$port"
}

mariadb_as()
{
	client mariadb --no-defaults --skip-ssl --protocol=TCP -h "$host" \
		-P "$port" -u "$1" -psecret -N shop \
		-e "SELECT sum(seq) FROM (WITH RECURSIVE s(seq) AS (SELECT 1
		    UNION ALL SELECT seq + 1 FROM s WHERE seq < 900)
		    SELECT seq FROM s) AS t; SELECT repeat('abcd', 200000);
		    SHOW STATUS LIKE 'Ssl_cipher'" >"$W/rows" || return
	has "$W/rows" 405450 && [ "$(wc -c <"$W/rows")" -gt 800000 ] &&
		grep -qE '^Ssl_cipher.TLS_' "$W/rows"
}

mariadb_native() { mariadb_as alice; }
mariadb_ed25519() { mariadb_as edith; }

pymysql_mysql()
{
	client "$PYTHON" -c '
import sys, pymysql
db = pymysql.connect(host=sys.argv[1], port=int(sys.argv[2]), user="alice",
                     password="secret", database="shop", ssl_disabled=True)
cursor = db.cursor()
cursor.execute("SHOW STATUS LIKE %s", "Ssl_cipher")
print(*cursor.fetchone())' "$host" "$port" >"$W/rows" &&
		has "$W/rows" "Ssl_cipher TLS_"
}

# Twice: in full, with the relay's RSA key, and then by the hash.
sha2()
{
	local how
	for how in full fast; do
		"$1" >"$W/$how" && has "$W/$how" "TLS TLS_" "$how" || return
	done
}

mariadb_sha2() { sha2 mariadb_select; }
php_sha2() { sha2 php_select; }
pymysql_sha2() { sha2 pymysql_select; }
mysql2_sha2() { sha2 mysql2_select; }

mysql2_select() { npm_client mysql2-select 127.0.0.1 "$port"; }

mysql2_mysql()
{
	npm_client mysql2 "$host" "$port" >"$W/rows" &&
		grep -q '^Ssl_cipher TLS_.* 42$' "$W/rows"
}

mysql2_pool_mysql()
{
	npm_client mysql2-pool "$host" "$port" >"$W/rows" &&
		has "$W/rows" "Ssl_cipher TLS_"
}

mariadb_select()
{
	client mariadb --no-defaults --skip-ssl --protocol=TCP -h "$host" \
		-P "$port" -u alice -psecret -N -e "SELECT 1"
}

php_select()
{
	client php -r '
$db = new mysqli("127.0.0.1", "alice", "secret", null, (int)$argv[1]);
print($db->query("SELECT 1")->fetch_row()[0]);' "$port"
}

php_change()
{
	client php -r '
$db = new mysqli("127.0.0.1", "alice", "secret", null, (int)$argv[1]);
for ($i = 0; $i < 3; $i++) {
	$db->query("SELECT \"" . str_repeat("x", 300000) . "\"")->fetch_row();
	$db->change_user("alice", "secret", null) or exit(1);
}
print($db->query("SELECT 1")->fetch_row()[0]);' "$port" >"$W/rows" &&
		has "$W/rows" "TLS TLS_" "changed"
}

pymysql_select()
{
	client "$PYTHON" -c '
import sys, pymysql
db = pymysql.connect(host=sys.argv[1], port=int(sys.argv[2]), user="alice",
                     password="secret", ssl_disabled=True)
cursor = db.cursor()
cursor.execute("SELECT 1")
print(*cursor.fetchone())' "$host" "$port"
}

php_mysql()
{
	client php -r '
$db = new mysqli($argv[1] == "localhost" ? "127.0.0.1" : $argv[1], "alice",
		 "secret", "shop", (int)$argv[2]);
print(implode(" ", $db->query("SHOW STATUS LIKE \"Ssl_cipher\"")
		      ->fetch_row()));' "$host" "$port" >"$W/rows" &&
		has "$W/rows" "Ssl_cipher TLS_"
}
