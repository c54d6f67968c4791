#!/bin/sh
# fetch.sh FOLDER: real programs for other ABIs, from the Debian that this
# machine has, without telling it about another architecture: apt works on
# lists and a status of its own, and nothing is installed.
#
#   FOLDER/i386    packages of i386, unpacked; the loader and libc are this
#                  machine's (libc6-i386)
#   FOLDER/musl    BusyBox, built from Debian's source with musl-gcc, which
#                  needs the kernel's headers in KERNEL
#
#     fetch.sh FOLDER KERNEL
set -eu
mkdir -p "$1"
folder=$(cd "$1" && pwd)
kernel=$(cd "$2" && pwd)
packages="bash busybox libbsd0 libmd0 libtinfo6 netcat-openbsd"
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
trap 'exit 130' INT TERM
cd "$temporary"

# with_lists ARCHITECTURE TYPE COMMAND…: apt-get with its own state
with_lists()
{
	architecture=$1 type=$2
	shift 2
	mkdir -p lists/partial cache/archives/partial
	: >status
	apt-get indextargets --format "$type "'$(REPO_URI) $(RELEASE) $(COMPONENT)' \
		'Created-By: Packages' 'Origin: Debian' | sort -u |
		sed 's,^[a-z-]*,& [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg],' >sources
	apt-get -q -o Acquire::Retries=3 -o APT::Sandbox::User=root \
		-o Dir::State::lists="$PWD/lists" -o Dir::Cache="$PWD/cache" \
		-o Dir::State::status="$PWD/status" \
		-o Dir::Etc::sourcelist="$PWD/sources" -o Dir::Etc::sourceparts=- \
		-o APT::Architecture="$architecture" \
		-o APT::Architectures::="$architecture" "$@" >log 2>&1 ||
		{ tail -n 5 log >&2; return 1; }
}

fetch_i386()
{
	[ ! -e "$folder/i386/.done" ] || return 0
	with_lists i386 deb update || : # lists of translations may be missing
	with_lists i386 deb download $packages
	for package in *.deb; do
		dpkg-deb -x "$package" "$folder/i386"
	done
	: >"$folder/i386/.done"
}

# BusyBox as small as it goes, with what talks to a network.
applets="BUSYBOX WGET NC NC_EXTRA TELNET CAT LFS LONG_OPTS FEATURE_IPV6
	FEATURE_PREFER_IPV4_ADDRESS FEATURE_WGET_TIMEOUT FEATURE_WGET_LONG_OPTIONS"

build_busybox()
{
	[ ! -e "$folder/musl/busybox" ] || return 0
	with_lists "$(dpkg --print-architecture)" deb-src update || :
	with_lists "$(dpkg --print-architecture)" deb-src source --download-only busybox
	mkdir busybox "$folder/musl" 2>/dev/null || :
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
