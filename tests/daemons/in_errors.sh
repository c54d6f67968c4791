# Daemons that have closed their standard error, or put another file there: why a
# connect is refused must be in syslog, with the name that the program had when it
# was started.  (nginx and php-fpm write titles over it later.)

# in_syslog NAME PROGRAM [SENTENCE]: a line at level error of that program
in_syslog()
{
	local name=$1 program=$2 sentence=${3-certificate of CN=.* is not for}
	local wanted="^<27>xsock: $program\\[[0-9]+\\]: .*$sentence.*\\[[a-z-]+\\]\$"

	within 20 grep -qaE -- "$wanted" "$T/syslog"
	cp "$T/syslog" "$T/reports/syslog.last"
	if grep -qaE -- "$wanted" "$T/syslog"; then
		pass "$name: why is in syslog"
	else
		cat "$T/syslog" >>"$ERR"
		fail "$name: why is in syslog" "no $wanted"
	fi
	if grep -qa 'xsock: ' "$T/syslog" && grep -a 'xsock: ' "$T/syslog" |
		grep -qavE "xsock: ($program|[0-9]+ lines?)"; then
		cp "$T/syslog" "$OUT"
		fail "$name: by its own name" "another one is there"
	else
		pass "$name: by its own name"
	fi
}

bad_rule()
{
	echo "127.0.0.1:$1=tls://localhost:$port_bad?cafile=$CA&timeout=10"
}

try_error_nginx()
{
	local rule
	rule=$(bad_rule "$port_trap")
	need "nginx, refused" nginx curl || return
	at_end+=(nginx_debian_stop)
	nginx_debian_start ''
	nginx_ask
	in_syslog "nginx, refused" nginx
	nginx_debian_stop
}

try_error_php_fpm()
{
	local rule
	rule=$(bad_rule "$port_trap")
	need "php-fpm, refused" cgi-fcgi || return
	[ -d /etc/php ] || { skip "php-fpm, refused" "it is not installed"; return; }
	fpm_start ''
	fpm_ask
	in_syslog "php-fpm, refused" 'php-fpm[0-9.]*'
	fpm_stop
}

try_error_postfix()
{
	local rule
	rule=$(bad_rule "$port_mail_trap")
	need "postfix, refused" postfix postmulti sendmail || return
	at_end+=(postfix_end)
	postfix_configure n "$postfix_keeps" "$postfix_gives"
	postfix_begin ''
	in_syslog "postfix, refused" smtp
	postfix_end
}

apache_proxy_stop()
{
	[ ! -s "$T/apache-proxy/pid" ] || kill_tree "$(cat "$T/apache-proxy/pid")"
} 2>/dev/null

try_error_apache()
{
	local rule here=$T/apache-proxy modules=/usr/lib/apache2/modules
	rule=$(bad_rule "$port_trap")
	need "apache2, refused" apache2 curl || return
	at_end+=(apache_proxy_stop)
	mkdir "$here"
	free_ports 1
	cat >"$here/conf" <<-END
	ServerName localhost
	ServerRoot $here
	DefaultRuntimeDir $here
	PidFile $here/pid
	ErrorLog $here/error.log
	Listen 127.0.0.1:$port
	$(for module in mpm_event authz_core proxy proxy_http; do
		echo "LoadModule ${module}_module $modules/mod_$module.so"
	done)
	User www-data
	Group www-data
	ProxyPass / $plain_url
	END
	row_begin
	as_service '' apache2 -k start -f "$here/conf" >>"$ERR" 2>&1
	within 20 port_open "$port" 2>/dev/null
	curl -sS -m 10 "http://127.0.0.1:$port/" >"$OUT" 2>&1
	in_syslog "apache2, refused" apache2
	apache_proxy_stop
}

# haproxy_begin [SETTING]: in the background, as another user
haproxy_begin()
{
	local here=$T/haproxy

	mkdir -p "$here"
	free_ports 1
	cat >"$here/conf" <<-END
	global
	 daemon
	 user nobody
	 group nogroup
	 pidfile $here/pid
	 $*
	defaults
	 mode http
	 timeout connect 10s
	 timeout client 10s
	 timeout server 10s
	listen front
	 bind 127.0.0.1:$port
	 server back 127.0.0.1:$port_trap
	END
	row_begin
	as_service '' haproxy -f "$here/conf" >>"$ERR" 2>&1
	within 20 port_open "$port" 2>/dev/null
	row_begin
	curl -sS -m 15 "http://127.0.0.1:$port/" >"$OUT" 2>&1
}

haproxy_end()
{
	[ ! -s "$T/haproxy/pid" ] || kill_tree "$(cat "$T/haproxy/pid")"
} 2>/dev/null

# It sets RLIMIT_NPROC to 0, so that no relay can be started.
try_error_haproxy()
{
	need haproxy haproxy curl || return
	at_end+=(haproxy_end)
	haproxy_begin
	in_syslog "haproxy" haproxy 'RLIMIT_NPROC.*insecure-fork-wanted'
	row "haproxy" '' refused 'insecure-fork-wanted'
	haproxy_end
	haproxy_begin insecure-fork-wanted
	row "haproxy, insecure-fork-wanted" '' TLS
	haproxy_end
}

mariadb_end()
{
	[ ! -s "$T/mariadb-replica/pid" ] || kill_tree "$(cat "$T/mariadb-replica/pid")"
} 2>/dev/null

# A replica, which connects to its primary.
try_error_mariadb()
{
	local rule here=$T/mariadb-replica
	rule=$(bad_rule "$port_trap")
	need "mariadb, refused" mariadbd mariadb mariadb-install-db || return
	at_end+=(mariadb_end)
	mkdir "$here" && chown mysql:mysql "$here"
	mariadb-install-db --no-defaults --user=mysql --datadir="$here/data" \
		--skip-test-db >"$OUT" 2>&1
	row_begin
	start mariadb as_service '' mariadbd --no-defaults --user=mysql \
		--datadir="$here/data" --socket="$here/socket" --skip-networking \
		--server-id=2 --pid-file="$here/pid" --log-error="$here/error.log"
	within 30 test -S "$here/socket"
	mariadb --no-defaults -S "$here/socket" -e "CHANGE MASTER TO
		MASTER_HOST='127.0.0.1', MASTER_PORT=$port_trap, MASTER_USER='x';
		START SLAVE" >"$OUT" 2>&1
	in_syslog "mariadb, refused" mariadbd
	mariadb_end
}

try_error_varnish()
{
	local rule here=$T/varnish
	rule=$(bad_rule "$port_trap")
	need "varnish, refused" varnishd curl cc || return
	mkdir "$here" && chmod 755 "$here"
	row_begin
	start_on_port varnish varnish_exec
	varnish_pid=$!
	curl -sS -m 10 "http://127.0.0.1:$port/" >"$OUT" 2>&1
	in_syslog "varnish, refused" varnishd
	kill_tree "$varnish_pid"
	wait "$varnish_pid" 2>/dev/null
}

varnish_exec()
{
	as_service exec '' varnishd -F -n "$T/varnish" -a "127.0.0.1:$1" \
		-b "127.0.0.1:$port_trap" -t 1
}

nslcd_end()
{
	[ ! -s /run/nslcd/nslcd.pid ] || kill_tree "$(cat /run/nslcd/nslcd.pid)"
} 2>/dev/null

# One question by its socket, as libnss-ldapd asks.
try_error_nslcd()
{
	local rule
	rule=$(bad_rule "$port_trap")
	need "nslcd, refused" nslcd || return
	at_end+=(nslcd_end)
	mkdir -p "$T/run-nslcd"
	mkdir -p /run/nslcd && mount --bind "$T/run-nslcd" /run/nslcd
	chown nslcd:nslcd /run/nslcd
	chmod 755 /run/nslcd
	printf '%s\n' 'uid nslcd' 'gid nslcd' "uri ldap://127.0.0.1:$port_trap/" \
		'base dc=example,dc=test' >/etc/nslcd.conf
	row_begin
	as_service '' nslcd >>"$ERR" 2>&1
	within 20 test -S /run/nslcd/socket
	timeout 10 "$PYTHON" -c 'import socket, struct
s = socket.socket(socket.AF_UNIX)
s.connect("/run/nslcd/socket")
s.sendall(struct.pack(">iii", 2, 0x00080001, 5) + b"alice")
s.recv(100)' >"$OUT" 2>&1
	in_syslog "nslcd, refused" nslcd
	nslcd_end
	umount /run/nslcd
	rmdir /run/nslcd 2>/dev/null
}
