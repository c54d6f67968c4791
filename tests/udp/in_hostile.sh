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
	undisturbed "garbage" garbage=5
	undisturbed "forged records" forged=5
	undisturbed "replays" replay=5
	undisturbed "hellos in the clear" hellos=5
	undisturbed "pieces of messages" pieces=5
	undisturbed "alerts in the clear" alerts=5
	undisturbed "all of them" garbage=1 forged=1 replay=1 hellos=1 pieces=1 alerts=1
	survives "a flood of garbage" garbage=200
	survives "a flood of forged records" forged=200
	survives "a flood of pieces" pieces=200
	survives "a flood of hellos" hellos=200
	survives "hellos from the beginning" early hellos=20
	survives "pieces from the beginning" early pieces=50
	survives "alerts from the beginning" early alerts=5
	survives "garbage from the beginning" early garbage=20
	hostile_end
}

# One relay for all of it: it must not leave meanwhile.
hostile_relay()
{
	local XSOCK_RELAY_IDLE=60
	within 20 no_relay
	ask "$neighbour" 1 100 >"$OUT" 2>"$ERR"
	hostile_relay=$(relay_pids)
	hostile_memory=$(resident)
}

resident()
{
	awk '/^VmRSS:/ { print $2 }' "/proc/$hostile_relay/status"
}

# ask PORT COUNT SIZE [WAIT]
ask()
{
	with_xsock "udp://127.0.0.1:$1=dtls://?cafile=$CA&timeout=5" \
		"$PYTHON" "$here/ask.py" 127.0.0.1 "$@"
}

# attacked WAIT WORD…: one whose way forges, and a neighbour at the same time; sets
# $attacked and $beside, what they tell
attacked()
{
	local wait=$1
	shift
	wire "hostile-$passed-$failed" "$target" "$@"
	ask "$neighbour" 100 1000 10 >"$T/beside" 2>&1 &
	STATUS=0
	ask "$port" 100 500 "$wait" >"$OUT" 2>"$ERR" || STATUS=$?
	wait $!
	attacked=$(tail -n 1 "$OUT") beside=$(tail -n 1 "$T/beside")
}

whole="wrong 0, twice 0, missing 0"

undisturbed()
{
	local name="hostile: $1"
	shift
	attacked 10 "$@"
	case $attacked in
	*"$whole") beside_undisturbed "$name" ;;
	*) fail "$name" "$attacked" ;;
	esac
}

# A flood fills the kernel's buffer for the socket, and nothing protects a handshake
# from a forger: it may fail.  So answers may be missing, and nothing else.
survives()
{
	local name="hostile: $1"
	shift
	attacked 0.5 "$@"
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
	elif [ "${XSOCK_TEST_SANITIZED-}" ]; then
		CI= skip "hostile: resident" "a sanitizer keeps what is freed"
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
