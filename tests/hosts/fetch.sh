#!/bin/sh
# fetch.sh FOLDER: real programs for other ABIs (see ../support/foreign.sh).
#
#   FOLDER/i386    packages of i386, unpacked; the loader and libc are this
#                  machine's (libc6-i386)
#   FOLDER/musl    BusyBox, built from Debian's source with musl-gcc, which
#                  needs the kernel's headers in KERNEL
#
#     fetch.sh FOLDER KERNEL
set -eu
. "$(dirname "$0")/../support/foreign.sh"
mkdir -p "$1"
folder=$(cd "$1" && pwd)
kernel=$(cd "$2" && pwd)
packages="bash busybox libbsd0 libmd0 libtinfo6 netcat-openbsd"
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
trap 'exit 130' INT TERM
cd "$temporary"

fetch_i386()
{
	[ ! -e "$folder/i386/.done" ] || return 0
	foreign_apt i386 deb update || : # lists of translations may be missing
	foreign_apt i386 deb download $packages
	foreign_unpack "$folder/i386" ./*.deb
	: >"$folder/i386/.done"
}

# BusyBox as small as it goes, with what talks to a network.
applets="BUSYBOX WGET NC NC_EXTRA TELNET CAT LFS LONG_OPTS FEATURE_IPV6
	FEATURE_PREFER_IPV4_ADDRESS FEATURE_WGET_TIMEOUT FEATURE_WGET_LONG_OPTIONS"

build_busybox()
{
	[ ! -e "$folder/musl/busybox" ] || return 0
	foreign_apt "$(dpkg --print-architecture)" deb-src update || :
	foreign_apt "$(dpkg --print-architecture)" deb-src source --download-only busybox
	mkdir busybox "$folder/musl" 2>/dev/null || :
	# Its signature may be beside it.
	rm -f busybox_*.orig.tar.*.asc
	tar -xf busybox_*.orig.tar.* -C busybox --strip-components=1
	unset MAKEFLAGS MAKELEVEL CFLAGS CPPFLAGS LDFLAGS
	make -s -C busybox allnoconfig >/dev/null
	for applet in $applets; do
		sed -i "s/^# CONFIG_$applet is not set/CONFIG_$applet=y/" busybox/.config
	done
	yes '' | make -s -C busybox oldconfig >/dev/null
	make -s -j2 -C busybox CC="musl-gcc -idirafter $kernel" >log 2>&1 ||
		{ tail -n 20 log >&2; return 1; }
	cp busybox/busybox "$folder/musl/busybox"
}

fetch_i386
build_busybox
