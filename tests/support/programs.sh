# Real servers with private configurations, for the suites and the demo.
# Source lib.sh first.  Each sets $port (IPv4 and IPv6 loopback).

# A host with two addresses: after 0.2 s curl would try the second one beside the
# first, and give up one of them.  A busy machine takes longer.
curl='curl --happy-eyeballs-timeout-ms 20000'

# nginx_start NAME CERTIFICATE [DIRECTIVE…]: HTTPS only.  "/" answers one line
# with protocol, cipher and SNI; /files has what is in $T/NAME/files.  Set
# nginx_listen for another word than "ssl" behind the addresses.
nginx_start()
{
	nginx_name=$1 nginx_certificate=$2
	shift 2
	nginx_directives=${*:-ssl_protocols TLSv1.2 TLSv1.3;}
	mkdir -p "$T/$nginx_name/files" "$T/$nginx_name/temp"
	start_on_port "$nginx_name" nginx_exec
}

nginx_exec()
{
	local here=$T/$nginx_name
	cat >"$here/nginx.conf" <<-END
	daemon off;
	master_process off;
	pid $here/pid;
	error_log $here/error.log;
	events { worker_connections 1024; }
	http {
		access_log off;
		client_body_temp_path $here/temp;
		proxy_temp_path $here/temp;
		fastcgi_temp_path $here/temp;
		uwsgi_temp_path $here/temp;
		scgi_temp_path $here/temp;
		server {
			listen 127.0.0.1:$1 ${nginx_listen:-ssl};
			$(! ipv6_loopback || echo "listen [::1]:$1 ${nginx_listen:-ssl};")
			ssl_certificate $CERTS/$nginx_certificate.pem;
			ssl_certificate_key $CERTS/$nginx_certificate.key;
			$nginx_directives
			root $here;
			location = / {
				return 200 "hello from nginx, \$ssl_protocol, \$ssl_cipher, SNI \$ssl_server_name\n";
			}
		}
	}
	END
	exec nginx -c "$here/nginx.conf" -p "$here" -e "$here/error.log"
}

# redis_start: TLS only
redis_start()
{
	mkdir -p "$T/redis"
	start_on_port redis redis_exec
}

redis_exec()
{
	local addresses=127.0.0.1
	! ipv6_loopback || addresses="127.0.0.1 ::1"
	exec redis-server --port 0 --tls-port "$1" --bind $addresses \
		--tls-cert-file "$CERTS/good.pem" \
		--tls-key-file "$CERTS/good.key" \
		--tls-ca-cert-file "$CA" --tls-auth-clients no \
		--save '' --dir "$T/redis"
}

# s_server_start NAME ARGUMENT…: openssl's own server
s_server_start()
{
	s_server_name=$1
	shift
	s_server_arguments=("$@")
	start_on_port "$s_server_name" s_server_exec
}

s_server_exec()
{
	# It ends when its standard input does: this one never does.
	local fifo=$T/$s_server_name.fifo
	[ -p "$fifo" ] || mkfifo "$fifo"
	exec openssl s_server -accept "$1" -cert "$CERTS/good.pem" \
		-key "$CERTS/good.key" "${s_server_arguments[@]}" <>"$fifo"
}

# apache_start NAME [DIRECTIVE…]: HTTPS only.  Everything is a page that mod_status
# makes, because a server that root starts could not read files of $T; the
# directives say what is special about which part of it.
apache_start()
{
	apache_name=$1
	shift
	apache_directives=$(printf '%s\n' "$@")
	mkdir -p "$T/$apache_name"
	start_on_port "$apache_name" apache_exec
}

apache_exec()
{
	local here=$T/$apache_name modules=/usr/lib/apache2/modules module

	cat >"$here/apache.conf" <<-END
	ServerName localhost
	ServerRoot $here
	DefaultRuntimeDir $here
	PidFile $here/pid
	ErrorLog $here/error.log
	Listen 127.0.0.1:$1
	$(! ipv6_loopback || echo "Listen [::1]:$1")
	$(for module in mpm_event authz_core status headers ssl; do
		echo "LoadModule ${module}_module $modules/mod_$module.so"
	done)
	$(as_root User nobody)
	$(as_root Group nogroup)
	SSLEngine on
	SSLCertificateFile $CERTS/good.pem
	SSLCertificateKeyFile $CERTS/good.key
	SSLCACertificateFile $CA
	Header always set X-Client "%{SSL_CLIENT_VERIFY}s, %{SSL_PROTOCOL}s"
	<Location />
	SetHandler server-status
	</Location>
	$apache_directives
	END
	exec apache2 -X -f "$here/apache.conf"
}

# gnutls_start NAME ARGUMENT…: GnuTLS's own server, which gives back each line and
# does what **REHANDSHAKE** and **REAUTH** ask for
gnutls_start()
{
	gnutls_name=$1
	shift
	gnutls_arguments=("$@")
	start_on_port "$gnutls_name" gnutls_exec
}

gnutls_exec()
{
	exec gnutls-serv --echo --quiet --port "$1" --x509certfile "$CERTS/good.pem" \
		--x509keyfile "$CERTS/good.key" --x509cafile "$CA" \
		"${gnutls_arguments[@]}" </dev/null
}

ipv6_loopback()
{
	grep -q '^00000000000000000000000000000001 ' /proc/net/if_inet6 2>/dev/null
}

# as_root WORD…: prints them when this is run by root, who has to be told to
# some servers
as_root()
{
	[ "$(id -u)" -ne 0 ] || echo "$*"
}
