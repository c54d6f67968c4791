# proftpd: FTP.  start_proftpd sets
#
#   port_proftpd_starttls   AUTH TLS, required for login and for data
#   port_proftpd_six        the same on ::1, where there is IPv6
#   port_proftpd_tls        TLS from the first byte
#
# Data connections must resume the session of the control connection.  User
# "alice", password "secret"; her home is $T/proftpd/home.
#
# Packages: proftpd-core, proftpd-mod-crypto.
needs_proftpd=proftpd
proftpd_modules=/usr/lib/proftpd

start_proftpd()
{
	local here=$T/proftpd
	mkdir -p "$here/home" "$here/run"
	chmod 711 "$T" "$here"
	proftpd_user=$(id -un)
	# Files of alice are those of somebody who exists, and is not root.
	[ "$(id -u)" -ne 0 ] || proftpd_user=nobody
	chown "$proftpd_user" "$here/home"
	echo "alice:$(openssl passwd -6 secret):$(id -u "$proftpd_user"):$(id \
		-g "$proftpd_user")::$here/home:/bin/sh" >"$here/passwd"
	chmod 600 "$here/passwd"
	start_on_port proftpd proftpd_exec 2
	port_proftpd_starttls=${ports[0]} port_proftpd_six=${ports[0]}
	port_proftpd_tls=${ports[1]}
}

# proftpd_load MODULE…: those that are files.  Which of them are part of the
# program itself, each release of Debian decides anew.
proftpd_load()
{
	local module
	for module; do
		[ ! -e "$proftpd_modules/mod_$module.so" ] ||
			echo "LoadModule mod_$module.c"
	done
}

proftpd_exec()
{
	local here=$T/proftpd
	cat >"$here/conf" <<-END
	ServerName test
	ServerType standalone
	User $proftpd_user
	Group $(id -gn "$proftpd_user")
	ModulePath $proftpd_modules
	$(proftpd_load delay ls xfer tls)
	ModuleControlsACLs all deny user *
	PidFile $here/run/pid
	ScoreboardFile $here/run/scoreboard
	DelayEngine off
	UseReverseDNS off
	AuthOrder mod_auth_file.c
	DefaultAddress 127.0.0.1
	SocketBindTight on
	Port $1
	SystemLog $here/log
	<Global>
		RequireValidShell off
		AuthUserFile $here/passwd
		AllowOverwrite on
		TLSEngine on
		TLSRequired on
		TLSECCertificateFile $CERTS/good.pem
		TLSECCertificateKeyFile $CERTS/good.key
		TLSProtocol TLSv1.2 TLSv1.3
		TLSVerifyClient off
		TLSLog $here/tls.log
		TLSRenegotiate none
	</Global>
	$(! ipv6_loopback || echo "<VirtualHost ::1>
		ServerName six
		Port $1
	</VirtualHost>")
	<VirtualHost 127.0.0.1>
		ServerName implicit
		Port $2
		TLSOptions UseImplicitSSL
	</VirtualHost>
	END
	exec proftpd -n -c "$here/conf"
}
