# Real servers for what options are for: client certificates and ALPN (nginx),
# and versions that are out of date (nginx and s_server that speak nothing else).

test_options()
{
	client_certificates
	application_protocols
	old_versions
}

# get NAME RULE-REST: curl to nginx or s_server by that rule
get()
{
	case_run with_xsock "localhost:$port_front=$1" \
		curl -sS "http://localhost:$port_front/"
}

# The reason, whatever the program is told.
told()
{
	grep -qE -- "$2" <(lines) && pass "$1" || fail "$1" "no line with $2"
}

# --- client certificates ------------------------------------------------

client_certificates()
{
	local nginx="listen 127.0.0.1:0" mine

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
	expect "nginx, TLS $version: other passphrase" 7 '' 'passphrase'
}

# nginx ends the handshake and tells the reason by HTTP: 400.
without_certificate()
{
	get "$mine"
	expect "nginx, TLS $version: no client certificate" 0 \
		'400 No required SSL certificate was sent' '*'
	get "$mine&local_cert=$CERTS/stranger.pem&local_pk=$CERTS/stranger.key"
	expect "nginx, TLS $version: a stranger's certificate" 0 \
		'400 The SSL certificate error' '*'
}
