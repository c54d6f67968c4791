# Keys that do not leave a token: SoftHSM, by pkcs11-provider, which Debian has
# since 13.  A module knows one login for the whole relay, and is configured by
# variables of its own.

test_tokens()
{
	local to modules provider=pkcs11.so softhsm=/usr/lib/softhsm/libsofthsm2.so

	libssl_has_hybrid || return 0 # Debian 12
	# pkcs11-provider opens modules with RTLD_DEEPBIND, for which libasan ends
	# the process.
	[ ! "$sanitized" ] || return 0
	modules=$(openssl version -m | sed 's/.*"\(.*\)"/\1/')
	need "tokens" softhsm2-util || return 0
	if [ ! -e "$modules/$provider" ] || [ ! -e "$softhsm" ]; then
		skip "tokens" "no $modules/$provider, or no $softhsm"
		return
	fi
	certs_issue client ca leaf "" >>"$CERTS/log" 2>&1
	openssl pkcs8 -topk8 -nocrypt -in "$CERTS/client.key" \
		-out "$CERTS/client.p8"
	make_token first 1234
	make_token second 5678
	mkdir "$T/none"
	echo "directories.tokendir = $T/none" >"$T/none.conf"
	configure_provider
	nginx_start wants-token good "ssl_verify_client on;" \
		"ssl_client_certificate $CA;"
	to="tls://:$port?cafile=$CA&local_cert=$CERTS/client.pem&local_pk=pkcs11:"
	local -x OPENSSL_CONF=$T/tokens.cnf SOFTHSM2_CONF=$T/tokens.conf
	logins
	other_kinds
	odd_uris
	other_uris
	certificates_in_tokens
	variables
	stop_relays
}

# make_token LABEL PIN: with the client's key
make_token()
{
	local -x SOFTHSM2_CONF=$T/tokens.conf

	mkdir -p "$T/tokens"
	echo "directories.tokendir = $T/tokens" >"$SOFTHSM2_CONF"
	softhsm2-util --init-token --free --label "$1" --pin "$2" \
		--so-pin 87654321 &&
		softhsm2-util --import "$CERTS/client.p8" --token "$1" \
			--label "key-$1" --id 01 --pin "$2"
} >>"$CERTS/log" 2>&1

configure_provider()
{
	cat >"$T/tokens.cnf" <<-END
		openssl_conf = init
		[init]
		providers = both
		[both]
		default = ordinary
		pkcs11 = hardware
		[ordinary]
		activate = 1
		[hardware]
		module = $modules/$provider
		pkcs11-module-path = $softhsm
		activate = 1
	END
}

# of TOKEN [PIN]: curl, by the key in it
of()
{
	get "${to}token=$1%3Bobject=key-$1%3Btype=private${2+&passphrase=$2}"
}

logins()
{
	of first 9999
	expect "a token, wrong PIN" 7 '' 'no private key with that name, or a wrong PIN'
	of first
	expect "a token, no PIN" 7 '' 'passphrase is needed'
	of first 1234
	expect "a token" 0 '^hello from nginx' ''
	of first 9999
	expect "a token that another rule has opened, wrong PIN" 7 '' \
		'another rule has opened this token'
	of first
	expect "a token that another rule has opened, no PIN" 7 '' \
		'another rule has opened this token'
	get "${to}object=key-first%3Btype=private&passphrase=9999"
	expect "a token without a name, wrong PIN" 7 '' \
		'another rule has opened this token.*token='
	of first 1234
	expect "a token, again" 0 '^hello from nginx' ''
	of second 5678
	expect "another token with another PIN" 0 '^hello from nginx' ''
}

# Signatures of the other kinds: up to TLS 1.2, and RSA's two.
other_kinds()
{
	local version key=client-rsa rsa

	(
		certs_key()
		{
			openssl genrsa -out "$CERTS/$1.key" 2048
		}
		certs_issue $key ca leaf ""
	) >>"$CERTS/log" 2>&1
	openssl pkcs8 -topk8 -nocrypt -in "$CERTS/$key.key" -out "$CERTS/rsa.p8"
	softhsm2-util --import "$CERTS/rsa.p8" --token first --label key-rsa \
		--id 02 --pin 1234 >>"$CERTS/log" 2>&1
	rsa=${to/client.pem/$key.pem}token=first%3Bobject=key-rsa%3Btype=private
	for version in 1.2 1.3; do
		get "${to}token=first%3Bobject=key-first%3Btype=private&passphrase=1234&min_version=$version&max_version=$version"
		expect "a token, TLS $version, ECDSA" 0 "^hello from nginx, TLSv$version" ''
		get "$rsa&passphrase=1234&min_version=$version&max_version=$version"
		expect "a token, TLS $version, RSA" 0 "^hello from nginx, TLSv$version" ''
	done
}

# Other words for a token that a rule has opened, without a PIN.
odd_uris()
{
	local key="object=key-first%3Btype=private" slot

	get "${to}token=other%3Btoken=first%3B$key"
	expect "a token after another in the URI, no PIN" 7 '' \
		'another rule has opened this token'
	stop_relays
	slot=$(softhsm2-util --show-slots |
		awk '/^Slot/ { s = $2 } /Label: *first/ { print s; exit }')
	get "${to}slot-id=$slot%3B$key&passphrase=1234"
	expect "a token by its slot" 0 '^hello from nginx' ''
	get "${to}slot-id=0$slot%3B$key"
	expect "a token by its slot with a zero, no PIN" 7 '' \
		'another rule has opened this token'
	stop_relays
	of first 1234
	expect "a token, by another relay" 0 '^hello from nginx' ''
}

# The same key by another URI, in one relay.  One of the two tokens is the first
# that the module has, and the other is not.
other_uris()
{
	local token pin

	for token in first:1234 second:5678; do
		pin=${token#*:} token=${token%:*}
		stop_relays
		of "$token" "$pin"
		expect "the $token token" 0 '^hello from nginx' ''
		get "${to}token=$token%3Bobject=key-$token%3Btype=private%3Fpin-value=$pin"
		expect "the $token token, the PIN in the URI" 0 \
			'^hello from nginx' ''
		get "${to}token=$token%3Bid=%01%3Btype=private&passphrase=$pin"
		expect "the $token token, the key by its id" 0 \
			'^hello from nginx' ''
		get "tls://:$port_nginx?cafile=$CA"
		expect "the $token token, and a rule without it" 0 \
			'^hello from nginx' ''
	done
	get "${to}token=second%3Bobject=key-second%3Btype=private%3Fpin-value=9876"
	expect "a token, a wrong PIN in the URI" 7 '' 'another rule has opened this token'
	! grep -q 9876 "$ERR" || fail "a PIN in a line"
}

# Certificates in a token: the client's, and the CA's.
certificates_in_tokens()
{
	local with="local_pk=pkcs11:token=first%3Bobject=key-first%3Btype=private&passphrase=1234"
	local cert=pkcs11:token=first%3Bobject

	if ! need "certificates in a token" p11tool ||
		! store_certificate client || ! store_certificate ca; then
		fail "certificates in a token: they cannot be stored"
		return
	fi
	stop_relays
	get "tls://:$port?cafile=$CA&local_cert=$cert=cert-client%3Btype=cert&$with"
	expect "the client's certificate in a token" 0 '^hello from nginx' ''
	get "tls://:$port_nginx?cafile=$cert=cert-ca%3Btype=cert"
	expect "the CA's certificate in a token" 0 '^hello from nginx' ''
	get "tls://:$port_nginx?cafile=$cert=cert-client%3Btype=cert"
	expect "another certificate in a token as the CA's" 7 '' 'not trusted'
}

# store_certificate NAME: as cert-NAME in the first token
store_certificate()
{
	GNUTLS_PIN=1234 p11tool --provider "$softhsm" --login --write \
		--load-certificate "$CERTS/$1.pem" --label "cert-$1" \
		pkcs11:token=first
} >>"$CERTS/log" 2>&1

variables()
{
	SOFTHSM2_CONF=$T/none.conf of first 1234
	expect "SOFTHSM2_CONF of another program" 7 '' 'no private key'
	case_run env SOFTHSM2_CONF="$T/none.conf" "$BUILD/xsock" check \
		"localhost=${to}token=first%3Btype=private&passphrase=1234"
	expect "SOFTHSM2_CONF of another program: check" 1 '' 'no private key'
	case_run "$BUILD/xsock" check \
		"localhost=${to}token=first%3Bobject=key-first%3Btype=private&passphrase=1234"
	expect "SOFTHSM2_CONF: check" 0 '1 rule, no errors' ''
}
