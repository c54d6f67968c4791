# XMPP: prosody with c2s_require_encryption and s2s_require_encryption.

rows_xmpp()
{
	# With TLS 1.2 prosody offers mechanisms that bind to it, too.
	starttls_options[xmpp]="&max_version=TLSv1.2"
	starttls_rows <<-END
	xmpp | performed | prosody_starttls | sendxmpp | send_xmpp
	xmpp | performed | prosody_starttls | python3 (scripted) | scripted_xmpp
	xmpp | performed | prosody_starttls | profanity | profanity_xmpp
	xmpp | at once | prosody_tls | profanity | profanity_xmpp
	xmpp | at once | prosody_tls | python3 (scripted) | scripted_xmpp
	xmpp | seen | prosody_starttls | python3 (scripted) | scripted_xmpp_seen
	xmpp | seen | prosody_starttls | nc | nc_xmpp
	xmpp | own | prosody_starttls | sendxmpp --tls | send_xmpp_tls
	xmpp | performed | prosody_starttls | node @xmpp/client | node_xmpp
	xmpp-server | performed | prosody_s2s_starttls | python3 (scripted) | scripted_s2s
	xmpp-server | seen | prosody_s2s_starttls | python3 (scripted) | scripted_s2s_seen
	END
}

# To herself: another account would have to be online.
send_xmpp()
{
	echo "hello $tag" | client sendxmpp -u alice -p secret \
		-j "$host:$port" "$@" alice@localhost &&
		grep -qE 'Authenticated as alice@localhost' "$T/prosody.log"
}

send_xmpp_tls()
{
	send_xmpp --tls --tls-ca-path="$CA"
}

node_xmpp()
{
	npm_client xmpp "$host" "$port" "$tag" >"$W/came" && has "$W/came" "$tag"
}

scripted_xmpp()
{
	client "$PYTHON" "$here/scripted.py" xmpp "$host" "$port" no-starttls
}

scripted_xmpp_seen()
{
	client "$PYTHON" "$here/scripted.py" xmpp "$host" "$port" starttls
}

scripted_s2s()
{
	client "$PYTHON" "$here/scripted.py" xmpp-server "$host" "$port" \
		no-starttls
}

scripted_s2s_seen()
{
	client "$PYTHON" "$here/scripted.py" xmpp-server "$host" "$port" starttls
}

# nc_says TEXT UNTIL-WORDS: to nc by descriptor 4, back by descriptor 3
nc_says()
{
	local piece said=
	echo "$1" >&4
	while IFS= read -r -t 20 -d '>' piece <&3; do
		said="$said$piece>"
		case $said in *"$2"*) return 0 ;; esac
	done
	echo "no $2 in: $said" >&2
	return 1
}

nc_xmpp()
{
	local stream="<stream:stream to='localhost' xmlns='jabber:client' \
xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"
	local plain status=0
	plain=$(printf '\0alice\0secret' | base64)
	mkfifo "$W/to" "$W/from"
	client nc -N "$host" "$port" <"$W/to" >"$W/from" &
	exec 4>"$W/to" 3<"$W/from"
	nc_says "$stream" "</stream:features>" &&
		nc_says "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>" \
			"<proceed" &&
		nc_says "$stream" "</stream:features>" &&
		nc_says "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' \
mechanism='PLAIN'>$plain</auth>" "<success" || status=1
	exec 4>&- 3<&-
	wait $!
	return "$status"
}

# With libstrophe 0.13 and newer it gives up when a mechanism is offered that
# binds to TLS.
profanity_xmpp()
{
	HOME=$W client expect "$here/profanity.exp" "$host" "$port" \
		"$tag" && has "$W/stdout" "hello $tag"
}
