# Lines for programs: pairs, and the fields of systemd's journal, which is a
# journald of the test's own.

test_logs()
{
	log_pairs
	log_file_of_others
	log_journal
	log_journal_that_does_not_read
	log_no_journal
}

# ask TARGET: one connect
ask()
{
	get "$1?cafile=$CA" / -o /dev/null
}

# What a program does that reads a line of pairs: "key=value" for each, in order,
# without those that are different each time.
pairs_of()
{
	"$PYTHON" -c '
import re, shlex, sys
for line in sys.stdin:
    words = shlex.split(line)
    assert words[0] == "xsock:" and re.fullmatch(r"time=\d{10}\.\d{3}", words[1]), line
    print(*(w for w in words[2:] if not re.match("pid=|group=|cipher=|message=", w)),
          sep="|")
    print(*(w.split("=")[0] for w in words))' 2>&1
}

# XSOCK_LOG is told to the relay, too: it writes both lines.
log_pairs()
{
	local rule="localhost:$port_front=tls://:$port_tls?cafile=$CA"

	XSOCK_LOG=info+pairs ask "tls://:$port_tls"
	pairs_of <"$ERR" >"$OUT"
	expect "pairs: a success" 0 \
		"^level=info\|id=connected\|program=curl\|destination=localhost:$port_front\|rule=XSOCK_RULES:1:1 ${rule/\?/\\?}\|protocol=TLSv1.3\|verified=localhost\|resumed=(yes|no)\$" '*'
	expect "pairs: the keys of a success" 0 \
		'^xsock: time level id program pid destination rule protocol cipher group verified resumed message$' '*'
	XSOCK_LOG=error+pairs:$T/pairs ask "tls://:$port_expired"
	pairs_of <"$T/pairs" >"$OUT"
	expect "pairs: a failure, into a file" 7 \
		"^level=error\|id=certificate-expired\|program=curl\|destination=localhost:$port_front\|rule=XSOCK_RULES:1:1 .*\|errno=EKEYREJECTED\$" '^curl: '
	XSOCK_LOG=error+pairs get "deny://"
	pairs_of <<<"$(lines)" >"$OUT"
	expect "pairs: a failure in the library" 7 \
		"^level=error\|id=denied\|program=curl\|.*\|errno=EACCES\$" '*'
}

# A service logs to a file that only root may write: its lines come elsewhere.
log_file_of_others()
{
	local name="a log file that cannot be opened" log=$T/of-others

	mkdir "$log"
	XSOCK_LOG=error:$log get "deny://"
	expect "$name: standard error" 7 '' 'denied by this rule \[denied\]$'
	[ "$(id -u)" -eq 0 ] && private_mounts "$name: syslog" || return
	# Standard error is closed.
	case_run with_xsock "localhost:$port_front=deny://" env XSOCK_LOG=error:"$log" \
		"${mounts[@]}" "$PYTHON" -c '
import os, socket, subprocess, sys
subprocess.run(["mount", "-t", "tmpfs", "dev", "/dev"], check=True)
log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
log.bind("/dev/log")
log.settimeout(10)
subprocess.run(["sh", "-c", "exec curl -q -s \"$0\" 2>&-", sys.argv[1]])
print(log.recv(4096).decode())' "http://localhost:$port_front/"
	expect "$name, and no standard error: syslog" 0 \
		'^<27>xsock: curl\[[0-9]+\]: .*denied by this rule \[denied\]$' ''
}

# ask_journal TARGET: one connect, in a /run with a journald, whose entries of
# xsock come to $T/journal, one as JSON in each line
ask_journal()
{
	local rule="localhost:$port_front=$1"

	[ "$1" = deny:// ] || rule=$rule?cafile=$CA
	case_run "${mounts[@]}" bash -c '
T=$1 daemon=$2
shift 2
mount -t tmpfs run /run && mkdir -p /run/systemd/journald.conf.d /run/log/journal || exit
printf "[Journal]\nStorage=volatile\nAudit=\nReadKMsg=no\n" \
	>/run/systemd/journald.conf.d/xsock.conf
"$daemon" >"$T/journald.log" 2>&1 &
pid=$!
for i in $(seq 200); do [ ! -S /run/systemd/journal/socket ] || break; sleep 0.05; done
"$@"
status=$?
journalctl --sync >/dev/null 2>&1
for i in $(seq 100); do
	journalctl -D /run/log/journal -t xsock -o json --no-pager >"$T/journal" 2>/dev/null
	[ ! -s "$T/journal" ] || break
	sleep 0.1
done
kill "$pid"
wait "$pid"
exit "$status"' bash "$T" "$journald" env LD_PRELOAD="$PRELOAD" XSOCK_RULES="$rule" \
		XSOCK_RELAY="$RELAY" XSOCK_RELAY_IDLE=1 \
		curl -q -sS -o /dev/null --max-time 20 "http://localhost:$port_front/"
}

have_journal()
{
	[ "$(id -u)" -eq 0 ] || { CI= skip "$1" "only root has a journald"; return 1; }
	journald=/lib/systemd/systemd-journald
	[ -x "$journald" ] || { skip "$1" "$journald is not installed"; return 1; }
	need "$1" journalctl && private_mounts "$1"
}

# fields NAME…: of each entry, in their order
fields()
{
	"$PYTHON" -c '
import json, sys
for line in open(sys.argv[1]):
    entry = json.loads(line)
    print(*(entry.get(name, "-") for name in sys.argv[2:]), sep="|")' "$T/journal" "$@"
}

log_journal()
{
	local name="the journal" to="XSOCK_ID PRIORITY XSOCK_PROGRAM XSOCK_DESTINATION"

	have_journal "$name" || return
	XSOCK_LOG=info:journal ask_journal "tls://:$port_tls"
	fields $to XSOCK_PROTOCOL XSOCK_VERIFIED XSOCK_RESUMED XSOCK_ERRNO >"$OUT"
	expect "$name: a success, by the relay" 0 \
		"^connected\|6\|curl\|localhost:$port_front\|TLSv1.3\|localhost\|(yes|no)\|-\$" ''
	fields MESSAGE SYSLOG_IDENTIFIER SYSLOG_FACILITY _TRANSPORT XSOCK_MESSAGE >"$OUT"
	expect "$name: as a person reads it" 0 \
		"^curl\[[0-9]+\]: localhost:$port_front by XSOCK_RULES:1:1 .*: TLSv1.3 .*verified \"localhost\" \[connected\]\|xsock\|3\|journal\|-\$" ''
	XSOCK_LOG=error:journal ask_journal "tls://:$port_wronghost"
	fields $to XSOCK_RULE XSOCK_ERRNO MESSAGE_ID >"$OUT"
	expect "$name: a failure" 7 \
		"^certificate-name\|3\|curl\|localhost:$port_front\|XSOCK_RULES:1:1 localhost:$port_front=tls://:$port_wronghost\?cafile=$CA\|EKEYREJECTED\|5f0b6f3a9d2c4e71[0-9a-f]{16}\$" '^curl: '
	XSOCK_LOG=error:journal ask_journal "deny://"
	fields $to XSOCK_ERRNO | head -n 1 >"$OUT"
	expect "$name: a failure, by the library" 7 \
		"^denied\|3\|curl\|localhost:$port_front\|EACCES\$" '^curl: '
}

# sd_journal_send(3) would wait here; neither the program nor the relay may.
log_journal_that_does_not_read()
{
	local name="a journal that does not read"

	[ "$(id -u)" -eq 0 ] && private_mounts "$name" || return
	XSOCK_LOG=info:journal LIMIT=60 case_run with_xsock "localhost:$port_front=tls://:$port_expired?cafile=$CA
		localhost:$port_closed=deny://" "${mounts[@]}" "$PYTHON" -c '
import os, socket, subprocess, sys
subprocess.run(["mount", "-t", "tmpfs", "run", "/run"], check=True)
os.makedirs("/run/systemd/journal")
journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
journal.bind("/run/systemd/journal/socket")
for port in sys.argv[1:]:
    subprocess.run(["curl", "-q", "-s", "--max-time", "50"] +
                   20 * ["http://localhost:%s/" % port])
    print("done")' "$port_front" "$port_closed"
	expect "$name: nobody waits, and standard error has the rest" 0 \
		'^done$' '^xsock: curl\[.*\[certificate-expired\]$'
	expect "$name: so has the library" 0 '^done$' '^xsock: curl\[.*\[denied\]$'
}

log_no_journal()
{
	local name="no journal"

	private_mounts "$name" || return
	XSOCK_LOG=error:journal case_run with_xsock "localhost:$port_front=deny://" \
		"${mounts[@]}" sh -c 'mount -t tmpfs run /run && mount -t tmpfs dev /dev &&
exec curl -q -sS "$0"' "http://localhost:$port_front/"
	expect "$name: standard error" 7 '' \
		'^xsock: curl\[.*: denied by this rule \[denied\]$'
}
