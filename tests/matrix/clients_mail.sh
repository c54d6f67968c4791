# Mail and news: those that send (SMTP, LMTP, NNTP) and those that fetch (IMAP,
# POP3, NNTP).  A letter has many lines, and all of them must come through.

rows_mail()
{
	matrix_rows <<-'END'
	swaks             | postfix_tls      | swaks_sends      | logs in, sends a letter
	swaks             | dovecot_lmtp_tls | swaks_lmtp       | delivers a letter by LMTP
	msmtp             | postfix_tls      | msmtp_sends      | logs in, sends a letter
	s-nail            | postfix_tls      | snail_sends      | logs in, sends a letter
	mutt              | postfix_tls      | mutt_sends       | logs in, sends a letter
	curl smtp         | postfix_tls      | curl_sends       | logs in, sends a letter
	python3 smtplib   | postfix_tls      | smtplib_sends    | logs in, sends a letter
	python3 lmtp      | dovecot_lmtp_tls | smtplib_lmtp     | delivers a letter by LMTP
	s-nail imap       | dovecot_imap_tls | snail_imap       | logs in, fetches a letter
	s-nail pop3       | dovecot_pop3_tls | snail_pop3       | logs in, fetches a letter
	fetchmail imap    | dovecot_imap_tls | fetchmail_imap   | fetches three letters, deletes them
	fetchmail pop3    | dovecot_pop3_tls | fetchmail_pop3   | fetches three letters, deletes them
	mpop              | dovecot_pop3_tls | mpop_fetches     | fetches three letters, deletes them
	mutt imap         | dovecot_imap_tls | mutt_imap        | opens a mailbox, saves a letter
	mutt pop          | dovecot_pop3_tls | mutt_pop         | opens a mailbox, saves a letter
	curl imap         | dovecot_imap_tls | curl_imap        | fetches a letter, uploads one
	curl pop3         | dovecot_pop3_tls | curl_pop3        | fetches a letter
	python3 imaplib   | dovecot_imap_tls | imaplib_works    | appends, searches, fetches, deletes
	python3 poplib    | dovecot_pop3_tls | poplib_fetches   | logs in by APOP, fetches, deletes
	python3 nntplib   | inn_tls          | nntplib_works    | reads an article, posts one
	python3 socket    | dovecot_sieve_tls | sieve_uploads   | uploads a Sieve script, gets it back
	END
}

# --- letters ---------------------------------------------------------------

# letter FILE [FROM]: about $tag, 30 kB, with lines that transports stumble over
letter()
{
	{
		cat <<-END
		From: ${2:-alice@example.test}
		To: joe@example.test
		Subject: letter $tag
		Date: Tue, 03 Nov 2020 10:00:00 +0000
		Message-ID: <$tag.${1##*/}@example.test>

		END
		letter_text
	} >"$1"
}

letter_text()
{
	echo "begin $tag"
	head -c 20000 /dev/urandom | base64 -w 70
	printf '%s\n' . .. ".one dot" "" "end $tag"
}

# The text of the letter in a file of whatever else
letter_of()
{
	tr -d '\r' <"$1" | sed -n "/begin $tag\$/,/end $tag\$/p"
}

# came FILE LETTER: the letter is in the file
came()
{
	letter_of "$1" >"$W/came"
	letter_of "$2" >"$W/left"
	[ -s "$W/left" ] && same "$W/came" "$W/left"
}

# arrived LETTER: at Postfix, over TLS, from one who logged in
arrived()
{
	postfix_mail "begin $tag" >"$W/arrived" &&
	sent_by_smtps "$W/arrived" && came "$W/arrived" "$1"
}

# The name has both, TLS and login (RFC 3848).  That of a client that asked for
# SMTPUTF8, as msmtp does from 1.8.28 on, is another (RFC 6531, 4.3).
sent_by_smtps()
{
	grep -qE "with (E|UTF8)SMTPSA " "$1" && return
	echo "no SMTP with TLS and login in ${1##*/}" >&2
	return 1
}

# delivered LETTER: by Dovecot, over TLS
delivered()
{
	dovecot_mail "$tag" >"$W/delivered"
	has "$W/delivered" "with LMTPS" && came "$W/delivered" "$1"
}

# mailbox COUNT: the user $tag has so many letters, $W/letter1 and so on
mailbox()
{
	local n
	for ((n = 1; n <= $1; n++)); do
		letter "$W/letter$n"
		dovecot_put "$tag" "$W/letter$n" || return
	done
}

# fetched FILE COUNT: all of them are in it, in this order
fetched()
{
	local n
	for ((n = 1; n <= $2; n++)); do
		letter_of "$W/letter$n"
	done >"$W/left"
	letter_of "$1" >"$W/came"
	[ -s "$W/left" ] && same "$W/came" "$W/left"
}

emptied()
{
	[ ! "$(dovecot_mail "$tag")" ] && return
	echo "the mailbox is not empty" >&2
	return 1
}

# --- senders ---------------------------------------------------------------

swaks_sends()
{
	letter "$W/letter"
	client swaks --server "$host" --port "$port" --helo test.example.test \
		--from alice@example.test --to joe@example.test \
		--auth PLAIN --auth-user alice@example.test \
		--auth-password secret --data "@$W/letter" &&
	arrived "$W/letter"
}

swaks_lmtp()
{
	letter "$W/letter"
	client swaks --protocol LMTP --server "$host" --port "$port" \
		--helo test.example.test --from alice@example.test \
		--to "$tag@example.test" --data "@$W/letter" &&
	delivered "$W/letter"
}

msmtp_sends()
{
	letter "$W/letter"
	client msmtp --host="$host" --port="$port" --tls=off --auth=plain \
		--user=alice@example.test --passwordeval="echo secret" \
		--from=alice@example.test joe@example.test <"$W/letter" &&
	arrived "$W/letter"
}

snail_sends()
{
	letter_text >"$W/letter"
	client s-nail -:/ -S v15-compat -S from=alice@example.test \
		-S mta="smtp://alice%40example.test:secret@$host:$port" \
		-S smtp-config=-all,ehlo,plain -S smtp-auth=plain \
		-s "letter $tag" joe@example.test <"$W/letter" &&
	arrived "$W/letter"
}

mutt_sends()
{
	letter_text >"$W/letter"
	mutt_configure
	client env HOME="$W" mutt -F "$W/muttrc" -s "letter $tag" \
		joe@example.test <"$W/letter" &&
	arrived "$W/letter"
}

curl_sends()
{
	letter "$W/letter"
	client $curl -sS "smtp://$host:$port/test.example.test" --crlf \
		--user alice@example.test:secret --login-options AUTH=PLAIN \
		--mail-from alice@example.test --mail-rcpt joe@example.test \
		--upload-file "$W/letter" &&
	arrived "$W/letter"
}

smtplib_sends()
{
	letter "$W/letter"
	python smtp "$W/letter" && arrived "$W/letter"
}

smtplib_lmtp()
{
	letter "$W/letter"
	python lmtp "$W/letter" "$tag" && delivered "$W/letter"
}

# python WORK ARGUMENT…
python()
{
	client "$PYTHON" -W ignore "$here/python.py" "$host" "$port" "$@"
}

# --- those that fetch --------------------------------------------------------

snail_imap()
{
	mailbox 1 && snail_reads imap >"$W/got" && fetched "$W/got" 1
}

snail_pop3()
{
	mailbox 1 && snail_reads pop3 >"$W/got" && fetched "$W/got" 1
}

snail_reads()
{
	echo "type 1" | client s-nail -:/ -S v15-compat -S pop3-auth=plain \
		-S imap-auth=login -S inbox= -# -R \
		-f "$1://$tag:secret@$host:$port"
}

fetchmail_imap()
{
	fetchmail_fetches imap
}

fetchmail_pop3()
{
	fetchmail_fetches pop3
}

fetchmail_fetches()
{
	mailbox 3 || return
	: >"$W/got"
	cat >"$W/fetchmailrc" <<-END
	set no bouncemail
	poll $host service $port protocol $1 user "$tag" password "secret"
		sslproto '' no keep fetchall mda "cat >>$W/got"
	END
	chmod 600 "$W/fetchmailrc"
	client env FETCHMAILHOME="$W" fetchmail --pidfile "$W/pid" \
		-f "$W/fetchmailrc" &&
	fetched "$W/got" 3 && emptied
}

mpop_fetches()
{
	mailbox 3 &&
	client mpop --host="$host" --port="$port" --tls=off --auth=user \
		--user="$tag" --passwordeval="echo secret" --keep=off \
		--uidls-file="$W/uidls" --deliver="mbox,$W/got" &&
	fetched "$W/got" 3 && emptied
}

mutt_imap()
{
	mutt_saves imap
}

mutt_pop()
{
	mutt_saves pop
}

# It wants a terminal, and one with a size: script has none to give.
mutt_saves()
{
	mailbox 1 || return
	mutt_configure
	cat >>"$W/muttrc" <<-END
	set folder="$W"
	push "<copy-message>=got<enter><exit>"
	END
	client env HOME="$W" TERM=xterm script -q -e -c \
		"stty rows 24 cols 80
		mutt -F $W/muttrc -f $1://$tag@$host:$port/" "$W/terminal" &&
	fetched "$W/got" 1
}

mutt_configure()
{
	cat >"$W/muttrc" <<-END
	set from=alice@example.test realname=Alice hostname=test.example.test
	set smtp_url="smtp://alice%40example.test:secret@$host:$port/"
	set smtp_authenticators=plain
	set ssl_starttls=no ssl_force_tls=no
	set imap_pass=secret imap_authenticators=login
	set pop_pass=secret pop_authenticators=user pop_delete=no
	set copy=no confirmcreate=no confirmappend=no delete=no mark_old=no
	set mbox_type=mbox sleep_time=0
	END
}

curl_imap()
{
	mailbox 1 &&
	client $curl -sS "imap://$host:$port/INBOX;MAILINDEX=1" \
		--user "$tag:secret" -o "$W/got" &&
	fetched "$W/got" 1 &&
	letter "$W/other" && sed 's/$/\r/' "$W/other" >"$W/crlf" &&
	client $curl -sS "imap://$host:$port/INBOX" \
		--user "$tag:secret" --upload-file "$W/crlf" &&
	dovecot_mail "$tag" >"$W/stored" &&
	has "$W/stored" "<$tag.letter1@example.test>" "<$tag.other@example.test>"
}

curl_pop3()
{
	mailbox 1 &&
	client $curl -sS "pop3://$host:$port/1" --user "$tag:secret" \
		--login-options AUTH=PLAIN -o "$W/got" &&
	fetched "$W/got" 1
}

imaplib_works()
{
	letter "$W/letter1"
	python imap "$W/letter1" "$tag" "$W/got" &&
	fetched "$W/got" 1 && emptied
}

poplib_fetches()
{
	mailbox 1 && python pop "$tag" "$W/got" && fetched "$W/got" 1 && emptied
}

# --- news, Sieve -------------------------------------------------------------

nntplib_works()
{
	letter_text >"$W/letter"
	python nntp "$W/letter" "$tag" >"$W/said" &&
	has "$W/said" "<first@example.test>" "What the first article says." &&
	came "$(grep -lF "begin $tag" "$T"/inn/incoming/*)" "$W/letter"
}

sieve_uploads()
{
	printf '# %s\nkeep;\n' "$(letter_text | base64 -w 0)" >"$W/script"
	python sieve "$W/script" "$tag" "$W/got" &&
	same "$W/script" "$W/got" &&
	same "$W/script" "$T/dovecot/mail/$tag/sieve/$tag.sieve"
}
