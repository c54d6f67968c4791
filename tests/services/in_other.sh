# rsyslog, nslcd, FreeRADIUS, Mosquitto, Unbound.

# --- rsyslog ----------------------------------------------------------------

setup_rsyslog()
{
	peer_port=6514
	no_reload="it has none"
	peer syslog /usr/bin/socat -u \
		"OPENSSL-LISTEN:6514,fork,reuseaddr,cert=/etc/peer/both.pem,verify=0" \
		OPEN:/srv/log,creat,append && trap_port 514
	ask() { logger "$token" && within 3 logged; }
	busy() { within 20 ask && new_token && logger "$token" && sleep 0.2; }
	drained() { logged; }
}

logged()
{
	grep -q "$token" /srv/log
}

# --- LDAP -------------------------------------------------------------------

# LDAPS only; user alice, password secret
peer_slapd()
{
	peer_port=636
	mkdir -p /srv/slapd
	cat >/etc/peer/slapd.conf <<-END
	include /etc/ldap/schema/core.schema
	include /etc/ldap/schema/cosine.schema
	include /etc/ldap/schema/nis.schema
	modulepath /usr/lib/ldap
	moduleload back_mdb
	TLSCertificateFile /etc/peer/cert.pem
	TLSCertificateKeyFile /etc/peer/key.pem
	database mdb
	maxsize 16777216
	suffix dc=example,dc=test
	rootdn cn=admin,dc=example,dc=test
	rootpw secret
	directory /srv/slapd
	END
	slapadd -f /etc/peer/slapd.conf <<-END || return
	dn: dc=example,dc=test
	objectClass: dcObject
	objectClass: organization
	dc: example
	o: test

	dn: uid=alice,dc=example,dc=test
	objectClass: account
	objectClass: posixAccount
	cn: alice
	uid: alice
	uidNumber: 4711
	gidNumber: 4711
	homeDirectory: /home/alice
	userPassword: secret
	END
	peer slapd /usr/sbin/slapd -d none -f /etc/peer/slapd.conf -h ldaps://192.0.2.2 &&
		trap_port 389
}

# It keeps no answers.
setup_nslcd()
{
	peer_slapd
	no_reload="it has none"
	ask() { timeout 10 getent -s passwd:ldap passwd alice | grep 4711; }
}

setup_freeradius()
{
	peer_slapd
	ask() { radtest alice secret localhost 0 testing123 | grep Access-Accept; }
}

# --- Mosquitto: a bridge ----------------------------------------------------

setup_mosquitto()
{
	peer_port=8883
	cat >/etc/peer/mosquitto.conf <<-END
	listener 8883 192.0.2.2
	certfile /etc/peer/cert.pem
	keyfile /etc/peer/key.pem
	allow_anonymous true
	END
	peer_settings="User=mosquitto"
	peer mosquitto /usr/sbin/mosquitto -c /etc/peer/mosquitto.conf && trap_port 1883
	ask()
	{
		local waits
		mosquitto_sub -h server.example -p 8883 --cafile /etc/corp.pem -t "$token" \
			-C 1 -W 4 >/tmp/heard &
		waits=$!
		sleep 0.5
		mosquitto_pub -h localhost -t "$token" -m "$token"
		wait $waits
		grep "$token" /tmp/heard
	}
}

# --- Unbound ----------------------------------------------------------------

setup_unbound()
{
	peer_port=853
	cat >/etc/peer/unbound.conf <<-END
	server:
		interface: 192.0.2.2@853
		tls-port: 853
		tls-service-key: /etc/peer/key.pem
		tls-service-pem: /etc/peer/cert.pem
		access-control: 192.0.2.0/24 allow
		local-zone: "words.example." redirect
		local-data: "words.example. A 192.0.2.53"
		chroot: ""
		username: ""
		pidfile: ""
		use-syslog: no
	remote-control:
		control-enable: no
	END
	peer unbound /usr/sbin/unbound -d -c /etc/peer/unbound.conf && trap_port 53
	ask()
	{
		dig +short +time=3 +tries=1 @127.0.0.1 "$token.words.example" | grep '^192.0.2.53$'
	}
}
