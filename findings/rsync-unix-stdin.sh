#!/bin/sh
# rsync's daemon does not serve a Unix socket on standard input, but listens.
#
# Seen with: rsync 3.5.1+ds1-2 (Debian sid).  3.5.0 served it.
# Input: "rsync --daemon" whose standard input is one end of a Unix socket pair, as
#   "socat EXEC:", and a service manager or a relay of that kind, give it.
# Expected: as by inetd, the daemon greets its client on standard input, as its
#   manual says of a standard input that is a socket.
# Seen: no greeting.  The process leaves standard input alone, goes to the
#   background and listens on port 873 of every interface.
# For xsock: our tests give rsync a port of its own.
. "$(dirname "$0")/debian.sh"
debian_root sid rsync=3.5.1+ds1-2 python3-minimal dash

cat >"$root/tmp/try.py" <<'END'
import socket
import subprocess

ours, theirs = socket.socketpair()
daemon = subprocess.Popen(["rsync", "--daemon", "--config=/tmp/conf"],
                          stdin=theirs, stdout=theirs)
theirs.close()
ours.settimeout(10)
greeting = ours.recv(100)
print("greeting" if greeting.startswith(b"@RSYNCD:") else "no greeting")
with open("/proc/net/tcp") as table:
    rows = [line.split() for line in table][1:]
print("listens" if any(row[1].endswith(":0369") and row[3] == "0A"
                       for row in rows) else "does not listen")
END
printf 'use chroot = no\npid file = /tmp/pid\n' >"$root/tmp/conf"
seen "rsync 3.5.1" "no greeting, listens" \
	"$(debian_run python3 /tmp/try.py | paste -sd , - | sed 's/,/, /')"
finding_end
