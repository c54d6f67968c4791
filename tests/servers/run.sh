#!/bin/bash
# Real clients against real servers, all on loopback, through LD_PRELOAD:
# what works (clients.sh), what is led elsewhere (routes.sh), what is refused
# (refusals.sh), what options are for (options.sh), pre-shared keys (keys.sh), how the relay
# lives (life.sh), how a connect can be followed (debug.sh), and lines for programs (logs.sh).
#
#     run.sh [PART…]
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../support/lib.sh"
. "$here/../support/programs.sh"
# No test may wait long for a name server that a machine does not have.
export RES_OPTIONS="timeout:1 attempts:1"

start_servers()
{
	local c bad=()
	for c in expired notyet wronghost selfsigned unknownca nochain \
		dnsonly wildcard chain; do
		bad+=("$c:http,tls=$CERTS/$c")
	done
	serve front:closed closed:closed plain:http greet:greet \
		tls12:http,tls="$CERTS/good",max=1.2 tls:http,tls="$CERTS/good" \
		bytes:http,tls="$CERTS/good",one \
		trap:http sink:sink,tls="$CERTS/good" source:source,tls="$CERTS/good" \
		cut:source,tls="$CERTS/good",cut \
		slow:http,tls="$CERTS/good",slow=500 hangup:hangup mute:mute full:full "${bad[@]}"
	nginx_start nginx good && port_nginx=$port
	redis_start && port_redis=$port
	s_server_start s_server -rev && port_s_server=$port
	head -c 5000000 /dev/urandom >"$T/nginx/files/large"
	sum_large=$(sha256sum <"$T/nginx/files/large")
}

# --- what a case looks at ----------------------------------------------

# expect NAME STATUS OUT-REGEX ERR-REGEX: of the last case_run; "" matches
# only empty text, "*" anything
expect()
{
	if [ "$STATUS" != "$2" ] && [ "$2" != "*" ]; then
		fail "$1" "exit status $STATUS, not $2"
	elif ! matches "$OUT" "$3"; then
		fail "$1" "standard output is not $3"
	elif ! matches "$ERR" "$4"; then
		fail "$1" "standard error is not $4"
	else
		pass "$1"
	fi
}

matches()
{
	case $2 in
	'*') ;;
	'') [ ! -s "$1" ] ;;
	*) tr -d '\0' <"$1" | grep -qE -- "$2" ;;
	esac
}

# The library's and the relay's lines in the last standard error.
lines()
{
	grep '^xsock: ' "$ERR"
}

# get TARGET [PATH [CURL-ARGUMENT…]]: curl, by a rule with that target
get()
{
	case_run with_xsock "localhost:$port_front=$1" curl -q -sS \
		--max-time 20 "${@:3}" "http://localhost:$port_front${2:-/}"
}

for part in ${*:-clients routes refusals options keys tokens life debug logs}; do
	. "$here/$part.sh"
done

suite_begin servers
start_servers
for part in ${*:-clients routes refusals options keys tokens life debug logs}; do
	"test_$part"
done
suite_end
