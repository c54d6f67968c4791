# Programs that connect their socket, and then write.

rows_connected()
{
	udp_rows <<-'END'
	logger | sink | logger_tells | three lines of a log
	logger | openssl | logger_tells | three lines of a log
	chronyd | time | chronyd_asks | how wrong the clock is
	dig | dns | dig_asks | an address, and a long answer
	coap-client-notls | coapopenssl | coap_gets | reads, and writes a resource
	coap-client-notls | coapgnutls | coap_gets | reads, and writes a resource
	coap-client-notls | coapopensslkey | keyed coap_gets | the same with a pre-shared key
	coap-client-notls | coapgnutlskey | keyed coap_gets | the same with a pre-shared key
	logger | opensslkey | keyed logger_tells | three lines of a log, with a pre-shared key
	socat | gnutlskey | keyed socat_talks | one datagram, and its echo, with a pre-shared key
	socat | gnutlsccm | small socat_talks | the same with the cipher of small devices
	nc | echo | nc_talks | two datagrams, and their echoes
	nc | gnutls | nc_talks | two datagrams, and their echoes
	socat | echo | socat_talks | one datagram, and its echo
	socat | gnutls | socat_talks | one datagram, and its echo
	bash | echo | bash_talks | two datagrams, and their echoes
	node | echo | node_connects | ten datagrams, and their echoes
	python3 | echo | python_connects | datagrams of every size up to 1,200
	python3 | echo | six python_connects | the same over IPv6
	java | echo | java_connects | ten datagrams, and their echoes
	perl | echo | perl_connects | three datagrams, and their echoes
	END
	! have_imdtls || udp_rows <<-'END'
	logger | imdtls | logger_tells | three lines of a log
	END
}

# util-linux's: one connected socket, a send(2) for each line
logger_tells()
{
	local i
	for i in 1 2 3; do
		echo "line $i of $tag"
	done >"$W/lines"
	client logger -d -n "$host" -P "$port" -t "$tag" --socket-errors=on -f "$W/lines" &&
	within 10 has "$heard" "line 1 of $tag" "line 2 of $tag" "line 3 of $tag" 2>"$W/waited"
}

# BIND's: sendmmsg(2) by libuv
dig_asks()
{
	client dig +tries=5 +time=4 "@$host" -p "$port" here.example.test A >"$W/address" &&
	has "$W/address" 192.0.2.7 &&
	client dig +tries=5 +time=4 +bufsize=1200 "@$host" -p "$port" long.example.test TXT >"$W/long" &&
	has "$W/long" "$(printf '%0200d' 1)" "$(printf '%0200d' 2)"
}

# It asks once, and sets nothing.
chronyd_asks()
{
	client chronyd -Q -t 30 -U -u "$(id -un)" -f /dev/null "pidfile $W/pid" 'cmdport 0' \
		'bindcmdaddress /' "server $host port $port iburst maxsamples 1" &&
	has "$W/stderr" "System clock wrong by"
}

coap_gets()
{
	client coap-client-notls -B 20 -m get "coap://$at:$port/.well-known/core" >"$W/core" &&
	has "$W/core" '</time>' &&
	client coap-client-notls -B 20 -m put -e "$tag" "coap://$at:$port/example_data" &&
	client coap-client-notls -B 20 -m get "coap://$at:$port/example_data" >"$W/data" &&
	has "$W/data" "$tag"
}

# each_answered WORD…: a line of each, which is a datagram, because the next one is
# read when the answer to the first is there.  The input has no end before.
each_answered()
{
	local word
	for word; do
		echo "$word $tag"
		within 20 has "$W/said" "$word $tag" 2>/dev/null
	done
}

nc_talks()
{
	client nc -u -q 0 "$host" "$port" < <(each_answered one two) >"$W/said"
	has "$W/said" "one $tag" "two $tag"
}

socat_talks()
{
	client socat -t 0.1 "UDP4:$host:$port,shut-none" - < <(each_answered word) >"$W/said" &&
	has "$W/said" "word $tag"
}

# "read" would take the datagram's first byte only, so another program reads it.
bash_talks()
{
	client bash -c '
		exec 3<>"/dev/udp/$1/$2" || exit
		for word in one two; do
			echo "$word $3" >&3
			timeout 20 dd bs=4096 count=1 <&3
		done' - "$host" "$port" "$tag" >"$W/said" &&
	has "$W/said" "one $tag" "two $tag"
}

node_connects()
{
	cat >"$W/program.js" <<-'END'
	const [host, port, tag] = process.argv.slice(2);
	const socket = require('dgram').createSocket(host === '::1' ? 'udp6' : 'udp4');
	let next = 0;
	const late = setTimeout(() => process.exit(1), 20000);
	const say = () => socket.send(`${next} of ${tag}`);
	socket.on('error', error => { console.error(error.code); process.exit(2); });
	socket.on('message', (data, from) => {
		if (String(data) !== `${next} of ${tag}` || from.port !== Number(port))
			process.exit(3);
		if (++next < 10)
			return say();
		const peer = socket.remoteAddress();
		console.log(`all of ${tag} from ${peer.address} ${peer.port}`);
		clearTimeout(late);
		socket.close();
	});
	socket.connect(Number(port), host, say);
	END
	client node "$W/program.js" "$host" "$port" "$tag" >"$W/said" &&
	has "$W/said" "all of $tag from 127.0.0.1 $port"
}

python_connects()
{
	client "$PYTHON" "$here/ask.py" "$host" "$port" sizes >"$W/said" &&
	has "$W/said" "wrong 0, twice 0, missing 0"
}

java_connects()
{
	cat >"$W/Connects.java" <<-'END'
	import java.net.InetSocketAddress;
	import java.nio.ByteBuffer;
	import java.nio.channels.*;

	class Connects {
		public static void main(String[] args) throws Exception {
			var peer = new InetSocketAddress(args[0], Integer.parseInt(args[1]));
			var channel = DatagramChannel.open();
			channel.connect(peer);
			channel.configureBlocking(false);
			var selector = Selector.open();
			channel.register(selector, SelectionKey.OP_READ);
			for (int i = 0; i < 10; i++) {
				var text = i + " of " + args[2];
				channel.write(ByteBuffer.wrap(text.getBytes()));
				if (selector.select(20000) != 1)
					System.exit(1);
				selector.selectedKeys().clear();
				var back = ByteBuffer.allocate(2000);
				int got = channel.read(back);
				if (!text.equals(new String(back.array(), 0, Math.max(got, 0))))
					System.exit(2);
			}
			System.out.println("all of " + args[2] + " from " +
				((InetSocketAddress) channel.getRemoteAddress()).getPort());
		}
	}
	END
	client java -Xshare:auto -XX:TieredStopAtLevel=1 "$W/Connects.java" "$host" "$port" "$tag" >"$W/said" &&
	has "$W/said" "all of $tag from $port"
}

perl_connects()
{
	cat >"$W/program.pl" <<-'END'
	use IO::Socket::INET;
	my ($host, $port, $tag) = @ARGV;
	my $socket = IO::Socket::INET->new(Proto => "udp", PeerAddr => $host, PeerPort => $port)
		or die "connect: $@";
	$SIG{ALRM} = sub { die "no answer\n" };
	for my $i (1 .. 3) {
		alarm 20;
		$socket->send("$i of $tag") or die "send: $!";
		defined $socket->recv(my $back, 2000) or die "recv: $!";
		die "another answer: $back\n" if $back ne "$i of $tag";
	}
	print "all of $tag from ", $socket->peerhost, " ", $socket->peerport, "\n";
	END
	client perl "$W/program.pl" "$host" "$port" "$tag" >"$W/said" &&
	has "$W/said" "all of $tag from 127.0.0.1 $port"
}
