#!/bin/sh
# install.sh [LIST…]: installs the Debian packages of these lists (without any:
# tests/support/packages, what build, demo and most tests need), those only
# that are missing.  Needs root or sudo.  A list has one name a line, behind it
# "[amd64]" if only that architecture has it, comments,
# and, as "#debconf LINE", what debconf is told beforehand.
#
# No service is started, and nothing that is installed is removed for it: what
# cannot be installed then is told, and what needs it is skipped (in CI, with
# CI=true, that is an error).
set -eu

[ $# -gt 0 ] || set -- "$(dirname "$0")/packages"
missing=
arch=$(dpkg --print-architecture)
for package in $(cat "$@" | awk -v only="[$arch]" \
	'!/^#/ && (NF == 1 || $2 == only) { print $1 }' | sort -u); do
	dpkg-query -W -f '${Status}' "$package" 2>/dev/null |
		grep -q ' installed$' || missing="$missing $package"
done
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
