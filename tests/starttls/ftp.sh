#!/bin/bash
# FTP's data connections: what must not happen, and what rules mean for them.
# (Real servers and clients are real_ftp.sh's.)
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../support/lib.sh"

suite_begin ftp
# serve_ftp NAME [login-first]: sets $folder and $port
serve_ftp()
{
	folder=$T/$1
	mkdir "$folder"
	start "$1" "$PYTHON" -B "$here/ftp_server.py" "$folder" "$CERTS" "${@:2}"
	if ! within 20 test -e "$folder/port"; then
		cat "$T/$1.log" >&2
		exit 1
	fi
	port=$(cat "$folder/port")
}

serve_ftp login-first login-first
login_first=$port
serve_ftp ftp
export XSOCK_LOG=error:$T/lines
: >"$T/lines"
# The name that is verified is the control connection's.
control="127.0.0.1:$port=ftp+starttls://?cafile=$CA&peer_name=localhost"

# All ports but that of the control connection.
others="1-$((port - 1)),$((port + 1))-65535"

# cases LABEL RULES [CASE…]
cases()
{
	local label=$1 rules=$2 result name
	shift 2
	LIMIT=${LIMIT:-120} case_run with_xsock "$rules" "$PYTHON" -B \
		"$here/ftp_data.py" "$folder" "$port" "$T/lines" "$@"
	cp "$OUT" "$T/results"
	while read -r result name; do
		if [ "$result" = ok ]; then
			pass "$label: $name"
		else
			fail "$label: ${name%%: *}" "${name#*: }"
		fi
	done <"$T/results"
	grep -q '^ok' "$T/results" || fail "$label: no case"
}

cases "a hostile server" "$control"
cases "TLS 1.2" "$control&max_version=1.2" good_both_ways session_resumed cut
cases "a silent server" "$control&timeout=2" silent plaintext_upload
cases "everything else denied" "$control *=deny://" good_both_ways bounce
cases "everything else with TLS" "$control *=tls://" good_both_ways second_connect
cases "everything else by the relay" "$control *=tcp://?relay=yes" good_both_ways
cases "denied above" "*:$others=deny:// $control" denied
cases "exempt above" "*:$others=tcp:// $control" exempt
cases "the rule of another server between" \
	"127.0.0.9:21=ftp+starttls:// *:$others=deny:// $control" \
	denied
cases "redirected" "192.0.2.1:21=ftp+starttls://127.0.0.1:$port?cafile=$CA&peer_name=localhost" \
	elsewhere

# PBSZ and PROT P are taken behind the login only.
folder=$T/login-first port=$login_first cases "login first" \
	"127.0.0.1:$login_first=ftp+starttls://?cafile=$CA&peer_name=localhost" \
	good_both_ways session_resumed bounce

[ "$(id -u)" -ne 0 ] || cases "as another user than before" "$control" another_user

# --- the relay -----------------------------------------------------------

if within 15 no_relay; then
	cases "without a relay" "$control" no_relay
	if no_relay; then
		pass "without a relay: none is started"
	else
		fail "without a relay: none is started" "$(relay_pids)"
	fi
fi

# A relay that was there and does not answer.
start stopped with_xsock "$control" "$PYTHON" -B "$here/ftp_data.py" "$T/ftp" \
	"$port" "$T/lines" stopped_relay
stopped=$!
if within 20 test -e "$T/ftp/ready"; then
	relay=$(relay_pids)
	freeze $relay
	: >"$T/ftp/go"
	LIMIT=5 case_run with_xsock "127.0.0.9:21=tls://" "$PYTHON" -c '
import socket
server = socket.create_server(("127.0.0.1", 0))
socket.create_connection(server.getsockname())'
	if [ "$STATUS" -eq 0 ]; then
		pass "without a rule for FTP: nobody is asked"
	else
		fail "without a rule for FTP: nobody is asked"
	fi
	wait "$stopped"
	kill -CONT $relay
	if grep -q '^ok' "$T/stopped.log"; then
		pass "a relay that does not answer: refused"
	else
		cp "$T/stopped.log" "$OUT"
		fail "a relay that does not answer: refused"
	fi
else
	cp "$T/stopped.log" "$OUT"
	fail "a relay that does not answer: refused" "not ready"
fi
suite_end
