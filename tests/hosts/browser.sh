# Chromium: several processes, the one for the network is a child of a child.

test_browser()
{
	local at
	need Chromium chromium || return
	for at in "127.0.0.1:$port_front" "localhost:$port_front"; do
		case_run with_xsock "127.0.0.1:$port_front=tls://:$port_nginx?cafile=$CA&peer_name=localhost $to_nginx" \
			env HOME="$T" chromium --headless --no-sandbox --disable-gpu \
			--user-data-dir="$T/chromium" --no-first-run \
			--disable-background-networking --disable-component-update \
			--disable-dev-shm-usage --dump-dom "http://$at/"
		if [ "$STATUS" -eq 0 ] &&
			grep -q 'hello from nginx, TLSv1\.3, .*, SNI localhost' "$OUT"
		then
			pass "Chromium: a page from ${at%:*}"
		else
			fail "Chromium: a page from ${at%:*}"
		fi
	done
}
