# SASL mechanisms that bind to TLS: Cyrus and slapd offer them, and clients that
# see no TLS must get on all the same.  gsasl chooses the strongest of the list
# and gives up when it cannot have it; others look for the next.

rows_sasl()
{
	starttls_rows <<-END
	imap | performed | cyrus_imap_starttls | gsasl | gsasl_imap
	imap | performed | cyrus_imap_starttls | mutt by SCRAM | mutt_scram
	imap | at once | cyrus_imap_tls | gsasl | gsasl_imap
	imap | at once | cyrus_imap_tls | mutt by SCRAM | mutt_scram
	pop3 | performed | cyrus_pop3_starttls | mpop by SCRAM | mpop_scram
	pop3 | at once | cyrus_pop3_tls | mpop by SCRAM | mpop_scram
	sieve | performed | cyrus_sieve_starttls | bash by SASL | bash_sieve_sasl
	ldap | performed | slapd_starttls | ldapwhoami by SCRAM | whoami_sasl
	ldap | at once | slapd_tls | ldapwhoami by SCRAM | whoami_sasl
	END
}

# without_plus FILE: no mechanism in it binds to TLS
without_plus()
{
	! grep -e -PLUS "$1" >&2
}

gsasl_imap()
{
	client gsasl --imap --no-starttls --connect "$host:$port" \
		-a alice -p secret >"$W/said" 2>"$W/talk" &&
		has "$W/said" "AUTH=SCRAM-SHA-256" &&
		has "$W/talk" "server trusted" && without_plus "$W/said"
}

mutt_scram()
{
	cat >"$W/muttrc" <<-END
	set ssl_starttls=no ssl_force_tls=no imap_pass=secret sleep_time=0
	set folder="$W"
	push <exit>
	END
	client env HOME="$W" TERM=xterm script -q -e -c \
		"stty rows 24 cols 80
		mutt -n -F $W/muttrc -f imap://alice@$host:$port/INBOX" \
		"$W/terminal" && has "$W/terminal" "(SCRAM-SHA-256)" &&
		without_plus "$W/terminal"
}

mpop_scram()
{
	(umask 077 && cat >"$W/mpoprc") <<-END
	account there
	host $host
	port $port
	tls off
	auth on
	user alice
	password secret
	delivery mbox $W/got
	END
	client mpop -C "$W/mpoprc" -d there >"$W/said" &&
		has "$W/said" "AUTH SCRAM-SHA-256" && without_plus "$W/said"
}

sieve_sasl()
{
	cat <<-END
	< OK*
	> AUTHENTICATE "PLAIN" "$(base64_of '\0alice\0secret')"
	< OK*
	> PUTSCRIPT "x" {5+}
	> keep;
	< OK*
	> GETSCRIPT "x"
	< keep;*
	< OK*
	> LOGOUT
	< OK*
	END
}

sieve_sasl_done()
{
	has "$W/said" SCRAM-SHA-256 && without_plus "$W/said"
}

bash_sieve_sasl() { by_hand bash sieve_sasl; }

whoami_sasl()
{
	client ldapsearch -x -LLL -H "ldap://$host:$port" -b "" -s base \
		supportedSASLMechanisms >"$W/offer" &&
		has "$W/offer" SCRAM-SHA-256 && without_plus "$W/offer" &&
		client ldapwhoami -Q -U alice -w secret \
			-H "ldap://$host:$port" >"$W/found" &&
		has "$W/found" "dn:$ldap_alice"
}
