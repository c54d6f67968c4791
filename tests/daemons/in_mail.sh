# Postfix and Exim: both clean the environment, and start a program of their own
# for each delivery.

# --- Postfix --------------------------------------------------------------------

# postfix_configure y|n [SETTING…]: a configuration that gives all mail to the listener
postfix_configure()
{
	local here=$T/postfix-client chroot=$1 setting
	shift
	rm -rf "$here"
	mkdir -p "$here/queue" "$here/data"
	chmod 755 "$here" "$here/queue"
	chown postfix "$here/data"
	cat >/etc/postfix/main.cf <<-END
	compatibility_level = 3.6
	queue_directory = $here/queue
	data_directory = $here/data
	myhostname = mail.example.test
	mydestination =
	inet_interfaces = loopback-only
	relayhost = [127.0.0.1]:$port_mail_trap
	smtp_tls_security_level = none
	smtp_dns_support_level = disabled
	smtp_host_lookup = native
	alias_maps =
	maillog_file = $here/log
	maillog_file_prefixes = $here
	END
	printf '%s\n' "$@" >>/etc/postfix/main.cf
	postfix_master "$chroot" >/etc/postfix/master.cf
}

# postfix_master y|n: whether smtp(8) is in a chroot, which is Debian's default
postfix_master()
{
	cat <<-END
	pickup     unix n - n 60 1 pickup
	cleanup    unix n - n - 0 cleanup
	qmgr       unix n - n 300 1 qmgr
	rewrite    unix - - n - - trivial-rewrite
	bounce     unix - - n - 0 bounce
	defer      unix - - n - 0 bounce
	trace      unix - - n - 0 bounce
	proxymap   unix - - n - - proxymap
	smtp       unix - - $1 - - smtp
	error      unix - - n - - error
	retry      unix - - n - - error
	postlog    unix-dgram n - n - 1 postlogd
	END
}

postfix_begin()
{
	row_begin
	as_service "$1" postmulti -i - -p start >>"$ERR" 2>&1
	# Refused, it does not start, and its queue is not made.
	[ "$1" != refuse ] || return 0
	within 20 test -s "$T/postfix-client/queue/pid/master.pid"
	printf 'Subject: x\n\nhello\n' | as_service bare timeout 10 sendmail -f a@example.test b@example.test
}

postfix_end()
{
	local pid=$T/postfix-client/queue/pid/master.pid
	[ ! -s "$pid" ] || kill_tree "$(tr -d ' ' <"$pid")"
} 2>/dev/null

postfix_status()
{
	local name=$1
	shift
	says "$name" "$(tr -d ' ' <"$T/postfix-client/queue/pid/master.pid")" "$@"
}

postfix_keeps='import_environment=MAIL_CONFIG MAIL_DEBUG MAIL_LOGTAG TZ LANG=C
	LD_PRELOAD XSOCK_RULES XSOCK_RELAY XSOCK_RELAY_IDLE XSOCK_EXEC'
postfix_gives='export_environment=TZ MAIL_CONFIG LANG LD_PRELOAD XSOCK_RULES
	XSOCK_RELAY XSOCK_RELAY_IDLE XSOCK_EXEC'

try_postfix()
{
	local lost='is started without LD_PRELOAD'
	need postfix postmulti sendmail || return
	at_end+=(postfix_end)
	postfix_configure n
	postfix_begin ''
	row "postfix smtp(8)" '' told "$lost: .*XSOCK_EXEC=keep"
	postfix_status "postfix smtp(8)" '^[0-9]+ master: library NOT LOADED, NO RULES'
	postfix_end

	postfix_configure n "$postfix_keeps" "$postfix_gives"
	postfix_begin ''
	row "postfix smtp(8), import_environment" '' TLS
	postfix_status "postfix smtp(8), import_environment" \
		'^[0-9]+ master: library loaded, rules set' \
		'^  [0-9]+ smtp: library loaded, rules set'
	postfix_end

	# Nothing but the variables of the service is changed.
	postfix_configure n
	postfix_begin keep
	row "postfix smtp(8)" keep TLS
	postfix_end

	postfix_configure n
	postfix_begin refuse
	row "postfix smtp(8)" refuse refused "$lost: it is not started"
	postfix_end

	# The supervisor is in no chroot, and loses no variable.
	postfix_configure n
	postfix_begin supervised
	row "postfix smtp(8)" supervised TLS
	postfix_end
	postfix_configure y
	postfix_begin supervised
	row "postfix smtp(8) in a chroot" supervised TLS
	postfix_end

	# There the relay cannot be started, nor the CA read.  Debian's
	# configuration of rsyslog has a /dev/log there, too.
	postfix_configure y "$postfix_keeps" "$postfix_gives"
	mkdir "$T/postfix-client/queue/dev"
	: >"$T/postfix-client/queue/dev/log"
	mount --bind /dev/log "$T/postfix-client/queue/dev/log"
	postfix_begin ''
	row "postfix smtp(8) in a chroot" '' refused
	postfix_end
	umount "$T/postfix-client/queue/dev/log"
}

# --- Exim -----------------------------------------------------------------------

exim_users()
{
	getent passwd Debian-exim >/dev/null && return
	echo 'Debian-exim:x:64999:64999::/var/spool/exim4:/usr/sbin/nologin' >>/etc/passwd
	echo 'Debian-exim:x:64999:' >>/etc/group
}

# exim_begin MODE [SETTING…]: the daemon, which gets a message by SMTP
exim_begin()
{
	local here=$T/exim mode=$1 expected=told
	[ "$mode" != refuse ] || expected=refused
	shift
	exim_mode=$mode
	rm -rf "$here"
	mkdir -p "$here/spool" "$here/log" /etc/exim4
	chmod 755 "$here"
	chown -R Debian-exim:Debian-exim "$here"
	exim_settings=$(printf '%s\n' "$@")
	row_begin
	start_on_port exim exim_exec
	exim_pid=$!
	exim_send "$port"
	within 20 exim_settled "$expected"
}

# A line of it may be in its own log.
exim_settled()
{
	cat "$T/exim.log" >"$ERR"
	settled "$1"
}

exim_exec()
{
	local here=$T/exim
	cat >/etc/exim4/exim4.conf <<-END
	exim_path = $exim
	spool_directory = $here/spool
	log_file_path = $here/log/%slog
	primary_hostname = mail.example.test
	local_interfaces = <; 127.0.0.1
	host_lookup =
	tls_advertise_hosts =
	$exim_settings
	acl_smtp_rcpt = accept_all
	begin acl
	accept_all:
	  accept
	begin routers
	all:
	  driver = manualroute
	  route_list = * 127.0.0.1
	  self = send
	  transport = remote
	begin transports
	remote:
	  driver = smtp
	  port = $port_mail_trap
	  allow_localhost
	  hosts_avoid_tls = *
	END
	chown root:Debian-exim /etc/exim4/exim4.conf
	chmod 640 /etc/exim4/exim4.conf
	as_service exec "$exim_mode" "$exim" -bdf -q30m -oX "$1"
}

exim_send()
{
	"$PYTHON" -c 'import smtplib, sys
smtplib.SMTP("127.0.0.1", int(sys.argv[1]), timeout=10).sendmail(
    "a@example.test", "b@example.test", "Subject: x\n\nhello\n")' "$1" >"$OUT" 2>&1
}

exim_end()
{
	kill_tree "$exim_pid"
	wait "$exim_pid" 2>/dev/null
}

try_exim()
{
	exim=$BUILD/unpacked/usr/sbin/exim4
	[ -u "$exim" ] || { skip exim "$exim is not there (make daemons)"; return; }
	exim_users
	exim_begin ''
	row "exim, a delivery" '' told 'exim4 is (set-user-ID|started without LD_PRELOAD)'
	says "exim" "$exim_pid" '^[0-9]+ exim4: library loaded, rules set'
	exim_end
	exim_begin refuse
	row "exim, a delivery" refuse refused 'exim4 is .*: it is not started'
	exim_end
	exim_begin keep
	row "exim, a delivery" keep told 'exim4 is set-user-ID'
	exim_end
	exim_begin supervised
	row "exim, a delivery" supervised TLS
	exim_end
}
