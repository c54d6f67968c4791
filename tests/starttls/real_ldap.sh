# LDAP: slapd with "security tls=1".

rows_ldap()
{
	starttls_rows <<-END
	ldap | performed | slapd_starttls | ldapsearch | search_ldap
	ldap | performed | slapd_starttls | ldapwhoami | whoami_ldap
	ldap | performed | slapd_starttls | perl Net::LDAP | perl_ldap
	ldap | performed | slapd_starttls | curl | curl_ldap
	ldap | performed | slapd_starttls | node ldapts | ldapts_ldap
	ldap | seen | slapd_starttls | python3 (scripted) | scripted_ldap
	ldap | own | slapd_starttls | ldapsearch -ZZ | search_ldap_tls
	END
}

ldap_alice=uid=alice,ou=people,dc=example,dc=test

search_ldap()
{
	client ldapsearch -x -LLL -H "ldap://$host:$port" -D "$ldap_alice" \
		-w secret -b dc=example,dc=test uid=bob mail >"$W/found" &&
		has "$W/found" "mail: bob@example.test"
}

whoami_ldap()
{
	client ldapwhoami -x -H "ldap://$host:$port" -D "$ldap_alice" \
		-w secret >"$W/found" && has "$W/found" "dn:$ldap_alice"
}

perl_ldap()
{
	client perl -MNet::LDAP -e '
		my $ldap = Net::LDAP->new($ARGV[0], port => $ARGV[1]) or die $@;
		my $done = $ldap->bind($ARGV[2], password => "secret");
		die $done->error if $done->code;
		$done = $ldap->search(base => "dc=example,dc=test",
				      filter => "(uid=bob)");
		die $done->error if $done->code;
		print $_->get_value("mail"), "\n" for $done->entries;
	' "$host" "$port" "$ldap_alice" >"$W/found" &&
		has "$W/found" bob@example.test
}

curl_ldap()
{
	client $curl -sS -u "$ldap_alice:secret" \
		"ldap://$host:$port/dc=example,dc=test?mail?sub?(uid=bob)" \
		>"$W/found" && has "$W/found" bob@example.test
}

ldapts_ldap()
{
	npm_client ldapts "$host" "$port" "$ldap_alice" >"$W/found" &&
		has "$W/found" bob@example.test
}

# StartTLS by hand; then a bind, which the server takes over TLS alone.
scripted_ldap()
{
	client "$PYTHON" "$here/scripted.py" ldap "$host" "$port" "$ldap_alice"
}

# By address: libldap takes "localhost" for the machine's own name.
search_ldap_tls()
{
	LDAPTLS_CACERT=$CA LDAPTLS_REQCERT=demand client ldapsearch -ZZ -x \
		-LLL -H "ldap://127.0.0.1:$port" -D "$ldap_alice" -w secret \
		-b dc=example,dc=test uid=bob mail >"$W/found" &&
		has "$W/found" "mail: bob@example.test"
}
