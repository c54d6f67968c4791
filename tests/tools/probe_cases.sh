# What the tests of xsock probe share: a probe, and what it must have said.  Source
# lib.sh first.

XSOCK=$BUILD/xsock
unset XSOCK_RULES XSOCK_LOG LD_PRELOAD SSL_CERT_FILE SSL_CERT_DIR

# probe ARGUMENT…: output to $OUT, status to $STATUS
probe()
{
	case_run bounded "$XSOCK" probe "$@"
}

# expect NAME STATUS [TEXT…]: of the last probe; each TEXT in what it wrote
expect()
{
	local name=$1 status=$2 text
	shift 2
	if [ "$STATUS" != "$status" ]; then
		fail "$name" "status $STATUS instead of $status"
		return
	fi
	for text; do
		grep -qF -- "$text" "$OUT" "$ERR" && continue
		fail "$name" "\"$text\" is not there"
		return
	done
	pass "$name"
}

# lacks NAME TEXT: the last probe did not write it
lacks()
{
	if grep -qF -- "$2" "$OUT" "$ERR"; then
		fail "$1" "\"$2\" is there"
	else
		pass "$1"
	fi
}
