#!/bin/bash
# Real programs that start others, or themselves again, with another environment
# or another user: does what they connect follow the rules, and if not, who says
# so?  As a table: program × XSOCK_EXEC × outcome × line.
#
#     TLS       the server with TLS got it, the plain listener got nothing
#     refused   neither got anything, and a line says why
#     told      the plain listener got it, and a line says so
#
# Each program asks for a plain listener, and a rule leads that to a server with
# TLS.  Nothing else is set than what a unit of systemd would set, so that lines
# go where they go by default: to standard error, or to syslog.
#
#     run.sh [WORD…]     only the programs whose name has a WORD
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../support/lib.sh"
. "$here/../support/programs.sh"
. "$here/../support/syslog.sh"
unset XSOCK_EXEC XSOCK_LOG XSOCK_RULES XSOCK_RELAY
if [ "$(id -u)" -ne 0 ]; then
	if [ "${CI-}" = true ]; then
		echo "FAIL  daemons: only root can start them as a system does"
		echo "0 passed, 1 failed"
		exit 1
	fi
	echo "SKIP  daemons: only root can start them as a system does"
	echo "1 skipped"
	exit 0
fi
for file in "$here"/in_*.sh; do
	. "$file"
done

# --- a system of its own ------------------------------------------------------

# The mounts are those of this script's namespace (world.sh).

# /etc can be written to: programs find their configuration where Debian has it.
own_etc()
{
	cp -a /etc "$T/etc" && mount --bind "$T/etc" /etc || exit 1
}

# --- one program --------------------------------------------------------------

# as_service [exec] MODE COMMAND…: with the variables of a unit, and no others;
# with MODE "bare" without those of xsock; with "supervised", which is no value of
# XSOCK_EXEC either, as xsock run --supervise=always starts it
as_service()
{
	local exec=
	[ "$1" != exec ] || { exec=exec; shift; }
	local mode=$1
	local -a variables=(LD_PRELOAD="$PRELOAD" XSOCK_RULES="$rule"
		${mode:+XSOCK_EXEC="$mode"})
	shift
	case $mode in
	bare) variables=() ;;
	supervised)
		variables=()
		set -- "$T/xsock" run --supervise=always -r "$rule" -- "$@" ;;
	esac
	$exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		LANG=C.UTF-8 XSOCK_RELAY="$RELAY" XSOCK_RELAY_IDLE=1 \
		"${variables[@]}" "$@"
}

# What is said from here on, and what arrives, is that of the next row.
row_begin()
{
	local data
	for data in "$T"/servers/*.data; do
		: >"$data"
	done
	: >"$T/syslog"
	: >"$OUT"
	: >"$ERR"
}

# lines: what an administrator can read
lines()
{
	cat "$ERR" "$T/syslog" 2>/dev/null | grep -a 'xsock: '
}

# arrived trap|tls: at the one for HTTP, or that for SMTP
arrived()
{
	[ -s "$T/servers/$1.data" ] || [ -s "$T/servers/mail_$1.data" ]
}

# settled OUTCOME: what is expected has come, or something else
settled()
{
	case $1 in
	refused) arrived trap || arrived tls || lines | grep -q . ;;
	*) arrived trap || arrived tls ;;
	esac
}

# Sets $outcome, and $line to the line that has $1, or to the first one.
judge()
{
	line=$(lines | grep -aE -m 1 -- "$1" || lines | head -n 1)
	if arrived trap; then
		outcome=silent
		[ -z "$line" ] || outcome=told
	elif arrived tls; then
		outcome=TLS
	elif [ "$line" ]; then
		outcome=refused
	else
		outcome=nothing
	fi
}

rows=()
# row PROGRAM MODE OUTCOME [LINE]: what was started since row_begin must have
# come to this, and must have said the line (a regular expression)
row()
{
	local program=$1 mode=${2:-warn} expected=$3 wanted=${4-}
	local name="$program, $mode: $expected"

	within "${PATIENCE:-20}" settled "$expected"
	sleep 0.5
	judge "${wanted:-.}"
	rows+=("$program|$mode|$outcome|${line#*xsock: }")
	cp "$T/syslog" "$T/reports/syslog.last"
	if [ "$outcome" != "$expected" ]; then
		lines >>"$OUT"
		fail "$name" "$outcome: $line"
	elif [ "$wanted" ] && ! grep -qE -- "$wanted" <<<"$line"; then
		lines >>"$OUT"
		fail "$name" "no line \"$wanted\""
	else
		pass "$name"
	fi
}

# says NAME PID TEXT…: "xsock status PID" has each TEXT (a regular expression),
# or not, if it begins with "!"
says()
{
	local name="$1: xsock status" pid=$2 text
	shift 2
	"$BUILD/xsock" status "$pid" >"$OUT" 2>"$T/status.err"
	STATUS=$?
	for text; do
		case $text in
		!*) ! grep -qE -- "${text#!}" "$OUT" ;;
		*) grep -qE -- "$text" "$OUT" ;;
		esac || { fail "$name" "\"$text\""; return; }
	done
	pass "$name"
}

print_rows()
{
	local row
	printf '\n%-34s %-10s %-8s %s\n' program mode outcome line
	for row in "${rows[@]+"${rows[@]}"}"; do
		IFS='|' read -r program mode outcome line <<<"$row"
		printf '%-34s %-10s %-8s %s\n' "$program" "$mode" "$outcome" "$line"
	done
	echo
}

# --- all ----------------------------------------------------------------------

words=("$@")
suite_begin daemons
chmod 711 "$T"
cp "$BUILD/libxsock.so" "$BUILD/xsock" "$T/"
PRELOAD=$T/libxsock.so
own_etc
own_syslog
serve trap:http tls:http,tls="$CERTS/good" mail_trap:greet mail_tls:greet,tls="$CERTS/good" \
	bad:http,tls="$CERTS/wronghost"
rule="127.0.0.1:$port_trap=tls://localhost:$port_tls?cafile=$CA&timeout=10
127.0.0.1:$port_mail_trap=tls://localhost:$port_mail_tls?cafile=$CA&timeout=10"
plain_url=http://127.0.0.1:$port_trap/
for try in $(declare -F | sed -n 's/^declare -f try_//p'); do
	! wanted "$try" || "try_$try"
done
print_rows
suite_end
