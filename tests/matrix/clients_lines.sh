# Line by line, as by hand: nc, telnet, expect and the like.

rows_lines()
{
	matrix_rows <<-'END'
	nc | ngircd_tls | nc_irc | registers, joins, is answered
	END
}

# What each of them says to an IRC server, and what comes back.
irc_words()
{
	printf '%s\r\n' "NICK $1" "USER $1 0 * :test" "JOIN #$tag" \
		"TOPIC #$tag :topic of $tag" "PING :$tag" "QUIT :done"
}

irc_answered()
{
	has "$1" " 001 $2 " " JOIN :#$tag" "TOPIC #$tag :topic of $tag" "PONG" ||
		{ cat "$1" >&2; return 1; }
}

nc_irc()
{
	irc_words nick >"$W/words"
	client nc "$host" "$port" <"$W/words" >"$W/said"
	irc_answered "$W/said" nick
}
