#!/bin/sh
# Every function of libc that connects, looks up a name, or makes or changes
# sockets and descriptors is hooked in shim/hooks/hooks.def, or tests/entry_points says
# why not; so is every function that is newer than the table.  A release with a
# new libc fails here, until somebody has looked at what is new.
#
#     entry_points.sh [COMPILER WITH OPTIONS]     the compiler whose libc it is
set -u
set -f
compiler=${1:-${CC:-cc}}
here=$(dirname "$0")
passed=0 failed=0

# check NAME SEEN: nothing must be seen
check()
{
	if [ -z "$2" ]; then
		passed=$((passed + 1))
		echo "ok    $1"
	else
		failed=$((failed + 1))
		printf 'FAIL  %s\n' "$1"
		echo "$2" | sed 's/^/      /'
	fi
}

# rows KIND: the patterns of those rows, one a line
rows()
{
	sed -n "s/^$1 \([^:]*\).*/\1/p" "$here/entry_points" | tr -s ' ' '\n' |
		sed '/^$/d'
}

# "NAME VERSION" of each function.  GLIBC_PRIVATE is for libc's own libraries.
functions()
{
	for library in libc.so.6 libresolv.so.2 libanl.so.1; do
		nm -D --defined-only --with-symbol-versions \
			"$($compiler -print-file-name=$library)"
	done | awk '$2 ~ /^[TWi]$/ && !/@GLIBC_PRIVATE/ {
		sub(/@+/, " ", $3); print $3 }' | LC_ALL=C sort -u
}

# like PATTERNS: those names on standard input that one of them fits
like()
{
	while read -r name; do
		for pattern in $1; do
			# shellcheck disable=SC2254
			case $name in $pattern) echo "$name"; break ;; esac
		done
	done
}

# without NAMES: standard input but for these
without()
{
	awk -v names="$1" 'BEGIN { split(names, list, "\n")
		for (i in list) gone[list[i]] }
		!($0 in gone)'
}

case $(echo | $compiler -E -dM -include features.h -x c -) in
*__GLIBC__*) ;;
*)
	echo "SKIP  entry points: the table is of glibc's"
	printf '1 skipped\n0 passed, 0 failed\n'
	exit 0
	;;
esac

table=$(functions)
names=$(echo "$table" | cut -d ' ' -f 1 | uniq)
newer=$(echo "$table" | awk -v than="$(rows newer)" '
	function number(version) { split(version, part, /[_.]/); return part[3] }
	$2 ~ /^GLIBC_2\./ && number($2) + 0 > number(than) + 0 { print $1 }')
field=$(echo "$names" | like "$(rows field)")
# Which rows of the hooks count depends on the C library.
hooked=$($compiler -E -P -include features.h -D'XS_HOOK(name, like)=name' -x c \
	"$here/../shim/hooks/hooks.def" | LC_ALL=C sort)
free=$(echo "$names" | like "$(rows free)")

check "libc's functions can be read" \
	"$(printf '%s\n' connect getaddrinfo res_nquery | without "$names")"
check "each that connects, resolves, or changes sockets is hooked or excused" \
	"$(echo "$field" | without "$hooked" | without "$free")"
check "each that is newer than $(rows newer) is hooked or excused" \
	"$(echo "$newer" | without "$hooked" | without "$free")"
check "what is hooked is not excused" "$(echo "$hooked" | like "$free")"
check "what is hooked is of the field" \
	"$(echo "$hooked" | without "$field" | like "$names")"
check "each excuse has a reason" \
	"$(grep -n '^free' "$here/entry_points" | grep -v ' : [a-zA-Z]')"
check "each row is of a known kind" \
	"$(grep -nvE '^(#|$|newer |field |free )' "$here/entry_points")"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
