#!/bin/bash
# Programs with a resolver of their own, and rules with names, against a name
# server, in a network where 192.0.2.0/24 is this machine's.  The plaintext
# server must hear nothing.
#
# Who is not root needs a user namespace for that.
if [ "$(id -u)" -ne 0 ] && [ -z "${XSOCK_TEST_WORLD-}" ]; then
	unshare -rnm true 2>/dev/null &&
		XSOCK_TEST_WORLD=own exec unshare -rnm "$0" "$@"
	echo "SKIP  resolver: no network namespace to be had"
	printf '1 skipped\n0 passed, 0 failed\n'
	exit 0
fi
. "$(dirname "$0")/../support/lib.sh"
. "$TESTS/preload/plaintext.sh"
# Short of what a server that is silent costs; the relay gets it, too.
export RES_OPTIONS="timeout:1 attempts:1"

# What connects: asks the name server by packets of its own.
own_packets='
import socket, struct, sys
def look_up(name):
    query = struct.pack("!HHHHHH", 7, 0x100, 1, 0, 0, 0)
    for label in name.split("."):
        query += bytes([len(label)]) + label.encode()
    query += struct.pack("!BHH", 0, 1, 1)
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(5)
    s.sendto(query, ("127.0.0.1", 53))
    reply = s.recv(4096)
    return socket.inet_ntoa(reply[-4:])
'
# The same with c-ares.
by_ares='
import ctypes, select, socket, sys
ares = ctypes.CDLL("libcares.so.2")
class Host(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("aliases", ctypes.c_void_p),
                ("family", ctypes.c_int), ("length", ctypes.c_int),
                ("list", ctypes.POINTER(ctypes.POINTER(ctypes.c_ubyte)))]
found = []
@ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int, ctypes.c_int,
                  ctypes.POINTER(Host))
def tell(unused, status, timeouts, host):
    found.append(socket.inet_ntoa(bytes(host.contents.list[0][:4])) if host else None)
def look_up(name):
    channel = ctypes.c_void_p()
    ares.ares_library_init(1)
    ares.ares_init(ctypes.byref(channel))
    ares.ares_gethostbyname(channel, name.encode(), socket.AF_INET, tell, None)
    while not found:
        socks = (ctypes.c_int * 16)()
        bits = ares.ares_getsock(channel, socks, 16)
        fds = [socks[i] for i in range(16) if bits & (1 << i)]
        readable = select.select(fds, [], [], 5)[0]
        for fd in readable:
            ares.ares_process_fd(channel, fd, -1)
        if not readable:
            ares.ares_process_fd(channel, -1, -1)
    return found[0]
'
connect='
s = socket.socket()
try:
    s.connect((look_up(sys.argv[1]), int(sys.argv[2])))
    s.sendall(sys.argv[3].encode())
    s.shutdown(socket.SHUT_WR)
    s.recv(64)
    print("connected")
except OSError as e:
    import errno
    print(errno.errorcode[e.errno])
'

# looks_up RULES HOW NAME PORT
looks_up()
{
	case_run with_xsock "$1" "$PYTHON" -c "$2$connect" "$3" "$4" "$secret"
}

suite_begin resolver
ip address add 192.0.2.1/24 dev lo || exit 1
start nameserver "$PYTHON" "$TESTS/preload/nameserver.py" \
	near.example.test=127.0.0.1 db.example.test=192.0.2.7 other.example.test=192.0.2.8 \
	down.example.test=silent many.example.test=192.0.2.50-120 \
	dead1.example.test=198.51.100.1 dead2.example.test=198.51.100.1,198.51.100.2 \
	dead3.example.test=198.51.100.1-3 half.example.test=198.51.100.1,192.0.2.7
within 10 grep -q ready "$T/nameserver.log" || exit 1
serve trap:sink trap2:sink "tls_sink:sink,tls=$CERTS/good" closed:closed
to="tls://127.0.0.1:$port_tls_sink?cafile=$CA&peer_name=localhost"

for how in own_packets by_ares; do
	if [ $how = by_ares ] &&
		! "$PYTHON" -c 'import ctypes; ctypes.CDLL("libcares.so.2")' \
			2>/dev/null; then
		skip "$how" "libcares.so.2 is not installed"
		continue
	fi
	looks_up "db.example.test:$port_trap=$to" "${!how}" \
		db.example.test "$port_trap"
	verdict "$how: the rule's name has the address" connected '' tls_sink
	looks_up "other.example.test:$port_closed=deny://
		gone.example.test:$port_closed=deny://" "${!how}" \
		db.example.test "$port_closed"
	verdict "$how: no rule's name has it" ECONNREFUSED ''
done
looks_up "many.example.test:$port_trap=$to" \
	"import socket, sys; look_up = lambda name: name" 192.0.2.120 "$port_trap"
verdict "a name with 71 addresses: the last one" connected '' tls_sink
looks_up "down.example.test:$port_trap=$to" "$own_packets" db.example.test \
	"$port_trap"
verdict "the name server is silent: refused" EACCES \
	"down.example.test:$port_trap=.*cannot be looked up"
looks_up "db.example.test:$port_trap=$to down.example.test:$port_trap=deny://" \
	"$own_packets" db.example.test "$port_trap"
verdict "a rule above the one that is silent decides" connected '' tls_sink
looks_up "$(for i in $(seq 200); do echo "n$i.example.test:$port_trap=deny://"
	done) db.example.test:$port_trap=$to" "$own_packets" db.example.test \
	"$port_trap"
verdict "201 names for one port" connected '' tls_sink

# --- a rule with a glob, of which nobody can know --------------------------------

# warns NAME: of the last case_run: one line, that the rule may be missed
missed="192\\.0\\.2\\.7:$port_closed by XSOCK_RULES:1:1 .*by libc.*[*]:$port_closed=deny://"
warns()
{
	if [ "$(grep -c '^xsock: ' "$ERR")" = 1 ]; then
		verdict "$1" "$2" "$missed"
	else
		fail "$1" "not one line"
	fi
}

glob="*.example.test:$port_closed=$to"
for how in own_packets by_ares; do
	if [ $how = by_ares ] && ! "$PYTHON" -c \
		'import ctypes; ctypes.CDLL("libcares.so.2")' 2>/dev/null; then
		skip "$how: a glob" "libcares.so.2 is not installed"
		continue
	fi
	looks_up "$glob" "${!how}" db.example.test "$port_closed"
	warns "$how: a glob may be missed: one line" ECONNREFUSED
done
XSOCK_LOG=error looks_up "$glob" "$own_packets" db.example.test "$port_closed"
verdict "not at level error" ECONNREFUSED ''
looks_up "$glob" "${own_packets}look_up(sys.argv[1])
for i in 1, 2, 3:
    socket.socket().connect_ex(('192.0.2.7', int(sys.argv[2])))
" db.example.test "$port_closed"
warns "once per process" ECONNREFUSED
looks_up "*.example.test:$port_closed=deny://" "$own_packets" db.example.test \
	"$port_closed"
warns "a glob that denies" ECONNREFUSED

# silent NAME RULES HOST [HOW]: no line
silent()
{
	looks_up "$2" "${4-$own_packets}" "$3" "$port_closed"
	verdict "no false alarm: $1" ECONNREFUSED ''
}
address='import socket, sys
look_up = lambda name: name
'
silent "the loopback network" "$glob" near.example.test
silent "the loopback network, by address" "$glob" 127.0.0.1 "$address"
silent "the unspecified address" "$glob" 0.0.0.0 "$address"
silent "an exemption of the address" "192.0.2.0/24:$port_closed=tcp:// $glob" \
	db.example.test
silent "a rule for everything else" "$glob *:$port_closed=tcp://" db.example.test
silent "an exact name that has the address" \
	"db.example.test:$port_closed=tcp:// $glob" db.example.test
silent "a glob that exempts" "*.example.test:$port_closed=tcp://" db.example.test
silent "a glob for another port" "*.example.test:$port_trap=$to" db.example.test
silent "an exact name that has not the address" "other.example.test:$port_closed=$to" \
	db.example.test
silent "a name that libc looked up" "*.corp.test:$port_closed=$to" db.example.test \
	'import socket, sys
look_up = socket.gethostbyname
'
silent "another process has looked it up" "*.corp.test:$port_closed=$to" \
	db.example.test 'import socket, subprocess, sys
look_up = lambda name: subprocess.check_output(["getent", "ahostsv4", name]).split()[0].decode()
'
case_run with_xsock "$glob" "$PYTHON" -c 'import socket, sys
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(("192.0.2.7", int(sys.argv[1])))
print("connected")' "$port_closed"
verdict "no false alarm: UDP" connected ''

# The environment of the program counts for its rules.
LOCALDOMAIN=example.test looks_up "db:$port_trap=$to" "$own_packets" \
	db.example.test "$port_trap"
verdict "LOCALDOMAIN: a rule with a name without a dot" connected '' tls_sink
echo "database db.example.test" >"$T/aliases"
HOSTALIASES=$T/aliases looks_up "database:$port_trap=$to" "$own_packets" \
	db.example.test "$port_trap"
verdict "HOSTALIASES: a rule with an alias" connected '' tls_sink
LOCALDOMAIN=example.test case_run with_xsock "db.example.test:$port_trap=$to" \
	"$BUILD/tests/preload/dodge" names "$port_trap" db
verdict "a search domain makes the rule's name of it" \
	$'connect, address kept: 0\nconnect, as looked up: 0' '' tls_sink

# --- names with several addresses --------------------------------------------

# What is sent to 198.51.100.0/24 comes back, belongs to nobody here, and is
# dropped: a connect gets no answer.  192.0.2.7 refuses.  In which order
# getaddrinfo tells the addresses is its own affair.
ip route add 198.51.100.0/24 dev lo || exit 1

# ends_with NAME ERRNO STATUS SENTENCE: the rule's errno, the probe's status and
# the sentence of both, of a connect to NAME.example.test
ends_with()
{
	local name=$1 errno=$2 status=$3 sentence=$4
	# The time is also that for the rule's files: the system's CAs take longer.
	local target="tls://$name.example.test:$port_closed?timeout=2&cafile=$CA"
	case_run with_xsock "192.0.2.0/24:$port_closed=$target" "$PYTHON" -c \
		"import socket, sys; look_up = lambda name: name$connect" \
		192.0.2.9 "$port_closed" "$secret"
	verdict "$name, by a rule" "$errno" "$sentence \\[connect-[a-z]*\\]\$"
	case_run bounded "$BUILD/xsock" probe "$target"
	if [ "$STATUS" = "$status" ] && grep -qE "^verdict .*$sentence\$" "$OUT"; then
		pass "$name, by xsock probe"
	else
		fail "$name, by xsock probe" "not status $status and \"$sentence\""
	fi
}

late="198.51.100.[123]:$port_closed did not accept the connection within 2 s [(]is [^)]*[)]"
ends_with dead1 ETIMEDOUT 5 "$late"
ends_with dead2 ETIMEDOUT 5 "$late, and 1 more address fails, too"
ends_with dead3 ETIMEDOUT 5 "$late, and 2 more addresses fail, too"
ends_with half ECONNREFUSED 3 \
	"Connection refused by 192.0.2.7:$port_closed [(]is [^)]*[)], and 1 more address fails, too"

# tcp:// to a name: the relay looks it up, too.
case_run with_xsock "192.0.2.0/24:$port_closed=tcp://near.example.test:$port_trap2" \
	"$PYTHON" -c 'import socket, sys
s = socket.create_connection(("192.0.2.9", int(sys.argv[1])))
print(s.getpeername()[0])' "$port_closed"
verdict "tcp:// to a name" 127.0.0.1 ''
suite_end
