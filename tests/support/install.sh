#!/bin/sh
# install.sh [LIST…]: installs the Debian packages of these lists (without any:
# tests/support/packages, what build, demo and most tests need), those only
# that are missing.  Needs root or sudo.  A list has comments, "#debconf LINE"
# for what debconf is told beforehand, and one entry a line, with "[amd64]" behind
# it if only that architecture has it:
#
#     NAME                 a package
#     NAME|NAME…           the first of them that this release has
#     libraries-of:NAME    the libraries that this package depends on, not itself
#     program:NAME         this package, if no program of its name is there
#
# No service is started, and nothing that is installed is removed for it: what
# cannot be installed then is told, and what needs it is skipped (in CI, with
# CI=true, that is an error).
set -eu

[ $# -gt 0 ] || set -- "$(dirname "$0")/packages"
entries=$(awk -v only="[$(dpkg --print-architecture)]" \
	'!/^#/ && (NF == 1 || $2 == only) { print $1 }' "$@" | sort -u)

installed()
{
	dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q ' installed$'
}

# Whether it can be had; a package that others only speak of cannot.
available()
{
	apt-cache policy "$1" 2>/dev/null |
		grep -q '^  Candidate: [^(]'
}

libraries_of()
{
	apt-cache depends "$1" 2>/dev/null |
		sed -n 's/^ *Depends: \(lib[^ ]*\)$/\1/p'
}

# one_of NAME|NAME…: the one that is installed, else the first to be had
one_of()
{
	names=$(echo "$1" | tr '|' ' ')
	for test in installed available; do
		for name in $names; do
			! $test "$name" || { echo "$name"; return; }
		done
	done
	echo "${1%%|*}"
}

# Sets $missing.  Where apt has no lists yet, an entry may stand for itself.
find_missing()
{
	missing=
	for entry in $entries; do
		case $entry in
		libraries-of:*)
			packages=$(libraries_of "${entry#*:}")
			packages=${packages:-$entry} ;;
		program:*)
			packages=
			command -v "${entry#*:}" >/dev/null || packages=${entry#*:} ;;
		*"|"*) packages=$(one_of "$entry") ;;
		*) packages=$entry ;;
		esac
		for package in $packages; do
			installed "$package" || missing="$missing $package"
		done
	done
}

find_missing
[ "$missing" ] || exit 0

sudo=
if [ "$(id -u)" -ne 0 ]; then
	command -v sudo >/dev/null || {
		echo "make deps: please install, as root:$missing" >&2
		exit 1
	}
	sudo=sudo
fi

# One at a time: the policy below is one file.
if [ -z "${XSOCK_INSTALL_LOCKED:-}" ]; then
	lock=${TMPDIR:-/tmp}/xsock-install.lock
	XSOCK_INSTALL_LOCKED=1 exec flock -w 900 "$lock" sh "$0" "$@"
fi

log=$(mktemp)
# Installing a server must not start it, whatever the machine's policy is.
policy=/usr/sbin/policy-rc.d aside=
put_back()
{
	rm -f "$log"
	$sudo rm -f $policy
	[ -z "$aside" ] || $sudo mv "$aside" $policy
}
if [ -e $policy ] || [ -L $policy ]; then
	aside=$policy.aside-for-xsock
	# There already: a run before this one was killed.
	[ -e $aside ] || $sudo mv $policy $aside
fi
trap put_back EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
printf '#!/bin/sh\nexit 101\n' | $sudo tee $policy >/dev/null
$sudo chmod 755 $policy

# install PACKAGE…
install()
{
	$sudo env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
		-o DPkg::Lock::Timeout=600 --no-install-recommends --no-remove \
		install "$@" >"$log" 2>&1
}

echo "installing:$missing"
for try in 1 2 3; do
	if $sudo apt-get -q -o DPkg::Lock::Timeout=600 update >"$log" 2>&1; then
		break
	fi
	sleep $((try * 5))
done
find_missing
sed -n 's/^#debconf //p' "$@" | $sudo debconf-set-selections
for try in 1 2 3; do
	# shellcheck disable=SC2086
	if install $missing; then
		exit 0
	fi
	sleep $((try * 5))
done
not=
for package in $missing; do
	install "$package" || {
		tail -n 5 "$log" >&2
		not="$not $package"
	}
done
[ "$not" ] || exit 0
echo "make deps: apt-get could not install:$not" >&2
[ "${CI:-}" != true ]
