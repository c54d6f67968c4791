#!/bin/bash
# Starts the server and everybody who is compared, then run.py measures.
#
#     run.sh [--quick]
. "$(dirname "$0")/../support/lib.sh"
. "$TESTS/support/programs.sh"
here=$TESTS/bench

# 10,000 connections are 20,000 descriptors in the relay.
ulimit -n 65536 2>/dev/null || ulimit -n "$(ulimit -Hn)"

start_bench()
{
	start server "$BUILD/tests/bench/server" "$CERTS/good.pem" \
		"$CERTS/good.key" "$T/ports"
	within 10 test -s "$T/ports" || { cat "$T/server.log" >&2; exit 1; }
	read -r server plain <"$T/ports"
}

# Each takes a port, and "on" or "off" for the reuse of sessions.
exec_nginx()
{
	mkdir -p "$T/nginx$reuse"
	cat >"$T/nginx$reuse/conf" <<-END
	load_module /usr/lib/nginx/modules/ngx_stream_module.so;
	daemon off;
	worker_processes 2;
	pid $T/nginx$reuse/pid;
	error_log stderr;
	events { worker_connections 4096; }
	stream {
		server {
			listen 127.0.0.1:$1;
			proxy_pass 127.0.0.1:$server;
			proxy_ssl on;
			proxy_ssl_protocols TLSv1.3;
			proxy_ssl_verify on;
			proxy_ssl_trusted_certificate $CA;
			proxy_ssl_name localhost;
			proxy_ssl_session_reuse $reuse;
			tcp_nodelay on;
		}
	}
	END
	exec nginx -e stderr -p "$T/nginx$reuse" -c "$T/nginx$reuse/conf"
}

exec_haproxy()
{
	cat >"$T/haproxy$reuse.conf" <<-END
	global
		nbthread 2
		maxconn 4096
	defaults
		mode tcp
		timeout connect 60s
		timeout client 600s
		timeout server 600s
	listen bench
		bind 127.0.0.1:$1
		server bench 127.0.0.1:$server ssl verify required ca-file $CA verifyhost localhost $([ "$reuse" = on ] || echo no-ssl-reuse)
	END
	exec haproxy -db -f "$T/haproxy$reuse.conf"
}

exec_stunnel()
{
	cat >"$T/stunnel$reuse.conf" <<-END
	foreground = yes
	pid =
	socket = l:TCP_NODELAY=1
	socket = r:TCP_NODELAY=1
	[bench]
	client = yes
	accept = 127.0.0.1:$1
	connect = 127.0.0.1:$server
	CAfile = $CA
	verifyChain = yes
	checkIP = 127.0.0.1
	$([ "$reuse" = on ] || echo "sessionResume = no")
	END
	exec stunnel4 "$T/stunnel$reuse.conf"
}

# It does not resume, and has no X25519: P-256 is what it shakes hands with.
exec_socat()
{
	exec socat "TCP-LISTEN:$1,bind=127.0.0.1,fork,reuseaddr,nodelay,backlog=512" \
		"OPENSSL:127.0.0.1:$server,cafile=$CA,commonname=localhost,nodelay"
}

# A web server, for curl.
exec_web()
{
	mkdir -p "$T/web"
	echo "a small file" >"$T/web/file"
	cat >"$T/web/conf" <<-END
	$(as_root "user root;")
	daemon off;
	worker_processes 1;
	pid $T/web/pid;
	error_log stderr;
	events { }
	http {
		access_log off;
		server {
			listen 127.0.0.1:$1 ssl;
			ssl_certificate $CERTS/good.pem;
			ssl_certificate_key $CERTS/good.key;
			ssl_protocols TLSv1.3;
			ssl_session_cache shared:s:1m;
			root $T/web;
		}
	}
	END
	exec nginx -e stderr -p "$T/web" -c "$T/web/conf"
}

suite_begin bench
start_bench
export BENCH_SERVER=$server BENCH_PLAIN=$plain BENCH_CA=$CA BENCH_FOLDER=$T
export BENCH_BUILD=$BUILD BENCH_RELAY=$RELAY BENCH_LIBRARY=$BUILD/libxsock.so
for reuse in on off; do
	for name in nginx haproxy stunnel; do
		start_on_port "$name$reuse" "exec_$name"
		export "BENCH_${name}_$reuse=$port $!"
	done
done
start_on_port socat exec_socat
export "BENCH_socat_off=$port $!"
start_on_port web exec_web
export BENCH_WEB=$port
"$PYTHON" -B "$here/run.py" "$@" || { tail -n 5 "$T"/*.log >&2; exit 1; }
