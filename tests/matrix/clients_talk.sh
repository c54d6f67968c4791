# Instant messages.

rows_talk()
{
	matrix_rows <<-'END'
	sendxmpp | prosody_tls | sendxmpp_sends | sends a message
	python3 slixmpp | prosody_tls | slixmpp_talks | two that talk to each other
	bash | inspircd_tls | bash_irc | registers, joins, is answered
	END
}

# What is sent to who is not there, the server keeps.  The program looks up the
# machine's own name, which may have the same address: so the rule tells it.
sendxmpp_sends()
{
	rules="$rules&peer_name=$host"
	local kept=$T/prosody/data/localhost/offline/carol.list
	echo "word of $tag" |
		HOME=$W client sendxmpp --username alice --password secret \
			--jserver "$at:$port" --component localhost \
			carol@localhost &&
	within 20 has "$kept" "word of $tag" 2>"$W/waited"
}

# It knows by itself that localhost is ::1, too, which the rule's name may not
# be on this machine.
slixmpp_talks()
{
	cat >"$W/program" <<-'END'
	import asyncio, sys, slixmpp
	host, port, tag = sys.argv[1:]
	plain = {"feature_mechanisms": {"unencrypted_scram": True}}

	class Talker(slixmpp.ClientXMPP):
	    def __init__(self, name, started, heard):
	        super().__init__(name + "@localhost/" + tag, "secret", plain)
	        self.add_event_handler("session_start", started)
	        self.add_event_handler("message", heard)
	        self.use_ipv6, self.default_port = False, int(port)
	        self.connect_plain()

	    def connect_plain(self):
	        if hasattr(self, "enable_plaintext"):  # Debian 13's and later
	            self.enable_direct_tls = self.enable_starttls = False
	            self.enable_plaintext = True
	            self.connect(host, int(port))
	        else:
	            self.connect((host, int(port)), disable_starttls=True)

	def alice_started(_):
	    alice.send_presence()
	    alice.send_message("bob@localhost/" + tag, tag * 1000, mtype="chat")

	def bob_started(_):
	    global alice
	    bob.send_presence()
	    alice = Talker("alice", alice_started, alice_heard)

	def bob_heard(message):
	    message.reply(message["body"].upper()).send()

	def alice_heard(message):
	    print(message["body"])
	    done.set_result(None)

	async def both():
	    global bob, done
	    done = asyncio.get_running_loop().create_future()
	    bob = Talker("bob", bob_started, bob_heard)
	    await asyncio.wait_for(done, 50)
	    for talker in alice, bob:
	        await talker.disconnect()

	asyncio.run(both())
	END
	client "$PYTHON" -W ignore "$W/program" "$host" "$port" "$tag" >"$W/said" &&
	has "$W/said" "${tag^^}${tag^^}"
}

# The server forgets what is said before it has welcomed.
bash_irc()
{
	printf '%s\r\n' "NICK visitor" "USER visitor 0 * :test" "JOIN #$tag" \
		"TOPIC #$tag :topic of $tag" "PING :$tag" "QUIT :done" >"$W/words"
	client bash -c '
		exec 3<>"/dev/tcp/$1/$2" || exit
		head -n 2 "$3" >&3
		while read -r line <&3; do
			echo "$line"
			case $line in *" 001 "*) tail -n +3 "$3" >&3 ;; esac
		done' - "$host" "$port" "$W/words" >"$W/said" &&
	has "$W/said" " JOIN :#$tag" "TOPIC #$tag :topic of $tag" "PONG"
}
