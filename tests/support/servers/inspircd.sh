# inspircd: IRC.  start_inspircd sets
#
#   port_inspircd_tls        TLS from the first byte
#   port_inspircd_starttls   STARTTLS; who registers without it is turned away
#
# The server is irc.example.test.
#
# Packages: inspircd.
needs_inspircd=inspircd

start_inspircd()
{
	mkdir -p "$T/inspircd"
	start_on_port inspircd inspircd_exec 2
	port_inspircd_tls=${ports[0]} port_inspircd_starttls=${ports[1]}
}

inspircd_exec()
{
	local here=$T/inspircd
	{
		cat <<-END
		<server name="irc.example.test" description="test" network="Test">
		<admin name="test" nick="test" email="test@example.test">
		<module name="ssl_gnutls">
		<module name="sslinfo">
		<module name="starttls">
		<module name="cap">
		<sslprofile name="tls" provider="gnutls"
			certfile="$CERTS/good.pem" keyfile="$CERTS/good.key"
			priority="NORMAL">
		<starttls sslprofile="tls">
		$(inspircd_class encrypted requiressl=\"yes\")
		# Whoever is about to say STARTTLS: not good for registration.
		$(inspircd_class before registered=\"no\")
		<options prefixquit="Quit: ">
		<path configdir="$here" datadir="$here" logdir="$here"
			runtimedir="$here" moduledir="$(inspircd_modules)">
		<pid file="$here/pid">
		<log method="file" type="*" level="default" target="$here/log">
		END
		inspircd_bind "$1" 'sslprofile="tls"'
		inspircd_bind "$2"
	} >"$here/conf"
	exec inspircd --nofork $(as_root --runasroot) --config "$here/conf"
}

inspircd_class()
{
	echo "<connect name=\"$1\" allow=\"*\" $2 timeout=\"30\"" \
		'resolvehostnames="no" useident="no" localmax="100"' \
		'globalmax="100">'
}

inspircd_bind()
{
	echo "<bind address=\"127.0.0.1\" port=\"$1\" type=\"clients\" ${2-}>"
	! ipv6_loopback ||
		echo "<bind address=\"::1\" port=\"$1\" type=\"clients\" ${2-}>"
}

inspircd_modules()
{
	dirname "$(ls /usr/lib/*/inspircd/*/m_starttls.so \
		/usr/lib/inspircd/*/m_starttls.so \
		/usr/lib/*/inspircd/m_starttls.so \
		/usr/lib/inspircd/m_starttls.so 2>/dev/null | head -n 1)"
}
