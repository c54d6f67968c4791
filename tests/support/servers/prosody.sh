# prosody: XMPP for the domain "localhost".  start_prosody sets
#
#   port_prosody_tls            clients, TLS from the first byte
#   port_prosody_starttls       clients, STARTTLS required
#   port_prosody_s2s_tls        servers, TLS from the first byte
#   port_prosody_s2s_starttls   servers, STARTTLS required
#
# Accounts alice, bob and carol at localhost, password "secret".
#
# Packages: prosody.
needs_prosody=prosody

start_prosody()
{
	local here=$T/prosody name
	mkdir -p "$here/data/localhost/accounts"
	for name in alice bob carol; do
		echo 'return { ["password"] = "secret" };' \
			>"$here/data/localhost/accounts/$name.dat"
	done
	start_on_port prosody prosody_exec 4
	port_prosody_tls=${ports[0]} port_prosody_starttls=${ports[1]}
	port_prosody_s2s_tls=${ports[2]} port_prosody_s2s_starttls=${ports[3]}
}

prosody_exec()
{
	local here=$T/prosody addresses='"127.0.0.1"'
	! ipv6_loopback || addresses="$addresses, \"::1\""
	cat >"$here/prosody.cfg.lua" <<-END
	local addresses = { $addresses }
	local key = { key = "$CERTS/good.key", certificate = "$CERTS/good.pem" }
	$(as_root "run_as_root = true")
	daemonize = false
	pidfile = "$here/pid"
	data_path = "$here/data"
	interfaces = addresses
	local_interfaces = addresses
	c2s_direct_tls_ports = { $1 }
	c2s_ports = { $2 }
	s2s_direct_tls_ports = { $3 }
	s2s_ports = { $4 }
	modules_enabled = { "dialback", "disco", "roster", "saslauth", "tls",
		"ping" }
	modules_disabled = { "admin_shell", "http" }
	c2s_require_encryption = true
	s2s_require_encryption = true
	authentication = "internal_plain"
	storage = "internal"
	certificates = "$CERTS"
	ssl = key
	c2s_direct_tls_ssl = key
	s2s_direct_tls_ssl = key
	log = { info = "*console" }
	VirtualHost "localhost"
		ssl = key
	END
	exec prosody --config "$here/prosody.cfg.lua" -F
}
