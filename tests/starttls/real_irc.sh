# IRC: InspIRCd, which takes in nobody without TLS.

rows_irc()
{
	starttls_rows <<-'END'
	irc | performed | inspircd_starttls | irssi | irssi_irc
	irc | performed | inspircd_starttls | nc | nc_irc_plain
	irc | performed | inspircd_starttls | bash | bash_irc_plain
	irc | seen | inspircd_starttls | nc | nc_irc
	irc | seen | inspircd_starttls | bash | bash_irc
	irc | seen | inspircd_starttls | bash byte by byte | bytes_irc
	irc | seen | inspircd_starttls | expect | expect_irc
	irc | own | inspircd_starttls | irssi | irssi_irc_tls
	irc | own | inspircd_starttls | python3 ssl | python_irc_tls
	END
}

irc_plain()
{
	cat <<-END
	> NICK $tag
	> USER $tag 0 * :test
	< * 001 $tag *
	> JOIN #$tag
	< *JOIN*#$tag
	> TOPIC #$tag :topic of $tag
	< *TOPIC #$tag :topic of $tag
	> QUIT :done
	< ERROR *
	END
}

irc_steps()
{
	printf '%s\n' '> STARTTLS' '< * 670 *'
	irc_plain
}

irc_plain_done() { has "$W/said" "topic of $tag"; }
irc_steps_done() { irc_plain_done; }
nc_irc_plain() { by_hand nc irc_plain; }
bash_irc_plain() { by_hand bash irc_plain; }
nc_irc() { by_hand nc irc_steps; }
bash_irc() { by_hand bash irc_steps; }
bytes_irc() { by_hand bytes irc_steps; }
expect_irc() { by_hand expect irc_steps; }

# It says STARTTLS of its own accord where that is offered.
irssi_irc() { irssi_with 'starttls = "no";'; }
irssi_irc_tls() { irssi_with 'starttls = "yes"; tls_verify = "no";'; }

irssi_with()
{
	mkdir "$W/irssi"
	cat >"$W/irssi/config" <<-END
	servers = ( { address = "$host"; chatnet = "test"; port = "$port";
		autoconnect = "yes"; use_tls = "no"; $1 } );
	chatnets = { test = { type = "IRC"; nick = "$tag"; }; };
	settings = { core = { real_name = "test"; user_name = "test";
		nick = "$tag"; resolve_prefer_ipv6 = "no"; }; };
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
	shown "Welcome to the"
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

python_irc_tls()
{
	client "$PYTHON" -c "
import socket, ssl, sys
host, port, tag, ca = sys.argv[1:]
plain = socket.create_connection((host, port), 20)
plain.sendall(b'STARTTLS\r\n')
got = b''
while b' 670 ' not in got or not got.endswith(b'\n'):
    byte = plain.recv(1)
    if not byte:
        sys.exit('the end')
    got += byte
context = ssl.create_default_context(cafile=ca)
server = context.wrap_socket(plain, server_hostname=host)
server.sendall(b'NICK %s\r\nUSER t 0 * :t\r\n' % tag.encode())
for line in server.makefile('rb'):
    if b' 001 ' in line:
        sys.exit(0)
sys.exit('not taken in')" "$host" "$port" "$tag" "$CA"
}
