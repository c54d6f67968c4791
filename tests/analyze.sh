#!/bin/bash
# Lets three analyzers look for faults in the code: clang-tidy with the checks of
# .clang-tidy, cppcheck, and gcc's -fanalyzer.  What they find fails.
#
#     analyze.sh [FILE…]    all files of shim and tools, or these
#
# Code that is right after all says so in a comment that ends on the line before:
# "why.  NOLINTNEXTLINE(CHECK)", with the name that the finding has in brackets.
# Each version of these tools finds other things, so one version decides.
set -u
cd "$(dirname "$0")/.." || exit 1
if [ $# -gt 0 ]; then files=("$@"); else
	mapfile -t files < <(find shim tools -name '*.c' | LC_ALL=C sort)
fi
macros=(-D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 "-DXS_VERSION=\"0\""
	"-DXS_LIBDIR=\"/lib\"" "-DXS_LIBEXECDIR=\"/libexec\"")
flags=(-std=gnu11 "-I$PWD/shim" "-I$PWD/tools" "${macros[@]}")
T=$(mktemp -d) || exit 1
trap 'rm -rf "$T"' EXIT
printf '%s\n' "${flags[@]}" >"$T/compile_flags.txt"
passed=0 failed=0 skipped=0

# each FILES-AT-ONCE COMMAND…: for all files, on all processors
each()
{
	local at_once=$1
	shift
	printf '%s\n' "${files[@]}" | xargs -P "$(nproc)" -n "$at_once" "$@"
}

tidy()
{
	each 4 clang-tidy --quiet -p "$T"
}

# readdir(3) is safe where each thread has a folder of its own.  The library may
# not call malloc(3), so lists of exec's arguments are on the stack, as libc's are.
check()
{
	cppcheck -q -j "$(nproc)" --std=c11 --library=posix,gnu --enable=warning,performance,portability \
		--suppress=readdirCalled --suppress=allocaCalled \
		--template='{file}:{line}:{column}: {severity}: {message} [{id}]' \
		-Ishim -Itools "${macros[@]}" -D__linux__ -D__x86_64__ -D__GNUC__=12 "${files[@]}"
}

# Without the traces: gcc -fanalyzer -c FILE shows them.  What it takes for a leak
# is a pointer that has been stored where it loses sight of it; clang's analyzer
# and the sanitizers look for leaks.
gcc_reads()
{
	each 1 gcc "${flags[@]}" -O1 -fanalyzer -Wno-analyzer-malloc-leak \
		-fno-diagnostics-show-caret -fdiagnostics-path-format=none -c -o /dev/null
}

# Leaves the findings that no comment allows, as FILE:LINE:COLUMN: … [CHECK].
not_allowed()
{
	local finding file number check
	grep -E '^[^ :]+:[0-9]+:([0-9]+:)? (warning|error|performance|portability): ' |
	sed "s|^$PWD/||; s|\[-W\(analyzer-[a-z-]*\)\]\$|[\1]|" | LC_ALL=C sort -u |
	while IFS= read -r finding; do
		IFS=: read -r file number _ <<<"$finding"
		check=${finding##*[}
		sed -n "$((number - 1))p" "$file" |
			grep -qE "NOLINTNEXTLINE\(([^)]*,)?${check%]}[,)]" || printf '%s\n' "$finding"
	done
}

# run TOOL VERSION FUNCTION
run()
{
	local found status
	case $("$1" --version 2>/dev/null | head -n 3) in
	*" $2"*) ;;
	*)
		skipped=$((skipped + 1))
		echo "SKIP  $1: version $2 decides, which is not here"
		return ;;
	esac
	"$3" >"$T/told" 2>&1
	status=$?
	found=$(not_allowed <"$T/told")
	[ "$status" -eq 0 ] || [ "$found" ] || found="exit status $status: $(tail -n 5 "$T/told")"
	if [ "$found" ]; then
		failed=$((failed + 1))
		printf 'FAIL  %s\n%s\n' "$1" "$found"
	else
		passed=$((passed + 1))
		echo "ok    $1 $2: ${#files[@]} files"
	fi
}

run clang-tidy 14 tidy
run cppcheck 2.10 check
run gcc 12 gcc_reads
[ "$skipped" -eq 0 ] || echo "$skipped skipped"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
