# Clients of what keeps data: databases, caches, a message broker.

rows_store()
{
	matrix_rows <<-'END'
	redis-cli | redis_tls | redis_works | sets and gets 1 MB, subscribes
	psql sslmode=disable | postgres_tls | postgres psql_works | inserts and selects 1 MB
	mariadb --skip-ssl | mariadb_tls | mariadb_native | inserts and selects 1 MB
	mariadb ed25519 | mariadb_tls | mariadb_ed25519 | inserts and selects 1 MB
	mosquitto_pub and _sub | mosquitto_tls | mosquitto_works | publishes, is told, QoS 2
	redis-cli by IPv6 | redis_tls | six redis_works | sets and gets 1 MB, subscribes
	psql by IPv6 | postgres_tls | six postgres psql_works | inserts and selects 1 MB
	php mysqlnd | mariadb_tls | php_mysql | inserts and selects
	php pg_connect | postgres_tls | postgres php_postgres | inserts and selects
	python3 pymysql | mariadb_tls | python_mysql | inserts and selects 1 MB
	java JDBC | postgres_tls | postgres java_postgres | inserts and selects 1 MB
	memccp and memccat | memcached_tls | memcached_tools | brings and fetches
	perl Cache::Memcached | memcached_tls | memcached_perl | sets and gets 500 kB
	python3 pymemcache | memcached_tls | memcached_pymemcache | sets and gets 500 kB
	python3 memcache | memcached_tls | memcached_python | sets and gets 500 kB
	node ioredis | redis_tls | ioredis_works | sets and gets 1 MB, subscribes
	node mqtt | mosquitto_tls | mqtt_works | publishes, is told, QoS 2
	END
}

redis_works()
{
	head -c 700000 /dev/urandom | base64 -w 0 >"$W/value"
	redis_client -x SET "$tag" <"$W/value" >"$W/set" && has "$W/set" OK &&
	redis_client GET "$tag" | tr -d '\n' >"$W/got" &&
	same "$W/value" "$W/got" || return
	redis_client SUBSCRIBE "$tag" >"$W/heard" &
	within 20 has "$W/heard" subscribe 2>"$W/waited" &&
	redis_client PUBLISH "$tag" "word of $tag" >"$W/told" &&
	within 20 has "$W/heard" "word of $tag" 2>"$W/waited"
	set -- $?
	kill_tree "$!"
	return "$1"
}

redis_client()
{
	client redis-cli -h "$host" -p "$port" --user alice --pass secret \
		--no-auth-warning --raw "$@"
}

ioredis_works()
{
	head -c 1000000 /dev/urandom >"$W/value"
	npm_client ioredis "$host" "$port" "$tag" "$W/value" >"$W/told" &&
		has "$W/told" "true word of $tag"
}

# postgres FUNCTION: with what PostgreSQL demands of TLS from the first byte
postgres()
{
	rules=${rules/=tls:/=postgres+tls:}
	"$@"
}

psql_works()
{
	local connection="host=$host port=$port user=alice dbname=shop
		sslmode=disable gssencmode=disable"
	seq 1 170000 >"$W/numbers"
	PGPASSWORD=secret PGCONNECT_TIMEOUT=50 client psql -X -q -A -t \
		-v ON_ERROR_STOP=1 "$connection" \
		-c "CREATE TABLE $tag (n int)" -c "\\copy $tag FROM STDIN" \
		-c "SELECT n FROM $tag ORDER BY n" <"$W/numbers" >"$W/back" &&
	same "$W/numbers" "$W/back"
}

mariadb_native()
{
	mariadb_works alice
}

mariadb_ed25519()
{
	mariadb_works edith
}

mariadb_works()
{
	seq 1 170000 >"$W/numbers"
	{
		echo "CREATE TABLE $tag (n INT PRIMARY KEY);"
		seq 1 170000 | paste -s -d ' ' | sed 's/ /),(/g' |
			sed "s/^/INSERT INTO $tag VALUES (/; s/\$/);/"
		echo "SELECT n FROM $tag ORDER BY n;"
	} >"$W/sql"
	client mariadb --no-defaults --protocol=tcp -h "$host" -P "$port" \
		-u "$1" -psecret --skip-ssl -N shop <"$W/sql" >"$W/back" &&
	same "$W/numbers" "$W/back"
}

php_mysql()
{
	cat >"$W/program" <<-'END'
	<?php
	[, $host, $port, $tag] = $argv;
	mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);
	$db = new mysqli($host, "alice", "secret", "shop", (int)$port);
	$db->query("CREATE TABLE $tag (t LONGTEXT)");
	$text = str_repeat("$tag,", 10000);
	$insert = $db->prepare("INSERT INTO $tag VALUES (?)");
	$insert->bind_param("s", $text);
	$insert->execute();
	$row = $db->query("SELECT t FROM $tag")->fetch_row();
	exit($row[0] === $text ? 0 : 1);
	END
	# "localhost" would be a file for it; the rule's name has its address.
	client php "$W/program" "${host/localhost/127.0.0.1}" "$port" "$tag"
}

# PHP loads the library for it with RTLD_DEEPBIND.
php_postgres()
{
	cat >"$W/program" <<-'END'
	<?php
	[, $host, $port, $tag] = $argv;
	$db = pg_connect("host=$host port=$port user=alice password=secret
		dbname=shop sslmode=disable") or exit(1);
	pg_query($db, "CREATE TABLE $tag (t text)");
	$text = str_repeat("$tag,", 10000);
	pg_query_params($db, "INSERT INTO $tag VALUES ($1)", [$text]);
	$row = pg_fetch_row(pg_query($db, "SELECT t FROM $tag"));
	exit($row[0] === $text ? 0 : 1);
	END
	client php "$W/program" "$host" "$port" "$tag"
}

python_mysql()
{
	cat >"$W/program" <<-'END'
	import sys, pymysql
	host, port, tag = sys.argv[1:]
	db = pymysql.connect(host=host, port=int(port), user="alice",
	    password="secret", database="shop", ssl_disabled=True)
	c = db.cursor()
	c.execute("CREATE TABLE %s (t LONGTEXT)" % tag)
	c.execute("INSERT INTO %s VALUES (%%s)" % tag, (tag * 80000,))
	c.execute("SELECT t FROM %s" % tag)
	assert c.fetchone()[0] == tag * 80000
	END
	client "$PYTHON" "$W/program" "$host" "$port" "$tag"
}

java_postgres()
{
	cat >"$W/Query.java" <<-'END'
	import java.sql.*;
	public class Query {
		public static void main(String[] a) throws Exception {
			Connection c = DriverManager.getConnection(a[0], "alice", "secret");
			c.createStatement().execute("CREATE TABLE " + a[1] + " (t text)");
			PreparedStatement p = c.prepareStatement(
				"INSERT INTO " + a[1] + " VALUES (?)");
			String text = a[1].repeat(80000);
			p.setString(1, text);
			p.execute();
			ResultSet r = c.createStatement().executeQuery(
				"SELECT t FROM " + a[1]);
			r.next();
			if (!r.getString(1).equals(text))
				System.exit(1);
		}
	}
	END
	client java -XX:TieredStopAtLevel=1 -Xmx128m \
		-cp /usr/share/java/postgresql.jar "$W/Query.java" \
		"jdbc:postgresql://$at:$port/shop?sslmode=disable" "$tag"
}

# Version 2.1 of the broker now and then ends a connection by a reset, when all data
# are there and the client has said DISCONNECT.
mosquitto_works()
{
	may_end="behind the goodbye, "
	local broker=(-h "$host" -p "$port" -u alice -P secret -q 2)
	head -c 200000 /dev/urandom >"$W/message"
	client mosquitto_pub "${broker[@]}" -r -t "test/$tag" -f "$W/message" &&
	client mosquitto_sub "${broker[@]}" -t "test/$tag" -C 1 -W 50 -N \
		>"$W/back" && same "$W/message" "$W/back"
}

mqtt_works()
{
	may_end="behind the goodbye, "
	npm_client mqtt "$host" "$port" "$tag" >"$W/told" &&
		has "$W/told" "word of $tag"
}

memcached_tools()
{
	head -c 300000 /dev/urandom | base64 -w 0 >"$W/$tag"
	client memccp --servers="$host:$port" "$W/$tag" &&
	client memccat --servers="$host:$port" "$tag" | tr -d '\n' >"$W/back" &&
	same "$W/$tag" "$W/back"
}

memcached_perl()
{
	client perl -MCache::Memcached -e '
		my $m = Cache::Memcached->new(servers => ["$ARGV[0]:$ARGV[1]"],
			connect_timeout => 50, select_timeout => 50);
		$m->set($ARGV[2], "$ARGV[2]," x 50000) or die "not set";
		$m->get($ARGV[2]) eq "$ARGV[2]," x 50000 or die "not got";
		' "$host" "$port" "$tag"
}

memcached_pymemcache()
{
	cat >"$W/program" <<-'END'
	import sys
	from pymemcache.client.base import Client
	host, port, tag = sys.argv[1:]
	c = Client((host, int(port)), connect_timeout=50, timeout=50)
	assert c.set(tag, (tag + ",") * 50000, noreply=False)
	assert c.get(tag) == (tag + ",").encode() * 50000
	END
	client "$PYTHON" "$W/program" "$host" "$port" "$tag"
}

memcached_python()
{
	cat >"$W/program" <<-'END'
	import sys, memcache
	host, port, tag = sys.argv[1:]
	c = memcache.Client([host + ":" + port], socket_timeout=50)
	assert c.set(tag, (tag + ",") * 50000)
	assert c.get(tag) == (tag + ",") * 50000
	END
	client "$PYTHON" "$W/program" "$host" "$port" "$tag"
}
