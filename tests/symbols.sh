#!/bin/sh
# libxsock.so exports the functions of the hook table, and nothing else; it
# needs libc, and nothing else.
#
#     symbols.sh LIBRARY
set -u
library=$1
here=$(dirname "$0")
passed=0 failed=0

# check NAME EXPECTED SEEN
check()
{
	if [ "$2" = "$3" ]; then
		passed=$((passed + 1))
		echo "ok    $1"
	else
		failed=$((failed + 1))
		printf 'FAIL  %s\n--- expected\n%s\n--- seen\n%s\n' "$1" "$2" "$3"
	fi
}

table=$(sed -n 's/^XS_HOOK(\([a-z0-9_]*\),.*/\1/p' "$here/../shim/hooks.def" |
	LC_ALL=C sort)
exported=$(nm -D --defined-only "$library" | awk '{ print $3 }' |
	LC_ALL=C sort)
check "exports: the hook table" "$table" "$exported"
check "the hook table is not empty" yes "$([ "$table" ] && echo yes)"

needed=$(readelf -d "$library" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' |
	grep -vE '^lib(a|ub)san\.|^lib(m|gcc_s)\.|^ld-linux' | sort)
check "needs: libc" libc.so.6 "$needed"

soname=$(readelf -d "$library" | sed -n 's/.*(SONAME).*\[\(.*\)\]/\1/p')
check "soname" libxsock.so "$soname"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
