# What the suites of xsock's subcommands share; source support/lib.sh first.

# runs NAME STATUS COMMAND [ARGUMENT…]: "xsock COMMAND"; the cases that follow look
# at what it wrote
runs()
{
	local name=$1 status=$2
	shift 2
	case_run bounded "$BUILD/xsock" "$@"
	[ "$STATUS" = "$status" ] && pass "$name" || fail "$name" "status $STATUS instead of $status"
}

# prints NAME LINE: LINE is a whole line of standard output; lacks NAME TEXT: no
# line has it
prints()
{
	grep -qxF -- "$2" "$OUT" && pass "$1" || fail "$1" "\"$2\" is not there"
}

lacks()
{
	grep -qF -- "$2" "$OUT" && fail "$1" "\"$2\" is there" || pass "$1"
}

# tells NAME TEXT: TEXT is in what goes to standard error
tells()
{
	grep -qF -- "$2" "$ERR" && pass "$1" || fail "$1" "\"$2\" is not there"
}

# datagram_server NAME ARGUMENT: tests/support/dtls_server.c; sets $port
datagram_server()
{
	start "$1" "$SUPPORT/dtls_server" "$2"
	within 20 grep -qs '^port' "$T/$1.log" || cat "$T/$1.log" >&2
	port=$(sed -n 's/^port //p' "$T/$1.log")
}
