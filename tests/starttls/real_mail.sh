# Mail and news: Postfix, Dovecot and INN, which demand TLS of everybody.  The
# clients that know nothing are those of the matrix; what they send and fetch
# must be what is there.
. "$here/../matrix/clients_mail.sh"
unset -f rows_mail

rows_mail_starttls()
{
	starttls_rows <<-'END'
	smtp | performed | postfix_starttls | python3 smtplib | smtplib_sends
	smtp | performed | postfix_starttls | swaks | swaks_sends
	smtp | performed | postfix_starttls | msmtp | msmtp_sends
	smtp | performed | postfix_starttls | s-nail | snail_sends
	smtp | performed | postfix_starttls | mutt | mutt_sends
	smtp | performed | postfix_starttls | curl | curl_sends
	smtp | performed | postfix_starttls | node nodemailer | nodemailer_sends
	smtp | performed | postfix_starttls | node nodemailer pool | nodemailer_pool
	smtp | seen | postfix_starttls | bash | bash_smtp
	smtp | seen | postfix_starttls | bash byte by byte | bytes_smtp
	smtp | seen | postfix_starttls | nc | nc_smtp
	smtp | seen | postfix_starttls | expect | expect_smtp
	smtp | own | postfix_starttls | swaks --tls | swaks_tls
	smtp | own | postfix_starttls | curl --ssl-reqd | curl_smtp_tls
	smtp | own | postfix_starttls | python3 smtplib.starttls | smtplib_tls
	smtp | own | postfix_starttls | node nodemailer requireTLS | nodemailer_tls
	lmtp | performed | dovecot_lmtp_starttls | python3 smtplib.LMTP | smtplib_lmtp
	lmtp | performed | dovecot_lmtp_starttls | swaks | swaks_lmtp
	lmtp | seen | dovecot_lmtp_starttls | bash | bash_lmtp
	lmtp | seen | dovecot_lmtp_starttls | nc | nc_lmtp
	lmtp | own | dovecot_lmtp_starttls | swaks --tls | swaks_lmtp_tls
	imap | performed | dovecot_imap_starttls | python3 imaplib | imaplib_works
	imap | performed | dovecot_imap_starttls | curl | curl_imap
	imap | performed | dovecot_imap_starttls | fetchmail | fetchmail_imap
	imap | performed | dovecot_imap_starttls | s-nail | snail_imap
	imap | performed | dovecot_imap_starttls | mutt | mutt_imap
	imap | performed | dovecot_imap_starttls | node imapflow | imapflow_imap
	imap | performed | dovecot_imap_starttls | mbsync | mbsync_imap
	imap | seen | dovecot_imap_starttls | bash | bash_imap
	imap | seen | dovecot_imap_starttls | bash byte by byte | bytes_imap
	imap | seen | dovecot_imap_starttls | nc | nc_imap
	imap | seen | dovecot_imap_starttls | expect | expect_imap
	imap | own | dovecot_imap_starttls | curl --ssl-reqd | curl_imap_tls
	imap | own | dovecot_imap_starttls | python3 imaplib.starttls | imaplib_tls
	imap | own | dovecot_imap_starttls | node imapflow STARTTLS | imapflow_tls
	pop3 | performed | dovecot_pop3_starttls | python3 poplib by APOP | poplib_fetches
	pop3 | performed | dovecot_pop3_starttls | curl | curl_pop3
	pop3 | performed | dovecot_pop3_starttls | fetchmail | fetchmail_pop3
	pop3 | performed | dovecot_pop3_starttls | mpop | mpop_fetches
	pop3 | performed | dovecot_pop3_starttls | s-nail | snail_pop3
	pop3 | performed | dovecot_pop3_starttls | mutt | mutt_pop
	pop3 | seen | dovecot_pop3_starttls | bash | bash_pop3
	pop3 | seen | dovecot_pop3_starttls | bash byte by byte | bytes_pop3
	pop3 | seen | dovecot_pop3_starttls | nc | nc_pop3
	pop3 | seen | dovecot_pop3_starttls | expect | expect_pop3
	pop3 | own | dovecot_pop3_starttls | curl --ssl-reqd | curl_pop3_tls
	pop3 | own | dovecot_pop3_starttls | python3 poplib.stls | poplib_tls
	sieve | performed | dovecot_sieve_starttls | python3 socket | sieve_uploads
	sieve | performed | dovecot_sieve_starttls | bash | bash_sieve_plain
	sieve | seen | dovecot_sieve_starttls | bash | bash_sieve
	sieve | seen | dovecot_sieve_starttls | bash byte by byte | bytes_sieve
	sieve | seen | dovecot_sieve_starttls | nc | nc_sieve
	sieve | own | dovecot_sieve_starttls | sieve-connect | sieve_connect
	nntp | performed | inn_starttls | python3 nntplib | nntplib_works
	nntp | performed | inn_starttls | bash | bash_nntp_plain
	nntp | seen | inn_starttls | bash | bash_nntp
	nntp | seen | inn_starttls | bash byte by byte | bytes_nntp
	nntp | seen | inn_starttls | nc | nc_nntp
	nntp | own | inn_starttls | python3 nntplib.starttls | nntplib_tls
	END
}

# python WORK ARGUMENT…: for the matrix' functions
python()
{
	client "$PYTHON" -W ignore "$here/../matrix/python.py" "$host" "$port" "$@"
}

# --- clients that the matrix does not have ------------------------------------

# node_sends NAME [CAFILE]
node_sends()
{
	letter "$W/letter"
	sed 's/$/\r/' "$W/letter" >"$W/crlf"
	npm_client "$1" "$host" "$port" "$W/crlf" "${@:2}" &&
	arrived "$W/letter"
}

nodemailer_sends() { node_sends nodemailer; }
nodemailer_pool() { node_sends nodemailer-pool; }
nodemailer_tls() { node_sends nodemailer-tls "$CA"; }

# node_fetches NAME [CAFILE]
node_fetches()
{
	mailbox 1 &&
	npm_client "$1" "$host" "$port" "$tag" "${@:2}" >"$W/got" &&
	fetched "$W/got" 1
}

imapflow_imap() { node_fetches imapflow; }
imapflow_tls() { node_fetches imapflow-tls "$CA"; }

# Both ways: three letters come, and one goes.
mbsync_imap()
{
	mailbox 3 && mkdir -p "$W/maildir/"{cur,new,tmp} || return
	letter "$W/own"
	sed 's/$/\r/' "$W/own" >"$W/maildir/cur/1.own:2,S"
	cat >"$W/mbsyncrc" <<-END
	IMAPAccount there
	Host $host
	Port $port
	User $tag
	Pass secret
	SSLType None
	AuthMechs LOGIN

	IMAPStore there
	Account there

	MaildirStore here
	Inbox $W/maildir
	Path $W/

	Channel both
	Far :there:INBOX
	Near :here:INBOX
	SyncState $W/
	Sync All
	END
	client mbsync -c "$W/mbsyncrc" both && cat "$W"/maildir/new/* >"$W/got" &&
	fetched "$W/got" 3 && dovecot_mail "$tag" >"$W/stored" &&
	has "$W/stored" "<$tag.own@example.test>"
}

# --- by hand -----------------------------------------------------------------

# talk HOW: says what is in $W/steps; what came is in $W/said
talk()
{
	if [ "$1" = expect ]; then
		client expect "$here/talk.exp" "$host" "$port" \
			<"$W/steps" >"$W/said"
	else
		client bash "$here/talk.bash" "$1" "$host" "$port" \
			<"$W/steps" >"$W/said"
	fi
}

# by_hand HOW WORK: the function WORK writes the steps, WORK_done judges
by_hand()
{
	"$2" >"$W/steps" && talk "$1" && "$2_done"
}

base64_of()
{
	# shellcheck disable=SC2059
	printf "$1" | base64 -w 0
}

# The letter's lines as steps: a dot in front is doubled (RFC 5321, 4.5.2)
letter_steps()
{
	letter "$W/letter"
	sed -e 's/^\./../' -e 's/^/> /' "$W/letter"
}

smtp_steps()
{
	cat <<-END
	< 220 *
	> EHLO test.example.test
	< 250 *
	> STARTTLS
	< 220 *
	> EHLO test.example.test
	< 250 *
	> AUTH PLAIN $(base64_of '\0alice@example.test\0secret')
	< 235 *
	> MAIL FROM:<alice@example.test>
	< 250 *
	> RCPT TO:<joe@example.test>
	< 250 *
	> DATA
	< 354 *
	END
	letter_steps
	printf '%s\n' '> .' '< 250 *' '> QUIT' '< 221 *'
}

smtp_steps_done() { arrived "$W/letter"; }
bash_smtp() { by_hand bash smtp_steps; }
bytes_smtp() { by_hand bytes smtp_steps; }
nc_smtp() { by_hand nc smtp_steps; }
expect_smtp() { by_hand expect smtp_steps; }

lmtp_steps()
{
	cat <<-END
	< 220 *
	> LHLO test.example.test
	< 250 *
	> STARTTLS
	< 220 *
	> LHLO test.example.test
	< 250 *
	> MAIL FROM:<alice@example.test>
	< 250 *
	> RCPT TO:<$tag@example.test>
	< 250 *
	> DATA
	< 354 *
	END
	letter_steps
	printf '%s\n' '> .' '< 250 *' '> QUIT' '< 221 *'
}

lmtp_steps_done() { delivered "$W/letter"; }
bash_lmtp() { by_hand bash lmtp_steps; }
nc_lmtp() { by_hand nc lmtp_steps; }

imap_steps()
{
	mailbox 1 && cat <<-END
	< \* OK *
	> a1 CAPABILITY
	< a1 OK *
	> a2 STARTTLS
	< a2 OK *
	> a3 LOGIN $tag secret
	< a3 OK *
	> a4 SELECT INBOX
	< a4 OK *
	> a5 FETCH 1 BODY.PEEK[]
	< a5 OK *
	> a6 LOGOUT
	< a6 OK *
	END
}

imap_steps_done() { fetched "$W/said" 1; }
bash_imap() { by_hand bash imap_steps; }
bytes_imap() { by_hand bytes imap_steps; }
nc_imap() { by_hand nc imap_steps; }

# Expect is for words; what it does with letters is between it and its terminal.
imap_words() { imap_steps | sed 's/BODY.PEEK\[\]/BODY.PEEK[HEADER]/'; }
imap_words_done() { has "$W/said" "Subject: letter $tag"; }
expect_imap() { by_hand expect imap_words; }

pop3_steps()
{
	mailbox 1 && cat <<-END
	< +OK*
	> CAPA
	< .
	> STLS
	< +OK*
	> USER $tag
	< +OK*
	> PASS secret
	< +OK*
	> RETR 1
	< .
	> DELE 1
	< +OK*
	> QUIT
	< +OK*
	END
}

pop3_steps_done()
{
	sed 's/^\.\././' "$W/said" >"$W/got" && fetched "$W/got" 1 && emptied
}

bash_pop3() { by_hand bash pop3_steps; }
bytes_pop3() { by_hand bytes pop3_steps; }
nc_pop3() { by_hand nc pop3_steps; }
pop3_words() { pop3_steps | sed 's/RETR 1/TOP 1 0/'; }
pop3_words_done() { has "$W/said" "Subject: letter $tag" && emptied; }
expect_pop3() { by_hand expect pop3_words; }

# Behind TLS the capabilities come again, unasked.
sieve_steps()
{
	printf '%s\n' '< OK*' '> STARTTLS' '< OK*'
	sieve_plain
}

# The script is a literal: of a quoted one, which RFC 5804 allows as well, Dovecot
# 2.4.5 keeps nothing.
sieve_plain()
{
	cat <<-END
	< OK*
	> AUTHENTICATE "PLAIN" "$(base64_of "\\0$tag\\0secret")"
	< OK*
	> PUTSCRIPT "$tag" {5+}
	> keep;
	< OK*
	> LISTSCRIPTS
	< "$tag"*
	< OK*
	> LOGOUT
	< OK*
	END
}

sieve_steps_done()
{
	has "$T/dovecot/mail/$tag/sieve/$tag.sieve" "keep;"
}

sieve_plain_done() { sieve_steps_done; }
bash_sieve_plain() { by_hand bash sieve_plain; }
bash_sieve() { by_hand bash sieve_steps; }
bytes_sieve() { by_hand bytes sieve_steps; }
nc_sieve() { by_hand nc sieve_steps; }

nntp_steps()
{
	printf '%s\n' '< 200*' '> CAPABILITIES' '< .' '> STARTTLS' '< 382*'
	nntp_words
}

nntp_plain()
{
	echo '< 200*'
	nntp_words
}

nntp_words()
{
	cat <<-END
	> GROUP test.general
	< 211*
	> ARTICLE <first@example.test>
	< .
	> QUIT
	< 205*
	END
}

nntp_steps_done() { has "$W/said" "What the first article says."; }
nntp_plain_done() { nntp_steps_done; }
bash_nntp_plain() { by_hand bash nntp_plain; }
bash_nntp() { by_hand bash nntp_steps; }
bytes_nntp() { by_hand bytes nntp_steps; }
nc_nntp() { by_hand nc nntp_steps; }

# --- those that bring their own TLS --------------------------------------------

swaks_tls()
{
	letter "$W/letter"
	client swaks --server "$host" --port "$port" --helo test.example.test \
		--tls --from alice@example.test --to joe@example.test \
		--auth PLAIN --auth-user alice@example.test \
		--auth-password secret --data "@$W/letter" &&
	arrived "$W/letter"
}

swaks_lmtp_tls()
{
	letter "$W/letter"
	client swaks --protocol LMTP --server "$host" --port "$port" --tls \
		--helo test.example.test --from alice@example.test \
		--to "$tag@example.test" --data "@$W/letter" &&
	delivered "$W/letter"
}

curl_smtp_tls()
{
	letter "$W/letter"
	client $curl -sS --ssl-reqd --cacert "$CA" \
		"smtp://$host:$port/test.example.test" --crlf \
		--user alice@example.test:secret --login-options AUTH=PLAIN \
		--mail-from alice@example.test --mail-rcpt joe@example.test \
		--upload-file "$W/letter" &&
	arrived "$W/letter"
}

curl_imap_tls()
{
	mailbox 1 &&
	client $curl -sS --ssl-reqd --cacert "$CA" \
		"imap://$host:$port/INBOX;MAILINDEX=1" \
		--user "$tag:secret" -o "$W/got" &&
	fetched "$W/got" 1
}

curl_pop3_tls()
{
	mailbox 1 &&
	client $curl -sS --ssl-reqd --cacert "$CA" "pop3://$host:$port/1" \
		--user "$tag:secret" -o "$W/got" &&
	fetched "$W/got" 1
}

# python_tls CODE: with server's host, port and a verifying context
python_tls()
{
	client "$PYTHON" -W ignore -c "
import ssl, sys
host, port, tag = sys.argv[1], int(sys.argv[2]), sys.argv[3]
context = ssl.create_default_context(cafile=sys.argv[4])
$1" "$host" "$port" "$tag" "$CA"
}

smtplib_tls()
{
	letter "$W/letter"
	python_tls "
import smtplib
with smtplib.SMTP(host, port, 'test.example.test', 60) as server:
    server.starttls(context=context)
    server.login('alice@example.test', 'secret')
    server.sendmail('alice@example.test', ['joe@example.test'],
                    open('$W/letter').read())" &&
	arrived "$W/letter"
}

imaplib_tls()
{
	mailbox 1 && python_tls "
import imaplib
with imaplib.IMAP4(host, port, 60) as server:
    server.starttls(context)
    server.login(tag, 'secret')
    server.select('INBOX')
    print(server.fetch('1', '(BODY.PEEK[])')[1][0][1].decode())" >"$W/got" &&
	fetched "$W/got" 1
}

poplib_tls()
{
	mailbox 1 && python_tls "
import poplib
server = poplib.POP3(host, port, 60)
server.stls(context)
server.user(tag)
server.pass_('secret')
print(b'\n'.join(server.retr(1)[1]).decode())
server.quit()" >"$W/got" &&
	fetched "$W/got" 1
}

nntplib_tls()
{
	python_tls "
import nntplib
with nntplib.NNTP(host, port, timeout=60) as server:
    server.starttls(context)
    server.group('test.general')
    print(b'\n'.join(server.article('<first@example.test>')[1].lines))" \
		>"$W/said" &&
	has "$W/said" "What the first article says."
}

# It takes the password from where it is told.
sieve_connect()
{
	echo "keep;" >"$W/script"
	echo secret >"$W/password"
	client sieve-connect --server "$host" --port "$port" --user "$tag" \
		--authmech PLAIN --tlscafile "$CA" --passwordfd 5 \
		--localsieve "$W/script" --remotesieve "$tag" --upload \
		5<"$W/password" &&
	sieve_steps_done
}
