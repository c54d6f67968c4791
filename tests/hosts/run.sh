#!/bin/bash
# Programs of every kind that the library may find itself in: memory.sh
# (sanitizers, allocators), symbols.sh (with an OpenSSL of their own),
# languages.sh (run-time systems), browser.sh, abi.sh (32 bits, musl), foreign.sh
# (real programs of those).
#
#     run.sh [PART…]
#
# Each is sent to a port that refuses, so that only the rule can lead to the
# server, which speaks nothing but TLS; and each checks its data.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../support/lib.sh"
. "$here/../support/programs.sh"
export RES_OPTIONS="timeout:1 attempts:1"
# Java, Chromium and compilers on a busy machine.
LIMIT=120
parts=${*:-memory symbols languages browser abi foreign}

# expect NAME REGEX: the last case_run ended well, every line of its output
# fits, and there is one
expect()
{
	if [ "$STATUS" -ne 0 ]; then
		fail "$1" "exit status $STATUS"
	elif [ ! -s "$OUT" ] || grep -qvE -- "$2" "$OUT"; then
		fail "$1" "standard output is not $2"
	elif grep -q '^xsock: ' "$ERR"; then
		fail "$1" "$(grep -m 1 '^xsock: ' "$ERR")"
	else
		pass "$1"
	fi
}

# refused NAME STATUS REGEX: it ended so, and says why
refused()
{
	if [ "$STATUS" -ne "$2" ]; then
		fail "$1" "exit status $STATUS, not $2"
	elif ! grep -qE -- "$3" "$ERR" "$OUT"; then
		fail "$1" "says nothing of $3"
	else
		pass "$1"
	fi
}

# build NAME COMMAND…: a compiler; its failure is that of the case
build()
{
	local name=$1
	shift
	case_run "$@"
	[ "$STATUS" -eq 0 ] || { fail "$name" "cannot be built"; return 1; }
}

# What host.c says of 4 threads.
said='^4 threads, 24 connections, [0-9]{7} bytes there and back$'
c="-D_GNU_SOURCE -std=gnu11 -O1 -g -Wall -Wextra"

# host NAME PROGRAM: host.c as it was built, by the rule to the echo server
host()
{
	case_run with_xsock "$to_echo" "$2" localhost "$port_front" 4
	expect "$1" "$said"
}

for part in $parts; do
	. "$here/$part.sh"
done

suite_begin hosts
if [ "$sanitized" ]; then
	echo "the hosts bring their own run-time systems: plain build only" >&2
	exit 1
fi
serve front:closed echo:echo,tls="$CERTS/good"
nginx_start nginx good && port_nginx=$port
to_echo="localhost:$port_front=tls://:$port_echo?cafile=$CA"
to_nginx="localhost:$port_front=tls://:$port_nginx?cafile=$CA"
cd "$T" || exit 1
for part in $parts; do
	"test_$part"
done
suite_end
