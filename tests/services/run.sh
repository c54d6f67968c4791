#!/bin/bash
# What "make services" runs: daemons of Debian, by Debian's own units, on a machine
# of their own, with what xsock-services(7) says; and the table of what came of it.
#
#     run.sh [DAEMON…]     without any: all of the manual
#
#   MIRROR=URL          where the packages come from; else where this machine's do
#   XSOCK_TEST_KEEP=1   a shell in the machine of each daemon, before it ends
#
# build/services/table keeps the table.  It must be that of the manual.
set -u
here=$(cd "$(dirname "$0")" && pwd)
PATH=$PATH:/usr/sbin:/sbin
manual=$here/../../tools/xsock/xsock-services.7
release=$(. /etc/os-release && echo "$VERSION_CODENAME")
build=${BUILD:-build}
mkdir -p "$build"
folder=$(cd "$build" && pwd)/services
columns="start reload restart upgrade relay server stop"
passed=0 failed=0

die()
{
	echo "make services: $1" >&2
	exit 1
}

. "$here/../support/within.sh"
. "$here/machine.sh"

find_mirror()
{
	mirror=${MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' \
		'Origin: Debian' | head -n 1)}
	[ "$mirror" ] || die "apt-get names no mirror of Debian; set MIRROR=URL"
}

# What the manual says: "DAEMON|COLUMN|yes, no or -"
manual_table()
{
	awk -v columns="$columns" '
	/^\.\\" @table/ { inside = 1; next }
	/^\.\\" @end/ { inside = 0 }
	inside && /\t/ && !/^daemon/ {
		n = split(columns, column, " ")
		split($0, value, "\t")
		for (i = 1; i <= n; i++) {
			gsub(/\\-|\\\(en/, "-", value[i + 1])
			print value[1] "|" column[i] "|" value[i + 1]
		}
	}' "$manual"
}

daemons()
{
	manual_table | cut -d '|' -f 1 | uniq
}

# try DAEMON: its rows go to $folder/rows
try()
{
	local daemon=$1
	echo "=== $daemon"
	machine_boot "$daemon"
	# In the background, so that a signal that ends this script is not kept waiting.
	machine_run bash /srv/services/inside.sh "$daemon" </dev/null \
		>"$folder/one" 2>"$folder/$daemon.log" &
	wait $!
	cat "$folder/one" >>"$folder/rows"
	if [ "${XSOCK_TEST_KEEP:-}" ]; then
		cat "$folder/one" "$folder/$daemon.log"
		machine_run bash -i
	fi
	machine_end
	judge "$daemon"
}

# Each cell of the manual's must have been seen so.
judge()
{
	local column wanted seen reason any=
	while IFS='|' read -r _ column wanted; do
		seen=$(awk -F '|' -v column="$column" '$2 == column { print $3 "|" $4 }' \
			"$folder/one" | tail -n 1)
		reason=${seen#*|} seen=${seen%%|*}
		if [ "$seen" = "$wanted" ]; then
			passed=$((passed + 1))
			echo "ok    $1, $column: $seen${reason:+ ($reason)}"
		else
			failed=$((failed + 1)) any=1
			echo "FAIL  $1, $column: ${seen:-nothing}${reason:+ ($reason)}, the manual says $wanted"
		fi
	done < <(manual_table | grep "^$1|")
	[ ! "$any" ] || tail -n 25 "$folder/$1.log" | sed 's/^/      /'
}

print_table()
{
	awk -F '|' -v columns="$columns" '
	BEGIN {
		n = split(columns, column, " ")
		printf "%-12s", "daemon"
		for (i = 1; i <= n; i++)
			printf " %-8s", column[i]
		print ""
	}
	!($1 in seen) { seen[$1]; order[++daemons] = $1 }
	{ cell[$1, $2] = $3 }
	$4 { reasons[++k] = $1 ", " $2 ": " $4 }
	END {
		for (d = 1; d <= daemons; d++) {
			printf "%-12s", order[d]
			for (i = 1; i <= n; i++)
				printf " %-8s", cell[order[d], column[i]]
			print ""
		}
		print ""
		for (i = 1; i <= k; i++)
			print reasons[i]
	}' "$folder/rows"
}

[ "$(id -u)" -eq 0 ] || die "only root can boot a Debian; use sudo"
command -v debootstrap >/dev/null || die "debootstrap is missing"
find_mirror
trap machine_end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
machine_make
: >"$folder/rows"
[ $# -gt 0 ] || set -- $(daemons)
for daemon; do
	daemons | grep -qx -- "$daemon" ||
		die "the manual has no row for \"$daemon\"; it has: $(daemons | xargs)"
	try "$daemon"
done
echo
print_table | tee "$folder/table"
echo
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
