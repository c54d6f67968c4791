# Clients of a directory: LDAP.

rows_directory()
{
	matrix_rows <<-'END'
	ldapsearch | slapd_tls | ldapsearch_finds | searches, anonymous and bound
	ldapmodify | slapd_tls | ldapmodify_adds  | binds, adds an entry, changes it
	curl ldap  | slapd_tls | curl_searches    | binds, searches
	END
}

people=ou=people,dc=example,dc=test

ldapsearch_finds()
{
	client ldapsearch -x -LLL -H "ldap://$host:$port" -b "$people" \
		'(uid=alice)' mail >"$W/anonymous" &&
	has "$W/anonymous" "mail: alice@example.test" &&
	client ldapsearch -x -LLL -H "ldap://$host:$port" -b "$people" \
		-D "uid=bob,$people" -w secret '(uid=bob)' mail >"$W/bound" &&
	has "$W/bound" "mail: bob@example.test"
}

ldapmodify_adds()
{
	local text
	text=$(head -c 30000 /dev/urandom | base64 -w 0)
	cat >"$W/changes" <<-END
	dn: uid=$tag,$people
	changetype: add
	objectClass: inetOrgPerson
	cn: $tag
	sn: before

	dn: uid=$tag,$people
	changetype: modify
	replace: sn
	sn: after
	-
	add: description
	description: $text
	END
	client ldapmodify -x -H "ldap://$host:$port" -w secret \
		-D cn=admin,dc=example,dc=test -f "$W/changes" &&
	slapcat -f "$T/slapd/conf" -o ldif-wrap=no >"$W/stored" &&
	sed "1,/^dn: uid=$tag,/d" "$W/stored" >"$W/entry" &&
	has "$W/entry" "sn: after" "description: $text"
}

curl_searches()
{
	client $curl -sS "ldap://$host:$port/$people?mail?one?(uid=alice)" \
		--user "uid=bob,$people:secret" >"$W/found" &&
	has "$W/found" "mail: alice@example.test"
}
