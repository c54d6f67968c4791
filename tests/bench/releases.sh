#!/bin/bash
# What "make bench-releases" runs: in a Debian of each release, made from nothing,
# "make bench"; and one table of all.
#
#     releases.sh RELEASE…     bookworm, trixie, sid …
#
#   ROWS=REGEX          these rows only
#   QUICK=1             make bench-quick instead
#   MIRROR=URL          where the packages come from; else where this machine's do
#   XSOCK_TEST_KEEP=1   the Debians are kept, for a look
#
# BUILD/bench-releases has what each measured (RELEASE.txt, .md, .svg, .json), what
# was said (RELEASE.log), and the table (table.md).
set -u
here=$(cd "$(dirname "$0")" && pwd)
fresh=$here/../fresh
folder=${BUILD:-build}/bench-releases

die()
{
	echo "make bench-releases: $1" >&2
	exit 1
}

. "$fresh/root.sh"

there()
{
	bash "$fresh/enter.sh" "$root" CI=true bash -c "cd /xsock && $1" </dev/null
}

# All are made before the first is measured, so that nothing else is done between.
prepare()
{
	root_check
	find_mirror
	make_root gcc,make,git,ca-certificates
	add_authorities || die "the CAs of this machine could not be added"
	copy_source "$root"
	echo "=== $release: make bench-check"
	there "make bench-check" >>"$folder/$release.log" 2>&1 || {
		tail -n 15 "$folder/$release.log" >&2
		die "$release: not everybody does the same work"
	}
}

measure()
{
	local suffix
	echo "=== $release: make bench${QUICK:+-quick}"
	there "make bench${QUICK:+-quick} ROWS='${ROWS-}'" >>"$folder/$release.log" 2>&1 || {
		tail -n 15 "$folder/$release.log" >&2
		die "$release: make bench failed"
	}
	for suffix in txt md svg json; do
		cp "$root/xsock/build/bench.$suffix" "$folder/$release.$suffix" || exit 1
	done
	cat "$folder/$release.txt"
}

[ $# -gt 0 ] || die "which releases? for example: make bench-releases RELEASES='bookworm trixie'"
mkdir -p "$folder"
for step in prepare measure; do
	for release; do
		root=$folder/$release
		$step
	done
done
python3 -B "$here/table.py" "${@/#/$folder/}" >"$folder/table.md" || exit 1
[ "${XSOCK_TEST_KEEP:-}" ] || for release; do rm -rf "${folder:?}/$release"; done
