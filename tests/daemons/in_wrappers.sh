# Programs that start another one in the foreground, with another environment
# or as another user.

# wrapped NAME MODE OUTCOME LINE COMMAND…
wrapped()
{
	local name=$1 mode=$2 outcome=$3 line=$4
	shift 4
	row_begin
	as_service "$mode" timeout -k 5 20 "$@" >"$OUT" 2>"$ERR" </dev/null
	[ "$outcome" != nothing ] || local PATIENCE=2
	row "$name" "$mode" "$outcome" "$line"
}

# in_modes NAME PROGRAM COMMAND…: it cleans the environment of what it starts,
# which can be put back
in_modes()
{
	local name=$1 lost="$2 is started without LD_PRELOAD"
	shift 2
	wrapped "$name" '' told "$lost: .*XSOCK_EXEC=keep" "$@"
	wrapped "$name" refuse refused "$lost: it is not started" "$@"
	wrapped "$name" keep TLS '' "$@"
	wrapped "$name" supervised TLS '' "$@"
}

try_env()
{
	in_modes "env -i" '[^ ]*curl' env -i /usr/bin/curl -sS -m 10 "$plain_url"
}

try_subprocess()
{
	in_modes "python3 subprocess.run(env={})" /usr/bin/curl "$PYTHON" -c '
import subprocess, sys
subprocess.run(sys.argv[1:], env={})' /usr/bin/curl -sS -m 10 "$plain_url"
}

# It writes a value of its own over LD_PRELOAD.
try_trickle()
{
	need trickle trickle || return
	in_modes "trickle" '[^ ]*curl' trickle -s -d 1000 curl -sS -m 10 "$plain_url"
	wrapped "xsock run behind trickle" bare TLS '' trickle -s -d 1000 \
		"$BUILD/xsock" run -r "$rule" -- \
		curl -sS -m 10 "$plain_url"
}

try_sudo()
{
	need sudo sudo || return
	in_modes "sudo, by root" '[^ ]*curl' sudo -n -u nobody \
		/usr/bin/curl -sS -m 10 "$plain_url"
}

# By another user: the loader leaves the library out of sudo itself.
try_sudo_by_user()
{
	local user="setpriv --reuid=nobody --regid=nogroup --clear-groups"

	need "sudo, by another user" sudo || return
	echo 'nobody ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/xsock-test
	chmod 440 /etc/sudoers.d/xsock-test
	wrapped "sudo, by another user" '' told 'sudo is set-user-ID' \
		$user sudo -n /usr/bin/curl -sS -m 10 "$plain_url"
	wrapped "sudo, by another user" refuse refused 'sudo is set-user-ID' \
		$user sudo -n /usr/bin/curl -sS -m 10 "$plain_url"
	wrapped "sudo, by another user" keep told 'sudo is set-user-ID' \
		$user sudo -n /usr/bin/curl -sS -m 10 "$plain_url"
	# Of root's: else it has no_new_privs, and sudo says so.
	wrapped "sudo, by another user" supervised TLS '' \
		$user sudo -n /usr/bin/curl -sS -m 10 "$plain_url"
	wrapped "sudo, by another user" bare nothing '' $user env \
		XSOCK_RELAY="$RELAY" XSOCK_RELAY_IDLE=1 "$T/xsock" run \
		--supervise=always -r "$rule" -- sudo -n /usr/bin/curl -sS -m 10 "$plain_url"
	grep -q 'no new privileges' "$ERR" && pass "sudo, with no_new_privs" ||
		fail "sudo, with no_new_privs" "it does not say why"
	wrapped "sudo xsock run" bare TLS '' sudo -n XSOCK_RELAY="$RELAY" \
		XSOCK_RELAY_IDLE=1 "$BUILD/xsock" run -r "$rule" -- \
		curl -sS -m 10 "$plain_url"
}

try_su()
{
	in_modes "su -" '[^ ]*sh' su - nobody -s /bin/sh -c \
		"/usr/bin/curl -sS -m 10 $plain_url"
}

# inetd cleans the environment.  What it starts has the client's connection as
# standard error, where no line may go.
try_inetd()
{
	need inetd inetd nc || return
	local lost='inetd\[[0-9]+\]: /usr/bin/curl is started without LD_PRELOAD'
	inetd_in '' told "$lost: .*XSOCK_EXEC=keep"
	inetd_in refuse refused "$lost: it is not started"
	inetd_in keep TLS ''
	inetd_in supervised TLS ''
}

# tcp_listens PORT: no connection is made, which would be one for inetd
tcp_listens()
{
	grep -qi ":$(printf %04X "$1") 00000000:0000 0A" /proc/net/tcp
}

# inetd_in MODE OUTCOME LINE
inetd_in()
{
	free_ports 1
	echo "127.0.0.1:$port stream tcp nowait nobody /usr/bin/curl curl -sS -m 10 $plain_url" \
		>"$T/inetd.conf"
	start inetd as_service "$1" inetd -i "$T/inetd.conf"
	inetd_pid=$!
	within 20 tcp_listens "$port"
	row_begin
	timeout 15 nc 127.0.0.1 "$port" </dev/null >"$T/inetd.client" 2>&1
	row "inetd" "$1" "$2" "$3"
	cp "$T/inetd.client" "$OUT"
	if grep -q xsock: "$OUT"; then
		fail "inetd, ${1:-warn}: the client gets no line"
	else
		pass "inetd, ${1:-warn}: the client gets no line"
	fi
	says "inetd, ${1:-warn}" "$inetd_pid" 'inetd: library loaded, rules set'
	kill_tree "$inetd_pid"
}
