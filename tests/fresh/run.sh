#!/bin/bash
# What "make fresh" runs: a Debian made from nothing, below build/, with no more
# than a compiler, make, git and the certificates of CAs; there, both commands of
# the README; and the table of what came of them.
#
#     run.sh RELEASE [SUITE…]     RELEASE: bookworm, trixie, sid …
#
#   MIRROR=URL          where the packages come from; else where this machine's do
#   XSOCK_TEST_KEEP=1   the Debian is kept, for a look
#
# build/fresh/RELEASE.txt keeps the table, build/fresh/RELEASE.log what was said.
set -u
here=$(cd "$(dirname "$0")" && pwd)
fresh=$here
release=${1-}
[ $# -eq 0 ] || shift
folder=${BUILD:-build}/fresh
root=$folder/$release

die()
{
	echo "make fresh: $1" >&2
	exit 1
}

[ "$release" ] || die "which release? for example: make fresh RELEASE=trixie"
. "$here/root.sh"

# command NAME MAKE-ARGUMENT…: one command of the README, in the root
command_there()
{
	echo
	echo "=== $release: $1"
	bash "$here/enter.sh" "$root" CI=true \
		"LANES=${LANES-}" "AGAIN=${AGAIN-}" sh -c "cd /xsock && $1" </dev/null
}

# What it was tried with.
describe()
{
	bash "$here/enter.sh" "$root" bash -c '
		. /etc/os-release
		echo "$PRETTY_NAME, $(uname -m), $(date +%F)"
		getconf GNU_LIBC_VERSION
		openssl version | cut -d " " -f 1,2
		gcc --version | head -n 1
		echo "make demo and make check $1"
		echo' describe "$*"
}

run_both()
{
	local begin=$SECONDS good=0 table=$root/xsock/build/check/table
	command_there "make demo" || good=1
	echo "demo $((1 - good)) $good 0 $((SECONDS - begin))" >"$folder/$release.table"
	command_there "make check${*:+ SUITES='$*'}"
	good=$?
	cat "$table" >>"$folder/$release.table"
	# It failed, and no row says so: it broke off.
	[ $good -eq 0 ] || awk '$3 { any = 1 } END { exit !any }' "$table" ||
		echo "check 0 1 0 0" >>"$folder/$release.table"
}

root_check
find_mirror
make_root gcc,make,git,ca-certificates
add_authorities || die "the CAs of this machine could not be added"
copy_source "$root"
run_both "$@" > >(tee -a "$folder/$release.log") 2>&1
{
	describe "${*:+SUITES='$*'}"
	awk -f "$here/../support/table.awk" "$folder/$release.table"
} >"$folder/$release.txt"
status=$?
printf '\n=== make fresh RELEASE=%s\n' "$release"
cat "$folder/$release.txt"
[ "${XSOCK_TEST_KEEP:-}" ] || rm -rf "${root:?}"
exit $status
