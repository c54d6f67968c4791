# A server that answers from another port than it was asked at, as TFTP's usual one
# does (RFC 1350, 4).  An association of DTLS is between two ports, so the answer
# has no way, whatever the rule says; it must not find one in plaintext.
# clients_unconnected.sh has a server that answers from the port that was asked.

part_ports()
{
	is_alone || return 0
	ports_begin
	ports_works
	ports_fails "a rule for the port" "udp://127.0.0.1:$port_ports=dtls://?cafile=$CA"
	ports_fails "a rule for every port" "udp://127.0.0.1=dtls://:$port_ports?cafile=$CA"
}

ports_begin()
{
	mkdir -p "$U/ports"
	head -c 5000 /dev/urandom >"$U/ports/file"
	start_udp tftpd exec_tftpd
	behind ports
}

exec_tftpd()
{
	exec in.tftpd -4 -L --address "127.0.0.1:$1" -u root --secure "$U/ports"
}

ports_works()
{
	rm -f "$U/got"
	LIMIT=30 case_run bounded tftp -m binary 127.0.0.1 "$plain_ports" -c get file "$U/got"
	if same "$U/got" "$U/ports/file" 2>>"$ERR"; then
		pass "ports: tftp gets a file in plaintext"
	else
		fail "ports: tftp gets a file in plaintext"
	fi
}

# ports_fails NAME RULE
ports_fails()
{
	local dtls other before told _
	rm -f "$U/got"
	read -r _ _ _ before _ <"$U/ports-way.count"
	LIMIT=8 XSOCK_LOG=info case_run with_xsock "$2" \
		tftp -m binary 127.0.0.1 "$port_ports" -c get file "$U/got"
	within 10 grep -q ': the association has ended, .* [1-9][0-9]* datagrams sent, 0 received' \
		"$ERR"
	told=$?
	read -r _ dtls _ other _ <"$U/ports-way.count"
	if [ -s "$U/got" ]; then
		fail "ports: $1" "the file came, but how?"
	elif [ "$told" -ne 0 ]; then
		fail "ports: $1" "no line says that nothing was received"
	elif [ "$other" -ne "$before" ] || [ "$dtls" -eq 0 ]; then
		fail "ports: $1" "$other datagrams were not DTLS, $dtls were"
	else
		pass "ports: $1: no answer comes, and none in plaintext"
	fi
}
