#!/bin/sh
# What "make structure" prints: how often the files of each folder include those
# of another, and whether tests/layers lets them.
#
#     structure.sh [FOLDER]     of the checkout in FOLDER (this one)
#
# Status 1: an include goes where it must not, or a folder is in no layer.
here=$(cd "$(dirname "$0")" && pwd)
cd "${1:-$here/..}" || exit 2
export LC_ALL=C

# "FROM-FOLDER FILE:LINE HEADER EXCUSE" of each include of a file of xsock's.
# A header is named from shim/ or from tools/.
includes()
{
	find shim tools -name '*.[ch]' | sort | xargs grep -n '^#include "' |
		sed -E 's|^((.*)/[^/]*\.[ch]):([0-9]+):#include "([^"]*)"(.*)|\2 \1:\3 \4 \5|'
}

includes | awk '
FILENAME != "-" {
	if (/^#/ || !NF)
		next
	order[++layers] = $1
	for (i = 2; i <= NF; i++)
		may[$1, $i] = 1
	next
}
{
	to = $3
	sub(/\/?[^\/]*$/, "", to)
	if (!to)
		to = $1 # beside the file
	else if (system("test -d shim/" to) == 0)
		to = "shim/" to
	else
		to = "tools/" to
	if (to == $1)
		inside[$1]++
	else
		count[$1, to]++
	seen[$1] = 1
	if (to == $1 || may[$1, to])
		next
	if (/\/\* upward: /)
		excused[++nexcused] = $0
	else
		wrong[++nwrong] = $2 " includes " $3
}
END {
	for (i = layers; i; i--) {
		from = order[i]
		delete seen[from]
		printf "%-24s%3d inside", from, inside[from]
		for (j = layers; j; j--)
			if (count[from, order[j]])
				printf ", %d %s", count[from, order[j]], order[j]
		print ""
	}
	for (folder in seen)
		wrong[++nwrong] = folder " is in no layer"
	printf "\n%d upward with a reason, %d that must not be\n", nexcused, nwrong
	for (i = 1; i <= nexcused; i++) {
		sub(/^[^ ]* /, "", excused[i])
		print "      " excused[i]
	}
	for (i = 1; i <= nwrong; i++)
		print "FAIL  " wrong[i]
	exit nwrong > 0
}' "$here/layers" -
