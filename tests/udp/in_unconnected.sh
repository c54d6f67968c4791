# Programs that give an address with each datagram.  The library has no way to the
# relay for them: the call fails, a line says so, and nothing leaves.

part_unconnected()
{
	server_start echo
	sendto_refused "snmpget" snmpget -v2c -c "$secret" -t 1 -r 0 "udp:127.0.0.1:$port_echo" 1.3.6.1.2.1.1.6.0
	sendto_refused "python3" "$PYTHON" "$here/ask.py" 127.0.0.1 "$port_echo" sizes unconnected
	cat >"$T/send.js" <<-'END'
	require('dgram').createSocket('udp4').send(process.argv[3], Number(process.argv[2]),
		'127.0.0.1', error => process.exit(error && error.code === 'EACCES' ? 1 : 0));
	END
	sendto_refused "node" node "$T/send.js" "$port_echo" "$secret"
}

# sendto_refused NAME COMMAND…: its first word is the program
sendto_refused()
{
	local name="sendto, $1: refused" before=$(counted echo)
	shift
	need "$name" "$1" || return
	case_run with_xsock "udp://127.0.0.1:$port_echo=dtls://?cafile=$CA" "$@"
	if [ "$STATUS" -eq 0 ]; then
		fail "$name" "it is not"
	elif ! grep -q '\[datagram-address\]' "$ERR"; then
		fail "$name" "no line says so"
	elif [ "$(counted echo)" != "$before" ]; then
		fail "$name" "a datagram has left: $(counted echo)"
	else
		pass "$name"
	fi
}
