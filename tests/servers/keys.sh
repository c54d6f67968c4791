# Pre-shared keys: stunnel with its own file of them, OpenSSL's s_server, and
# servers that prove themselves by a certificate.

test_keys()
{
	local hex=000102030405060708090a0b0c0d0e0f version

	(umask 077
		printf '%s\n' "another:$hex$hex" "gateway:$hex" >"$T/keys.psk"
		printf '%s\n' "gateway:${hex}00" "nobody:$hex" >"$T/others.psk")
	! need "stunnel with keys" stunnel4 || for version in 1.2 1.3; do
		keys_of_stunnel
	done
	for version in 1.2 1.3; do
		keys_of_s_server
	done
	keys_and_certificates
}

# key IDENTITY FILE: the target
key()
{
	echo "tls://127.0.0.1:$port?psk_identity=$1&psk_file=$T/$2"
}

keys_of_stunnel()
{
	start_on_port "keys$version" keys_stunnel
	get "$(key gateway keys.psk)"
	expect "stunnel, TLS $version: key" 0 '^hello from plain, plain' ''
	get "$(key gateway others.psk)"
	expect "stunnel, TLS $version: another key" 7 '' \
		'does not accept the pre-shared key of "gateway".*\[psk-key\]'
	get "$(key nobody others.psk)"
	expect "stunnel, TLS $version: an identity that it does not know" 7 '' \
		'"nobody".*\[psk-(identity|refused)\]'
	get "tls://:$port?cafile=$CA"
	expect "stunnel, TLS $version: no key" 7 '' 'alert handshake_failure'
}

keys_stunnel()
{
	cat >"$T/keys$version.conf" <<-END
	foreground = yes
	pid =
	[keys]
	accept = 127.0.0.1:$1
	connect = 127.0.0.1:$port_plain
	ciphers = PSK
	PSKsecrets = $T/keys.psk
	sslVersion = TLSv$version
	END
	exec stunnel4 "$T/keys$version.conf"
}

keys_of_s_server()
{
	s_server_start "key$version" -www "-tls${version/./_}" -nocert -psk "$hex" \
		-psk_identity gateway
	get "$(key gateway keys.psk)"
	expect "s_server, TLS $version: key" 0 'Ciphers' ''
	get "$(key gateway others.psk)"
	expect "s_server, TLS $version: another key" 7 '' '\[psk-key\]'
}

# nginx's certificate is good, and is not asked for.
keys_and_certificates()
{
	port=$port_nginx
	get "$(key gateway keys.psk)"
	expect "a certificate in place of a key, TLS 1.3" 7 '' \
		'came with a certificate.*\[psk-refused\]'
	port=$port_tls12
	get "$(key gateway keys.psk)"
	expect "a certificate in place of a key, TLS 1.2" 7 '' \
		'takes no pre-shared key.*\[psk-refused\]'
}
