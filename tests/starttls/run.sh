#!/bin/bash
# STARTTLS against real servers that demand TLS, real clients that have it
# switched off, and a hostile server, as a table: protocol × {performed, seen} ×
# {real server, real clients, hostile cases passed}.
#
# A row of a table in real_*.sh is one client's real work with one server:
#
#   performed  the rule is PROTOCOL+starttls://, the client knows nothing
#   seen       the rule is starttls://, the client says STARTTLS and has no TLS
#   own        the rule is starttls://, the client brings its own TLS
#   both       the same, and on another connection it does not use it
#   at once    the rule is PROTOCOL+tls://, the client knows nothing
#
# Without a rule all but "own" and "both" must fail, or the row would prove nothing; with
# it they must succeed, and every connection must have been reported with TLS
# and a verified peer.  "own" must succeed both ways, and the relay must not
# have spoken TLS.  All of it once more as users have it: at the default level
# nothing may be told of a clean session.  The hostile cases are hostile.sh's.
#
#     run.sh [WORD…]      only the rows whose line in the table has a WORD, and
#                         the hostile cases whose protocol is one
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../support/lib.sh"
. "$here/../support/rows.sh"
. "$here/../support/programs.sh"
. "$here/../support/npm/client.sh"
for file in "$here"/../support/servers/*.sh "$here"/real_*.sh; do
	[ ! -e "$file" ] || . "$file"
done
. "$here/hostile.sh"
# No test may wait long for a name server that a machine does not have.
export RES_OPTIONS="timeout:1 attempts:1"

# Seconds: for a client that gets no answer, and for one that should.
PLAIN_LIMIT=8 TLS_LIMIT=60
# So many wait for an answer at a time.
PLAIN_JOBS=12
# And so many servers are tried at a time with xsock.
TLS_JOBS=4

# --- rows ----------------------------------------------------------------

protocols=() modes=() ports_of=() clients=() functions=()

# starttls_rows <<table: PROTOCOL | MODE | SERVER_PORT | CLIENT | FUNCTION.
# start_SERVER starts the server and sets $port_SERVER_PORT; the first word of
# CLIENT is the program, the rest tells it from others; FUNCTION is what the
# client does.
starttls_rows()
{
	local protocol mode port client function
	while IFS='|' read -r protocol mode port client function; do
		wanted "$protocol|$mode|$port|$client|$function" || continue
		protocols+=("$(trim $protocol)") modes+=("$(trim $mode)")
		ports_of+=("$(trim $port)") clients+=("$(trim $client)")
		functions+=("$(trim $function)")
	done
}

# Options that every rule of a protocol needs, as "&NAME=VALUE".
declare -A starttls_options=()

# --- what the functions of rows use --------------------------------------
#
# They find $host and $port to connect to, $W, a folder of their own, and $tag,
# a word that nothing else has; they write what they have to say to standard
# output and error, and are true when the data are what they should be.

# client COMMAND…: with the library, or plain
client()
{
	if [ "$attempt" = plain ]; then
		bounded "$@"
	else
		with_xsock "$rules" "$@"
	fi
}

# --- one row --------------------------------------------------------------

# has_tls ROW: the client has TLS of its own
has_tls()
{
	case ${modes[$1]} in own | both) ;; *) false ;; esac
}

# attempt ROW plain|rule|quiet [LEVEL]: output, status and the relay's lines of
# that level land in $W
attempt()
{
	local row=$1 attempt=$2 level=${3:-info}
	local port=port_${ports_of[row]} host=localhost LIMIT=$TLS_LIMIT rules
	local W=$T/rows/$row-$attempt
	local tag=x${row}y$attempt$RANDOM scheme=starttls

	port=${!port}
	[ "$attempt" != plain ] || has_tls "$row" || LIMIT=$PLAIN_LIMIT
	[ "${modes[row]}" != performed ] || scheme=${protocols[row]}+starttls
	[ "${modes[row]}" != "at once" ] || scheme=${protocols[row]}+tls
	rules="localhost:$port=$scheme://?cafile=$CA"
	rules=$rules${starttls_options[${protocols[row]}]-}
	mkdir -p "$W"
	: >"$W/log"
	# A data port that an FTP server has announced has TLS for a minute, for all
	# programs of the relay.  Of what a client with TLS of its own is told the
	# relay reads nothing, and a server may tell it such a port.
	[ "${protocols[row]} ${modes[row]}" != "ftp own" ] || export XSOCK_RELAY=$RELAY-own
	export XSOCK_LOG=$level:$W/log
	${functions[row]} >"$W/stdout" 2>"$W/stderr" </dev/null
	echo $? >"$W/status"
}

name_of()
{
	echo "${protocols[$1]} ${modes[$1]}: ${clients[$1]}, ${ports_of[$1]}"
}

judge_plain()
{
	local W=$T/rows/$1-plain own=false
	! has_tls "$1" || own=true
	OUT=$W/stdout ERR=$W/stderr STATUS=$(cat "$W/status")
	if "$own" && [ "$STATUS" -eq 0 ]; then
		pass "$(name_of "$1"): works without xsock"
	elif ! "$own" && [ "$STATUS" -ne 0 ]; then
		pass "$(name_of "$1"): fails without xsock"
	else
		fail "$(name_of "$1"): without xsock"
	fi
}

# Helpers of clients that connect to nothing, and lose the library: mutt's; that of
# Perl's Net::DNS, which clears the environment for it.
helpers='mutt_dotlock is set-group-ID|perl\[[0-9]*\]: /bin/uname is started without'

# Lines of the relay that should not be there, or the lack of those that should
complaint()
{
	# What is told at level info only: also of a client that tries two addresses
	# at once and takes the first that answers, and of a server that resets a
	# connection that it has ended.
	local log=$1 mode=$2 spoken end=': behind the goodbye, |: the program gave up after'
	end+='|connection ends without a transfer'
	end+='|server broke: (Connection reset by peer|Broken pipe) \[[a-z-]*\]$'
	spoken=$(grep -cE ': TLSv1\.[23] [^ ,]*(, group [^,]*)?, verified "' "$log")
	if [ "$mode" = own ]; then
		[ "$spoken" -eq 0 ] || grep ': TLSv' "$log"
	elif [ "$spoken" -eq 0 ]; then
		echo "no TLS"
	fi
	grep -vE ': TLSv1\.[23] [^ ,]*(, group [^,]*)?, verified "|connected; TLS follows' "$log" |
		grep -vE "$end|$helpers"
}

judge_rule()
{
	local W=$T/rows/$1-rule name other
	name=$(name_of "$1")
	OUT=$W/stdout ERR=$W/stderr STATUS=$(cat "$W/status")
	other=$(complaint "$W/log" "${modes[$1]}")
	if [ "$STATUS" -ne 0 ]; then
		cat "$W/log" >>"$ERR"
		fail "$name"
	elif [ "$other" ]; then
		fail "$name" "the relay reports: $other"
	else
		pass "$name"
	fi
}

judge_quiet()
{
	local W=$T/rows/$1-quiet name told
	name=$(name_of "$1")
	OUT=$W/stdout ERR=$W/stderr STATUS=$(cat "$W/status")
	told=$(grep -vE "$helpers" "$W/log")
	if [ "$STATUS" -ne 0 ]; then
		cat "$W/log" >>"$ERR"
		fail "$name: at the default level"
	elif [ "$told" ]; then
		fail "$name: told at the default level" "$told"
	else
		pass "$name: nothing at the default level"
	fi
}

# --- all rows --------------------------------------------------------------

# Starts what the rows need, and skips rows that cannot be tried here.
start_all()
{
	local row server need_of known=" "
	runnable=()
	for row in "${!clients[@]}"; do
		server=${ports_of[row]%%_*}
		need_of=needs_$server
		need "$(name_of "$row")" ${clients[row]%% *} ${!need_of-} ||
			continue
		runnable+=("$row")
		case $known in *" $server "*) continue ;; esac
		known="$known$server "
		"start_$server"
	done
}

try_all()
{
	local row before
	# Without xsock most of them wait for an answer that does not come.
	for row in "${runnable[@]}"; do
		beside "$PLAIN_JOBS" attempt "$row" plain
	done
	beside_end
	by_server "$TLS_JOBS" try_row
	for row in "${runnable[@]}"; do
		before=$failed
		judge_plain "$row"
		judge_rule "$row"
		judge_quiet "$row"
		results[row]=ok
		[ "$failed" -eq "$before" ] || results[row]=FAILED
	done
}

server_of()
{
	echo "${ports_of[$1]%%_*}"
}

try_row()
{
	(attempt "$1" rule)
	(attempt "$1" quiet warning)
}

# --- the table ---------------------------------------------------------------

# all_protocols: those that the library has, in the order of its table
all_protocols()
{
	sed -n 's/^\tUPGRADE("\([a-z0-9-]*\)", "[^"]*", NULL),.*/\1/p' \
		"$TESTS/../shim/base/scheme.c"
}

# cell PROTOCOL MODE servers|clients: what the rows have, each once
cell()
{
	local list
	list=$("$3_of" "$1" "$2" | awk '!had[$0]++' | paste -sd , -)
	list=${list:--}
	echo "${list//,/, }"
}

# numbers_of PROTOCOL MODE
numbers_of()
{
	local row
	for row in "${!clients[@]}"; do
		[ "${protocols[row]}" = "$1" ] || continue
		case ${modes[row]} in
		own | both) [ "$2" = seen ] && echo "$row" ;;
		"$2") echo "$row" ;;
		esac
	done
}

servers_of()
{
	local row
	for row in $(numbers_of "$1" "$2"); do
		echo "${ports_of[row]%%_*}"
	done
}

clients_of()
{
	local row own result
	for row in $(numbers_of "$1" "$2"); do
		own= result=${results[row]-not run}
		! has_tls "$row" || own=" (own TLS)"
		[ "$result" != ok ] || result=
		echo "${clients[row]}$own${result:+ $result}"
	done
}

print_table()
{
	local protocol mode
	echo "protocol|mode|real server|real clients|hostile cases passed"
	for protocol in $(all_protocols); do
		for mode in performed seen "at once"; do
			[ "$mode" != "at once" ] || numbers_of "$protocol" "$mode" | grep -q . ||
				continue
			printf '%s|%s|%s|%s|%s\n' "$protocol" "$mode" \
				"$(cell "$protocol" "$mode" servers)" \
				"$(cell "$protocol" "$mode" clients)" \
				"$(hostile_cell "$protocol" "$mode")"
		done
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

# Every protocol has been tried in both ways; MySQL's client begins TLS with a
# packet of its own, so there is nothing to be seen.
check_table()
{
	local protocol mode
	[ ${#words[@]} -eq 0 ] || return 0
	for protocol in $(all_protocols); do
		for mode in performed seen; do
			[ "$protocol $mode" != "mysql seen" ] || continue
			case $(cell "$protocol" "$mode" clients) in
			-) fail "$protocol, $mode" "no real client" ;;
			esac
			case $(hostile_cell "$protocol" "$mode") in
			none) fail "$protocol, $mode" "no hostile server" ;;
			esac
		done
	done
}

words=("$@")
results=()
for table in $(declare -F | sed -n 's/^declare -f \(rows_.*\)/\1/p'); do
	"$table"
done

suite_begin starttls
mkdir "$T/rows"
cp "$RELAY" "$RELAY-own" || exit 1
start_all
try_all
hostile_all
hostile_probe
hostile_optional
echo
check_table
print_table | align | tee "$BUILD/starttls.txt"
echo
suite_end
