# Squid, nginx, php-fpm.

# --- Squid ---------------------------------------------------------------------

# Its kid, which connects, is started with real user "proxy" and effective root,
# so that the loader of the kid leaves the library out.
squid_start()
{
	squid_mode=$1
	shift
	squid_arguments=("$@")
	row_begin
	start_on_port squid squid_exec
	squid_pid=$!
	squid_port=$port
}

squid_exec()
{
	local here=$T/squid

	rm -rf "$here"
	mkdir "$here"
	chown proxy:proxy "$here"
	cat >"$here/squid.conf" <<-END
	http_port 127.0.0.1:$1
	http_access allow all
	pid_filename $here/pid
	cache_log $here/cache.log
	access_log none
	coredump_dir $here
	shutdown_lifetime 1 seconds
	pinger_enable off
	visible_hostname localhost
	END
	as_service exec "$squid_mode" squid --foreground "${squid_arguments[@]}" -f "$here/squid.conf"
}

# Without a kid it never listens, and ends.
squid_start_in_vain()
{
	squid_mode=$1
	squid_arguments=(-sYC)
	row_begin
	free_ports 1
	start squid squid_exec "$port"
	squid_pid=$!
	squid_port=$port
	within 20 grep -q 'xsock: ' "$T/squid.log" "$T/syslog"
}

squid_ask()
{
	curl -sS -m 10 -x "http://127.0.0.1:$squid_port" "$plain_url" >/dev/null 2>&1
	cat "$T/squid.log" >>"$ERR"
}

squid_stop()
{
	kill_tree "$squid_pid"
	wait "$squid_pid" 2>/dev/null
}

try_squid()
{
	local lost='squid would run with other effective than real IDs'

	need squid squid curl || return
	squid_start '' -sYC
	squid_ask
	row squid '' told "$lost"
	says "squid" "$squid_pid" '^[0-9]+ squid: library loaded, rules set$' \
		'^  [0-9]+ .*squid.*: library NOT LOADED'
	squid_stop
	squid_start keep -sYC
	squid_ask
	row squid keep told "$lost"
	squid_stop
	squid_start_in_vain refuse
	squid_ask
	row squid refuse refused "$lost.*: it is not started"
	squid_stop
	squid_start supervised -sYC
	squid_ask
	row squid supervised TLS
	squid_stop
	squid_start '' -sYC -N
	squid_ask
	row "squid -N" '' TLS
	says "squid -N" "$squid_pid" '^[0-9]+ squid: library loaded, rules set' \
		'!NOT LOADED'
	squid_stop
}

# --- nginx ---------------------------------------------------------------------

# Debian's package sends USR2 at each upgrade, so that nginx starts its new binary
# with no variable but its own.
nginx_debian_start()
{
	local mode=$1 site=$T/nginx-site
	shift
	mkdir -p "$site"
	free_ports 1
	nginx_port=$port
	rm -f "$site"/*
	{
		printf '%s\n' "$@"
		cat <<-END
		user www-data;
		pid $site/pid;
		error_log $site/error.log;
		events { worker_connections 64; }
		http {
			access_log off;
			server {
				listen 127.0.0.1:$nginx_port;
				location / { proxy_pass $plain_url; }
			}
		}
		END
	} >/etc/nginx/nginx.conf
	row_begin
	as_service "$mode" /usr/sbin/nginx -g 'daemon on; master_process on;' 2>>"$ERR"
	within 20 test -s "$site/pid"
}

nginx_ask()
{
	curl -sS -m 10 "http://127.0.0.1:$nginx_port/" >/dev/null 2>&1
}

# What prerm and postinst do: a new master, then the old one leaves.
nginx_upgrade()
{
	local site=$T/nginx-site old
	old=$(cat "$site/pid")
	within 20 nginx_changes "$old" && within 10 test -s "$site/pid" || return
	kill -QUIT "$old"
	within 20 nginx_gone "$old"
}

# nginx ignores USR2 until the process that it was forked from has ended, so both
# ask again.
nginx_changes()
{
	kill -USR2 "$1"
	sleep 0.3
	test -s "$T/nginx-site/pid.oldbin"
}

nginx_refuses()
{
	kill -USR2 "$1"
	sleep 0.3
	lines | grep -q 'it is not started'
}

nginx_gone()
{
	! kill -0 "$1" 2>/dev/null
}

nginx_debian_stop()
{
	local file
	for file in "$T"/nginx-site/pid*; do
		[ ! -s "$file" ] || kill_tree "$(cat "$file" 2>/dev/null)"
	done
} 2>/dev/null

nginx_status()
{
	says "$1" "$(cat "$T/nginx-site/pid")" "$2"
}

try_nginx_upgrade()
{
	local lost='nginx is started without LD_PRELOAD' mode
	need nginx nginx curl || return
	at_end+=(nginx_debian_stop)
	nginx_debian_start ''
	nginx_ask
	row "nginx" '' TLS
	nginx_status "nginx" '^[0-9]+ nginx: library loaded, rules set'
	row_begin
	nginx_upgrade
	nginx_ask
	row "nginx after USR2" '' told "$lost: .*XSOCK_EXEC=keep"
	nginx_status "nginx after USR2" '^[0-9]+ nginx: library NOT LOADED, NO RULES'
	nginx_debian_stop

	nginx_debian_start keep
	nginx_upgrade
	nginx_ask
	row "nginx after USR2" keep TLS
	nginx_status "nginx after USR2, keep" '^[0-9]+ nginx: library loaded, rules set'
	nginx_debian_stop

	# The old one stays.
	nginx_debian_start refuse
	within 20 nginx_refuses "$(cat "$T/nginx-site/pid")"
	nginx_ask
	row "nginx after USR2" refuse TLS "$lost: it is not started"
	nginx_debian_stop

	nginx_debian_start supervised
	nginx_upgrade
	nginx_ask
	row "nginx after USR2" supervised TLS
	nginx_debian_stop

	nginx_debian_start '' 'env LD_PRELOAD;' 'env XSOCK_RULES;' 'env XSOCK_RELAY;' \
		'env XSOCK_RELAY_IDLE;'
	nginx_upgrade
	nginx_ask
	row "nginx after USR2, with env" '' TLS
	nginx_debian_stop
}

# --- php-fpm ---------------------------------------------------------------------

# php-fpm is forked, not started again, so that its children keep the library;
# what a script starts has lost it by clear_env, which is on by default.
fpm_start()
{
	local here=$T/fpm version
	version=$(ls /etc/php | sort -V | tail -n 1)
	fpm_mode=$1
	mkdir -p "$here"
	chmod 755 "$here"
	cat >"$here/ask.php" <<-END
	<?php
	if (isset(\$_SERVER['XSOCK_TEST_COMMAND']))
		echo shell_exec('curl -sS -m 10 $plain_url 2>&1');
	else
		// The server keeps the connection: this much of the answer is enough.
		echo file_get_contents('$plain_url', false, null, 0, 5);
	END
	cat >"/etc/php/$version/fpm/php-fpm.conf" <<-END
	[global]
	pid = $here/pid
	error_log = $here/error.log
	daemonize = yes
	[www]
	user = www-data
	group = www-data
	listen = $here/socket
	pm = static
	pm.max_children = 2
	END
	row_begin
	start fpm as_service "$fpm_mode" "php-fpm$version" --nodaemonize \
		--fpm-config "/etc/php/$version/fpm/php-fpm.conf"
	fpm_pid=$!
	within 20 test -S "$here/socket"
}

# fpm_ask [VARIABLE=VALUE…]
fpm_ask()
{
	env -i PATH=/usr/bin:/bin REQUEST_METHOD=GET SCRIPT_FILENAME="$T/fpm/ask.php" \
		"$@" timeout 20 cgi-fcgi -bind -connect "$T/fpm/socket" >"$OUT" 2>&1
	cat "$T/fpm.log" "$T/fpm/error.log" >>"$ERR" 2>/dev/null
}

fpm_stop()
{
	kill_tree "$fpm_pid"
	wait "$fpm_pid" 2>/dev/null
	rm -f "$T/fpm/socket" "$T/fpm/error.log"
}

try_php_fpm()
{
	local lost='/bin/sh is started without LD_PRELOAD' mode expected
	need php-fpm cgi-fcgi curl || return
	[ -d /etc/php ] || { skip php-fpm "it is not installed"; return; }
	fpm_start ''
	fpm_ask
	row "php-fpm" '' TLS
	says "php-fpm" "$(ps -o pid= --ppid "$fpm_pid" | head -n 1)" \
		'php-fpm.*: library loaded, rules set'
	row_begin
	fpm_ask XSOCK_TEST_COMMAND=1
	row "php-fpm, shell_exec" '' told "$lost: .*XSOCK_EXEC=keep"
	fpm_stop
	fpm_start keep
	fpm_ask XSOCK_TEST_COMMAND=1
	row "php-fpm, shell_exec" keep TLS
	fpm_stop
	fpm_start refuse
	fpm_ask XSOCK_TEST_COMMAND=1
	row "php-fpm, shell_exec" refuse refused "$lost: it is not started"
	fpm_stop
	fpm_start supervised
	fpm_ask XSOCK_TEST_COMMAND=1
	row "php-fpm, shell_exec" supervised TLS
	fpm_stop
}
