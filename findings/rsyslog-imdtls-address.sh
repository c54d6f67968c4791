#!/bin/sh
# rsyslog's receiver for DTLS listens nowhere when it is told an address.
#
# Seen with: rsyslog and rsyslog-openssl 8.2504.0-1+deb13u2 (Debian 13).
# Input: input(type="imdtls" address="127.0.0.1" port="25001" …), with a certificate,
#   and the same without "address", which is one of the module's parameters.
# Expected: the daemon listens at 127.0.0.1:25001; without, at all addresses.
# Seen: without, it does.  With, the daemon says that it cannot bind, runs on, and
#   listens at no port of UDP.
# For xsock: our tests give imdtls no address.  A rule dtls:// for such a server ends
#   with ECONNREFUSED, and the fault is the server's.
. "$(dirname "$0")/debian.sh"
debian_root trixie rsyslog=8.2504.0-1+deb13u2 rsyslog-openssl=8.2504.0-1+deb13u2 \
	openssl coreutils dash grep iproute2

openssl req -x509 -newkey rsa:2048 -nodes -days 3 -subj /CN=localhost \
	-keyout "$root/tmp/key.pem" -out "$root/tmp/cert.pem" 2>/dev/null
cat >"$root/tmp/try.sh" <<'END'
rm -f /tmp/pid
cat >/tmp/conf <<CONF
global(workDirectory="/tmp")
module(load="imdtls")
input(type="imdtls" $1 port="25001" tls.cacert="/tmp/cert.pem"
	tls.mycert="/tmp/cert.pem" tls.myprivkey="/tmp/key.pem" tls.authmode="off")
action(type="omfile" file="/tmp/heard")
CONF
rsyslogd -n -f /tmp/conf -i /tmp/pid >/tmp/said 2>&1 &
server=$!
sleep 2
if kill -0 $server 2>/dev/null; then echo runs; else echo ended; fi
if ss -lun | grep -q :25001; then echo listens; else echo "listens nowhere"; fi
grep -oh 'unable to bind' /tmp/said
kill $server
END
seen "without address" "runs; listens" \
	"$(debian_run sh /tmp/try.sh '' | paste -sd ';' - | sed 's/;/; /g')"
seen "with address" "runs; listens nowhere; unable to bind" \
	"$(debian_run sh /tmp/try.sh 'address="127.0.0.1"' | paste -sd ';' - | sed 's/;/; /g')"
finding_end
