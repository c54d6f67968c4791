# How an association begins, ends and begins again.

part_life()
{
	life_end
	life_again
	life_sizes
	life_memory
}

# life_front NAME WORD…: a server whose log is read, with a way; sets $port and $rule
life_front()
{
	front "life-$1" "tls=$CERTS/good" "${@:2}" && wire "life-$1-way" "$port"
	rule="udp://127.0.0.1:$port=dtls://?cafile=$CA"
}

# logged NAME COUNT WORDS: the server has so many lines that begin with them
logged()
{
	[ "$(grep -c "^$3" "$U/life-$1.log")" -eq "$2" ]
}

# told NAME CASE COUNT WORDS
told()
{
	if within 10 logged "$1" "$3" "$4"; then
		pass "life: $2"
	else
		cp "$U/life-$1.log" "$OUT"
		fail "life: $2" "not $3 of: $4"
	fi
}

# life_python PROGRAM [ARGUMENT]: with a connected socket s, and the functions
# ask(TEXT) and told(TEXT), which waits until the log has it
life_python()
{
	XSOCK_LOG=info case_run with_xsock "$rule" "$PYTHON" -c '
import os, select, signal, socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(("127.0.0.1", int(sys.argv[1])))
s.settimeout(20)
def ask(text):
    s.send(text)
    if s.recv(65536) != text: sys.exit("another answer")
def told(text):
    end = time.monotonic() + 20
    while text not in open("/proc/self/fd/2").read():
        if time.monotonic() > end: sys.exit("never told: " + text)
        time.sleep(0.02)
'"$1" "$port" "${@:2}"
}

life_end()
{
	life_front leaves
	life_python 'ask(b"one")'
	told leaves "close_notify when the program ends" 1 close_notify
	life_front killed
	life_python 'ask(b"one"); os.kill(os.getpid(), signal.SIGKILL)'
	told killed "close_notify when the program is killed" 1 close_notify
	life_front closes
	life_python 'ask(b"one"); t = s.dup(); s.close()
t.settimeout(20); t.send(b"two"); t.recv(10)
t.close()
end = time.monotonic() + 20
while time.monotonic() < end and "close_notify" not in open(sys.argv[2]).read():
    time.sleep(0.1)
print("close_notify" in open(sys.argv[2]).read())' "$U/life-closes.log"
	if grep -qx True "$OUT"; then
		pass "life: close_notify when the last copy is closed"
	else
		fail "life: close_notify when the last copy is closed"
	fi
	life_front forks
	life_python 'ask(b"one")
if os.fork(): os._exit(0)
time.sleep(0.5); ask(b"two")'
	told forks "a child goes on, and close_notify is its" 1 close_notify
	told forks "one handshake for both" 1 handshake
}

life_again()
{
	life_front short short=2
	life_python '
for i in range(2): ask(b"%d" % i)
told("because the server said so")
for i in range(2): ask(b"%d" % i)'
	answered "the server ends it: the next datagram begins a new one" short 2
	life_front resumes
	# One relay has both, however long the second one takes to start.
	XSOCK_RELAY_IDLE=60 life_python 'ask(b"one")'
	XSOCK_RELAY_IDLE=60 life_python 'ask(b"two")'
	if within 20 grep -q 'resumed' "$U/life-resumes.log"; then
		pass "life: a second program resumes the session"
	else
		cp "$U/life-resumes.log" "$OUT"
		fail "life: a second program resumes the session"
	fi
	stop_relays
	life_front idle
	rule="$rule&idle=1"
	life_python 'ask(b"one"); told("idle time"); ask(b"two")'
	answered "idle=1: a pause is two associations" idle 2
	life_restart
}

# answered CASE NAME HANDSHAKES
answered()
{
	if [ "$STATUS" -ne 0 ]; then
		fail "life: $1"
	else
		told "$2" "$1" "$3" handshake
	fi
}

# No way between: one that is gone shows as ECONNREFUSED.
life_restart()
{
	local again
	front life-restart "tls=$CERTS/good"
	local server=$!
	rule="udp://127.0.0.1:$port=dtls://?cafile=$CA"
	case_run with_xsock "$rule" "$PYTHON" "$here/restart.py" "$port" "$server" \
		"$UDP/front" "$U" life-again "tls=$CERTS/good" "port=$port"
	again=$(cat "$U/life-again.pid" 2>/dev/null) && started+=("$again")
	if [ "$STATUS" -eq 0 ] && grep -qx 'ECONNREFUSED' "$OUT" && grep -qx 'answered' "$OUT"; then
		pass "life: a server that is started again: ECONNREFUSED, then answers"
	else
		fail "life: a server that is started again: ECONNREFUSED, then answers"
	fi
}

# The loopback's MTU is 65,536, so that a record's 16,384 bytes are the bound; with
# "mtu" it is that, less what DTLS adds.
life_sizes()
{
	life_front sizes
	life_size "" 16000 20000
	rule="$rule&mtu=1400"
	life_size "mtu=1400: " 1340 1380
	# The estimate is of AES-GCM: 1340 would fit.
	rule="$rule&ciphers=ECDHE-ECDSA-AES256-SHA384:ECDHE-RSA-AES256-SHA384"
	life_size "mtu=1400, CBC and SHA384: " 1300 1340
}

# life_size WORDS FITS DOES-NOT
life_size()
{
	life_python '
import errno
fits, does_not = map(int, sys.argv[2].split())
ask(b"x" * fits)
try:
    s.send(b"y" * does_not)
    print("sent")
except OSError as e:
    print(errno.errorcode[e.errno])
ask(b"z" * fits)' "$2 $3"
	if [ "$STATUS" -eq 0 ] && [ "$(cat "$OUT")" = EMSGSIZE ]; then
		pass "life: $1$2 bytes go, $3 are EMSGSIZE"
	else
		fail "life: $1$2 bytes go, $3 are EMSGSIZE"
	fi
}

# What OpenSSL reads and writes records with, 16 KiB each way, is given back as soon
# as nothing is at hand.  An idle association takes 15 KB, and with OpenSSL 3.5 30.
life_memory()
{
	local bound=20 relay
	case $(openssl version) in
	"OpenSSL 3.0."*) ;;
	*) bound=35 ;;
	esac
	if [ "${XSOCK_TEST_SANITIZED-}" ]; then
		CI= skip "life: the memory of idle associations" "a sanitizer keeps what is freed"
		return
	fi
	life_front memory
	rule="$rule&session_reuse=0"
	XSOCK_RELAY_IDLE=60 life_python 'ask(b"one")'
	relay=$(relay_pids)
	XSOCK_RELAY_IDLE=60 life_python '
def resident():
    for line in open("/proc/%s/status" % sys.argv[2]):
        if line.startswith("VmRSS:"): return int(line.split()[1])
def open_some(count):
    for i in range(count):
        some.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        some[-1].connect(s.getpeername())
        some[-1].settimeout(20)
        some[-1].send(bytes([i]) * 1200)
        if some[-1].recv(65536) != bytes([i]) * 1200: sys.exit("another answer")
some = [s]
open_some(100)
before = resident()
open_some(200)
each = (resident() - before) / 200
print("%.1f KB each" % each)
sys.exit(each > float(sys.argv[3]))' "$relay" "$bound"
	if [ "$STATUS" -eq 0 ]; then
		pass "life: an idle association takes $(cat "$OUT")"
	else
		fail "life: an idle association takes at most $bound KB"
	fi
	stop_relays
}
