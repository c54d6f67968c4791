# The names, ports and files of which README.md and the manuals speak.  Source it
# behind lib.sh, as root; then:
#
#   make_machine, start_servers
#   on_machine COMMAND…     with xsock in PATH, and the CA trusted

# A machine for itself: only root has a network and an /etc of its own (world.sh).
make_machine()
{
	cp -a /etc "$T/etc" && mount --bind "$T/etc" /etc || exit 1
	mkdir -p /etc/stunnel "$T/bin" "$T/work" "$T/log"
	cp "$BUILD/xsock" "$BUILD/xsock-commands" "$BUILD/libxsock.so" "$BUILD/xsock-relay" "$T/bin" || exit 1
	RELAY=$T/bin/xsock-relay
	mount --bind "$T/log" /var/log || exit 1
	cat >>/etc/hosts <<-END
	127.1.0.1 www.example.com
	127.1.0.2 api.corp
	127.1.0.3 db.corp
	127.1.0.4 mail.example.com
	127.1.0.5 www.corp
	127.1.0.6 log.corp
	END
	make_certificates
	cp "$T/ca.pem" /etc/corp.pem
	cat "$T/client.pem" "$T/client.key" >/etc/me.pem
	printf '%s\n' '[redis]' 'client = yes' 'accept = 127.0.0.1:6379' \
		'connect = db.corp:6379' >/etc/stunnel/redis.conf
	make_programs
}

# Before each recipe, because one writes this file.
write_rules()
{
	printf '%s\n' '# the mail server wants TLS now' \
		'mail.example.com:25=tls://:465?timeout=20' \
		'*.corp:6379=tls://?cafile=/etc/corp.pem' >/etc/xsock.rules
}

make_certificates()
{
	local name
	openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj "/CN=recipes' CA" \
		-keyout "$T/ca.key" -out "$T/ca.pem" 2>/dev/null
	for name in www.example.com api.corp db.corp mail.example.com www.corp log.corp client; do
		openssl req -newkey rsa:2048 -nodes -subj "/CN=$name" \
			-keyout "$T/$name.key" -out "$T/$name.csr" 2>/dev/null
		openssl x509 -req -in "$T/$name.csr" -CA "$T/ca.pem" -CAkey "$T/ca.key" \
			-days 30 -extfile <(echo "subjectAltName=DNS:$name") \
			-out "$T/$name.pem" 2>/dev/null || exit 1
	done
}

make_programs()
{
	cat >"$T/work/legacy-app" <<-'END'
	#!/bin/sh
	exec redis-cli -h db.corp PING
	END
	cp "$T/work/legacy-app" "$T/work/backup.sh"
	chmod 755 "$T/work/legacy-app"
	cat >"$T/static.c" <<-'END'
	#include <arpa/inet.h>
	#include <stdio.h>
	#include <unistd.h>
	int main(void)
	{
		struct sockaddr_in to = { AF_INET, htons(80) };
		char text[4096];
		ssize_t len;
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		inet_pton(AF_INET, "127.1.0.1", &to.sin_addr);
		if (connect(fd, (void *)&to, sizeof(to)) < 0)
			return 1;
		dprintf(fd, "GET / HTTP/1.0\r\n\r\n");
		while ((len = read(fd, text, sizeof(text))) > 0)
			fwrite(text, 1, (size_t)len, stdout);
		return 0;
	}
	END
	"${CC:-cc}" -static -o "$T/work/static-program" "$T/static.c" || exit 1
}

# web NAME ADDRESS PORT [OPTION…]: HTTPS, whose page tells the name
web()
{
	local name=$1 address=$2 port=$3
	shift 3
	start "$name-$port" "$PYTHON" "$TESTS/recipes/web.py" "$address" "$port" \
		"$T/$name.pem" "$T/$name.key" "$name" "$@"
	within 20 listens "$address" "$port" || { cat "$T/$name-$port.log" >&2; exit 1; }
}

listens()
{
	(exec 3<>"/dev/tcp/$1/$2") 2>/dev/null
}

# A server of DTLS, for log.corp.
dtls_log()
{
	start dtls openssl s_server -dtls -accept 127.1.0.6:6514 -quiet \
		-cert "$T/log.corp.pem" -key "$T/log.corp.key"
	within 20 grep -q "0600017F:$(printf %04X 6514)" /proc/net/udp ||
		{ cat "$T/dtls.log" >&2; exit 1; }
}

start_servers()
{
	dtls_log
	web www.example.com 127.1.0.1 443
	# Whom the first recipe with it wants a client certificate from.
	web api.corp 127.1.0.2 443 "$T/ca.pem"
	web db.corp 127.1.0.3 3307
	web www.corp 127.0.0.1 8443
	start redis redis-server --port 0 --tls-port 6379 --bind 127.1.0.3 \
		--tls-cert-file "$T/db.corp.pem" --tls-key-file "$T/db.corp.key" \
		--tls-ca-cert-file "$T/ca.pem" --tls-auth-clients no --save '' \
		--dir "$T" --daemonize no
	within 20 listens 127.1.0.3 6379 || { cat "$T/redis.log" >&2; exit 1; }
	# For "xsock status".
	XSOCK_RULES='a.test=tls://' LD_PRELOAD=$T/bin/libxsock.so start sleep sleep 300
	start smtp "$PYTHON" "$TESTS/recipes/smtp.py" 127.1.0.4 587 \
		"$T/mail.example.com.pem" "$T/mail.example.com.key"
	within 20 listens 127.1.0.4 587 || { cat "$T/smtp.log" >&2; exit 1; }
}

on_machine()
{
	PATH=$T/bin:$PATH LD_LIBRARY_PATH=$T/bin SSL_CERT_FILE=$T/ca.pem \
		XSOCK_RELAY_IDLE=1 "$@"
}
