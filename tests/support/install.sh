#!/bin/sh
# Installs the Debian packages that build, tests and demo need, those only that
# are missing: tests/support/packages, one name a line.  Needs root or sudo.
set -eu

list=$(dirname "$0")/packages
missing=
for package in $(grep -v '^#' "$list"); do
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

# Installing a server must not start it.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
	printf '#!/bin/sh\nexit 101\n' | $sudo tee $policy >/dev/null
	$sudo chmod 755 $policy
	trap '$sudo rm -f $policy' EXIT
	trap 'exit 130' INT TERM
fi

echo "installing:$missing"
log=$(mktemp)
for try in 1 2 3; do
	if $sudo env DEBIAN_FRONTEND=noninteractive sh -c "
		apt-get -q update &&
		apt-get -q -y --no-install-recommends install $missing
	" >"$log" 2>&1; then
		rm -f "$log"
		exit 0
	fi
	sleep $((try * 5))
done
tail -n 30 "$log" >&2
rm -f "$log"
echo "make deps: apt-get could not install:$missing" >&2
exit 1
