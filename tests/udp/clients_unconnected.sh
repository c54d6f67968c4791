# Programs that give an address with each datagram, or at most connect a probe.

rows_unconnected()
{
	udp_rows <<-'END'
	rsyslogd | sink | rsyslog_forwards | three lines of a log
	snmpget | snmp | snmp_asks | where the system is
	kdig | dns | kdig_asks | an address, and a long answer
	socat | echo | socat_sends | one datagram, and its echo
	radclient | radius | radclient_asks | is rejected, and accounts
	sipp | sip | sipp_calls | calls once, from a socket of 127.0.0.1
	java | echo | java_sends | ten datagrams, and their echoes
	node | echo | node_sends | ten datagrams, and their echoes
	python3 | sink | python_logs | three lines of a log
	python3 | echo | python_sends | datagrams of every size up to 1,200
	END
	! is_alone || udp_rows <<-'END'
	ntpdig | ntp | ntpdig_asks | the time
	tftp | files | tftp_gets | a file of ten datagrams
	rpcinfo | rpc | rpcinfo_asks | whether a program is there, and at which port
	END
}

# omfwd: one socket, sendto(2); what it is to forward comes from a file
rsyslog_forwards()
{
	mkdir -p "$W/spool"
	: >"$W/lines"
	cat >"$W/rsyslog.conf" <<-END
	global(workDirectory="$W/spool")
	module(load="imfile")
	input(type="imfile" file="$W/lines" tag="$tag")
	action(type="omfwd" target="$host" port="$port" protocol="udp")
	END
	client rsyslogd -n -f "$W/rsyslog.conf" -i "$W/pid" &
	local pid=$! i
	within 20 test -s "$W/pid"
	for i in 1 2 3; do
		echo "line $i of $tag" >>"$W/lines"
	done
	within 20 has "$heard" "line 1 of $tag" "line 2 of $tag" "line 3 of $tag" 2>"$W/waited"
	local status=$?
	kill "$(cat "$W/pid")"
	wait "$pid"
	return $status
}

snmp_asks()
{
	client snmpget -v2c -c public -t 5 -r 3 -On "udp:$at:$port" 1.3.6.1.2.1.1.6.0 >"$W/said" &&
	has "$W/said" "the cellar"
}

# Knot's compares all bytes of the answer's sender with those of the address that
# it has looked up; also where the rules are about TCP only, and it asks in plaintext.
kdig_asks()
{
	client kdig +short +retry=3 +time=4 +bufsize=1200 "@$host" -p "$port" \
		here.example.test A long.example.test TXT >"$W/said" &&
	has "$W/said" 192.0.2.7 "$(printf '%0200d' 1)" "$(printf '%0200d' 2)" &&
	{ [ "$mode" != name ] || kdig_asks_beside; }
}

kdig_asks_beside()
{
	local rules="*=tls://"
	client kdig +short +retry=0 +time=4 "@$host" -p "$plain_dns" \
		here.example.test A >"$W/beside" &&
	has "$W/beside" 192.0.2.7
}

# And so does this address of socat's.
socat_sends()
{
	client socat -t 0.1 - "UDP4-SENDTO:$host:$port" < <(each_answered word) >"$W/said" &&
	has "$W/said" "word $tag"
}

# "Reject" is an answer, and ends radclient with 1.
radclient_asks()
{
	rules="$rules&local_cert=$CERTS/good.pem&local_pk=$CERTS/good.key"
	echo "User-Name = \"$tag\", User-Password = secret" |
		client radclient -x -t 5 -r 3 "$at:$port" auth "$radius_secret" >"$W/rejected"
	has "$W/rejected" "Received Access-Reject" "nobody of that realm" &&
	echo "User-Name = \"$tag\", Acct-Status-Type = Start, Acct-Session-Id = \"$tag\"" |
		client radclient -x -t 5 -r 3 "$at:$port" acct "$radius_secret" >"$W/accounted" &&
	has "$W/accounted" "Received Accounting-Response"
}

java_sends()
{
	cat >"$W/Sends.java" <<-'END'
	import java.net.*;

	class Sends {
		public static void main(String[] args) throws Exception {
			var peer = new InetSocketAddress(args[0], Integer.parseInt(args[1]));
			var socket = new DatagramSocket();
			socket.setSoTimeout(20000);
			for (int i = 0; i < 10; i++) {
				var text = i + " of " + args[2];
				socket.send(new DatagramPacket(text.getBytes(), text.length(), peer));
				var back = new DatagramPacket(new byte[2000], 2000);
				socket.receive(back);
				if (!text.equals(new String(back.getData(), 0, back.getLength())) ||
				    !back.getSocketAddress().equals(peer))
					System.exit(2);
			}
			System.out.println("all of " + args[2]);
		}
	}
	END
	client java -Xshare:auto -XX:TieredStopAtLevel=1 "$W/Sends.java" "$host" "$port" "$tag" >"$W/said" &&
	has "$W/said" "all of $tag"
}

# Its sockets are bound to the address that -i says.  It takes the first address
# of localhost, which may be of IPv6; so instead of a name, there is a network.
sipp_calls()
{
	if [ "$mode" = name ]; then
		host=127.0.0.1 rules="udp://127.0.0.0/30:$port=dtls://?cafile=$CA"
	fi
	(cd "$W" && TERM=dumb client sipp -sn uac -m 1 -r 1 -i 127.0.0.1 -nostdin "$host:$port") &&
	grep -q 'Successful call *| *[01] *| *1 ' "$W/stdout"
}

node_sends()
{
	cat >"$W/program.js" <<-'END'
	const [host, port, tag] = process.argv.slice(2);
	const socket = require('dgram').createSocket('udp4');
	let next = 0;
	const late = setTimeout(() => process.exit(1), 20000);
	const say = () => socket.send(`${next} of ${tag}`, Number(port), host);
	socket.on('error', error => { console.error(error.code); process.exit(2); });
	socket.on('message', (data, from) => {
		if (String(data) !== `${next} of ${tag}` || from.port !== Number(port))
			process.exit(3);
		if (++next < 10)
			return say();
		console.log(`all of ${tag} from ${from.address} ${from.port}`);
		clearTimeout(late);
		socket.close();
	});
	say();
	END
	client node "$W/program.js" "$host" "$port" "$tag" >"$W/said" &&
	has "$W/said" "all of $tag from 127.0.0.1 $port"
}

# The socket is made with the first line, and never connected.
python_logs()
{
	cat >"$W/program.py" <<-'END'
	import logging, logging.handlers, sys
	host, port, tag = sys.argv[1:]
	logger = logging.getLogger(tag)
	logger.addHandler(logging.handlers.SysLogHandler((host, int(port))))
	for i in 1, 2, 3:
	    logger.error("line %d of %s", i, tag)
	END
	client "$PYTHON" "$W/program.py" "$host" "$port" "$tag" &&
	within 20 has "$heard" "line 1 of $tag" "line 2 of $tag" "line 3 of $tag" 2>"$W/waited"
}

python_sends()
{
	client "$PYTHON" "$here/ask.py" "$host" "$port" sizes unconnected >"$W/said" &&
	has "$W/said" "wrong 0, twice 0, missing 0"
}

# It asks for its own name after sendto(2).  By "localhost" it asks both addresses.
ntpdig_asks()
{
	[ "$mode" != control ] || host=127.0.0.2
	client ntpdig "$host" >"$W/said" &&
	has "$W/said" "$host" " s8 no-leap"
}

# It goes on with whoever has answered.
tftp_gets()
{
	client tftp -m binary "$host" "$port" -c get file "$W/file" &&
	same "$W/file" "$U/files/file"
}

# -a has address and port in one word.  By name it asks rpcbind, which has port 111,
# for the program's port, and then the program, which is rpcbind.
rpcinfo_asks()
{
	if [ "$mode" = name ]; then
		rules="udp://localhost:111=dtls://:$port?cafile=$CA"
		client rpcinfo -u localhost 100000 2 >"$W/said" &&
		has "$W/said" "version 2 ready" &&
		within 10 associations_ended 2
	else
		client rpcinfo -a "127.0.0.1.$((port / 256)).$((port % 256))" -T udp \
			100000 4 >"$W/said" &&
		has "$W/said" "version 4 ready"
	fi
}

# associations_ended COUNT: as the relay reports
associations_ended()
{
	[ "$(grep -c ': the association has ended, ' "$W/log")" -eq "$1" ]
}
