# Protocols spoken by hand or by a script: nc, telnet, expect.

rows_dialogue()
{
	matrix_rows <<-'END'
	nc            | dovecot_pop3_tls  | nc_pop3         | logs in, fetches a letter
	nc            | dovecot_imap_tls  | nc_imap         | logs in, fetches a letter
	nc            | ngircd_tls        | nc_irc          | registers, joins, is answered
	expect telnet | postfix_tls       | expect_smtp     | logs in, sends a letter
	expect telnet | dovecot_pop3_tls  | expect_pop3     | logs in, lists, deletes
	expect socket | inn_tls           | expect_nntp     | reads an article
	END
}

nc_pop3()
{
	mailbox 1 || return
	printf '%s\r\n' "USER $tag" "PASS secret" "RETR 1" QUIT |
		client nc "$host" "$port" >"$W/stuffed" &&
	sed 's/^\.\./\./' "$W/stuffed" >"$W/got" && fetched "$W/got" 1
}

nc_imap()
{
	mailbox 1 || return
	printf '%s\r\n' "a LOGIN $tag secret" "b SELECT INBOX" \
		"c FETCH 1 BODY[]" "d LOGOUT" |
		client nc "$host" "$port" >"$W/got" &&
	fetched "$W/got" 1
}

# What is said to an IRC server, and what comes back: irc_words NICK,
# irc_answered FILE NICK
irc_words()
{
	printf '%s\r\n' "NICK $1" "USER $1 0 * :test" "JOIN #$tag" \
		"TOPIC #$tag :topic of $tag" "PING :$tag" "QUIT :done"
}

irc_answered()
{
	has "$1" " 001 $2 " " JOIN :#$tag" "TOPIC #$tag :topic of $tag" PONG
}

nc_irc()
{
	irc_words visitor | client nc "$host" "$port" >"$W/said"
	irc_answered "$W/said" visitor
}

# dialogue COMMAND…: expect runs it; standard input has pairs of lines, what to
# wait for and what to say then
dialogue()
{
	cat >"$W/pairs"
	cat >"$W/script" <<-'END'
	set timeout 50
	set pairs [open [lindex $argv 0]]
	set command [lrange $argv 1 end]
	if {[lindex $command 0] eq "socket"} {
		set connection [{*}$command]
		fconfigure $connection -translation binary -buffering none
		spawn -open $connection
		set end "\r\n"
	} else {
		spawn -noecho {*}$command
		set end "\r"
	}
	while {[gets $pairs wanted] >= 0 && [gets $pairs said] >= 0} {
		expect {
			-re $wanted {}
			timeout { exit 3 }
			eof { exit 4 }
		}
		send -- "$said$end"
	}
	expect {
		eof {}
		timeout { exit 3 }
	}
	END
	client env TERM=dumb expect "$W/script" "$W/pairs" "$@"
}

expect_smtp()
{
	local login
	login=$(printf '\0alice@example.test\0secret' | base64)
	dialogue telnet "$host" "$port" <<-END &&
	220 .*Postfix
	EHLO test.example.test
	250 [A-Z]*\r
	AUTH PLAIN $login
	235 
	MAIL FROM:<alice@example.test>
	250 
	RCPT TO:<joe@example.test>
	250 
	DATA
	354 
	Subject: letter
	\n
	
	\n
	begin $tag
	\n
	.
	250 .*queued
	QUIT
	END
	postfix_mail "begin $tag" >"$W/arrived" && sent_by_smtps "$W/arrived"
}

expect_pop3()
{
	mailbox 2 || return
	dialogue telnet "$host" "$port" <<-END && emptied
	\+OK .*ready
	USER $tag
	\+OK
	PASS secret
	\+OK Logged in
	LIST
	\+OK 2 messages:.*\n\.\r
	DELE 1
	\+OK
	DELE 2
	\+OK
	QUIT
	END
}

expect_nntp()
{
	dialogue socket "$host" "$port" >"$W/said" <<-END &&
	200 news
	GROUP test.general
	211 1 1 1
	ARTICLE 1
	220 1 .*\n\.\r
	QUIT
	END
	has "$W/said" "What the first article says." "205 "
}
