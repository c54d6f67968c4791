# Programs that people type lines into.

rows_hand()
{
	matrix_rows <<-'END'
	nc -N | lines_tls | nc_lines | talks, ends its half, reads the rest
	nc | lines_tls | nc_quits | talks until the server ends
	telnet | lines_tls | telnet_lines | talks, line by line
	socat | lines_tls | socat_lines | talks, ends its half, reads the rest
	nc by IPv6 | lines_tls | six nc_lines | talks, ends its half, reads the rest
	socat by IPv6 | lines_tls | six socat_lines | talks, ends its half, reads the rest
	telnet by IPv6 | lines_tls | six telnet_lines | talks, line by line
	irssi | ngircd_tls | irssi_chats | registers, joins, talks
	END
}

lines_are()
{
	has "$1" "220 ready" "250 ${tag^^}" "251 TWO" "$2"
}

nc_lines()
{
	printf '%s\r\n' "$tag" two | client nc -N "$host" "$port" >"$W/said" &&
	lines_are "$W/said" "299 end of file"
}

nc_quits()
{
	printf '%s\r\n' "$tag" two QUIT | client nc "$host" "$port" >"$W/said" &&
	lines_are "$W/said" "221 bye"
}

socat_lines()
{
	printf '%s\r\n' "$tag" two |
		client socat -t 20 - "TCP:$at:$port" >"$W/said" &&
	lines_are "$W/said" "299 end of file"
}

# telnet wants a terminal, and time between the lines.
telnet_lines()
{
	cat >"$W/script" <<-'END'
	set timeout 50
	log_user 0
	proc answer {pattern} {
		expect {
			$pattern { puts $expect_out(0,string) }
			timeout { puts "no $pattern"; exit 1 }
			eof { puts "end instead of $pattern"; exit 1 }
		}
	}
	lassign $argv host port tag
	spawn telnet $host $port
	answer "220 ready"
	send "$tag\r"
	answer "250 [string toupper $tag]"
	send "two\r"
	answer "251 TWO"
	send "QUIT\r"
	answer "221 bye"
	expect eof
	END
	client expect "$W/script" "$host" "$port" "$tag" >"$W/said" &&
	lines_are "$W/said" "221 bye"
}

# irssi looks names up in a child of its own.
irssi_chats()
{
	mkdir "$W/irssi"
	cat >"$W/irssi/config" <<-END
	servers = ( { address = "$host"; chatnet = "test"; port = "$port";
		autoconnect = "yes"; use_tls = "no"; } );
	chatnets = { test = { type = "IRC"; nick = "irssi"; }; };
	settings = { core = { real_name = "test"; user_name = "test";
		nick = "irssi"; resolve_prefer_ipv6 = "no"; }; };
	END
	cat >"$W/script" <<-'END'
	set timeout 50
	set stty_init "rows 24 columns 100"
	lassign $argv home tag
	proc shown {text} {
		expect {
			$text { return }
			timeout { puts "\nno $text" }
			eof { puts "\nend instead of $text" }
		}
		catch { exec kill -9 [exp_pid] }
		exit 1
	}
	spawn irssi --home $home
	shown "Welcome to the Internet Relay Network"
	send "/join #$tag\r"
	shown "has joined"
	send "/topic about $tag\r"
	shown "to: about $tag"
	send "/quit\r"
	expect eof
	puts "\nall shown"
	END
	TERM=xterm client expect "$W/script" "$W/irssi" "$tag" >"$W/screen" &&
	has "$W/screen" "all shown" || { tr -d '\033' <"$W/screen" >&2; false; }
}
