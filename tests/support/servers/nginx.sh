# nginx: a web server that speaks HTTPS only, and TLS in front of servers that
# have none.
#
#   start_nginx                 sets port_nginx_tls
#       /                       one line with protocol, cipher and SNI
#       /files/…                what is in $T/nginx/files: large, 5 MB
#       /git/…                  git's smart HTTP for what is in $T/nginx/git
#   start_front NAME BACKEND [ALPN]
#                               sets port_NAME_tls; BACKEND as nginx names it:
#                               unix:/path, or 127.0.0.1:port.  Who does not
#                               offer the protocol ALPN is turned away
#   start_service NAME COMMAND  sets port_NAME_tls: COMMAND, its standard input
#                               and output the connection, for each client
#
# Packages: nginx-light, libnginx-mod-stream, fcgiwrap, git, socat.
needs_nginx="nginx fcgiwrap git"

start_nginx()
{
	local socket=$T/nginx/fcgi.socket
	mkdir -p "$T/nginx/git"
	start fcgiwrap env HOME="$T/nginx" GIT_PROJECT_ROOT="$T/nginx/git" \
		GIT_HTTP_EXPORT_ALL=1 fcgiwrap -s "unix:$socket"
	wait_for "$socket" fcgiwrap
	nginx_start nginx good "
		ssl_protocols TLSv1.2 TLSv1.3;
		location ~ ^/git(/.*)\$ {
			fastcgi_pass unix:$socket;
			fastcgi_param SCRIPT_FILENAME $(git --exec-path)/git-http-backend;
			fastcgi_param PATH_INFO \$1;
			fastcgi_param QUERY_STRING \$query_string;
			fastcgi_param REQUEST_METHOD \$request_method;
			fastcgi_param CONTENT_TYPE \$content_type;
			fastcgi_param CONTENT_LENGTH \$content_length;
			fastcgi_param HTTP_CONTENT_ENCODING \$http_content_encoding;
		}"
	port_nginx_tls=$port
	head -c 5000000 /dev/urandom >"$T/nginx/files/large"
}

start_front()
{
	front_name=$1 front_backend=$2 front_alpn=${3-}
	mkdir -p "$T/$front_name"
	start_on_port "$front_name-front" front_exec
	printf -v "port_$1_tls" %s "$port"
}

front_exec()
{
	local here=$T/$front_name module=/usr/lib/nginx/modules/ngx_stream_module.so
	cat >"$here/front.conf" <<-END
	$([ ! -e $module ] || echo "load_module $module;")
	daemon off;
	master_process off;
	pid $here/front.pid;
	error_log $here/front.log;
	events { worker_connections 1024; }
	stream {
		map \$ssl_alpn_protocol \$backend {
			"$front_alpn" $front_backend;
			default unix:/nonexistent;
		}
		server {
			listen 127.0.0.1:$1 ssl;
			$(! ipv6_loopback || echo "listen [::1]:$1 ssl;")
			ssl_certificate $CERTS/good.pem;
			ssl_certificate_key $CERTS/good.key;
			ssl_protocols TLSv1.2 TLSv1.3;
			${front_alpn:+ssl_alpn $front_alpn;}
			proxy_pass \$backend;
			ssl_handshake_timeout 5s;
		}
	}
	END
	exec nginx -c "$here/front.conf" -p "$here" -e "$here/front.log"
}

start_service()
{
	local name=$1
	shift
	mkdir -p "$T/$name"
	start "$name" socat "UNIX-LISTEN:$T/$name/socket,fork" "EXEC:$*"
	wait_for "$T/$name/socket" "$name"
	start_front "$name" "unix:$T/$name/socket"
}
