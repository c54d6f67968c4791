# Real servers for what options are for: client certificates, ALPN, lists of
# revoked certificates, pins and resumption (nginx); versions that are out of
# date (s_server that speaks nothing else).

test_options()
{
	client_certificates
	certificates_asked_for_later
	old_encryption
	foreign_modules
	application_protocols
	key_exchange
	old_versions
	trusted_files
	revoked
	fingerprints
	chain_and_keys
	resumption
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

# A part of the site wants a certificate: the server asks when it is asked for
# it, on the open connection.  curl by itself gets it in both versions.
certificates_asked_for_later()
{
	local version mine with

	certs_issue client ca leaf "" >>"$CERTS/log" 2>&1
	cat "$CERTS/client.pem" "$CERTS/client.key" >"$CERTS/both.pem"
	for version in 1.2 1.3; do
		! need "apache, TLS $version: a certificate for a part" \
			apache2 || asked_by_apache
		! need "gnutls-serv, TLS $version: another handshake" \
			gnutls-serv || asked_by_gnutls
	done
}

asked_by_apache()
{
	local name="apache, TLS $version:"

	apache_start "apache$version" "SSLProtocol TLSv$version" \
		'<Location /private>' 'SSLVerifyClient require' '</Location>'
	mine="tls://:$port?cafile=$CA"
	with="$mine&local_cert=$CERTS/both.pem"
	case_run curl -q -sS "${head_only[@]}" --cacert "$CA" \
		--cert "$CERTS/both.pem" "https://localhost:$port/private"
	expect "$name curl alone" 0 "^X-Client: SUCCESS, TLSv$version" ''
	get "$with" / "${head_only[@]}"
	expect "$name where none is wanted" 0 \
		"^X-Client: NONE, TLSv$version" ''
	"asked_by_apache_${version/./_}"
}

head_only=(-D - -o /dev/null)

asked_by_apache_1_2()
{
	get "$mine" /private "${head_only[@]}"
	expect "$name no certificate" "*" '' 'renegotiation=yes.*local_cert'
	get "$with" /private "${head_only[@]}"
	expect "$name without renegotiation=yes" "*" '' 'renegotiation=yes'
	get "$mine&renegotiation=yes" /private "${head_only[@]}"
	expect "$name renegotiation=yes, no certificate" "*" '' \
		'client certificate.*local_cert'
	gets_private "$with&renegotiation=yes"
}

# Without a certificate nothing is offered, and the server says so by HTTP.
asked_by_apache_1_3()
{
	get "$mine" /private "${head_only[@]}"
	expect "$name no certificate" 0 '^HTTP/1.1 403' ''
	gets_private "$with"
	# Behind its end nothing can be sent any more, the certificate neither; on
	# a busy machine the server may ask for it before that.
	case_run with_xsock "localhost:$port_front=$with&session_reuse=0" bash -c \
		'printf "GET /private HTTP/1.0\r\nHost: localhost\r\n\r\n" | nc -N localhost "$0"' \
		"$port_front"
	expect "$name behind the end of the program's side" 0 \
		'^HTTP/1.1 (403|200)' ''
}

# gets_private TARGET: also on a connection that goes on, and while a body is on
# its way
gets_private()
{
	local url=http://localhost:$port_front

	get "$1" /private "${head_only[@]}"
	expect "$name where one is wanted" 0 \
		"^X-Client: SUCCESS, TLSv$version" ''
	# A session of before would have the certificate from the beginning.
	get "$1&session_reuse=0" / "${head_only[@]}" "$url/" \
		--next -q -sS "${head_only[@]}" "$url/private" \
		--next -q -sS "${head_only[@]}"
	grep -o '^X-Client: [A-Z]*' "$OUT" | tr '\n' ' ' >"$T/seen"
	mv "$T/seen" "$OUT"
	expect "$name on one connection" 0 \
		'^X-Client: NONE X-Client: SUCCESS X-Client: SUCCESS' ''
	head -c 100000 /dev/zero >"$T/body"
	get "$1" /private "${head_only[@]}" -H Expect: \
		--data-binary "@$T/body"
	expect "$name with a body" 0 "^X-Client: SUCCESS, TLSv$version" ''
}

# talk_to TARGET COMMAND: says one line before and one behind a command to
# gnutls-serv
talk_to()
{
	# shellcheck disable=SC2016
	case_run with_xsock "localhost:$port_front=$1" timeout 20 bash -c '
exec 3<>/dev/tcp/localhost/$1 || exit
for line in before "$2" behind; do
	echo "$line" >&3
	read -r -t 10 answer <&3 || exit
	echo "$answer"
done' bash "$port_front" "$2"
}

asked_by_gnutls()
{
	local name="gnutls-serv, TLS $version:" command=REHANDSHAKE

	[ "$version" = 1.2 ] || command=REAUTH
	gnutls_start "gnutls$version" --noticket --verify-client-cert \
		--priority \
		"NORMAL:-VERS-ALL:+VERS-TLS$version"
	mine="tls://:$port?cafile=$CA"
	with="$mine&local_cert=$CERTS/both.pem"
	[ "$version" = 1.3 ] || with+='&renegotiation=yes'
	talk_to "$with" "**$command**"
	expect "$name $command" 0 'behind' ''
	[ "$version" = 1.2 ] || return
	talk_to "$mine" "**$command**"
	expect "$name $command without renegotiation=yes" "*" '^before' \
		'renegotiation=yes'
}

# --- files encrypted with what OpenSSL has put aside ------------------------

# The rule, "xsock probe" and "xsock check" say the same of each.
old_encryption()
{
	local of old="-provider legacy -provider default" locked
	local unsupported='unsupported algorithm (RC2-40-CBC|DES-CBC) in local_.*openssl pkcs12 -legacy -in OLD'

	cd "$CERTS" || exit
	# shellcheck disable=SC2086
	openssl pkcs12 -export -legacy -in client.pem -inkey client.key \
		-out old.p12 -passout pass:opensesame &&
		openssl pkcs12 -export -in client.pem -inkey client.key \
			-out new.p12 -passout pass:opensesame &&
		openssl pkcs8 -topk8 $old -v1 PBE-SHA1-RC2-40 -in client.key \
			-out rc2.key -passout pass:opensesame &&
		openssl pkcs8 -topk8 $old -v1 PBE-SHA1-RC2-40 -in client.key \
			-outform DER -out rc2.der -passout pass:opensesame &&
		openssl ec $old -des -in client.key -out des.key \
			-passout pass:opensesame 2>/dev/null || {
		cd - >/dev/null
		fail "old encryption: the files"
		return
	}
	cd - >/dev/null || exit
	cat >"$T/legacy.cnf" <<-'END'
		openssl_conf = init
		[init]
		providers = two
		[two]
		default = on
		legacy = on
		[on]
		activate = 1
	END
	nginx_start wants-old good "ssl_verify_client on;" \
		"ssl_client_certificate $CA;"
	mine="tls://localhost:$port?cafile=$CA&local_cert=$CERTS"
	all_say "PKCS #12" accepted '' "$mine/new.p12&passphrase=opensesame"
	all_say "PKCS #12, other passphrase" refused 'passphrase is wrong' \
		"$mine/new.p12&passphrase=other"
	for of in old.p12 "client.pem&local_pk=$CERTS/rc2.key" \
		"client.pem&local_pk=$CERTS/rc2.der" \
		"client.pem&local_pk=$CERTS/des.key"; do
		locked="$mine/$of&passphrase"
		all_say "${of##*/}" refused "$unsupported" "$locked=opensesame"
		local -x OPENSSL_CONF=$T/legacy.cnf
		all_say "${of##*/}, legacy provider" accepted '' \
			"$locked=opensesame"
		all_say "${of##*/}, legacy provider, other passphrase" \
			refused 'passphrase is wrong' "$locked=other"
		unset OPENSSL_CONF
	done
}

# What a program's OPENSSL_CONF would load into the relay of all.
foreign_modules()
{
	local modules name

	modules=$(openssl version -m | sed 's/.*"\(.*\)"/\1/')
	if ! cp "$modules/legacy.so" "$T/outside.so" 2>"$ERR"; then
		skip "OPENSSL_CONF: modules" "no $modules/legacy.so"
		return
	fi
	for name in "$T/outside.so" "$modules/../../../..$T/outside.so" \
		"$modules/legacy.so"; do
		printf '%s\n' 'openssl_conf = init' '[init]' 'providers = two' \
			'[two]' 'default = on' 'legacy = other' \
			'[on]' 'activate = 1' \
			'[other]' "module = $name" 'activate = 1' >"$T/module.cnf"
		OPENSSL_CONF=$T/module.cnf get "tls://:$port_nginx?cafile=$CA"
		case $name in
		*/outside.so)
			expect "OPENSSL_CONF: module = ${name%/*}/…" 7 '*' \
				"module=.*not in OpenSSL's own folder" ;;
		*)
			expect "OPENSSL_CONF: module = $name" 0 '^hello' '' ;;
		esac
	done
	# A section that OpenSSL does not know is a shared object to it.
	need "OPENSSL_CONF: a section with a path" cc || return
	printf '%s\n' '#include <fcntl.h>' '__attribute__((constructor))' \
		"static void begin(void) { creat(\"$T/loaded\", 0600); }" |
		cc -shared -fPIC -x c -o "$T/object.so" -
	printf '%s\n' 'openssl_conf = init' '[init]' 'other = section' \
		'[section]' "path = $T/object.so" >"$T/module.cnf"
	# (curl would load it itself.)
	OPENSSL_CONF=$T/module.cnf case_run with_xsock \
		"localhost:$port_front=tls://:$port_nginx?cafile=$CA" \
		bash -c 'exec 3<>"/dev/tcp/localhost/$1"' bash "$port_front"
	[ ! -e "$T/loaded" ] || echo "it was loaded" >>"$OUT"
	expect "OPENSSL_CONF: a section with a path" 1 '' \
		'cannot use OPENSSL_CONF'
}

# all_say NAME accepted|refused TEXT URL
all_say()
{
	local rule=0 probe=0 check=0

	[ "$2" = accepted ] || rule=7 probe=2 check=1
	get "$4"
	expect "$1: rule" $rule '*' "$3"
	case_run "$BUILD/xsock" probe "$4"
	cp "$OUT" "$ERR"
	expect "$1: probe" $probe '*' "verdict .*${3:-accepted}"
	case_run "$BUILD/xsock" check "localhost=$4"
	expect "$1: check" $check '*' "$3"
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

# nginx before 1.27.4 does not know the hybrid one by name, but by its number.
key_exchange()
{
	local to seen best number='(X25519MLKEM768|0x11ec)'

	best=$(best_group)
	nginx_start groups good "ssl_protocols TLSv1.3;" \
		'location = /curve { return 200 "curve $ssl_curve\n"; }'
	to="tls://:$port?cafile=$CA"
	seen=${best/X25519MLKEM768/$number}
	XSOCK_LOG=info get "$to" /curve
	expect "nginx, groups: $best is the best of both sides" 0 \
		"curve ${seen/x25519/[xX]25519}\$" ", group $best, verified "
	XSOCK_LOG=info get "$to&groups=P-384" /curve
	expect "nginx, groups: P-384" 0 'curve secp384r1$' \
		', group secp384r1, verified '
	XSOCK_LOG=info get "$to&groups=X25519MLKEM768" /curve
	if libssl_has_hybrid; then
		expect "nginx, groups: a hybrid one alone" 0 \
			"curve $number\$" ', group X25519MLKEM768, verified '
	else
		expect "nginx, groups: a hybrid one that libssl lacks" 7 '' \
			'has no "X25519MLKEM768"'
	fi
}

# Another program, another process; the relay is the same.
resumption()
{
	local version to again number
	# It keeps its sessions until all have asked, however slow the machine is.
	local -x XSOCK_RELAY_IDLE=60

	for version in 1.2 1.3; do
		nginx_start "resumes$version" good "$about" \
			"ssl_protocols TLSv$version;" \
			"ssl_session_cache shared:$version:1m;"
		to="tls://:$port?cafile=$CA"
		again=.
		for number in 1 2 3; do
			get "$to" /about
			expect "nginx, TLS $version: resumption, $number" 0 \
				"reused [$again]\$" ''
			again=r
		done
		for again in first second; do
			get "$to&session_reuse=0" /about
			expect "nginx, TLS $version: session_reuse=0, $again" \
				0 'reused \.$' ''
		done
		get "$to&verify_peer_name=0" /about
		expect "nginx, TLS $version: not with other options" 0 \
			'reused \.$' ''
	done
	stop_relays
}

# --- who is trusted -----------------------------------------------------

# What names no trusted certificate is told before the server is blamed.
trusted_files()
{
	local folder="$T/unhashed" to="tls://:$port_nginx"

	mkdir "$folder" && cp "$CA" "$folder/"
	get "$to?capath=$folder"
	expect "capath without hashed names" 7 '' "capath=.*$folder|openssl rehash $folder"
	: >"$folder/0a1b2c3d.r0"
	get "$to?capath=$folder"
	expect "capath with hashed names of CRLs only" 7 '' 'openssl rehash'
	rm "$folder/0a1b2c3d.r0"
	junk_in_folders
	get "$to?capath=$folder&cafile=$CA"
	expect "capath without hashed names, beside cafile" 7 '' 'openssl rehash'
	openssl rehash "$folder" >/dev/null
	get "$to?capath=$folder"
	expect "capath with hashed names, made afterwards" 0 '^hello from nginx' ''
	SSL_CERT_FILE=$T/nope.pem get "$to"
	expect "SSL_CERT_FILE that is missing" 7 '' \
		"SSL_CERT_FILE=$T/nope.pem: No such file"
	SSL_CERT_FILE=/etc/passwd get "$to"
	expect "SSL_CERT_FILE that is broken" 7 '' 'SSL_CERT_FILE=/etc/passwd'
	SSL_CERT_FILE=$T/nope.pem get "$to?cafile=$CA"
	expect "SSL_CERT_FILE that is missing and not needed" 0 \
		'^hello from nginx' ''
	SSL_CERT_DIR=/nope SSL_CERT_FILE=$CA get "$to"
	expect "SSL_CERT_DIR that is missing beside SSL_CERT_FILE" 0 \
		'^hello from nginx' ''
}

# A hashed name, and no certificate behind it.
junk_in_folders()
{
	local junk="$folder/0a1b2c3d.0"

	echo junk >"$junk"
	get "$to?capath=$folder"
	expect "capath with junk under a hashed name" 7 '' \
		'no certificate in PEM in 0a1b2c3d.0.*capath='
	case_run "$BUILD/xsock" check "localhost:$port_front=$to?capath=$folder"
	expect "capath with junk under a hashed name: check" 1 '' \
		'no certificate in PEM in 0a1b2c3d.0'
	openssl x509 -in "$CA" -outform DER -out "$junk"
	get "$to?capath=$folder"
	expect "capath with DER under a hashed name" 7 '' \
		'no certificate in PEM in 0a1b2c3d.0'
	rm "$junk"
	mkfifo "$junk"
	get "$to?capath=$folder"
	expect "capath with a pipe under a hashed name" 7 '' \
		'no certificate in PEM in 0a1b2c3d.0'
	rm "$junk"
	ln -s nowhere "$junk"
	get "$to?capath=$folder"
	expect "capath with a dangling link under a hashed name" 7 '' \
		'no certificate in PEM in 0a1b2c3d.0'
	rm "$junk"
	# OpenSSL and curl overlook it beside a good one.
	openssl rehash "$folder" >/dev/null && echo junk >"$junk"
	get "$to?capath=$folder"
	expect "capath with junk beside the CA's certificate" 0 \
		'^hello from nginx' ''
	rm "$folder"/*.0
}

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
