#!/bin/sh
# SIPp with a local address takes a name's first address, of whichever family.
#
# Seen with: sip-tester 3.6.1-1+b2 (Debian 12).
# Input: sipp -sn uac -i 127.0.0.1 sip.example.test:25060, a name that /etc/hosts has
#   with ::1 and with 127.0.0.1, and a server of SIPp's at 127.0.0.1.
# Expected: the call is made from 127.0.0.1 to 127.0.0.1, the only address of the name
#   that this local address can reach.
# Seen: SIPp resolves the name before it looks at -i, takes ::1, and ends with "Network
#   family mismatch for local and remote IP".  With the IPv4 address alone in
#   /etc/hosts, or in place of the name, the call is made.
# For xsock: a rule udp:// for the name cannot help, because no datagram is sent.  Our
#   test asks for an address.
. "$(dirname "$0")/debian.sh"
debian_root bookworm sip-tester=1:3.6.1-1+b2 coreutils dash grep

# Nothing has been set up there: sipp wants a description of its terminal.
mkdir -p "$root/etc"
echo 'hosts: files' >"$root/etc/nsswitch.conf"
cat >"$root/tmp/try.sh" <<'END'
cd /tmp
sipp -sn uas -i 127.0.0.1 -p 25060 -m 1 -nostdin >/dev/null 2>&1 &
server=$!
sleep 1
timeout 20 sipp -sn uac -i 127.0.0.1 -p 25061 "$1:25060" -m 1 -nostdin \
	>/dev/null 2>said </dev/null
echo "status $?"
grep -o 'Network family mismatch' said | head -n 1
kill $server 2>/dev/null
END
call()
{
	debian_run env TERM=linux sh /tmp/try.sh "$1" 2>/dev/null | paste -sd ';' - | sed 's/;/; /g'
}
printf '::1 sip.example.test\n127.0.0.1 sip.example.test\n' >"$root/etc/hosts"
seen "a name with both families" "status 255; Network family mismatch" \
	"$(call sip.example.test)"
seen "the address" "status 0" "$(call 127.0.0.1)"
echo '127.0.0.1 sip.example.test' >"$root/etc/hosts"
seen "a name with one family" "status 0" "$(call sip.example.test)"
finding_end
