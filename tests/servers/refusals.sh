# What must not work.  For each: the errno, exactly one line that has the
# reason, and not one byte of the application's data at any server.

# The programs are sent to a port where a plaintext server writes down all that
# it hears: whatever leaves without TLS ends there.
secret=SECRET-that-must-not-travel

# What every line of these tests begins with.
line='^xsock: probe\[[0-9]+\]: [a-z0-9.]+:[0-9]+ by XSOCK_RULES:1:1 [^ ]+: '

# refused NAME RULES ERRNO REASON [HOST]: blocking and non-blocking
refused()
{
	local mode
	for mode in '' nonblocking; do
		refused_as "$1${mode:+, $mode}" "$2" "$3" "$4" \
			"${5:-localhost}" $mode
	done
}

refused_as()
{
	local name=$1 rules=$2 errno=$3 reason=$4
	shift 4
	case_run with_xsock "$rules" "$SUPPORT/probe" "$1" "$port_trap" \
		"$secret" ${2+"$2"}
	one_line_refusal "$name" "$errno" "$reason"
}

# Judges the last case_run.
one_line_refusal()
{
	# A relay that answers a connect that nobody waits for may be late.
	[ -n "$(lines)" ] || within 20 grep -q '^xsock: ' "$ERR"
	if secret_is_out; then
		fail "$1" "the secret reached a server"
	elif [ "$(cat "$OUT")" != "$2" ]; then
		fail "$1" "not $2"
	elif [ "$(lines | wc -l)" -ne 1 ]; then
		fail "$1" "$(lines | wc -l) lines"
	elif ! lines | grep -qE -- "$line"; then
		fail "$1" "the line is not $line"
	elif ! lines | grep -qiE -- "$3"; then
		fail "$1" "the line does not say $3"
	else
		pass "$1"
	fi
}

# Has any server seen it since the last question?
secret_is_out()
{
	local data
	grep -qa "$secret" "$T"/servers/*.data || return
	for data in "$T"/servers/*.data; do
		: >"$data"
	done
}

# to PORT [OPTIONS]
to()
{
	echo "localhost:$port_trap=tls://:$1?cafile=$CA${2:-}"
}

test_refusals()
{
	controls
	certificates
	handshakes
	denied
	no_relay_there
	bad_rules
	curl_is_told
	early
	little_time
}

# The same program with the same rules does get through to a good server, or
# the refusals below would prove nothing.
controls()
{
	local mode
	for mode in '' nonblocking; do
		case_run with_xsock "$(to "$port_sink")" "$SUPPORT/probe" \
			localhost "$port_trap" "control-text" $mode
		expect "control: accepted${mode:+, $mode}" 0 '^12 ' ''
		if grep -qa "control-text" "$T/servers/sink.data"; then
			pass "control: the server has the text${mode:+, $mode}"
		else
			fail "control: the server has the text${mode:+, $mode}"
		fi
		: >"$T/servers/sink.data"
	done
}

certificates()
{
	refused "expired" "$(to "$port_expired")" EKEYREJECTED 'expired'
	refused "not yet valid" "$(to "$port_notyet")" EKEYREJECTED \
		'not (yet )?valid.*2049'
	refused "wrong host" "$(to "$port_wronghost")" EKEYREJECTED \
		'localhost'
	refused "self-signed" "$(to "$port_selfsigned")" EKEYREJECTED \
		'self-?signed'
	refused "unknown CA" "$(to "$port_unknownca")" EKEYREJECTED \
		'issuer|unknown|trusted'
	refused "missing intermediate" "$(to "$port_nochain")" EKEYREJECTED \
		'issuer|unknown|trusted'
	refused "an address that is not in the certificate" \
		"*:$port_trap=tls://:$port_dnsonly?cafile=$CA" \
		EKEYREJECTED '127\.0\.0\.1' 127.0.0.1
	refused "peer_name that is not in the certificate" \
		"$(to "$port_tls" '&peer_name=other.example.test')" \
		EKEYREJECTED 'other\.example\.test'
	refused "verify_peer_name=0 still checks the chain" \
		"$(to "$port_unknownca" '&verify_peer_name=0')" \
		EKEYREJECTED 'issuer|unknown|trusted'
	refused "no cafile: the system's CAs do not know it" \
		"localhost:$port_trap=tls://:$port_tls" \
		EKEYREJECTED 'issuer|unknown|trusted'
}

handshakes()
{
	local began

	refused "TLS to a plaintext port that speaks first" \
		"$(to "$port_greet")" EPROTO 'TLS|plain|version'
	refused "TLS to a plaintext port that waits" \
		"$(to "$port_plain" '&timeout=1')" ETIMEDOUT 'time'
	refused "closes in the handshake" "$(to "$port_hangup")" EPROTO 'clos'
	refused "no version in common" \
		"localhost:$port_trap=tlsv1.3://:$port_tls12?cafile=$CA" \
		EPROTO 'version|protocol'
	began=$SECONDS
	refused "silent in the handshake" "$(to "$port_mute" '&timeout=1')" \
		ETIMEDOUT 'time'
	refused "TCP that never answers" "$(to "$port_full" '&timeout=1')" \
		ETIMEDOUT 'time'
	: >"$OUT"; : >"$ERR"
	# Four of them.  Without the option it is 60 seconds for each.
	if [ $((SECONDS - began)) -le 20 ]; then
		pass "timeout=1 is one second"
	else
		fail "timeout=1 is one second" "$((SECONDS - began)) s for four"
	fi
	refused "TCP refused" "$(to "$port_closed")" ECONNREFUSED 'refused'
}

denied()
{
	refused "deny://" "localhost:$port_trap=deny://" EACCES 'den'
	refused "deny:// for all" "*=deny://" EACCES 'den' 127.0.0.1
}

no_relay_there()
{
	XSOCK_RELAY=$T/not-there \
		refused "relay missing" "$(to "$port_tls")" EACCES 'not-there'
	cp "$BUILD/xsock-relay" "$T/not-executable"
	chmod 644 "$T/not-executable"
	XSOCK_RELAY=$T/not-executable refused "relay not executable" \
		"$(to "$port_tls")" EACCES 'not-executable'
	echo "this is no program" >"$T/no-program"
	chmod 755 "$T/no-program"
	XSOCK_RELAY=$T/no-program refused "relay is no program" \
		"$(to "$port_tls")" EACCES 'no-program'
	cp /bin/false "$T/leaves-at-once"
	# Who asks a descriptor later why it is dead knows nothing of its rule.
	XSOCK_RELAY=$T/leaves-at-once line='^xsock: probe\[[0-9]+\]: ' \
		refused "relay leaves at once" "$(to "$port_tls")" EACCES \
		'relay.*XSOCK_RELAY'
	relay_gone_before_asked
	relay_without_library
	relay_starts_twice
}

# It has ended whenever the library comes to ask it, because each connect(2) of
# the library waits before.
relay_gone_before_asked()
{
	local slow=$BUILD/tests/preload/plugins/slow_connect.so

	XSOCK_RELAY=$T/leaves-at-once PRELOAD="$PRELOAD $slow" \
		case_run with_xsock "$(to "$port_tls")" \
		"$SUPPORT/probe" localhost "$port_trap" "$secret"
	one_line_refusal "relay gone before it is asked" EACCES \
		'leaves-at-once ends as soon as it is started.*XSOCK_RELAY'
}

# What the loader says is in the line.
relay_without_library()
{
	sed 's/libssl\.so\.[0-9]/libssl.so.X/g' "$RELAY" >"$T/no-library"
	chmod 755 "$T/no-library"
	XSOCK_RELAY=$T/no-library refused "relay without its library" \
		"$(to "$port_tls")" EACCES \
		'no-library ends as soon .*libssl\.so\.X: cannot open shared'
}

# One connect, two starts.
relay_starts_twice()
{
	printf '%s\n' '#!/bin/sh' "echo >>'$T/starts'" 'echo not today >&2' \
		>"$T/counts"
	chmod 755 "$T/counts"
	XSOCK_RELAY=$T/counts case_run with_xsock "$(to "$port_tls")" \
		"$SUPPORT/probe" localhost "$port_trap" "$secret"
	one_line_refusal "relay that ends: its last words" EACCES \
		'counts ends as soon .*not today'
	if [ "$(wc -l <"$T/starts")" -eq 2 ]; then
		pass "relay that ends: is started twice"
	else
		fail "relay that ends: is started twice" \
			"$(wc -l <"$T/starts") times"
	fi
}

# The program starts; each Internet connect fails; one message, with a place.
bad_rules()
{
	local cafile="$T/not-there.pem" line='^xsock: [^ ]*\[[0-9]+\]: '

	refused "unknown transport" "localhost=tsl://" EACCES \
		'XSOCK_RULES:1:11.*tsl.*tls'
	refused "unknown transport in a second line" \
		"$(printf 'a=tls://\n  b=tsl://')" EACCES 'XSOCK_RULES:2:5'
	refused "rule without a target" "localhost" EACCES 'XSOCK_RULES:1'
	refused "sslv2://" "localhost=sslv2://" EACCES 'sslv2'
	refused "unknown option" "localhost=tls://?verify_pear=1" EACCES \
		'verify_pear.*verify_peer'
	refused "scheme that does not exist" "localhost=quic://" EACCES 'quic'
	refused "scheme for datagrams" "localhost=dtls://" EACCES 'dtls'
	refused "bad value" "localhost=tls://?verify_peer=maybe" EACCES \
		'verify_peer|maybe'
	refused "cafile that is not there" "localhost=tls://?cafile=$cafile" \
		EACCES "not-there\.pem"
	refused "rules file that is not there" "@$T/not-there.rules" EACCES \
		'not-there\.rules'
	XSOCK_OPTIONS=bogus=1 refused "bad XSOCK_OPTIONS" \
		"localhost=tls://" EACCES 'XSOCK_OPTIONS.*bogus'

	case_run with_xsock "nonsense" "$PYTHON" -c '
import errno, socket, sys
front, plain = map(int, sys.argv[1:])
for family, host in (socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"):
    for port in front, plain:
        e = socket.socket(family).connect_ex((host, port))
        if e != errno.EACCES: sys.exit("connect: %d" % e)
a, b = socket.socketpair()
s = socket.socket(socket.AF_UNIX)
s.bind("\0xsock-test-%d" % front)
s.listen()
socket.socket(socket.AF_UNIX).connect(s.getsockname())
print("EACCES")' "$port_trap" "$port_plain"
	one_line_refusal "bad rules: every Internet connect, one message" EACCES \
		'XSOCK_RULES:1'
	case_run with_xsock "nonsense" bash -c 'echo started'
	expect "bad rules: the program starts" 0 '^started$' '*'
}

# What a user sees.
curl_is_told()
{
	case_run with_xsock "$(to "$port_expired")" \
		curl -sS "http://localhost:$port_trap/$secret"
	expect "curl, expired: tries each address, none in plaintext" 7 '' \
		"^xsock: curl\[[0-9]+\]: localhost:$port_trap by XSOCK_RULES:1:1 localhost:$port_trap=tls://"
	if secret_is_out; then
		fail "curl, expired: nothing reached a server"
	else
		pass "curl, expired: nothing reached a server"
	fi
	XSOCK_LOG=off case_run with_xsock "$(to "$port_expired")" \
		"$SUPPORT/probe" localhost "$port_trap" "$secret"
	expect "XSOCK_LOG=off: refused without a word" 1 '^EKEYREJECTED$' ''
	XSOCK_LOG=error:$T/errors case_run with_xsock "$(to "$port_expired")" \
		"$SUPPORT/probe" localhost "$port_trap" "$secret"
	expect "XSOCK_LOG=error:FILE: nothing on standard error" 1 \
		'^EKEYREJECTED$' ''
	cp "$T/errors" "$ERR" 2>/dev/null
	one_line_refusal "XSOCK_LOG=error:FILE: one line in the file" \
		EKEYREJECTED 'expired'
}

# --- connect=early ------------------------------------------------------

# The connect succeeds; read and write tell, and no server has a byte.
early()
{
	early_refused "expired" "$port_expired" 'expired'
	early_refused "unknown CA" "$port_unknownca" 'issuer|unknown|trusted'
	early_refused "wrong host" "$port_wronghost" 'localhost'
	early_refused "plaintext that speaks first" "$port_greet" 'TLS|plain'
	early_refused "closes in the handshake" "$port_hangup" 'clos'
	case_run with_xsock "$(to "$port_slow" '&connect=early')" \
		"$PYTHON" -c "$early_client" write "$port_trap" "control-text"
	expect "connect=early: accepted" 0 '^HTTP' ''
	if grep -qa "control-text" "$T/servers/slow.data"; then
		pass "connect=early: the server has the text"
	else
		fail "connect=early: the server has the text"
	fi
}

early_client='
import errno, socket, sys, time
how, port, text = sys.argv[1:]
s = socket.create_connection(("localhost", int(port)))
print("connected")
try:
    if how != "read":
        s.sendall(b"GET /%s HTTP/1.0\r\n\r\n" % text.encode())
    if how == "late":
        time.sleep(1)
        s.sendall(b"more")
    print(s.recv(4).decode())
except OSError as e:
    print(errno.errorcode[e.errno])
'

# early_refused NAME PORT REASON: by a read; by a write, or the read behind it; by
# a write that comes later
early_refused()
{
	local how line='^xsock: python3\[[0-9]+\]: localhost:[0-9]+ by XSOCK_RULES:1:1 [^ ]+: '

	for how in read write late; do
		case_run with_xsock "$(to "$2" '&connect=early')" \
			"$PYTHON" -c "$early_client" $how "$port_trap" "$secret"
		one_line_refusal "connect=early, $1, $how" \
			$'connected\nECONNRESET' "$3"
	done
}

# A program that gives each address of a name 250 ms, as Node 20 does.
little_time()
{
	local client='
import errno, select, socket, sys
error = 0
for family, kind, proto, _, to in socket.getaddrinfo("localhost", sys.argv[1],
                                                     type=socket.SOCK_STREAM):
    s = socket.socket(family, kind, proto)
    s.setblocking(False)
    s.connect_ex(to)
    if not select.select([], [s], [], 0.25)[1]:
        s.close()
        error = error or errno.ETIMEDOUT
        continue
    error = s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if error == 0:
        break
if error:
    sys.exit(errno.errorcode[error])
s.setblocking(True)
s.sendall(b"GET / HTTP/1.0\r\n\r\n")
print(s.recv(4).decode())'

	XSOCK_LOG=info:$T/gave-up case_run with_xsock "$(to "$port_slow")" \
		"$PYTHON" -c "$client" "$port_trap"
	expect "250 ms for each address: too little for TLS" 1 '' '^ETIMEDOUT'
	within 20 grep -q 'gave up' "$T/gave-up"
	cp "$T/gave-up" "$ERR"
	if grep -qE 'the program gave up after ([2-9][0-9]{2}|[0-9]{4,}) ms, when TCP was' \
		"$ERR" && ! grep -q verified "$ERR"; then
		pass "250 ms for each address: the line tells"
	else
		fail "250 ms for each address: the line tells"
	fi
	case_run with_xsock "$(to "$port_slow" '&connect=early')" \
		"$PYTHON" -c "$client" "$port_trap"
	expect "250 ms for each address: connect=early is in time" 0 '^HTTP' ''
}
