#!/bin/sh
# libxsock.so exports the functions of the hook table, and nothing else; it
# needs libc, and nothing else.
#
#     symbols.sh LIBRARY [COMPILER WITH OPTIONS]     the compiler of that library
set -u
library=$1
compiler=${2:-${CC:-cc}}
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

# Which rows of the table count depends on the C library.
table=$($compiler -E -P -include features.h -D'XS_HOOK(name, like)=name' -x c \
	"$here/../shim/hooks/hooks.def" | LC_ALL=C sort)
exported=$(nm -D --defined-only "$library" | awk '{ print $3 }' |
	LC_ALL=C sort)
check "exports: the hook table" "$table" "$exported"
check "the hook table is not empty" yes "$([ "$table" ] && echo yes)"

needed=$(readelf -d "$library" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' |
	grep -vE '^lib(a|ub)san\.|^lib(m|gcc_s)\.|^ld-linux' | sort)
case $(echo | $compiler -E -dM -include features.h -x c -) in
*__GLIBC__*) libc=libc.so.6 ;;
*) libc=libc.so ;;
esac
check "needs: libc" "$libc" "$needed"

soname=$(readelf -d "$library" | sed -n 's/.*(SONAME).*\[\(.*\)\]/\1/p')
check "soname" libxsock.so "$soname"

# What each start of a program pays for; sanitizers bring more.
if ! readelf -d "$library" | grep -q 'NEEDED.*lib[a-z]*san\.'; then
	check "starts with two mappings" 2 \
		"$(readelf -lW "$library" | grep -c '^  LOAD')"
	check "looks up no symbol that only start files need" "" \
		"$(nm -D --undefined-only "$library" |
			grep -oE '_ITM_.*|__gmon_start__|__cxa_finalize')"
	check "its constructor writes to the first page of data" 1 \
		"$(nm "$library" | awk '$2 ~ /[bBdD]/ && $3 ~ \
			/^(reading|arena|room|variables|own_file|xs_libc|table|standard_error|environment|xs_environment|active)$/ \
			{ print substr($1, 1, length($1) - 3) }' | sort -u | wc -l)"
fi

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
