# Cyrus: IMAP, POP3 and ManageSieve, with mechanisms that bind to TLS
# (SCRAM-SHA-256-PLUS).  start_cyrus sets
#
#   port_cyrus_imap_tls, port_cyrus_pop3_tls
#                          TLS from the first byte
#   port_cyrus_imap_starttls, port_cyrus_pop3_starttls,
#   port_cyrus_sieve_starttls
#                          STARTTLS, required for every mechanism
#
# One account, alice, password "secret", by SCRAM-SHA-256 and PLAIN; her mailbox
# is made when she logs in for the first time.
#
# Debian's packages start services and change what "awk" is; they are unpacked
# into $BUILD/unpacked.
#
# Packages: sasl2-bin, libsasl2-modules, and the libraries that it needs,
# "libraries-of:cyrus-common".
needs_cyrus="apt-get dpkg-deb saslpasswd2"

start_cyrus()
{
	cyrus_root=$BUILD/unpacked
	"$TESTS/support/unpack.sh" "$cyrus_root" cyrus-common cyrus-imapd \
		cyrus-pop3d >&2 || exit 1
	cyrus_configure
	start_on_port cyrus cyrus_exec 5
	port_cyrus_imap_tls=${ports[0]} port_cyrus_imap_starttls=${ports[1]}
	port_cyrus_pop3_tls=${ports[2]} port_cyrus_pop3_starttls=${ports[3]}
	port_cyrus_sieve_starttls=${ports[4]}
}

# As root it wants another user, to whom all of its files belong.
cyrus_configure()
{
	local here=$T/cyrus user
	mkdir -p "$here"/{conf,spool,sieve}
	user=$(id -un)
	[ "$(id -u)" -ne 0 ] || user=mail
	cp "$CERTS/good.pem" "$CERTS/good.key" "$here/"
	echo secret | saslpasswd2 -p -c -f "$here/sasldb" -u localhost alice
	cat >"$here/imapd.conf" <<-END
	configdirectory: $here/conf
	partition-default: $here/spool
	defaultpartition: default
	sievedir: $here/sieve
	servername: localhost
	cyrus_user: $user
	cyrus_group: $(id -gn "$user")
	sasl_pwcheck_method: auxprop
	sasl_auxprop_plugin: sasldb
	sasl_sasldb_path: $here/sasldb
	sasl_mech_list: SCRAM-SHA-256 PLAIN
	tls_required: yes
	tls_server_cert: $here/good.pem
	tls_server_key: $here/good.key
	autocreate_quota: 0
	autocreate_post: yes
	END
	[ "$(id -u)" -ne 0 ] || {
		chmod 711 "$T"
		chown -R "$user" "$here"
	}
}

# cyrus_service NAME PORT PROGRAM [ARGUMENT]
cyrus_service()
{
	local command="$cyrus_root/usr/lib/cyrus/bin/$3 -C $T/cyrus/imapd.conf ${4-}"
	echo "$1 cmd=\"$command\" listen=\"127.0.0.1:$2\""
	! ipv6_loopback || echo "${1}6 cmd=\"$command\" listen=\"[::1]:$2\""
}

cyrus_exec()
{
	local here=$T/cyrus libraries
	{
		echo "SERVICES {"
		cyrus_service imaps "$1" imapd -s
		cyrus_service imap "$2" imapd
		cyrus_service pop3s "$3" pop3d -s
		cyrus_service pop3 "$4" pop3d
		cyrus_service sieve "$5" timsieved
		echo "}"
	} >"$here/cyrus.conf"
	libraries=("$cyrus_root"/usr/lib/*-linux-gnu*)
	export LD_LIBRARY_PATH=${libraries[0]}
	exec "$cyrus_root/usr/lib/cyrus/bin/master" -D -C "$here/imapd.conf" \
		-M "$here/cyrus.conf" -p "$here/pid"
}
