#!/bin/bash
# xsock trace: what it tells of real programs, and that the rules that it prints
# give TLS when they are pasted.
. "$(dirname "$0")/../support/lib.sh"
. "$TESTS/support/programs.sh"
. "$(dirname "$0")/lines.sh"
for server in nginx redis postgres postfix; do
	. "$TESTS/support/servers/$server.sh"
done

unset XSOCK_RULES XSOCK_LOG XSOCK_EXEC LD_PRELOAD
export XSOCK_RELAY_IDLE=1
words=("$@")

# traced [OPTION…] -- COMMAND…: the report is in $REPORT
traced()
{
	rm -f "$T/report"
	case_run bounded "$BUILD/xsock" trace -o "$T/report" "$@"
	REPORT=$T/report
}

# pasted COMMAND…: by the rules of the report
pasted()
{
	XSOCK_RELAY=$RELAY case_run bounded "$BUILD/xsock" run "--supervise=${WHEN:-never}" \
		-l info -r "@$REPORT" -- "$@"
}

# reports NAME PATTERN…: each is in the report; "!PATTERN": is not
reports()
{
	local name=$1 pattern
	shift
	for pattern; do
		case $pattern in
		!*) ! grep -qE -- "${pattern#!}" "$REPORT" ;;
		*) grep -qE -- "$pattern" "$REPORT" ;;
		esac || { cp "$REPORT" "$OUT"; fail "$name" "$pattern"; return; }
	done 2>/dev/null
	pass "$name"
}

# ended NAME STATUS [TEXT]: with TEXT in what it printed
ended()
{
	if [ "$STATUS" != "$2" ]; then
		fail "$1" "status $STATUS, not $2"
	elif [ "${3-}" ] && ! grep -qF -- "$3" "$OUT" "$ERR"; then
		fail "$1" "\"$3\""
	else
		pass "$1"
	fi
}

# rules_of: what of the report is no comment
rules_of()
{
	grep -v '^#' "$REPORT"
}

has_rule()
{
	[ "$(rules_of)" = "$2" ] && pass "$1" || { cp "$REPORT" "$OUT"; fail "$1" "not the one rule $2"; }
}

get="import socket, sys
s = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=10)
s.sendall(b'GET / HTTP/1.0\r\n\r\n')
print(s.recv(4096).split(b'\r\n')[0].decode('latin-1'))"

suite_begin trace
export XSOCK_OPTIONS=cafile=$CA
serve http:http tls:http,tls="$CERTS/good" expired:http,tls="$CERTS/expired" \
	unknown:http,tls="$CERTS/unknownca" wrong:http,tls="$CERTS/wronghost" \
	greet:greet mute:mute refused:closed

# --- TLS on the port itself ----------------------------------------------------

own_port()
{
	nginx_start web good
	local web=$port
	traced -- curl -sS -o /dev/null -w '%{http_code}\n' "http://127.0.0.1:$web/"
	ended "curl, plain" 0 400
	has_rule "curl: the rule" "127.0.0.1:$web=tls://"
	reports "curl: what was seen" \
		"^#   127.0.0.1:$web by curl\[[0-9]+\]: 1 connected; no rule, so plaintext$" \
		"^# 127.0.0.1:$web: tls://127.0.0.1:$web has TLSv1.3, verified \"127.0.0.1\"$"
	tells "the servers are told before they are asked" \
		"which of these servers speak TLS (--no-probe leaves that out): 127.0.0.1:$web"
	pasted curl -sS "http://127.0.0.1:$web/"
	ended "curl, pasted" 0 "hello from nginx, TLSv1.3"

	redis_start
	local redis=$port
	traced -- redis-cli -h localhost -p "$redis" PING
	has_rule "redis-cli: the rule has the name that was looked up" "localhost:$redis=tls://"
	reports "redis-cli: the lookup" "^#   localhost: .*127.0.0.1"
	pasted redis-cli -h localhost -p "$redis" PING
	ended "redis-cli, pasted" 0 PONG

	traced -- "$PYTHON" -c "$get" localhost "$port_tls"
	has_rule "python: the rule" "localhost:$port_tls=tls://"
	pasted "$PYTHON" -c "$get" localhost "$port_tls"
	ended "python, pasted" 0 "HTTP/1.1 200"
}

# --- the protocol's port for TLS, which is a fixed one --------------------------

fixed_port()
{
	if [ "${XSOCK_TEST_WORLD-}" != entered ]; then
		CI= skip "the protocol's port for TLS" "port 6380 is this machine's"
		return
	fi
	mkdir -p "$T/redis"
	start redis-6380 redis_exec 6380
	within 30 port_open 6380
	traced -- redis-cli -h localhost PING
	ended "redis-cli is refused" 1 "Connection refused"
	has_rule "the protocol's port for TLS" "localhost:6379=tls://:6380"
	pasted redis-cli -h localhost PING
	ended "the protocol's port for TLS, pasted" 0 PONG
}

# --- STARTTLS ----------------------------------------------------------------------

starttls_postgres()
{
	local options
	need "psql" psql nginx socat || return
	start_postgres
	options="host=localhost port=$port_postgres_starttls user=alice dbname=shop sslmode=disable"
	export PGPASSWORD=secret
	traced -- psql -X -At -c "SELECT 6 * 7" "$options"
	ended "psql: the server refuses plaintext" 2 "no encryption"
	has_rule "psql: the rule" "localhost:$port_postgres_starttls=postgres+starttls://"
	reports "psql: no secret is told" '!secret'
	pasted psql -X -At -c "SELECT 6 * 7" "$options"
	ended "psql, pasted" 0 42
}

mail="import smtplib, sys
s = smtplib.SMTP('localhost', int(sys.argv[1]), timeout=10)
s.ehlo('client.test')
print(s.docmd('MAIL FROM:<alice@example.test>'))
s.quit()"

starttls_postfix()
{
	[ "$(id -u)" -eq 0 ] || { CI= skip "postfix" "only root can start it"; return; }
	need "postfix" postfix saslpasswd2 || return
	start_postfix
	traced -- "$PYTHON" -c "$mail" "$port_postfix_starttls"
	ended "smtplib: the server wants STARTTLS" 0 "(530,"
	has_rule "smtplib: the rule" "localhost:$port_postfix_starttls=smtp+starttls://"
	pasted "$PYTHON" -c "$mail" "$port_postfix_starttls"
	ended "smtplib, pasted" 0 "(250,"
}

# A server that greets, and a program that says nothing before it ends.
greeting()
{
	[ "$(id -u)" -eq 0 ] && command -v saslpasswd2 >/dev/null || return
	traced -- bash -c "exec 3<>/dev/tcp/localhost/$port_postfix_starttls; read -r line <&3; echo \"\$line\""
	has_rule "a protocol by its greeting" "localhost:$port_postfix_starttls=smtp+starttls://"
}

# --- no TLS, and TLS that is not accepted ---------------------------------------------

no_rules()
{
	local name port why
	traced -- "$PYTHON" -c "$get" localhost "$port_http"
	ended "no TLS: the program" 0 "HTTP/1.1 200"
	has_rule "no TLS: no rule" ""
	reports "no TLS: what was asked" "^# localhost:$port_http: nothing there speaks TLS" \
		"^#   tls://localhost:$port_http: .*(does not speak TLS on this port|did not finish the TLS handshake)"
	for name in expired unknown wrong; do
		port=port_$name port=${!port}
		traced -- "$PYTHON" -c "$get" localhost "$port"
		has_rule "$name: no rule" ""
		case $name in
		expired) why="has expired|expired" ;;
		unknown) why="cafile=FILE" ;;
		wrong) why='is not for "localhost", only for other.example.test' ;;
		esac
		reports "$name: why not" "speaks TLS, and its certificate is not accepted: .*($why)" \
			'!verify_peer' '!allow_self_signed'
	done
	traced -- "$PYTHON" -c "$get" localhost "$port_unknown"
	sed -i "s|^# with the file of its CA: ||; s|cafile=FILE$|cafile=$CERTS/unknown-ca.pem|" "$REPORT"
	has_rule "unknown CA: the rule that waits for its file" \
		"localhost:$port_unknown=tls://?cafile=$CERTS/unknown-ca.pem"
	pasted "$PYTHON" -c "$get" localhost "$port_unknown"
	ended "unknown CA, pasted" 0 "HTTP/1.1 200"

	traced -- bash -c "exec 3<>/dev/tcp/localhost/$port_mute"
	reports "a server that says nothing" "^# localhost:$port_mute: nothing there speaks TLS"
	traced -- curl -sS -o /dev/null --cacert "$CA" "https://localhost:$port_tls/"
	ended "a program with TLS of its own" 0
	has_rule "a program with TLS of its own: no rule" ""
	reports "a program with TLS of its own: told" "the program speaks TLS there itself"
	: >"$T/servers/http.log"
	traced --no-probe -- "$PYTHON" -c "$get" localhost "$port_http"
	[ "$(grep -c accept "$T/servers/http.log")" -le 1 ] &&
		reports "--no-probe" "1 connected" '!speaks TLS' || fail "--no-probe"
	[ ! -s "$ERR" ] && pass "--no-probe: standard error is the command's" ||
		fail "--no-probe: standard error is the command's"
}

# --- nothing changes -------------------------------------------------------------------

unchanged()
{
	local script='echo out; echo err >&2; exec 3<>/dev/tcp/localhost/'$port_greet'
		read -r line <&3; printf "%s\n" "$line" "word-$1" >&3; read -r line <&3; echo "$line"
		env | grep -c "^XSOCK_RULES=#" >/dev/null; exit 7'
	case_run bash -c "$script" - plain
	cp "$OUT" "$T/plain.out" && cp "$ERR" "$T/plain.err"
	for when in auto never; do
		traced --no-probe --supervise=$when -- bash -c "$script" - plain
		ended "$when: the command's exit status" 7
		cmp -s "$OUT" "$T/plain.out" && cmp -s "$ERR" "$T/plain.err" &&
			pass "$when: what the command prints" || fail "$when: what the command prints"
	done
	grep -q word-plain "$T/servers/greet.data" && pass "plaintext stays plaintext" ||
		fail "plaintext stays plaintext"
	no_relay && pass "no relay is started" || fail "no relay is started"
	case_run bounded "$BUILD/xsock" trace --no-probe -- bash -c "$script" - plain
	grep -q "^#   localhost:$port_greet .*1 connected" "$ERR" && cmp -s "$OUT" "$T/plain.out" &&
		pass "the report is on standard error" || fail "the report is on standard error"
	case_run bounded "$BUILD/xsock" trace -o "$T/no/such" -- true
	ended "a report that cannot be written" 125 "/no/such: No such file"
	traced -- "$T/nowhere"
	ended "a command that is not there" 127 "nowhere: No such file"
	traced -- /etc
	ended "a command that is a folder" 126
	traced
	ended "no command" 125 "a command is missing"
	traced -r 'x=tsl://' -- true
	ended "rules that are wrong" 125 'unknown transport "tsl"'
}

# --- what is seen --------------------------------------------------------------------------

seen()
{
	traced --no-probe -- "$PYTHON" -c "
import socket
for host, port in (('no-such-name.test', 80), ('localhost', $port_refused)):
    try:
        socket.create_connection((host, port), timeout=5)
    except OSError as error:
        print(error)
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.sendto(b'x', ('127.0.0.1', 514))"
	reports "failures" '^#   no-such-name.test: failed: ' \
		"^#   localhost:$port_refused .* [12] failed: (Connection refused|ECONNREFUSED); no rule" \
		'^# UDP, for which rules begin with udp://:$' '^#   .*:514: 1 time$'
	# By a non-blocking connect, whose outcome comes later; curl does the same.
	traced --no-probe -- curl -sS "http://127.0.0.1:$port_refused/"
	ended "curl is refused" 7
	reports "a non-blocking connect that fails" "127.0.0.1:$port_refused by curl.*1 failed: "

	traced --no-probe -- "$PYTHON" -c "
import os, socket
os.closerange(0, 4096)
socket.create_connection(('localhost', $port_http))
os.chroot('/proc') if os.geteuid() == 0 else None
socket.create_connection(('127.0.0.1', $port_http))"
	reports "a program that closes all descriptors" "^#   localhost:$port_http .*2 connected"

	traced --no-probe -- bash -c "
	(exec 3<>/dev/tcp/localhost/$port_http) & wait
	bash -c 'exec 3<>/dev/tcp/localhost/$port_http' &
	env -i bash -c 'exec 3<>/dev/tcp/127.0.0.1/$port_http'
	wait; exec curl -sS -o /dev/null http://127.0.0.1:$port_http/"
	ended "a tree of programs" 0
	reports "a tree of programs" "by .* and others: 4 connected"

	traced --supervise=never --no-probe -- bash -c "env -i bash -c :"
	reports "a child without the library, unsupervised" "^# Perhaps not seen: .*env.* is started without LD_PRELOAD|^# Perhaps not seen: .*bash is started without LD_PRELOAD"

	if need "a static program" busybox; then
		traced -- busybox wget -q -O /dev/null "http://127.0.0.1:$port_http/"
		ended "a static program" 0
		reports "a static program" "127.0.0.1:$port_http by busybox.*1 connected"
		traced -- busybox wget -q -O - "http://127.0.0.1:$port_tls/"
		has_rule "a static program: the rule" "127.0.0.1:$port_tls=tls://"
		WHEN=always pasted busybox wget -q -O - "http://127.0.0.1:$port_tls/"
		ended "a static program, pasted" 0
		traced --supervise=never -- busybox true
		ended "a static program, unsupervised" 126 "statically linked"
	fi
	if need "nc" nc; then
		traced --no-probe -- nc -z localhost "$port_http"
		reports "nc" "localhost:$port_http .*[12] connected"
	fi
}

# A name that would be more than a name in a rule.
odd_name()
{
	if [ "${XSOCK_TEST_WORLD-}" != entered ]; then
		CI= skip "a name with characters of the rules" "/etc/hosts is this machine's"
		return
	fi
	echo '127.0.0.1 a=b' >>/etc/hosts
	traced -- "$PYTHON" -c "$get" a=b "$port_tls"
	has_rule "a name with characters of the rules" "127.0.0.1:$port_tls=tls://"
	# U+009B begins what ESC [ begins.
	ln -sf "$(type -P true)" "$T/odd"$'\302\233'
	traced --no-probe -- "$T/odd"$'\302\233'
	reports "a control character of UTF-8 in the command's name" '^# .*/odd[?]: ended with exit status 0$' \
		"!"$'\302\233'
}

many()
{
	traced --no-probe -- "$PYTHON" -c "
import socket
for i in range(3000):
    socket.create_connection(('127.0.0.1', $port_http)).close()
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for port in range(2000, 4000):
    s.sendto(b'x', ('127.0.0.1', port))"
	reports "thousands of connects are one line" "^#   127.0.0.1:$port_http .*: 3000 connected" \
		'^# [0-9]+ more events were about names or servers for which there was no room.$'
	[ "$(wc -l <"$REPORT")" -lt 1200 ] && pass "the report has an end" || fail "the report has an end"
}

# --- with rules ---------------------------------------------------------------------------------

with_rules()
{
	local when
	openssl pkey -in "$CERTS/good.key" -aes128 -passout pass:hidden-word \
		-out "$T/key.pem" 2>"$ERR" || fail "a key with a passphrase"
	for when in never auto; do
		XSOCK_RELAY=$RELAY traced --no-probe --supervise=$when -r \
			"localhost:1=tls://:$port_tls?local_cert=$CERTS/good.pem&local_pk=$T/key.pem&passphrase=hidden-word
			localhost:2=deny:// localhost:3=tls://:$port_expired localhost:$port_http=tcp://" \
			-- "$PYTHON" -c "
import socket
for port in (1, 2, 3, $port_http):
    try:
        socket.create_connection(('localhost', port), timeout=10)
    except OSError as error:
        print(error)"
		reports "$when: which rule decided" \
			'^#   localhost:1 .*: 1 connected; rule XSOCK_RULES:1:1 localhost:1=tls://' \
			'^#   localhost:2 .*failed: (Permission denied|EACCES); rule XSOCK_RULES:2:' \
			'^#   localhost:3 .*failed: (Key was rejected.*|EKEYREJECTED); rule XSOCK_RULES:2:' \
			"^#   localhost:$port_http .*: 1 connected.*; rule .*=tcp://" '!hidden-word'
	done
}

# What would be told on standard error goes nowhere then, least of all into the report.
no_stdio()
{
	rm -f "$T/report"
	REPORT=$T/report
	bounded "$BUILD/xsock" trace -o "$REPORT" -- "$PYTHON" -c "$get" localhost "$port_tls" \
		<&- >&- 2>&-
	has_rule "standard descriptors that are closed" "localhost:$port_tls=tls://"
	bounded "$BUILD/xsock" trace -o "$REPORT" -- "$T/is-not-there" <&- >&- 2>&-
	STATUS=$?
	ended "standard descriptors that are closed, and no command" 127
}

# The report has no rule for what has TLS by a rule.
own_rules()
{
	echo "localhost:2=deny://" >"$T/report.rules"
	ln -sf report.rules "$T/report.link"
	case_run bounded "$BUILD/xsock" trace --no-probe -o "$T/report.link" \
		-r "localhost:1=tcp:// @$T/report.rules" -- touch "$T/has-run"
	ended "a report in place of the command's rules is refused" 125 "give -o another file"
	[ "$(cat "$T/report.rules")" = "localhost:2=deny://" ] && [ ! -e "$T/has-run" ] &&
		pass "the rules stay, and nothing has run" || fail "the rules stay, and nothing has run"
	seq 100 >"$T/report"
	case_run bounded "$BUILD/xsock" trace --no-probe -o "$T/report" -- "$T/is-not-there"
	[ "$(tail -n 1 "$T/report")" = 100 ] && pass "no command, no report" ||
		fail "no command, no report"
	case_run bounded "$BUILD/xsock" trace --no-probe -o "$T/report" -- grep -qx 100 "$T/report"
	ended "until there is a report, the file is as it was" 0
	REPORT=$T/report
	reports "a report takes the place of what was longer" '^# No TCP' '!^100$'
}

# --- for machines -----------------------------------------------------------------------

json()
{
	traced --json -- "$PYTHON" -c "$get" localhost "$port_tls"
	if grep -q "built without jansson" "$ERR"; then
		skip "--json" "xsock was built without jansson"
		return
	fi
	case_run "$PYTHON" -c '
import json, sys
report = json.load(open(sys.argv[1]))
port = int(sys.argv[2])
assert set(report) == {"command", "exit_status", "signal", "lookups", "connections",
                       "udp", "perhaps_not_seen", "left_out", "lost"}, report.keys()
assert report["exit_status"] in (0, 1) and report["signal"] is None
assert report["lookups"][0]["name"] == "localhost" and report["lookups"][0]["failed"] == 0
assert "127.0.0.1" in report["lookups"][0]["addresses"]
place, = report["connections"]
assert place["name"] == "localhost" and place["port"] == port and place["connected"] == 1
assert place["rule"] is None and place["own_other"] == 1 and place["own_tls"] == 0
assert place["advice"] == "localhost:%d=tls://" % port, place
assert any("verified" in note for note in place["notes"])
' "$REPORT" "$port_tls"
	ended "--json" 0
}

# --- signals, and the terminal --------------------------------------------------------------------

# is_gone PID: it has ended, and waits for nobody but this shell
is_gone()
{
	case $(ps -o stat= -p "$1") in '' | Z*) ;; *) return 1 ;; esac
}

signals()
{
	traced -- bash -c 'kill -TERM $$'
	ended "a command that a signal ends" 143
	reports "a command that a signal ends: told" 'ended by signal 15 \(Terminated\)'
	rm -f "$T/ready"
	"$BUILD/xsock" trace -o "$T/report" -- bash -c 'trap "exit 9" USR1; : >"$0"
		while :; do sleep 0.1; done' "$T/ready" &
	local tracer=$!
	started+=($tracer)
	within 10 test -e "$T/ready"
	kill -USR1 $tracer
	within 10 is_gone $tracer || kill_tree $tracer
	wait $tracer
	STATUS=$?
	ended "a signal is passed on" 9
}

screen()
{
	tmux -S "$T/tmux" capture-pane -p >"$OUT"
	grep -qE -- "$1" "$OUT"
}

# has_terminal COMMAND: its process group is the one in the foreground
has_terminal()
{
	[ "$(tmux -S "$T/tmux" display-message -p '#{pane_current_command}')" = "$1" ]
}

terminal()
{
	need "a terminal" tmux || return
	tmux -S "$T/tmux" -f /dev/null new-session -d -x 100 -y 30 "env XSOCK_OPTIONS=$XSOCK_OPTIONS PS1='$ ' bash --norc -i"
	tmux -S "$T/tmux" send-keys "$BUILD/xsock trace -o $T/report --no-probe -- bash -c 'test -t 0 && test -t 2 && echo is-a-termi''nal; read -r a; echo got-\$a; exec sleep 600'" Enter
	within 20 screen '^is-a-terminal' && pass "the command has the terminal" || fail "the command has the terminal"
	tmux -S "$T/tmux" send-keys word Enter
	within 20 screen '^got-word' && pass "the command reads from the terminal" || fail "the command reads from the terminal"
	tmux -S "$T/tmux" send-keys C-z
	within 20 screen 'Stopped' && pass "Ctrl-Z stops both" || fail "Ctrl-Z stops both"
	tmux -S "$T/tmux" send-keys fg Enter
	within 20 has_terminal xsock
	tmux -S "$T/tmux" send-keys C-c
	within 20 has_terminal bash
	tmux -S "$T/tmux" send-keys 'echo status-$?' Enter
	within 20 screen '^status-130' && pass "Ctrl-C ends the command, and the status tells" ||
		fail "Ctrl-C ends the command, and the status tells"
	REPORT=$T/report
	reports "Ctrl-C: the report" 'ended by signal 2'
	# The report of one that is ended by Ctrl-C has its rules, too.
	tmux -S "$T/tmux" send-keys "clear; $BUILD/xsock trace -o $T/report -- bash -c 'exec 3<>/dev/tcp/localhost/$port_tls; echo rea''dy; exec sleep 600'; echo e''nded" Enter
	within 20 screen '^ready'
	tmux -S "$T/tmux" send-keys C-c
	within 20 grep -qs "^localhost:$port_tls=tls://" "$REPORT" && pass "Ctrl-C: the rules" || fail "Ctrl-C: the rules"
	tmux -S "$T/tmux" kill-server 2>"$ERR"
}

for part in own_port fixed_port starttls_postgres starttls_postfix greeting no_rules \
	unchanged seen odd_name many with_rules no_stdio own_rules json signals terminal; do
	wanted $part && $part
done
suite_end
