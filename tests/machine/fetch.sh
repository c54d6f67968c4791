#!/bin/sh
# fetch.sh ARCHITECTURE FOLDER [kernel]: Debian's packages of it (see
# ../support/foreign.sh), of the release that this machine has.
#
#   FOLDER/root     a root file system: what is linked with, what the tests run
#   FOLDER/kernel   Debian's kernel and its modules, unpacked
set -eu
. "$(dirname "$0")/../support/foreign.sh"
architecture=$1
mkdir -p "$2"
folder=$(cd "$2" && pwd)
parts="root ${3-}"
# clang has no run-time library of gcc of its own for another architecture.
linked="libc6-dev libcriterion-dev libgcc-$(gcc -dumpversion | cut -d . -f 1)-dev libjansson-dev
	libncurses-dev libssl-dev"
run="base-files bash bsdutils coreutils curl dash diffutils findutils grep hostname
	iproute2 kmod mawk mount netbase openssl procps python3 sed strace util-linux"
# What this machine's own programs are linked with, and those of 32 bits.
[ "$architecture" != amd64 ] || run="$run libc6-i386 libipsec-mb-dev"
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
trap 'exit 130' INT TERM
cd "$temporary"

# No package's script runs, so what those make is made here.
fetch_root()
{
	root=$folder/root
	# shellcheck disable=SC2086
	foreign_apt "$architecture" deb --no-install-recommends --download-only install \
		$linked $run
	foreign_unpack "$root" cache/archives/*.deb
	ln -sf dash "$root/usr/bin/sh"
	ln -sf mawk "$root/usr/bin/awk"
	mkdir -p "$root/xsock"
	printf '%s\n' 'root:x:0:0:root:/root:/bin/bash' \
		'nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin' \
		>"$root/etc/passwd"
	printf '%s\n' 'root:x:0:' 'nogroup:x:65534:' >"$root/etc/group"
	printf '%s\n' '127.0.0.1 localhost' '::1 localhost' >"$root/etc/hosts"
}

# The package without a version is empty, and depends on the newest.
fetch_kernel()
{
	foreign_apt "$architecture" deb --no-install-recommends --print-uris install \
		"linux-image-$architecture"
	image=$(sed "s/%2[bB]/+/g" log |
		grep -oE "linux-image-[0-9][^_ ]*-$architecture(-unsigned)?_" | head -n 1)
	foreign_apt "$architecture" deb download "${image%_}"
	foreign_unpack "$folder/kernel" ./linux-image-*.deb
}

for part in $parts; do
	[ ! -e "$folder/$part/.done" ] || continue
	rm -rf "${folder:?}/$part"
	[ -e lists/partial ] ||
		foreign_apt "$architecture" deb update || : # lists of translations may be missing
	"fetch_$part"
	: >"$folder/$part/.done"
done
