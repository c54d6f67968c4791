# XSOCK_LOG=debug: one connect can be followed from the library's line to the end.

# followed NAME LINE…: the last case's lines are these, in this order, each a
# regular expression for what stands behind the rule; all about one pair
followed()
{
	local name=$1 got wanted id
	shift
	id=$(grep -oE ': pair [0-9a-f]{8} is descriptor' "$ERR" | grep -oE '[0-9a-f]{8}')
	got=$(lines | sed -E 's/^xsock: [^ ]+ [^ ]+ by XSOCK_RULES:1:1 [^ ]+: //')
	wanted=$(printf '%s\n' "$@" | sed "s/ID/$id/")
	if [ ${#id} -eq 8 ] && [ "$(lines | wc -l)" -eq $# ] &&
		paste <(echo "$got") <(echo "$wanted") |
		awk -F '\t' '$1 !~ "^" $2 "$" { exit 1 }'; then
		pass "$name"
	else
		fail "$name" "not as expected"
	fi
}

test_debug()
{
	local XSOCK_LOG=debug
	export XSOCK_LOG

	# Options that no other case has: so their files have not been read yet.
	case_run with_xsock "localhost=tls://:$port_tls?cafile=$CA&timeout=61" \
		"$SUPPORT/probe" localhost "$port_trap" x
	within 20 grep -q GONE "$ERR"
	followed "debug: a connect over TLS" \
		'pair ID is descriptor 3, and the relay @xsock-relay/[0-9a-f]+ goes on with TCP to .*' \
		"pair ID, LOAD: waits until the rule's files are read" \
		'pair ID, CONNECT: waits until TCP is connected to .*' \
		"pair ID, HANDSHAKE: waits for the server's part of the TLS handshake" \
		'TLSv1.3 .*' 'pair ID, OPEN: carries bytes' 'pair ID, GONE: has ended'

	case_run with_xsock "localhost=tls://localhost:$port_hangup?timeout=61" \
		"$SUPPORT/probe" localhost "$port_trap" x
	within 20 grep -q GONE "$ERR"
	followed "debug: a name, and a handshake that fails" \
		'pair ID is descriptor 3, and the relay @xsock-relay/[0-9a-f]+ looks up localhost' \
		"pair ID, LOAD: waits until the rule's files are read" \
		'pair ID, RESOLVE: asks the name server for localhost' \
		'pair ID, CONNECT: waits until TCP is connected to .*' \
		"pair ID, HANDSHAKE: waits for the server's part of the TLS handshake" \
		'the server closed .*' 'pair ID, GONE: has ended'

	case_run with_xsock "elsewhere.test=tls://" "$SUPPORT/probe" localhost "$port_plain" x
	expect "debug: no rule" 0 '^connected' \
		": localhost:$port_plain: no rule is about this, so it is left to libc"
	case_run with_xsock "localhost=tcp://:$port_plain" "$SUPPORT/probe" localhost 1 x
	expect "debug: a rule without TLS" 0 '^connected' \
		'the rule wants no TLS: libc connects to .*:'"$port_plain"
}
