# Postfix: takes mail.  start_postfix sets
#
#   port_postfix_tls         smtps: TLS from the first byte
#   port_postfix_starttls    submission: STARTTLS, required
#
# Who logs in is alice@example.test, password "secret"; nobody has to.  Mail to
# anybody @example.test is taken, to others refused to who has not logged in.
# postfix_mail WORD prints the delivered message that has WORD in it, as soon as
# it is there.
#
# Packages: postfix, sasl2-bin, libsasl2-modules.  It must be started by root, and
# uses the users that the package has made.
needs_postfix="postfix saslpasswd2"
root_postfix=yes

start_postfix()
{
	local here=$T/postfix
	postfix_folders
	postfix_password
	postfix_main >"$here/conf/main.cf"
	start_on_port postfix postfix_exec 2
	port_postfix_tls=${ports[0]} port_postfix_starttls=${ports[1]}
}

postfix_folders()
{
	local here=$T/postfix
	mkdir -p "$here/conf" "$here/data" "$here/mail/inbox" "$here/queue"
	chmod 711 "$T" "$here"
	(cd "$here/queue" && mkdir active bounce corrupt defer deferred flush \
		hold incoming maildrop pid private public saved trace &&
	chmod 755 . && chown postfix:root "$here"/queue/* "$here/data" &&
	chown root:root pid && chgrp postdrop maildrop public &&
	chmod 700 active bounce corrupt defer deferred flush hold incoming \
		private saved trace && chmod 1730 maildrop && chmod 2710 public)
	chown -R nobody "$here/mail"
}

postfix_password()
{
	local here=$T/postfix
	mkdir -p "$here/conf/sasl"
	cat >"$here/conf/sasl/smtpd.conf" <<-END
	pwcheck_method: auxprop
	auxprop_plugin: sasldb
	sasldb_path: $here/conf/sasl/passwords
	mech_list: PLAIN LOGIN CRAM-MD5
	END
	echo secret | saslpasswd2 -p -c -f "$here/conf/sasl/passwords" \
		-u example.test alice || exit 1
	chown postfix "$here/conf/sasl/passwords"
}

postfix_main()
{
	local here=$T/postfix
	cat <<-END
	compatibility_level = 3.6
	queue_directory = $here/queue
	data_directory = $here/data
	daemon_directory = $(postconf -dh daemon_directory)
	command_directory = $(postconf -dh command_directory)
	maillog_file = $here/log
	maillog_file_prefixes = $here
	myhostname = mail.example.test
	mydestination =
	mynetworks =
	inet_protocols = all
	smtpd_peername_lookup = no
	smtpd_client_restrictions =
	smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
	smtpd_tls_cert_file = $CERTS/good.pem
	smtpd_tls_key_file = $CERTS/good.key
	smtpd_tls_received_header = yes
	smtpd_tls_auth_only = yes
	smtpd_sasl_auth_enable = yes
	cyrus_sasl_config_path = $here/conf/sasl
	smtpd_sasl_local_domain = example.test
	smtpd_sasl_security_options = noanonymous
	alias_maps =
	local_transport = error:none here
	default_transport = error:nothing leaves
	virtual_mailbox_domains = example.test
	virtual_mailbox_base = $here/mail
	virtual_mailbox_maps = static:inbox/
	virtual_uid_maps = static:$(id -u nobody)
	virtual_gid_maps = static:$(id -g nobody)
	virtual_minimum_uid = 1
	END
}

# postfix_exec SECURE-PORT PLAIN-PORT
postfix_exec()
{
	local conf=$T/postfix/conf address
	{
		for address in 127.0.0.1 $(! ipv6_loopback || echo '[::1]'); do
			cat <<-END
			$address:$1 inet n - n - - smtpd
			  -o smtpd_tls_wrappermode=yes
			$address:$2 inet n - n - - smtpd
			  -o smtpd_tls_security_level=encrypt
			END
		done
		postfix_services
	} >"$conf/master.cf"
	exec "$(postconf -dh daemon_directory)/master" -c "$conf" -d
}

postfix_services()
{
	cat <<-END
	cleanup    unix   n - n - 0 cleanup
	qmgr       unix   n - n 300 1 qmgr
	tlsmgr     unix   - - n 1000 1 tlsmgr
	rewrite    unix   - - n - - trivial-rewrite
	bounce     unix   - - n - 0 bounce
	defer      unix   - - n - 0 bounce
	trace      unix   - - n - 0 bounce
	verify     unix   - - n - 1 verify
	flush      unix   n - n 1000 0 flush
	proxymap   unix   - - n - - proxymap
	error      unix   - - n - - error
	retry      unix   - - n - - error
	virtual    unix   - n n - - virtual
	anvil      unix   - - n - 1 anvil
	postlog    unix-dgram n - n - 1 postlogd
	END
}

postfix_mail()
{
	within 30 postfix_find "$1" && cat "$postfix_found"
}

postfix_find()
{
	postfix_found=$(grep -rlF -e "$1" "$T/postfix/mail/inbox/new" 2>/dev/null |
		head -n 1)
	[ "$postfix_found" ]
}
