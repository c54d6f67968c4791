# Real servers for what options are for: client certificates, ALPN, lists of
# revoked certificates, pins and resumption (nginx); versions that are out of
# date (s_server that speaks nothing else).

test_options()
{
	client_certificates
	application_protocols
	old_versions
	revoked
	fingerprints
	chain_and_keys
	resumption
}

# get TARGET [PATH [CURL-ARGUMENT…]]: curl, by a rule with that target
get()
{
	case_run with_xsock "localhost:$port_front=$1" curl -q -sS \
		--max-time 20 "${@:3}" "http://localhost:$port_front${2:-/}"
}

# --- client certificates ------------------------------------------------

client_certificates()
{
	local mine version

	certs_issue client ca leaf "" >>"$CERTS/log" 2>&1
	certs_issue stranger unknown-ca leaf "" >>"$CERTS/log" 2>&1
	openssl pkcs8 -topk8 -in "$CERTS/client.key" -out "$CERTS/locked.key" \
		-passout pass:opensesame
	cat "$CERTS/client.pem" "$CERTS/client.key" >"$CERTS/both.pem"
	printf 'opensesame\n' >"$T/phrase"
	for version in 1.2 1.3; do
		nginx_start "wants$version" good \
			"ssl_protocols TLSv$version; ssl_verify_client on;" \
			"ssl_client_certificate $CA;"
		mine="tls://:$port?cafile=$CA"
		with_certificate
		without_certificate
	done
	strict_server
}

with_certificate()
{
	local locked="$mine&local_cert=$CERTS/client.pem&local_pk=$CERTS/locked.key"

	get "$mine&local_cert=$CERTS/client.pem&local_pk=$CERTS/client.key"
	expect "nginx, TLS $version: client certificate" 0 \
		"^hello from nginx, TLSv$version" ''
	get "$mine&local_cert=$CERTS/both.pem"
	expect "nginx, TLS $version: certificate and key in one file" 0 \
		'^hello from nginx' ''
	get "$locked&passphrase=opensesame"
	expect "nginx, TLS $version: passphrase" 0 '^hello from nginx' ''
	get "$locked&passphrase=file:$T/phrase"
	expect "nginx, TLS $version: passphrase of a file" 0 \
		'^hello from nginx' ''
	PHRASE=opensesame get "$locked&passphrase=env:PHRASE"
	expect "nginx, TLS $version: passphrase of the environment" 0 \
		'^hello from nginx' ''
	get "$locked&passphrase=other"
	expect "nginx, TLS $version: other passphrase" 7 '' 'pass'
	! grep -q opensesame "$ERR" ||
		fail "nginx, TLS $version: a passphrase in a line"
}

# nginx ends the handshake all the same and tells the reason by HTTP: 400.
without_certificate()
{
	get "$mine"
	expect "nginx, TLS $version: no client certificate" 0 \
		'400 No required SSL certificate was sent' ''
	get "$mine&local_cert=$CERTS/stranger.pem&local_pk=$CERTS/stranger.key"
	expect "nginx, TLS $version: a stranger's certificate" 0 \
		'400 The SSL certificate error' ''
}

# s_server refuses at once.  With TLS 1.3 the connect may have succeeded then:
# curl says 7, 52, 55 or 56.
strict_server()
{
	local version name

	for version in 1_2 1_3; do
		name="s_server, TLS $version: no client certificate"
		s_server_start "strict$version" -www -tls$version -Verify 1 \
			-verify_return_error -CAfile "$CA"
		get "tls://:$port?cafile=$CA"
		case $version:$STATUS in
		1_3:52 | 1_3:5[56]) STATUS=7 ;;
		esac
		expect "$name" 7 '' 'client certificate.*local_cert'
		get "tls://:$port?cafile=$CA&local_cert=$CERTS/both.pem"
		expect "s_server, TLS $version: with one" 0 'Ciphers' ''
	done
}

# --- nginx tells what came of it -----------------------------------------

about='location = /about {
	return 200 "protocol $server_protocol, alpn $ssl_alpn_protocol, reused $ssl_session_reused\n"; }'

application_protocols()
{
	local both only

	nginx_listen="ssl http2" nginx_start alpn good "$about"
	both="tls://:$port?cafile=$CA&alpn_protocols"
	nginx_start noh2 good "$about"
	only="tls://:$port?cafile=$CA&alpn_protocols"
	get "$both=http/1.1" /about
	expect "nginx, ALPN: http/1.1" 0 'HTTP/1\.1, alpn http/1\.1,' ''
	get "$both=h2,http/1.1" /about --http2-prior-knowledge
	expect "nginx, ALPN: h2 before http/1.1" 0 'HTTP/2\.0, alpn h2,' ''
	get "$both=h2" /about --http2-prior-knowledge
	expect "nginx, ALPN: h2" 0 'HTTP/2\.0, alpn h2,' ''
	get "${both%&*}" /about
	expect "nginx, ALPN: none" 0 'HTTP/1\.1, alpn ,' ''
	get "$only=h2" /about --http2-prior-knowledge
	expect "nginx without http2, ALPN: h2" 7 '' 'ALPN'
}

# Another program, another process; the relay is the same.
resumption()
{
	local version to again number

	for version in 1.2 1.3; do
		nginx_start "resumes$version" good "$about" \
			"ssl_protocols TLSv$version;" \
			"ssl_session_cache shared:$version:1m;"
		to="tls://:$port?cafile=$CA"
		again=.
		for number in 1 2 3; do
			XSOCK_RELAY_IDLE=5 get "$to" /about
			expect "nginx, TLS $version: resumption, $number" 0 \
				"reused [$again]\$" ''
			again=r
		done
		for again in first second; do
			XSOCK_RELAY_IDLE=5 get "$to&session_reuse=0" /about
			expect "nginx, TLS $version: session_reuse=0, $again" \
				0 'reused \.$' ''
		done
		get "$to&verify_peer_name=0" /about
		expect "nginx, TLS $version: not with other options" 0 \
			'reused \.$' ''
	done
}

# --- who is trusted -----------------------------------------------------

revoked()
{
	local authority=(openssl ca -config "$CERTS/config"
		-cert "$CERTS/ca.pem" -keyfile "$CERTS/ca.key")

	certs_issue revoked ca leaf DNS:localhost >>"$CERTS/log" 2>&1
	"${authority[@]}" -revoke "$CERTS/revoked.pem" >>"$CERTS/log" 2>&1
	"${authority[@]}" -gencrl -crldays 30 -out "$T/crl.pem" \
		>>"$CERTS/log" 2>&1
	nginx_start revoked revoked
	get "tls://:$port?cafile=$CA"
	expect "nginx, revoked, and nobody asks" 0 '^hello from nginx' ''
	get "tls://:$port?cafile=$CA&crlfile=$T/crl.pem"
	expect "nginx, revoked" 7 '' 'revoked'
	get "tls://:$port_nginx?cafile=$CA&crlfile=$T/crl.pem"
	expect "nginx, not in the list" 0 '^hello from nginx' ''
}

fingerprints()
{
	local to="tls://:$port_nginx?cafile=$CA&peer_fingerprint" of
	local pin= other

	for of in good wronghost; do
		other=$pin
		pin=$(openssl x509 -in "$CERTS/$of.pem" -noout -pubkey |
			openssl pkey -pubin -outform DER |
			openssl dgst -sha256 -binary | base64)
	done
	get "$to=pin-sha256:$other"
	expect "nginx, its key is pinned" 0 '^hello from nginx' ''
	get "$to=pin-sha256:$pin,pin-sha256:$other"
	expect "nginx, its key is one of two" 0 '^hello from nginx' ''
	get "$to=pin-sha256:$pin"
	expect "nginx, another key is pinned" 7 '' 'pin-sha256|fingerprint'
}

# What the relay writes for the user, and for nobody else.
chain_and_keys()
{
	nginx_start chained chain
	get "tls://:$port?cafile=$CA&capture_peer_cert_chain=$T/captured.pem"
	expect "nginx, its chain is captured" 0 '^hello from nginx' ''
	diff <(cat "$CERTS/chain.pem") <(sed -n '/^-----BEGIN/,/^-----END/p' \
		"$T/captured.pem") >"$OUT" 2>&1
	expect "nginx, its chain, as it sent it" "*" '' '*'
	stat -c %a "$T/captured.pem" >"$OUT" 2>&1
	expect "nginx, its chain, for the user only" "*" '^600$' '*'

	# curl would make the file itself.
	SSLKEYLOGFILE=$T/keys case_run with_xsock \
		"localhost:$port_front=tlsv1.3://:$port?cafile=$CA" bash -c '
exec 3<>/dev/tcp/localhost/$1 || exit
printf "GET / HTTP/1.0\r\n\r\n" >&3
tail -n 1 <&3' bash "$port_front"
	expect "nginx, SSLKEYLOGFILE" 0 '^hello from nginx' ''
	cp "$T/keys" "$OUT"
	expect "SSLKEYLOGFILE has the secrets" "*" \
		'^CLIENT_TRAFFIC_SECRET_0 [0-9a-f]{64} ' '*'
	stat -c %a "$T/keys" >"$OUT" 2>&1
	expect "SSLKEYLOGFILE is for the user only" "*" '^600$' '*'
}

# --- versions -----------------------------------------------------------

old_versions()
{
	local version dotted

	for version in 1 1_1; do
		dotted=1.0
		[ $version = 1 ] || dotted=1.1
		s_server_start "old$version" -www -tls$version \
			-cipher 'DEFAULT:@SECLEVEL=0'
		get "tlsv$dotted://:$port?cafile=$CA&security_level=0"
		expect "a server with TLS $dotted only: tlsv$dotted://" 0 \
			'Ciphers' ''
		get "tls://:$port?cafile=$CA&min_version=$dotted&security_level=0"
		expect "a server with TLS $dotted only: min_version" 0 \
			'Ciphers' ''
		get "tlsv1.2://:$port?cafile=$CA"
		expect "a server with TLS $dotted only: tlsv1.2://" 7 '' \
			"version|protocol"
		get "tls://:$port?cafile=$CA"
		expect "a server with TLS $dotted only: tls://" 7 '' \
			"version|protocol"
	done
}
