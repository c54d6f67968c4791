# What programs are written in: each language's own way to a connection.

rows_languages()
{
	matrix_rows <<-'END'
	python3 http.client | nginx_tls | python_fetches | fetches 5 MB
	python3 asyncio | lines_tls | python_asyncio | talks, line by line
	perl HTTP::Tiny | nginx_tls | perl_fetches | fetches 5 MB
	ruby Net::HTTP | nginx_tls | ruby_fetches | fetches 5 MB
	php streams | nginx_tls | php_fetches | fetches 5 MB
	node http | nginx_tls | node_fetches | fetches 5 MB
	java URL | nginx_tls | java_fetches | fetches 5 MB
	java HttpClient | nginx_tls | java_client | fetches 5 MB, NIO
	tclsh socket | lines_tls | tcl_lines | talks, line by line
	tclsh -async | lines_tls | tcl_asynchronous | talks from its event loop
	gawk /inet | lines_tls | gawk_lines | talks, line by line
	bash /dev/tcp | lines_tls | bash_lines | talks, line by line
	python3 by IPv6 | lines_tls | six python_asyncio | talks, line by line
	node by IPv6 | nginx_tls | six node_fetches | fetches 5 MB
	java by IPv6 | nginx_tls | six java_client | fetches 5 MB, NIO
	END
}

python_fetches()
{
	cat >"$W/program" <<-'END'
	import http.client, sys
	c = http.client.HTTPConnection(sys.argv[1], int(sys.argv[2]), timeout=50)
	c.request("GET", "/files/large")
	open(sys.argv[3], "wb").write(c.getresponse().read())
	END
	client "$PYTHON" "$W/program" "$host" "$port" "$W/large" &&
	large_is "$W/large"
}

python_asyncio()
{
	cat >"$W/program" <<-'END'
	import asyncio, sys

	async def main(host, port, tag):
	    reader, writer = await asyncio.open_connection(host, port)
	    assert writer.get_extra_info("peername")[1] == int(port)
	    print((await reader.readline()).decode().strip())
	    for line in tag, "two", "QUIT":
	        writer.write(line.encode() + b"\r\n")
	        await writer.drain()
	        print((await reader.readline()).decode().strip())
	    assert await reader.read() == b""

	asyncio.run(asyncio.wait_for(main(*sys.argv[1:]), 50))
	END
	client "$PYTHON" "$W/program" "$host" "$port" "$tag" >"$W/said" &&
	lines_are "$W/said" "221 bye"
}

perl_fetches()
{
	client perl -MHTTP::Tiny -e '
		my $r = HTTP::Tiny->new(proxy => undef, timeout => 50)->get(
			"http://$ARGV[0]:$ARGV[1]/files/large");
		die $r->{content} unless $r->{success};
		print $r->{content}' "$host" "$port" >"$W/large" &&
	large_is "$W/large"
}

ruby_fetches()
{
	client ruby -rnet/http -e '
		http = Net::HTTP.new(ARGV[0], ARGV[1].to_i, nil)
		print http.get("/files/large").body' "$host" "$port" \
		>"$W/large" && large_is "$W/large"
}

php_fetches()
{
	client php -r '
		readfile("http://$argv[1]:$argv[2]/files/large") or exit(1);
		' "$host" "$port" >"$W/large" && large_is "$W/large"
}

node_fetches()
{
	cat >"$W/program" <<-'END'
	const [host, port] = process.argv.slice(2)
	require('http').get({ host, port, path: '/files/large' }, answer => {
		if (answer.statusCode !== 200)
			process.exitCode = 1
		answer.pipe(process.stdout)
	})
	END
	client node "$W/program" "$host" "$port" >"$W/large" &&
	large_is "$W/large"
}

java_fetches()
{
	cat >"$W/Fetch.java" <<-'END'
	public class Fetch {
		public static void main(String[] url) throws Exception {
			new java.net.URL(url[0]).openStream().transferTo(System.out);
		}
	}
	END
	java_client_is
}

java_client()
{
	cat >"$W/Fetch.java" <<-'END'
	import java.net.URI;
	import java.net.http.*;
	public class Fetch {
		public static void main(String[] url) throws Exception {
			HttpClient.newHttpClient().send(
				HttpRequest.newBuilder(URI.create(url[0])).build(),
				HttpResponse.BodyHandlers.ofInputStream())
				.body().transferTo(System.out);
		}
	}
	END
	java_client_is
}

java_client_is()
{
	client java -XX:TieredStopAtLevel=1 -Xmx128m "$W/Fetch.java" \
		"http://$at:$port/files/large" >"$W/large" &&
	large_is "$W/large"
}

tcl_lines()
{
	cat >"$W/program" <<-'END'
	lassign $argv host port tag
	set s [socket $host $port]
	fconfigure $s -buffering line -translation crlf
	puts [gets $s]
	foreach line [list $tag two QUIT] {
		puts $s $line
		puts [gets $s]
	}
	END
	client tclsh "$W/program" "$host" "$port" "$tag" >"$W/said" &&
	lines_are "$W/said" "221 bye"
}

tcl_asynchronous()
{
	cat >"$W/program" <<-'END'
	lassign $argv host port tag
	set s [socket -async $host $port]
	fconfigure $s -blocking 0 -buffering line -translation crlf
	fileevent $s writable {
		fileevent $s writable {}
		set reason [fconfigure $s -error]
		if {$reason ne ""} { puts $reason; exit 1 }
		foreach line [list $tag two QUIT] { puts $s $line }
	}
	fileevent $s readable {
		if {[gets $s line] >= 0} { puts $line } elseif {[eof $s]} { set done 1 }
	}
	after 50000 { set done 1 }
	vwait done
	END
	client tclsh "$W/program" "$host" "$port" "$tag" >"$W/said" &&
	lines_are "$W/said" "221 bye"
}

gawk_lines()
{
	cat >"$W/program" <<-'END'
	BEGIN {
		s = "/inet/tcp/0/" host "/" port
		s |& getline; print
		printf "%s\r\n", tag |& s; s |& getline; print
		printf "two\r\n" |& s; s |& getline; print
		printf "QUIT\r\n" |& s
		while ((s |& getline) > 0)
			print
	}
	END
	client gawk -v host="$host" -v port="$port" -v tag="$tag" \
		-f "$W/program" >"$W/said" && lines_are "$W/said" "221 bye"
}

bash_lines()
{
	client bash -c '
		exec 3<>"/dev/tcp/$1/$2" || exit
		for line in "$3" two QUIT; do
			read -r <&3; echo "$REPLY"
			printf "%s\r\n" "$line" >&3
		done
		cat <&3' - "$host" "$port" "$tag" >"$W/said" &&
	lines_are "$W/said" "221 bye"
}
