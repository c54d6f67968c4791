#!/bin/bash
# Starts the server and everybody who is compared, then run.py measures.
#
#     run.sh [--quick | --check]
. "$(dirname "$0")/../support/lib.sh"
. "$TESTS/support/programs.sh"
here=$TESTS/bench

# 10,000 connections are 20,000 descriptors in the relay.
ulimit -n 65536 2>/dev/null || ulimit -n "$(ulimit -Hn)"

# As many as the relay has workers.
threads=$(nproc)
[ "$threads" -ge 2 ] || threads=2
[ "$threads" -le 8 ] || threads=8

# A chain of RSA-2048, which most servers have, beside that of P-256.
make_rsa()
{
	certs_key()
	{
		openssl genrsa -out "$CERTS/$1.key" 2048
	}
	certs_root rsa-ca "xsock test CA of RSA" &&
	certs_issue rsa rsa-ca leaf DNS:localhost,IP:127.0.0.1 &&
	cat "$CERTS/ca.pem" "$CERTS/rsa-ca.pem" >"$CERTS/both.pem"
}

# start_server NAME CIPHERSUITE: $server has its ports, by certificate: RSA,
# P-256.
start_server()
{
	start "$1" "$BUILD/tests/bench/server" "$T/$1.ports" "$2" \
		"$CERTS/rsa.pem" "$CERTS/rsa.key" \
		"$CERTS/good.pem" "$CERTS/good.key"
	within 10 test -s "$T/$1.ports" || { cat "$T/$1.log" >&2; exit 1; }
	read -ra server <"$T/$1.ports"
}

# Each takes a port for each certificate; $reuse is "on" or "off".
exec_nginx()
{
	mkdir -p "$T/nginx$reuse"
	cat >"$T/nginx$reuse/conf" <<-END
	load_module /usr/lib/nginx/modules/ngx_stream_module.so;
	daemon off;
	worker_processes $threads;
	pid $T/nginx$reuse/pid;
	error_log stderr;
	events { worker_connections 4096; }
	stream {
		proxy_ssl on;
		proxy_ssl_protocols TLSv1.3;
		proxy_ssl_verify on;
		proxy_ssl_trusted_certificate $CA;
		proxy_ssl_name localhost;
		proxy_ssl_session_reuse $reuse;
		tcp_nodelay on;
		server {
			listen 127.0.0.1:$1;
			proxy_pass 127.0.0.1:${server[0]};
		}
		server {
			listen 127.0.0.1:$2;
			proxy_pass 127.0.0.1:${server[1]};
		}
	}
	END
	exec nginx -e stderr -p "$T/nginx$reuse" -c "$T/nginx$reuse/conf"
}

exec_haproxy()
{
	cat >"$T/haproxy$reuse.conf" <<-END
	global
		nbthread $threads
		maxconn 4096
	defaults
		mode tcp
		timeout connect 60s
		timeout client 600s
		timeout server 600s
		default-server ssl verify required ca-file $CA verifyhost localhost $([ "$reuse" = on ] || echo no-ssl-reuse)
	listen rsa
		bind 127.0.0.1:$1
		server rsa 127.0.0.1:${server[0]}
	listen ecdsa
		bind 127.0.0.1:$2
		server ecdsa 127.0.0.1:${server[1]}
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
	client = yes
	CAfile = $CA
	verifyChain = yes
	checkIP = 127.0.0.1
	$([ "$reuse" = on ] || echo "sessionResume = no")
	[rsa]
	accept = 127.0.0.1:$1
	connect = 127.0.0.1:${server[0]}
	[ecdsa]
	accept = 127.0.0.1:$2
	connect = 127.0.0.1:${server[1]}
	END
	exec stunnel4 "$T/stunnel$reuse.conf"
}

# It does not resume, and has no X25519: P-256 is what it shakes hands with.  One
# process for each port.
exec_socat()
{
	exec socat "TCP-LISTEN:$1,bind=127.0.0.1,fork,reuseaddr,nodelay,backlog=512" \
		"OPENSSL:127.0.0.1:$target,cafile=$CA,commonname=localhost,nodelay"
}

# Changes a byte of what it carries: the check must find it.
exec_liar()
{
	exec "$PYTHON" -B "$here/liar.py" "$1" "$honest"
}

# Where proxychains and graftcp lead to.
exec_socks()
{
	exec microsocks -i 127.0.0.1 -p "$1"
}

# The half of graftcp that connects; $BENCH_GRAFTCP is the other one.
exec_graftcp()
{
	exec "$(dirname "$BENCH_GRAFTCP")/graftcp-local" -listen "127.0.0.1:$1" \
		-pipepath "$T/graftcp.pipe" -select_proxy_mode only_socks5 \
		-socks5 "127.0.0.1:$BENCH_SOCKS"
}

# start_front NAME WORD…: a server of datagrams; sets $port
start_front()
{
	start "front-$1" "$BUILD/tests/udp/front" "$T" "$@"
	within 10 test -s "$T/$1.port" || { cat "$T/front-$1.log" >&2; exit 1; }
	port=$(cat "$T/$1.port")
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
			ssl_certificate $CERTS/rsa.pem;
			ssl_certificate_key $CERTS/rsa.key;
			ssl_protocols TLSv1.3;
			ssl_session_cache shared:s:1m;
			root $T/web;
		}
	}
	END
	exec nginx -e stderr -p "$T/web" -c "$T/web/conf"
}

suite_begin bench
make_rsa >>"$CERTS/log" 2>&1 || { cat "$CERTS/log" >&2; exit 1; }
CA=$CERTS/both.pem
start_server server TLS_AES_256_GCM_SHA384
export BENCH_RSA=${server[0]} BENCH_ECDSA=${server[1]}
export BENCH_CA=$CA BENCH_FOLDER=$T BENCH_BUILD=$BUILD BENCH_RELAY=$RELAY
export BENCH_LIBRARY=$BUILD/libxsock.so
# What every preloaded library costs.
export BENCH_EMPTY=$T/empty.so
${CC:-cc} -shared -o "$BENCH_EMPTY" -x c /dev/null || exit 1
# The ports and the process, for run.py.
for reuse in on off; do
	for name in nginx haproxy stunnel; do
		start_on_port "$name$reuse" "exec_$name" 2
		export "BENCH_${name}_$reuse=${ports[*]} $!"
	done
done
target=${server[1]} && start_on_port socatecdsa exec_socat && ecdsa=$port
target=${server[0]} && start_on_port socatrsa exec_socat
export "BENCH_socat_off=$port $ecdsa $!"
start bare "$BUILD/tests/bench/bare" \
	"$T/bare.rsa" "${server[0]}" "$T/bare.ecdsa" "${server[1]}"
export BENCH_BARE="$T/bare.rsa $T/bare.ecdsa $!"
start_on_port web exec_web
export BENCH_WEB=$port
start_on_port socks exec_socks
export BENCH_SOCKS=$port
start_front dtls "tls=$CERTS/good"
export BENCH_DTLS=$port BENCH_DTLS_LOG=$T/dtls.log
start_front udp
export BENCH_UDP=$port
if [ "${BENCH_GRAFTCP-}" ]; then
	start_on_port graftcp exec_graftcp
	export BENCH_GRAFTCP_LOCAL="$T/graftcp.pipe $port"
fi
if [ "${1-}" = --check ]; then
	honest=${BENCH_nginx_off%% *}
	start_on_port liar exec_liar
	export BENCH_LIAR=$port
	start_server other TLS_CHACHA20_POLY1305_SHA256
	export BENCH_OTHER=${server[0]}
fi
"$PYTHON" -B "$here/run.py" "$@" || { tail -n 5 "$T"/*.log >&2; exit 1; }
