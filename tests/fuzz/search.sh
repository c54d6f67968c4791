#!/bin/bash
# Lets libFuzzer look for inputs that break a target, as many targets at once as
# there are processors.
#
#     search.sh SECONDS [NAME…]    all targets, or these, so long each
#
# "make fuzz" builds them for it, with clang and sanitizers.  What it finds stays in
# BUILD/found/NAME/corpus, and the input that broke a target in
# BUILD/found/NAME/crash-….  Such an input becomes a seed.
set -u
cd "$(dirname "$0")/../.." || exit 1
seconds=$1
shift
programs=$XSOCK_TEST_BUILD/tests/fuzz
found=$XSOCK_TEST_BUILD/found

# search NAME: one target
search()
{
	local folder=$found/$1 log=$found/$1/log status
	mkdir -p "$folder/corpus"
	"$programs/fuzz_$1" -max_total_time="$seconds" -timeout=60 -max_len=8192 \
		-rss_limit_mb=2048 -artifact_prefix="$folder/" \
		"$folder/corpus" "tests/fuzz/$1" >"$log" 2>&1
	status=$?
	if [ "$status" -ne 0 ]; then
		printf 'FAIL  %s: exit status %s; see %s\n' "$1" "$status" "$log"
		grep -aE 'ERROR:|runtime error:|    #[0-9] |Test unit written' "$log" | head -n 12
		return 1
	fi
	# A target that ends by itself has not searched to its end.
	if ! grep -qaE '^Done [1-9]' "$log"; then
		printf 'FAIL  %s: no search to its end; see %s\n' "$1" "$log"
		return 1
	fi
	printf 'ok    %s: %s\n' "$1" "$(grep -aE '^Done ' "$log")"
}

[ $# -gt 0 ] || set -- $(ls tests/fuzz/fuzz_*.c | sed 's/.*fuzz_\(.*\)\.c/\1/')
passed=0 failed=0
queue=("$@")
while [ ${#queue[@]} -gt 0 ]; do
	group=("${queue[@]:0:$(nproc)}")
	queue=("${queue[@]:$(nproc)}")
	pids=()
	for name in "${group[@]}"; do
		search "$name" &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		if wait "$pid"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
	done
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
