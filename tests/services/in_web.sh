# nginx, Apache, HAProxy, Squid, Varnish, php-fpm, Tomcat: the server is an origin
# with HTTPS only.

# asks_http URL-PREFIX [CURL-ARGUMENT…]: the origin tells the version of TLS that it saw
asks_http()
{
	local url=$1
	shift
	curl -sS -m 10 "$@" "$url/$token" | tee /dev/stderr | grep -q "^TLSv1.* /$token"
}

# downloads URL [CURL-ARGUMENT…]: three seconds, in the background, which is
# under way when the daemon is stopped
downloads()
{
	rm -f /tmp/download /tmp/download.done
	{
		curl -sS -m 30 -o /tmp/download "$@"
		echo $? >/tmp/download.done
	} >/tmp/download.log 2>&1 &
	within 10 test -s /tmp/download
}

downloaded()
{
	cat /tmp/download.log
	[ "$(cat /tmp/download.done 2>/dev/null)" = 0 ] &&
		[ "$(stat -c %s /tmp/download)" = 300000 ]
}

# --- nginx ------------------------------------------------------------------

setup_nginx()
{
	peer_https
	no_upgrade=
	ask() { asks_http http://localhost:8080; }
	busy() { downloads http://localhost:8080/slow/file; }
	drained() { downloaded; }
	# What Debian's package does when it is upgraded (nginx.postinst).
	upgrade()
	{
		local old
		old=$(cat /run/nginx.pid)
		kill -USR2 "$old"
		within 10 test -s /run/nginx.pid.oldbin && within 10 test -s /run/nginx.pid || return
		kill -QUIT "$(cat /run/nginx.pid.oldbin)"
		within 10 gone "$old"
	}
}

gone()
{
	! kill -0 "$1" 2>/dev/null
}

# --- Apache -----------------------------------------------------------------

setup_apache2()
{
	peer_https
	ask() { asks_http http://localhost/backend; }
	busy() { downloads http://localhost/backend/slow/file; }
	drained() { downloaded; }
}

# --- HAProxy: a reload is a re-exec of its master ---------------------------

setup_haproxy()
{
	peer_https
	no_upgrade="a reload starts its program again"
	ask() { asks_http http://localhost:8080; }
}

# --- Squid ------------------------------------------------------------------

setup_squid()
{
	peer_https
	ask() { asks_http http://server.example -x http://localhost:3128; }
}

# --- Varnish ----------------------------------------------------------------

# systemd ends its child together with it, and it then says by its status, more often
# than not, that its child has died: without xsock, too.
setup_varnish()
{
	peer_https
	ends_with="success|exit-code"
	ask() { asks_http http://localhost:6081; }
}

# --- php-fpm ----------------------------------------------------------------

setup_php_fpm()
{
	peer_https
	no_upgrade="a reload starts its program again"
	cat >/var/www/html/ask.php <<-'END'
	<?php echo file_get_contents("http://server.example/$_SERVER[QUERY_STRING]");
	END
	ask()
	{
		env -i REQUEST_METHOD=GET SCRIPT_FILENAME=/var/www/html/ask.php \
			QUERY_STRING="$token" cgi-fcgi -bind -connect /run/php/php8.2-fpm.sock |
			tee /dev/stderr | grep -q "^TLSv1.* /$token"
	}
}

# --- Tomcat -----------------------------------------------------------------

setup_tomcat10()
{
	peer_https
	no_reload="it has none"
	PATIENCE=60
	cat >/var/lib/tomcat10/webapps/ROOT/ask.jsp <<-'END'
	<%= new String(new java.net.URL("http://server.example/"
		+ request.getQueryString()).openStream().readAllBytes()) %>
	END
	ask()
	{
		curl -sS -m 10 "http://localhost:8080/ask.jsp?$token" | tee /dev/stderr |
			grep -q "^TLSv1.* /$token"
	}
}
