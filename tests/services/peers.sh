# The servers with TLS that the daemons are clients of.  Each is a unit of its own,
# without the library, on a host of their own: a network namespace with the address
# 192.0.2.2.  Its name is server.example, and /etc/corp.pem is its CA.
#
#   peer NAME COMMAND…   a unit peer-NAME, which is started; $peer_port says where it
#                        will listen, $peer_settings what else the unit has
#   trap_port PORT       nobody may come here: what is connected is plaintext
peers=

prepare_peers()
{
	printf '%s\n' "127.0.0.1 localhost machine" "192.0.2.2 server.example" >/etc/hosts
	# Nobody listens there, so that a look-up fails at once.
	echo "nameserver 127.0.0.9" >/etc/resolv.conf
	ip netns add server
	ip link add daemons type veth peer name eth0 netns server
	ip address add 192.0.2.1/24 dev daemons
	ip link set daemons up
	on_server ip address add 192.0.2.2/24 dev eth0
	on_server ip link set lo up
	on_server ip link set eth0 up
	certificates
}

on_server()
{
	ip netns exec server "$@"
}

certificates()
{
	mkdir -p /etc/peer
	openssl ecparam -name prime256v1 -genkey -noout -out /etc/peer/ca.key
	openssl req -x509 -new -key /etc/peer/ca.key -subj "/CN=the CA" -days 30 \
		-out /etc/corp.pem
	openssl ecparam -name prime256v1 -genkey -noout -out /etc/peer/key.pem
	openssl req -x509 -new -key /etc/peer/key.pem -subj /CN=server.example \
		-addext subjectAltName=DNS:server.example -addext basicConstraints=CA:FALSE \
		-CA /etc/corp.pem -CAkey /etc/peer/ca.key -days 30 -out /etc/peer/cert.pem
	cat /etc/peer/cert.pem /etc/peer/key.pem >/etc/peer/both.pem
	chmod 644 /etc/peer/*
} 2>/tmp/certificates

peer()
{
	local name=peer-$1
	shift
	cat >"/run/systemd/system/$name.service" <<-END
	[Service]
	Type=exec
	ExecStart=$*
	NetworkNamespacePath=/run/netns/server
	${peer_settings-}
	END
	systemctl daemon-reload
	peers="$peers $name"
	start_peer "$name"
}

# Until it listens.
start_peer()
{
	systemctl start "$1" && within 30 listens "$peer_port"
}

listens()
{
	on_server ss -Hltn "sport = :$1" | grep -q .
}

trap_port()
{
	: >/tmp/trapped
	printf '%s\n' '#!/bin/sh' 'echo somebody >>/tmp/trapped' \
		'cat >>/tmp/trapped' >/etc/peer/trap
	chmod 755 /etc/peer/trap
	systemd-run -q --unit="trap-$1" -p NetworkNamespacePath=/run/netns/server \
		socat "TCP-LISTEN:$1,fork,reuseaddr" EXEC:/etc/peer/trap &&
		within 10 listens "$1"
}

# An origin that accepts HTTPS only: /WORD answers the version of TLS and the word,
# /slow/file is 300000 bytes and takes three seconds.  Its records are such that they
# do not fill nginx's buffers exactly: then nginx 1.22 forgets that it waits, with
# TCP, too, and leaves a download at QUIT.
peer_https()
{
	peer_port=443
	mkdir -p /srv/https/slow
	cat >/etc/peer/https.conf <<-END
	daemon off;
	pid /run/https.pid;
	error_log stderr;
	events { worker_connections 64; }
	http {
		access_log off;
		server {
			listen 443 ssl;
			ssl_certificate /etc/peer/cert.pem;
			ssl_certificate_key /etc/peer/key.pem;
			ssl_protocols TLSv1.2 TLSv1.3;
			ssl_buffer_size 5000;
			root /srv/https;
			location / { return 200 "\$ssl_protocol \$uri\n"; }
			location /slow/ { limit_rate 100k; }
		}
	}
	END
	head -c 300000 /dev/zero | tr '\0' 'x' >/srv/https/slow/file
	peer https /usr/sbin/nginx -c /etc/peer/https.conf && trap_port 80
}
