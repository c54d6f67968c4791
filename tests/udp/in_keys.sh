# Pre-shared keys that do not fit: errno, line, and that nothing has left.

part_keys()
{
	local server
	trap_start
	# (s_server stays with a client that it cannot understand.)
	for server in coapopensslkey coapgnutlskey gnutlskey; do
		server_start "$server"
		keys_way "$server"
		keys_wrong "$server"
	done
	keys_unknown
	keys_change
	keys_certificate
}

# keys_way SERVER: one more way to it, that has seen nothing yet; sets $port
keys_way()
{
	port=port_$1
	wire "keys-$1-way" "${!port}"
}

# by_key OPTIONS: the target
by_key()
{
	echo "dtls://:$port?timeout=3&$1"
}

keys_wrong()
{
	refused "another key, $1" \
		"$(by_key "psk_identity=gateway&psk_file=$U/others.psk")" EKEYREJECTED \
		'not what was made with the pre-shared key of "gateway".* \[psk-key\]' "keys-$1-way"
}

# RFC 4279 lets a server hide it, as GnuTLS's does.
keys_unknown()
{
	refused "an identity that nobody knows, GnuTLS" \
		"$(by_key "psk_identity=nobody&psk_file=$U/others.psk")" EKEYREJECTED \
		'the pre-shared key of "nobody".* \[psk-key\]' keys-gnutlskey-way
}

# It would be verified, and is not what the rule says.
keys_certificate()
{
	bad cert "tls=$CERTS/good"
	refused "a server with a certificate" \
		"$(by_key "psk_identity=gateway&psk_file=$U/keys.psk")" EKEYREJECTED \
		'takes no pre-shared key of "gateway".* \[psk-refused\]' bad-cert-way
}

# One relay: the right key in the same file counts for the next association.
keys_change()
{
	local XSOCK_RELAY_IDLE=60 rule
	cp "$U/others.psk" "$U/changes.psk"
	rule=$(by_key "psk_identity=gateway&psk_file=$U/changes.psk")
	refused "a key that will be changed" "$rule" EKEYREJECTED 'psk-key' keys-gnutlskey-way
	cp "$U/keys.psk" "$U/changes.psk"
	case_run with_xsock "udp://127.0.0.1:$port=$rule" \
		"$PYTHON" "$here/ask.py" 127.0.0.1 "$port" 10 100
	if grep -q 'wrong 0, twice 0, missing 0' "$OUT"; then
		pass "a key that has changed counts"
	else
		fail "a key that has changed counts"
	fi
	stop_relays
}
