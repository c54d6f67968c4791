# A way that loses, doubles, reorders and delays: that costs time, and nothing else.
# The kernel's netem is not in every kernel, so wire.c does it.

part_loss()
{
	front lossy "tls=$CERTS/good" && lossy=$port
	# NAME, most that may be missing of 200, words of wire.c
	carried "nothing lost" 0
	carried "a fifth lost" 150 lose=20
	carried "a third doubled" 0 double=33
	carried "a third reordered" 0 reorder=33
	carried "delayed by up to 40 ms" 0 delay=40
	carried "all of it" 170 lose=20 double=20 reorder=20 delay=20
	shaken
}

# carried NAME MISSING WORD…
carried()
{
	local name="loss: $1" most=$2 size missing wait=0.5
	[ "$most" -gt 0 ] || wait=10
	shift 2
	for size in 100 1200; do
		wire "loss-$passed-$failed" "$lossy" "seed=$size" "$@"
		case_run with_xsock "udp://127.0.0.1:$port=dtls://?cafile=$CA" \
			"$PYTHON" "$here/ask.py" 127.0.0.1 "$port" 200 "$size" "$wait"
		missing=$(sed -n 's/.* wrong 0, twice 0, missing //p' "$OUT")
		if [ "$STATUS" -ne 0 ] || [ ! "$missing" ]; then
			fail "$name, $size bytes"
		elif [ "$missing" -gt "$most" ]; then
			fail "$name, $size bytes" "$missing missing, $most may be"
		else
			pass "$name, $size bytes: $missing of 200 missing"
		fi
	done
}

# Handshakes end, whatever is lost of them.  What is sent again waits for seconds, so
# they are made at the same time.
shaken()
{
	local seed
	for seed in 1 2 3 4 5 6; do
		wire "shaken-$seed" "$lossy" "seed=$seed" lose=20 double=10 reorder=20
		beside 6 shake "$seed"
	done
	beside_end
	for seed in 1 2 3 4 5 6; do
		judge_shaken "$seed"
	done
}

# shake SEED: what it prints lands in $U/SEED.*
shake()
{
	LIMIT=90 with_xsock "udp://127.0.0.1:$port=dtls://?cafile=$CA" \
		"$PYTHON" "$here/ask.py" 127.0.0.1 "$port" 1 100 \
		>"$U/$1.stdout" 2>"$U/$1.stderr" </dev/null
	echo $? >"$U/$1.status"
}

judge_shaken()
{
	OUT=$U/$1.stdout ERR=$U/$1.stderr STATUS=$(cat "$U/$1.status")
	if [ "$STATUS" -eq 0 ] && grep -q 'wrong 0, twice 0' "$OUT" &&
		! grep -q 'back 0' "$OUT"; then
		pass "loss: a handshake with a fifth lost, $1"
	else
		fail "loss: a handshake with a fifth lost, $1"
	fi
}
