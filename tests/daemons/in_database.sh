# PostgreSQL's walreceiver, started by Debian's pg_ctlcluster, which gives the
# server no variables but those of the cluster's file "environment".

# A primary that has TLS, which a standby is then copied from.
replica_prepare()
{
	. "$TESTS/support/servers/postgres.sh"
	start_front() { :; } # its port for TLS at once is not needed
	start_postgres
	printf '%s\n' 'local replication owner trust' \
		'hostssl replication alice all scram-sha-256' \
		>>"$T/postgres/data/pg_hba.conf"
	primary_query "ALTER ROLE alice REPLICATION" "SELECT pg_reload_conf()"
	replica_version=$(basename "$(dirname "$postgres_bin")")
	mkdir -p "$T/standby" "$T/standby-run"
	chown postgres:postgres "$T/standby" "$T/standby-run"
	"${postgres_user[@]}" "$postgres_bin/pg_basebackup" -h "$T/postgres" \
		-p "$port_postgres_starttls" -U owner -D "$T/postgres/copy" -X stream -c fast \
		>"$ERR" 2>&1 || return
	mv "$T/postgres/copy" "$T/standby/data"
	chown -R postgres:postgres "$T/standby/data"
	: >"$T/standby/data/standby.signal"
	replica_rule="127.0.0.1:$port_trap=postgres+starttls://localhost:$port_postgres_starttls?cafile=$CA&timeout=10"
}

primary_query()
{
	local query
	for query; do
		"${postgres_user[@]}" "$postgres_bin/psql" -q -X -h "$T/postgres" \
			-p "$port_postgres_starttls" -U owner -d postgres \
			-c "$query" >"$OUT" 2>&1
	done
}

# replica_start MODE [VARIABLE=VALUE…]: those of the cluster's "environment"
replica_start()
{
	local etc=/etc/postgresql/$replica_version/xsock mode=$1
	shift
	mkdir -p "$etc"
	free_ports 1
	replica_log=$T/standby/log
	rm -f "$replica_log"
	cat >"$etc/postgresql.conf" <<-END
	data_directory = '$T/standby/data'
	hba_file = '$T/standby/data/pg_hba.conf'
	listen_addresses = ''
	port = $port
	unix_socket_directories = '$T/standby-run'
	ssl = off
	hot_standby = on
	max_connections = 20
	wal_retrieve_retry_interval = '500ms'
	primary_conninfo = 'host=127.0.0.1 port=$port_trap user=alice password=secret sslmode=disable gssencmode=disable'
	END
	printf "%s\n" "$@" | sed -n "s/^\([A-Z_]*\)=\(.*\)/\1 = '\2'/p" >"$etc/environment"
	echo manual >"$etc/start.conf"
	ln -sf "$replica_log" "$etc/log"
	chown -R postgres:postgres "$etc"
	row_begin
	rule=$replica_rule as_service "$mode" pg_ctlcluster --skip-systemctl-redirect \
		"$replica_version" xsock start >>"$ERR" 2>&1
	cat "$replica_log" >>"$ERR" 2>/dev/null
}

replica_pid()
{
	head -n 1 "$T/standby/data/postmaster.pid" 2>/dev/null
}

replica_stop()
{
	pg_ctlcluster --skip-systemctl-redirect -m immediate "$replica_version" xsock stop \
		>/dev/null 2>&1
}

# What the primary says: its standby, and whether that has TLS.
replicates_by_tls()
{
	primary_query "SELECT 'tls=' || ssl FROM pg_stat_ssl JOIN pg_stat_replication USING (pid)"
	grep -q 'tls=true' "$OUT"
}

try_walreceiver()
{
	local lost='is started without LD_PRELOAD' mode
	need walreceiver pg_ctlcluster || return
	replica_prepare || { fail walreceiver "no standby"; return; }
	at_end+=(replica_stop)
	replica_start ''
	row "postgres walreceiver" '' told "$lost: .*XSOCK_EXEC=keep"
	says "postgres walreceiver" "$(replica_pid)" '^[0-9]+ postgres: library NOT LOADED, NO RULES'
	replica_stop
	replica_start refuse
	PATIENCE=5 row "postgres walreceiver" refuse refused "$lost: it is not started"
	replica_stop
	replica_start keep
	if within 10 replicates_by_tls; then
		echo tls >"$T/servers/tls.data"
	fi
	row "postgres walreceiver" keep TLS
	says "postgres walreceiver, keep" "$(replica_pid)" \
		'^[0-9]+ postgres: library loaded, rules set' 'wrapped     [0-9]+ 127.0.0.1:'
	replica_stop
	replica_start supervised
	if within 10 replicates_by_tls; then
		echo tls >"$T/servers/tls.data"
	fi
	row "postgres walreceiver" supervised TLS
	replica_stop
	replica_start bare LD_PRELOAD="$PRELOAD" XSOCK_RULES="$replica_rule" \
		XSOCK_RELAY="$RELAY" XSOCK_RELAY_IDLE=1
	if within 10 replicates_by_tls; then
		echo tls >"$T/servers/tls.data"
	fi
	row "postgres walreceiver, environment" bare TLS
	replica_stop
}
