#!/bin/bash
# The matrix: programs that speak plaintext × servers that demand TLS.  Each row
# of the tables in clients_*.sh is one client's real work, tried three times:
#
#   plain      without xsock: must fail, or the row would prove nothing
#   address    with the rule 127.0.0.1:PORT=tls://?cafile=…
#   name       with the rule localhost:PORT=tls://?cafile=…
#
# The last two must succeed, and every connection must have been reported by
# the relay with TLS and a verified peer.  Prints the matrix, and writes it to
# $BUILD/matrix.txt.
#
#     run.sh [WORD…]      only the rows whose line in the table has a WORD
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../support/lib.sh"
. "$here/../support/rows.sh"
. "$here/../support/programs.sh"
. "$here/../support/npm/client.sh"
for file in "$here"/../support/servers/*.sh "$here"/clients_*.sh; do
	. "$file"
done
# No test may wait long for a name server that a machine does not have.
export RES_OPTIONS="timeout:1 attempts:1"

# Seconds: for a client that gets no answer, and for one that should.
PLAIN_LIMIT=8 TLS_LIMIT=60
# So many wait for an answer at a time.
PLAIN_JOBS=6
# And so many servers are tried at a time with xsock.
TLS_JOBS=4

# --- rows ----------------------------------------------------------------

clients=() ports_of=() functions=() works=()

# matrix_rows <<table: CLIENT | SERVER_PORT | FUNCTION | WORK.  The first word of
# CLIENT is the program; start_SERVER starts the server and sets
# $port_SERVER_PORT; FUNCTION is what the client does, in the words of WORK.
matrix_rows()
{
	local client port function work
	while IFS='|' read -r client port function work; do
		wanted "$client|$port|$function|$work" || continue
		clients+=("$(trim $client)") ports_of+=("$(trim $port)")
		functions+=("$(trim $function)") works+=("$(trim $work)")
	done
}

# --- what the functions of rows use --------------------------------------
#
# They find $host and $port to connect to ($at is $host as URLs have it), $W, a
# folder of their own, and $tag, a word that nothing else has; in $may_end they can
# leave what the relay may report of a connection's end.  They write what
# they have to say to standard output and error, and are true when the data are
# what they should be.

# client COMMAND…: with the library, or plain
client()
{
	if [ "$mode" = plain ]; then
		bounded "$@"
	else
		with_xsock "$rules" "$@"
	fi
}

# six FUNCTION: over IPv6; a row of its own.  Instead of a name, a network.
six()
{
	host=::1 at=[::1]
	rules="$at:$port=tls://?cafile=$CA"
	[ "$mode" != name ] || rules="[::/112]:$port=tls://?cafile=$CA"
	"$@"
}

# --- one row --------------------------------------------------------------

# attempt ROW MODE: output, status and the relay's lines land in $W
attempt()
{
	local row=$1 mode=$2
	local port=port_${ports_of[row]} host=127.0.0.1 at LIMIT=$TLS_LIMIT rules
	local W=$T/rows/$row-$mode may_end=
	local tag=x${row}y$mode$RANDOM

	port=${!port}
	case $mode in
	plain) LIMIT=$PLAIN_LIMIT ;;
	name) host=localhost ;;
	esac
	rules="$host:$port=tls://?cafile=$CA" at=$host
	mkdir -p "$W"
	: >"$W/log"
	export XSOCK_LOG=info:$W/log
	${functions[row]} >"$W/stdout" 2>"$W/stderr" </dev/null
	echo $? >"$W/status"
	echo "$host" >"$W/host"
	echo "$may_end" >"$W/may_end"
}

# judge ROW MODE NAME
judge()
{
	local W=$T/rows/$1-$2 host may_end other
	local name="$3: ${2/#/by }"

	host=$(cat "$W/host") may_end=$(cat "$W/may_end")
	OUT=$W/stdout ERR=$W/stderr STATUS=$(cat "$W/status")
	# A helper of mutt's, which connects to nothing, cannot load the library.
	other=$(grep -vE ": TLSv1\.[23] [^ ,]*(, group [^,]*)?, verified \"$host\"(,| \[connected\]\$)" "$W/log" |
		grep -v 'mutt_dotlock is set-group-ID' |
		grep -vF -e "${may_end:-no other end}")
	if [ "$2" = plain ]; then
		name="$3: fails without xsock"
		[ "$STATUS" -ne 0 ] && pass "$name" || fail "$name"
	elif [ "$STATUS" -ne 0 ]; then
		cat "$W/log" >>"$ERR"
		fail "$name"
	elif [ "$other" ] || [ ! -s "$W/log" ]; then
		fail "$name" "the relay reports: ${other:-nothing}"
	else
		pass "$name"
	fi
}

# What the relay said of version and cipher, once each
spoken()
{
	local W=$T/rows/$1
	cat "$W-address/log" "$W-name/log" 2>/dev/null |
		sed -nE 's/.*: (TLSv1\.[0-9] [^ ,]*)(, group [^,]*)?, verified .*/\1/p' |
		sort -u | paste -sd + -
}

# --- all rows --------------------------------------------------------------

# Starts what the rows need, and skips rows that cannot be tried here.
start_all()
{
	local row server need_of root_of name known=" "
	runnable=()
	for row in "${!clients[@]}"; do
		server=${ports_of[row]%%_*}
		need_of=needs_$server
		root_of=root_$server
		name="${clients[row]}, ${ports_of[row]}"
		need "$name" ${clients[row]%% *} ${!need_of-} || continue
		if [ "${!root_of-}" ] && [ "$(id -u)" -ne 0 ]; then
			CI= skip "$name" "only root can start $server"
			continue
		fi
		runnable+=("$row")
		case $known in *" $server "*) continue ;; esac
		known="$known$server "
		"start_$server"
	done
}

try_all()
{
	local row
	# Without xsock most of them wait for an answer that does not come.
	for row in "${runnable[@]}"; do
		beside "$PLAIN_JOBS" attempt "$row" plain
	done
	beside_end
	by_server "$TLS_JOBS" try_row
	for row in "${runnable[@]}"; do
		result_of "$row"
	done
}

server_of()
{
	echo "${ports_of[$1]%%_*}"
}

try_row()
{
	(attempt "$1" address)
	(attempt "$1" name)
}

result_of()
{
	local row=$1 before=$failed mode
	local name="${clients[row]}, ${ports_of[row]}"
	for mode in plain address name; do
		judge "$row" "$mode" "$name"
	done
	results[row]=ok
	[ "$failed" -eq "$before" ] || results[row]=FAILED
}

matrix_print()
{
	local row
	printf '%s|%s|%s|%s|%s\n' client server work \
		"as the relay reports" result
	for row in "${!clients[@]}"; do
		printf '%s|%s|%s|%s|%s\n' "${clients[row]}" "${ports_of[row]}" \
			"${works[row]}" "$(spoken "$row")" \
			"${results[row]-not run}"
	done
}

align()
{
	awk -F '|' '
	{ for (i = 1; i <= NF; i++) {
		cell[NR, i] = $i
		if (length($i) > width[i]) width[i] = length($i)
	} }
	END { for (n = 1; n <= NR; n++) {
		line = ""
		for (i = 1; i <= NF; i++)
			line = line sprintf("%-" width[i] "s  ", cell[n, i])
		sub(/ +$/, "", line)
		print line
	} }'
}

words=("$@")
results=()
for table in $(declare -F | sed -n 's/^declare -f \(rows_.*\)/\1/p'); do
	"$table"
done

suite_begin matrix
mkdir "$T/rows"
start_all
try_all
echo
matrix_print | align | tee "$BUILD/matrix.txt"
echo
suite_end
