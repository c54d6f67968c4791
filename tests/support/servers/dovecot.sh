# Dovecot: mailboxes.  start_dovecot sets, for PROTOCOL imap, pop3, lmtp, sieve
#
#   port_dovecot_PROTOCOL_tls         TLS from the first byte
#   port_dovecot_PROTOCOL_starttls    STARTTLS or STLS, required
#
# Whoever logs in as USER with the password "secret" has a mailbox, the Maildir
# $T/dovecot/mail/USER; so has everybody for whom a message comes by LMTP.
# dovecot_put USER FILE puts a message there, dovecot_mail USER prints what is
# there, in whatever folder.
#
# LMTP cannot be told to require TLS: "with LMTPS" in a message's Received line
# tells that it was there.
#
# Dovecot trusts a connection whose two addresses are equal as if it had TLS.  So
# those for STARTTLS come to 127.0.0.2 from 127.0.0.1, by an nginx between.  The
# same nginx has the TLS of ManageSieve: Dovecot 2.3.19, with TLS from the first
# byte, now and then waits for a line that it has already.
#
# Packages: dovecot-imapd, dovecot-pop3d, dovecot-lmtpd, dovecot-managesieved,
# dovecot-sieve, nginx-light, libnginx-mod-stream.
needs_dovecot="dovecot doveadm nginx"

start_dovecot()
{
	local here=$T/dovecot
	mkdir -p "$here/mail" "$here/run" "$here/state"
	# Mail belongs to somebody who is not root.
	dovecot_user=$(id -un)
	if [ "$(id -u)" -eq 0 ]; then
		dovecot_user=nobody
		chmod 711 "$T" "$here"
		chown nobody "$here/mail"
	fi
	start_on_port dovecot dovecot_exec 4
	port_dovecot_imap_tls=${ports[0]} port_dovecot_pop3_tls=${ports[1]}
	port_dovecot_lmtp_tls=${ports[2]} dovecot_sieve=${ports[3]}
	start_on_port dovecot-between dovecot_between 5
	port_dovecot_imap_starttls=${ports[0]}
	port_dovecot_pop3_starttls=${ports[1]}
	port_dovecot_lmtp_starttls=${ports[2]}
	port_dovecot_sieve_starttls=${ports[3]}
	port_dovecot_sieve_tls=${ports[4]}
}

dovecot_exec()
{
	local here=$T/dovecot settings listen
	case $(dovecot --version) in
	2.[0-3].*) settings=dovecot_settings_2_3 listen=address ;;
	*) settings=dovecot_settings_2_4 listen=listen ;;
	esac
	{
		$settings
		cat <<-END
		base_dir = $here/run
		state_dir = $here/state
		log_path = $here/log
		protocols = imap pop3 lmtp sieve
		ssl = required
		auth_mechanisms = plain login cram-md5 apop
		auth_verbose = yes
		first_valid_uid = 1
		lda_mailbox_autocreate = yes
		postmaster_address = postmaster@example.test
		hostname = mail.example.test
		mail_max_userip_connections = 100
		auth_failure_delay = 0
		$([ "$(id -u)" -eq 0 ] || dovecot_without_root)
		END
		dovecot_listeners imap-login imap "$1"
		dovecot_listeners pop3-login pop3 "$2"
		dovecot_listeners lmtp lmtp "$3"
		dovecot_listeners managesieve-login sieve "$4"
	} >"$here/conf"
	exec dovecot -F -c "$here/conf"
}

# What is written one way up to Dovecot 2.3, and another way from 2.4 on: keys,
# mailboxes and users.  (Names of listeners' addresses differ, too: $listen.)
dovecot_settings_2_3()
{
	cat <<-END
	ssl_cert = <$CERTS/good.pem
	ssl_key = <$CERTS/good.key
	mail_location = maildir:~
	passdb {
		driver = static
		args = password=secret
	}
	userdb {
		driver = static
		args = uid=$(id -u "$dovecot_user") gid=$(id -g \
			"$dovecot_user") home=$here/mail/%n allow_all_users=yes
	}
	protocol lmtp {
		mail_plugins = sieve
		auth_username_format = %n
	}
	END
}

# The first two lines must come first.  They are the oldest version that this is
# written for: later ones keep its defaults.
dovecot_settings_2_4()
{
	cat <<-END
	dovecot_config_version = 2.4.0
	dovecot_storage_version = 2.4.0
	ssl_server_cert_file = $CERTS/good.pem
	ssl_server_key_file = $CERTS/good.key
	mail_driver = maildir
	mail_path = ~
	passdb static {
		password = secret
	}
	userdb static {
		allow_all_users = yes
		fields {
			uid = $(id -u "$dovecot_user")
			gid = $(id -g "$dovecot_user")
			home = $here/mail/%{user | username}
		}
	}
	protocol lmtp {
		mail_plugins {
			sieve = yes
		}
		auth_username_format = %{user | username}
	}
	END
}

# dovecot_listeners SERVICE PROTOCOL PORT: the same port, on two addresses
dovecot_listeners()
{
	cat <<-END
	service $1 {
		inet_listener $2s {
			$listen = 127.0.0.1$(! ipv6_loopback || echo ', ::1')
			port = $3
			ssl = yes
		}
		inet_listener $2 {
			$listen = 127.0.0.2
			port = $3
		}
	}
	END
}

dovecot_between()
{
	local here=$T/dovecot module=/usr/lib/nginx/modules/ngx_stream_module.so
	{
		cat <<-END
		$([ ! -e $module ] || echo "load_module $module;")
		daemon off;
		master_process off;
		pid $here/between.pid;
		error_log $here/between.log;
		events { worker_connections 1024; }
		stream {
			ssl_certificate $CERTS/good.pem;
			ssl_certificate_key $CERTS/good.key;
		END
		dovecot_forward "$1" "$port_dovecot_imap_tls"
		dovecot_forward "$2" "$port_dovecot_pop3_tls"
		dovecot_forward "$3" "$port_dovecot_lmtp_tls"
		dovecot_forward "$4" "$dovecot_sieve"
		dovecot_forward "$5" "$dovecot_sieve" ssl 127.0.0.2
		echo "}"
	} >"$here/between.conf"
	exec nginx -c "$here/between.conf" -p "$here" -e "$here/between.log"
}

# dovecot_forward PORT TO-PORT [ssl FROM].  With TLS, nginx says close_notify only
# where it does not keep half of a connection.
dovecot_forward()
{
	cat <<-END
	server {
		listen 127.0.0.1:$1 ${3-};
		$(! ipv6_loopback || echo "listen [::1]:$1 ${3-};")
		proxy_bind ${4-127.0.0.1};
		$([ "${3-}" ] || echo "proxy_half_close on;")
		proxy_pass 127.0.0.2:$2;
	}
	END
}

dovecot_without_root()
{
	local service
	cat <<-END
	default_internal_user = $dovecot_user
	default_internal_group = $(id -gn)
	default_login_user = $dovecot_user
	END
	for service in anvil imap-login pop3-login managesieve-login stats; do
		echo "service $service {"
		echo "chroot ="
		echo "}"
	done
}

dovecot_put()
{
	doveadm -c "$T/dovecot/conf" save -u "$1" <"$2"
}

dovecot_mail()
{
	find "$T/dovecot/mail/$1" -path '*/cur/*' -o -path '*/new/*' |
		while IFS= read -r message; do
			cat "$message"
		done
}
