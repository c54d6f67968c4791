#!/bin/sh
# nginx's graceful end cuts a proxied answer when its buffers are just full.
#
# Seen with: nginx 1.22.1-9+deb12u9 (Debian 12).
# Input: a proxied server that has sent 32,768 bytes of an answer, as many as
#   nginx's first buffers hold, and then waits; its client reads slowly.  nginx
#   gets SIGQUIT then; when the worker has left or two seconds are over, the
#   server sends the rest.
# Expected: the worker stays until the answer is complete, as nginx's manual says
#   of SIGQUIT, and as it does with 30,000 bytes.
# Seen: the worker leaves at once, its error log says "open socket left in
#   connection", and the client gets a cut answer.
# For xsock: a reload of nginx may end a download that goes through it, with TLS
#   to the server or without.  The test of Debian's units does not wait there.
. "$(dirname "$0")/debian.sh"
debian_root bookworm nginx=1.22.1-9+deb12u9 python3-minimal dash

echo nobody:x:65534:65534::/:/bin/sh >"$root/etc/passwd"
echo nogroup:x:65534: >"$root/etc/group"
mkdir -p "$root/var/lib/nginx" "$root/var/log/nginx"
cat >"$root/tmp/conf" <<'END'
daemon on;
user nobody nogroup;
pid /tmp/pid;
error_log /tmp/error.log;
events { }
http {
	access_log off;
	server {
		listen 127.0.0.1:8080;
		location / { proxy_pass http://127.0.0.1:8081; }
	}
}
END
cat >"$root/tmp/try.py" <<'END'
import os
import signal
import socket
import subprocess
import sys
import time

first = int(sys.argv[1])
whole = 200000
origin = socket.create_server(("127.0.0.1", 8081))
origin.settimeout(10)
subprocess.run(["nginx", "-c", "/tmp/conf"], check=True)
client = socket.create_connection(("127.0.0.1", 8080))
client.settimeout(10)
client.sendall(b"GET / HTTP/1.0\r\n\r\n")
upstream, _ = origin.accept()
upstream.recv(10000)
head = b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % whole
upstream.sendall(head + bytes(first - len(head)))
time.sleep(1)
master = int(open("/tmp/pid").read())
os.kill(master, signal.SIGQUIT)
end = time.monotonic() + 2
while os.path.exists("/tmp/pid") and time.monotonic() < end:
    time.sleep(0.1)
try:
    upstream.sendall(bytes(whole - first + len(head)))
    upstream.close()
except OSError:
    pass
got = b""
while True:
    try:
        piece = client.recv(65536)
    except OSError:
        break
    if not piece:
        break
    got += piece
body = got.partition(b"\r\n\r\n")[2]
print("complete" if len(body) == whole else "cut")
END
for size in 30000 32768; do
	rm -f "$root/tmp/error.log"
	case $size in
	30000) expected=complete ;;
	*) expected=cut ;;
	esac
	seen "nginx 1.22.1, $size bytes before the pause" "$expected" \
		"$(debian_run python3 /tmp/try.py "$size")"
done
finding_end
