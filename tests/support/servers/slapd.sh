# slapd: LDAP.  start_slapd sets
#
#   port_slapd_tls         ldaps: TLS from the first byte
#   port_slapd_starttls    StartTLS by the extended operation; everything else
#                          is refused before it (security tls=1)
# Both offer mechanisms that bind to TLS.
#
# Base dc=example,dc=test; the manager is cn=admin,dc=example,dc=test, password
# "secret".  Below ou=people: uid=alice and uid=bob, each with a mail address
# and, to bind as, the password "secret"; by SASL they are alice and bob.
# Anybody may read.
#
# Packages: slapd.
needs_slapd="slapd slapadd"

start_slapd()
{
	local here=$T/slapd
	mkdir -p "$here/data"
	slapd_configure >"$here/conf"
	if ! slapd_entries | slapadd -f "$here/conf" >"$here/add.log" 2>&1; then
		cat "$here/add.log" >&2
		exit 1
	fi
	start_on_port slapd slapd_exec 2
	port_slapd_tls=${ports[0]} port_slapd_starttls=${ports[1]}
}

slapd_configure()
{
	cat <<-END
	include /etc/ldap/schema/core.schema
	include /etc/ldap/schema/cosine.schema
	include /etc/ldap/schema/inetorgperson.schema
	modulepath /usr/lib/ldap
	moduleload back_mdb
	pidfile $T/slapd/pid
	argsfile $T/slapd/args
	TLSCertificateFile $CERTS/good.pem
	TLSCertificateKeyFile $CERTS/good.key
	security tls=1
	sasl-cbinding tls-endpoint
	authz-regexp uid=([^,]*),cn=.*,cn=auth uid=\$1,ou=people,dc=example,dc=test
	database mdb
	maxsize 16777216
	suffix dc=example,dc=test
	rootdn cn=admin,dc=example,dc=test
	rootpw secret
	directory $T/slapd/data
	END
}

slapd_entries()
{
	local name
	cat <<-END
	dn: dc=example,dc=test
	objectClass: dcObject
	objectClass: organization
	o: test

	dn: ou=people,dc=example,dc=test
	objectClass: organizationalUnit

	END
	for name in alice bob; do
		cat <<-END
		dn: uid=$name,ou=people,dc=example,dc=test
		objectClass: inetOrgPerson
		cn: $name
		sn: Test
		mail: $name@example.test
		userPassword: secret

		END
	done
}

slapd_exec()
{
	local secure=ldaps://127.0.0.1:$1 plain=ldap://127.0.0.1:$2
	if ipv6_loopback; then
		secure="$secure ldaps://[::1]:$1"
		plain="$plain ldap://[::1]:$2"
	fi
	exec slapd -d none -f "$T/slapd/conf" -h "$secure $plain"
}
