# What the findings share.  Source it, then:
#
#   debian_root RELEASE PACKAGE=VERSION…   sets $root: these packages and what they
#                                          depend on, unpacked, and nothing set up
#   debian_run COMMAND…                    runs COMMAND there, with a loopback
#                                          interface for all its network
#   seen NAME EXPECTED TEXT                prints TEXT; counts whether it is EXPECTED
#   finding_end                            ends with 1 if anything has changed
#
# The working directory is a temporary folder, which goes in the end.
set -eu
. "$(dirname "$0")/../tests/support/foreign.sh"
changed=0
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
cd "$folder"

debian_root()
{
	foreign_release=$1
	root=$folder/$1
	mkdir "$foreign_release"
	shift
	cd "$foreign_release"
	foreign_apt amd64 deb update || : # lists of translations may be missing
	foreign_apt amd64 deb --no-install-recommends --download-only install "$@"
	foreign_unpack "$root" cache/archives/*.deb
	cd "$folder"
	mkdir -p "$root/proc" "$root/dev/shm" "$root/tmp"
	ln -sf dash "$root/usr/bin/sh"
}

debian_run()
{
	unshare --mount --net --pid --fork --kill-child sh -c '
		ip link set lo up && mount -t proc proc "$0/proc" &&
			mount --bind /dev "$0/dev" && exec chroot "$0" "$@"' \
		"$root" "$@"
}

seen()
{
	echo "$1: $3"
	[ "$2" = "$3" ] || {
		echo "   not as it was: $2"
		changed=1
	}
}

finding_end()
{
	[ $changed -eq 0 ] && echo "as it was"
	exit $changed
}
