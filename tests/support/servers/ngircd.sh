# ngircd: IRC over TLS only.  start_ngircd sets port_ngircd_tls; the server is
# irc.example.test, the channel #talk is there.
#
# Packages: ngircd.
needs_ngircd=ngircd

start_ngircd()
{
	mkdir -p "$T/ngircd"
	start_on_port ngircd ngircd_exec
	port_ngircd_tls=$port
}

ngircd_exec()
{
	local here=$T/ngircd
	cat >"$here/conf" <<-END
	[Global]
		Name = irc.example.test
		Info = test
		Listen = 127.0.0.1$(! ipv6_loopback || echo ,::1)
		MotdPhrase = "welcome"
		$(as_root "ServerUID = nobody
		ServerGID = nogroup")
	[Options]
		DNS = no
		Ident = no
		PAM = no
	[SSL]
		DHFile = $here/dh.pem
		CertFile = $CERTS/good.pem
		KeyFile = $CERTS/good.key
		Ports = $1
	[Channel]
		Name = #talk
	END
	exec ngircd -n -f "$here/conf"
}
