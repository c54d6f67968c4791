#!/bin/bash
# curl, which is told http, and a server that speaks nothing but TLS.
. "$(dirname "$0")/../support/lib.sh"
. "$TESTS/support/programs.sh"

suite_begin exchange
serve front:closed
s_server_start www -www -tls1_3
XSOCK_LOG=info case_run with_xsock \
	"localhost:$port_front=tls://:$port?cafile=$CA" \
	curl -sS "http://localhost:$port_front/"
if [ "$STATUS" -eq 0 ] && grep -q "TLSv1.3" "$OUT"; then
	pass "curl reads a page by TLS: $(uname -m), $(grep -m 1 -o 'TLSv1.3, Cipher is.*' "$OUT")"
else
	fail "curl reads a page by TLS"
fi
suite_end
