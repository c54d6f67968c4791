#!/bin/bash
# Programs that send datagrams in plaintext × servers that demand DTLS; see README.md.
#
#     run.sh [WORD…]      only the rows whose line in a table has a WORD, and the
#                         parts of that name: rows, refusals, ports, life, loss, hostile
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../support/lib.sh"
. "$here/../support/rows.sh"
UDP=$BUILD/tests/udp
PATH=$PATH:$BUILD/unpacked/usr/sbin
for file in "$here"/servers.sh "$here"/clients_*.sh "$here"/in_*.sh; do
	. "$file"
done
# No test may wait long for a name server that a machine does not have.
export RES_OPTIONS="timeout:1 attempts:1"

# Seconds: for a client that gets no answer, and for one that should.
PLAIN_LIMIT=6 DTLS_LIMIT=120
# So many wait for an answer at a time.
PLAIN_JOBS=12
# And so many servers are tried at a time otherwise.
DTLS_JOBS=4

# --- rows ----------------------------------------------------------------

clients=() servers=() functions=() works=()

# udp_rows <<table: CLIENT | SERVER | FUNCTION | WORK.  The first word of CLIENT is
# the program; start_SERVER starts the server; FUNCTION is what the client does, in
# the words of WORK.
udp_rows()
{
	local client server function work
	while IFS='|' read -r client server function work; do
		wanted "$client|$server|$function|$work|rows" || continue
		clients+=("$(trim $client)") servers+=("$(trim $server)")
		functions+=("$(trim $function)") works+=("$(trim $work)")
	done
}

# --- what the functions of rows use --------------------------------------
#
# They find $host and $port to send to ($at is $host as URLs have it), $W, a folder
# of their own, $tag, a word that nothing else has, and in $heard the file in which
# the server writes what it hears, if it does.  They are true when the data are what
# they should be.

# client COMMAND…: with the library, or plain
client()
{
	case $mode in
	control | plain) bounded "$@" ;;
	*) with_xsock "$rules" "$@" ;;
	esac
}

# six FUNCTION: over IPv6; a row of its own.  Instead of a name, a network.
six()
{
	[ "$mode" = control ] || host=::1 at=[::1]
	rules="udp://[::1]:$port=dtls://?cafile=$CA"
	[ "$mode" != name ] || rules="udp://[::/112]:$port=dtls://?cafile=$CA"
	"$@"
}

# keyed FUNCTION: with a pre-shared key and no certificates; a row of its own
keyed()
{
	rules="udp://$host:$port=dtls://?psk_identity=gateway&psk_file=$U/keys.psk"
	proof='verified by the pre-shared key of "gateway"'
	"$@"
}

# small FUNCTION: the same, of a server that has only CCM with a short tag
small()
{
	keyed true
	rules="$rules&security_level=0"
	"$@"
}

# --- one row --------------------------------------------------------------

# attempt ROW MODE: output, status, the relay's lines, and what the way has counted
# land in $W
attempt()
{
	local row=$1 mode=$2 server=${servers[$1]}
	local port=port_$server heard=heard_$server host=127.0.0.1 at rules proof=
	local W=$T/rows/$row-$mode LIMIT=$DTLS_LIMIT tag=x${row}y$mode$RANDOM

	case $mode in
	control) port=plain_$server heard=plain_heard_$server ;;
	plain) LIMIT=$PLAIN_LIMIT ;;
	name) host=localhost ;;
	esac
	port=${!port} heard=${!heard-}
	rules="udp://$host:$port=dtls://?cafile=$CA" at=$host
	mkdir -p "$W"
	: >"$W/log"
	export XSOCK_LOG=info:$W/log
	counted "$server" >"$W/before"
	${functions[row]} >"$W/stdout" 2>"$W/stderr" </dev/null
	echo $? >"$W/status"
	counted "$server" >"$W/after"
	echo "${proof:-verified \"$host\"}" >"$W/proof"
}

# counted SERVER: what its way has seen: "dtls N other N back N"
counted()
{
	cat "$U/$1-way.count" 2>/dev/null || cat "$U/$1.count"
}

# judge ROW MODE NAME
judge()
{
	local W=$T/rows/$1-$2 why=
	local name="$3: ${2/#/by }" dtls other dtls_then other_then _

	OUT=$W/stdout ERR=$W/stderr STATUS=$(cat "$W/status")
	read -r _ dtls_then _ other_then _ <"$W/before"
	read -r _ dtls _ other _ <"$W/after"
	case $2 in
	control)
		name="$3: works in plaintext"
		[ "$STATUS" -eq 0 ] || why="it does not" ;;
	plain)
		name="$3: fails without xsock"
		[ "$STATUS" -ne 0 ] || why="it does not" ;;
	*)
		if [ "$STATUS" -ne 0 ]; then
			cat "$W/log" >>"$ERR"
			why="wrong or no answer"
		elif [ "$other" -ne "$other_then" ]; then
			why="$((other - other_then)) datagrams were not DTLS"
		elif [ "$dtls" -eq "$dtls_then" ]; then
			why="nothing came by DTLS"
		else
			why=$(unverified "$W/log" "$(cat "$W/proof")")
		fi ;;
	esac
	if [ "$why" ]; then fail "$name" "$why"; else pass "$name"; fi
}

# unverified LOG PROOF: what the relay tells of anything but an association that is
# verified so, and of its end by the program.  (Python looks for libraries by
# ldconfig, which has none.)
unverified()
{
	local other
	other=$(grep -vE ": DTLSv1\.2 [^ ,]*(, group [^,]*)?, $2" "$1" |
		grep -v ': /sbin/ldconfig is statically linked, ' |
		grep -v ': the association has ended, because the program has closed its socket: ')
	if [ "$other" ] || ! grep -q ': DTLSv1' "$1"; then
		echo "the relay reports: ${other:-nothing}"
	fi
}

# What the relay said of version and cipher, once each
spoken()
{
	local W=$T/rows/$1
	cat "$W-address/log" "$W-name/log" 2>/dev/null |
		sed -nE 's/.*: (DTLSv1\.[0-9] [^ ,]*)(, group [^,]*)?, verified .*/\1/p' |
		sort -u | paste -sd + -
}

# --- all rows --------------------------------------------------------------

# Starts what the rows need, and skips rows that cannot be tried here.
start_all()
{
	local row server need_of name
	runnable=()
	for row in "${!clients[@]}"; do
		server=${servers[row]}
		need_of=needs_$server
		name="${clients[row]}, ${servers[row]}"
		need "$name" ${clients[row]%% *} ${!need_of-} || continue
		runnable+=("$row")
		server_start "$server"
	done
}

# server_start NAME: once
server_start()
{
	case $servers_started in *" $1 "*) return ;; esac
	servers_started="$servers_started$1 "
	"start_$1"
}
servers_started=" "

# The way of a server counts for all of its rows, which therefore go one by one.
server_of()
{
	echo "${servers[$1]}"
}

try_control()
{
	(attempt "$1" control)
}

try_row()
{
	(attempt "$1" address)
	(attempt "$1" name)
}

try_all()
{
	local row
	by_server "$DTLS_JOBS" try_control
	# Without xsock most of them wait for an answer that does not come.
	for row in "${runnable[@]}"; do
		beside "$PLAIN_JOBS" attempt "$row" plain
	done
	beside_end
	by_server "$DTLS_JOBS" try_row
	for row in "${runnable[@]}"; do
		result_of "$row"
	done
}

result_of()
{
	local row=$1 before=$failed mode
	for mode in control plain address name; do
		judge "$row" "$mode" "${clients[row]}, ${servers[row]}"
	done
	results[row]=ok
	[ "$failed" -eq "$before" ] || results[row]=FAILED
}

table_print()
{
	local row
	echo "client|server|work|as the relay reports|result"
	for row in "${!clients[@]}"; do
		printf '%s|%s|%s|%s|%s\n' "${clients[row]}" "${servers[row]}" \
			"${works[row]}" "$(spoken "$row")" "${results[row]-not run}"
	done
}

align()
{
	column -t -s '|'
}

words=("$@")
results=()
for table in $(declare -F | sed -n 's/^declare -f \(rows_.*\)/\1/p'); do
	"$table"
done

suite_begin udp
U=$T/udp
mkdir "$U" "$T/rows"
start_all
try_all
for part in $(declare -F | sed -n 's/^declare -f part_\(.*\)/\1/p'); do
	! wanted "$part" || "part_$part"
done
echo
table_print | align | tee "$BUILD/udp.txt"
echo
suite_end
