#!/bin/bash
# enter.sh ROOT COMMAND…: runs COMMAND in a folder that holds a Debian, as on a
# machine of its own: ROOT is the root of the mount namespace, processes and IPC
# are its own, the environment is empty.  The network is this machine's.  All that
# is still running there ends with COMMAND.
#
# The root is changed by pivot_root(2): after chroot(2) the kernel refuses user
# namespaces (user_namespaces(7)), which tests need.  And it is done by hand,
# because bubblewrap sets no_new_privs, which takes their rights from Postfix's
# programs, and systemd-nspawn wants cgroups of its own.
set -eu
. "$(dirname "$0")/../support/devices.sh"

# Only this script's shell, process 1 of the namespace, knows the old root.
inside()
{
	mount --bind "$1" "$1"
	cd "$1"
	mkdir -p .outside
	mount -t proc proc proc
	mount --rbind /sys sys
	make_devices
	mount -t tmpfs -o mode=755 run run
	mkdir -m 1777 run/lock
	ln -s /proc/self/fd/0 dev/stdin
	ln -s /proc/self/fd/1 dev/stdout
	ln -s /proc/self/fd/2 dev/stderr
	cp /etc/resolv.conf etc/resolv.conf
	pivot_root . .outside
	umount -l /.outside
	cd /
	shift
	# Not exec: process 1 has to take in orphans, as this shell does.
	env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		HOME=/root "$@"
	exit $?
}

if [ "$1" = --inside ]; then
	shift
	inside "$@"
fi
exec unshare --mount --pid --fork --kill-child --ipc --uts --propagation private \
	bash "$0" --inside "$@"
