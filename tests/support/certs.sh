# Throw-away certificates: one CA that the tests trust, and everything that
# can be wrong.  Source lib.sh first; then certs_make FOLDER fills FOLDER:
#
#   ca.pem                  the CA that clients are told to trust
#   NAME.pem NAME.key       what a server presents (leaf first), and its key
#
#   good        localhost, 127.0.0.1, ::1
#   dnsonly     localhost only, no IP address
#   expired     as good, ended in 2021
#   notyet      as good, begins in 2049
#   wronghost   other.example.test
#   wildcard    *.example.test
#   chain       as good, by an intermediate CA that the server sends
#   nochain     the same, but the server forgets the intermediate
#   selfsigned  as good, by itself
#   unknownca   as good, by a CA that nobody trusts (unknown-ca.pem)
#
# ECDSA keys: all of it takes well under a second.

certs_config()
{
	cat <<-'END'
	[ca]
	default_ca = throwaway
	[throwaway]
	database = $ENV::CERTS/index
	serial = $ENV::CERTS/serial
	new_certs_dir = $ENV::CERTS
	default_md = sha256
	default_days = 30
	policy = any
	unique_subject = no
	copy_extensions = copy
	x509_extensions = leaf
	[any]
	commonName = supplied
	[leaf]
	basicConstraints = critical,CA:FALSE
	[authority]
	basicConstraints = critical,CA:TRUE
	keyUsage = critical,keyCertSign,cRLSign
	[req]
	distinguished_name = name
	prompt = no
	[name]
	END
}

# certs_key NAME
certs_key()
{
	openssl ecparam -name prime256v1 -genkey -noout -out "$CERTS/$1.key"
}

# certs_root NAME "COMMON NAME"
certs_root()
{
	certs_key "$1" &&
	openssl req -config "$CERTS/config" -x509 -new -key "$CERTS/$1.key" \
		-subj "/CN=$2" -extensions authority -days 30 \
		-out "$CERTS/$1.pem"
}

# certs_issue NAME ISSUER EXTENSIONS SAN [openssl ca arguments…]
certs_issue()
{
	local name=$1 issuer=$2 extensions=$3 san=$4
	shift 4
	certs_key "$name" &&
	openssl req -config "$CERTS/config" -new -key "$CERTS/$name.key" \
		-subj "/CN=xsock test $name" ${san:+-addext "subjectAltName=$san"} \
		-out "$CERTS/$name.csr" &&
	openssl ca -batch -notext -config "$CERTS/config" \
		-cert "$CERTS/$issuer.pem" -keyfile "$CERTS/$issuer.key" \
		-extensions "$extensions" -in "$CERTS/$name.csr" \
		-out "$CERTS/$name.pem" "$@"
}

certs_all()
{
	local here=DNS:localhost,IP:127.0.0.1,IP:::1

	certs_root ca "xsock test CA" &&
	certs_root unknown-ca "xsock test CA that nobody trusts" &&
	certs_issue intermediate ca authority "" &&
	certs_issue good ca leaf "$here" &&
	certs_issue dnsonly ca leaf DNS:localhost &&
	certs_issue expired ca leaf "$here" \
		-startdate 20200101000000Z -enddate 20210101000000Z &&
	certs_issue notyet ca leaf "$here" \
		-startdate 20490101000000Z -enddate 20491231000000Z &&
	certs_issue wronghost ca leaf DNS:other.example.test &&
	certs_issue wildcard ca leaf "DNS:*.example.test" &&
	certs_issue nochain intermediate leaf "$here" &&
	cat "$CERTS/nochain.pem" "$CERTS/intermediate.pem" >"$CERTS/chain.pem" &&
	cp "$CERTS/nochain.key" "$CERTS/chain.key" &&
	certs_issue unknownca unknown-ca leaf "$here" &&
	certs_key selfsigned &&
	openssl req -config "$CERTS/config" -x509 -new -days 30 \
		-key "$CERTS/selfsigned.key" -subj "/CN=xsock test selfsigned" \
		-addext "subjectAltName=$here" -out "$CERTS/selfsigned.pem"
}

# certs_make FOLDER: sets CERTS; false, with openssl's words, when it fails.
certs_make()
{
	export CERTS=$1
	mkdir -p "$CERTS" || return
	certs_config >"$CERTS/config"
	: >"$CERTS/index"
	echo 01 >"$CERTS/serial"
	if ! certs_all >"$CERTS/log" 2>&1; then
		cat "$CERTS/log" >&2
		return 1
	fi
}
