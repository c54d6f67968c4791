# Peers that send what nobody asked for, from the server's address.  An association
# that is there carries on, its neighbour is not disturbed, and the relay's memory
# has a bound.

# What the relay may have more than before, in KB: allocators are no exact science.
slack=8000

part_hostile()
{
	front target "tls=$CERTS/good" && target=$port
	wire neighbour "$target" && neighbour=$port
	hostile_relay
	undisturbed "garbage" garbage=50
	undisturbed "forged records" forged=50
	undisturbed "replays" replay=20
	undisturbed "hellos in the clear" hellos=50
	undisturbed "pieces of messages" pieces=50
	undisturbed "alerts in the clear" alerts=20
	undisturbed "all of them" garbage=10 forged=10 replay=10 hellos=10 pieces=10 alerts=10
	fails_closed "hellos from the beginning" early hellos=20
	fails_closed "pieces from the beginning" early pieces=50
	fails_closed "alerts from the beginning" early alerts=5
	fails_closed "garbage from the beginning" early garbage=50
	hostile_end
}

# One relay for all of it: it must not leave meanwhile.
hostile_relay()
{
	local XSOCK_RELAY_IDLE=60
	ask "$neighbour" 1 100 >"$OUT" 2>"$ERR"
	hostile_relay=$(relay_pids)
	hostile_memory=$(resident)
}

resident()
{
	awk '/^VmRSS:/ { print $2 }' "/proc/$hostile_relay/status"
}

# ask PORT COUNT SIZE
ask()
{
	with_xsock "udp://127.0.0.1:$1=dtls://?cafile=$CA&timeout=5" \
		"$PYTHON" "$here/ask.py" 127.0.0.1 "$@"
}

# attacked WORD…: one whose way forges, and a neighbour at the same time; sets
# $attacked and $beside, what they tell
attacked()
{
	wire "hostile-$passed-$failed" "$target" "$@"
	ask "$neighbour" 100 1000 >"$T/beside" 2>&1 &
	STATUS=0
	ask "$port" 100 500 >"$OUT" 2>"$ERR" || STATUS=$?
	wait $!
	attacked=$(tail -n 1 "$OUT") beside=$(tail -n 1 "$T/beside")
}

whole="wrong 0, twice 0, missing 0"

undisturbed()
{
	local name="hostile: $1"
	shift
	attacked "$@"
	case $attacked in
	*"$whole") beside_undisturbed "$name" ;;
	*) fail "$name" "$attacked" ;;
	esac
}

# Nothing protects a handshake from a forger: it may fail, and nothing leaves then.
fails_closed()
{
	local name="hostile: $1"
	shift
	attacked "$@"
	case $attacked in
	*"wrong 0, twice 0, missing "*) beside_undisturbed "$name" ;;
	*) fail "$name" "$attacked" ;;
	esac
}

beside_undisturbed()
{
	case $beside in
	*"$whole") pass "$1" ;;
	*) fail "$1: the neighbour" "$beside" ;;
	esac
}

hostile_end()
{
	local memory=$(resident)
	if [ "$(relay_pids)" != "$hostile_relay" ]; then
		fail "hostile: the relay" "another one, or none: $(relay_pids)"
	elif [ "$memory" -gt $((hostile_memory + slack)) ]; then
		fail "hostile: resident" "$hostile_memory KB, afterwards $memory KB"
	else
		pass "hostile: resident $hostile_memory KB, afterwards $memory KB"
	fi
	if grep -q 'other 0 ' "$U"/hostile-*.count "$U/neighbour.count" &&
		! grep -v 'other 0 ' "$U"/hostile-*.count "$U/neighbour.count"; then
		pass "hostile: nothing but DTLS has left"
	else
		fail "hostile: nothing but DTLS has left"
	fi
	stop_relays
}
