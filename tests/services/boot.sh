#!/bin/bash
# boot.sh ROOT: starts the systemd of the Debian in the folder ROOT, as process 1
# of namespaces of its own: mounts, processes, IPC, network, names, cgroups.  It
# sees no device of this machine, and no network but its own loopback interface.
# All that runs there ends with this script.
#
# By hand, because systemd-nspawn wants the machine's own systemd, which a
# container or a CI runner need not have.
set -eu
. "$(dirname "$0")/../support/devices.sh"

# What no program in there needs, and what would reach this machine: its clock, its
# modules, its memory, its log.
dropped=-sys_module,-sys_time,-sys_rawio,-syslog,-mac_admin,-mac_override

# Read-only /proc/sys and /sys are what systemd expects of a container: it sets no
# kernel variables and handles no devices then.
kernel_folders()
{
	mount -t proc proc proc
	mount --bind proc/sys proc/sys
	mount -o remount,bind,ro proc/sys
	mount -t sysfs -o nosuid,nodev,noexec sys sys
	mount -t cgroup2 cgroup sys/fs/cgroup
	mount -o remount,bind,ro sys
}

# Only this shell knows the old root.
inside()
{
	mount --bind "$1" "$1"
	cd "$1"
	mkdir -p .outside
	kernel_folders
	make_devices
	mount -t tmpfs -o mode=755 run run
	mount -t tmpfs -o mode=1777 tmp tmp
	ip link set lo up
	hostname machine
	pivot_root . .outside
	umount -l /.outside
	cd /
	exec setpriv --bounding-set "$dropped" --inh-caps "$dropped" \
		env -i container=xsock PATH=/usr/sbin:/usr/bin:/sbin:/bin \
		/lib/systemd/systemd --log-target=journal --show-status=no
}

# The machine's own cgroup, which is the root of what it sees.  It is empty and gone
# when all have ended.  Where the controllers belong to version 1, version 2 has none;
# systemd needs none to know the processes of a unit.
enter_cgroup()
{
	local tree
	tree=$(mktemp -d)
	mount -t cgroup2 cgroup "$tree"
	mkdir "$tree/xsock-services.$$"
	echo $$ >"$tree/xsock-services.$$/cgroup.procs"
	umount "$tree"
	rmdir "$tree"
}

case $1 in
--cgroup)
	enter_cgroup
	exec unshare --mount --pid --fork --kill-child --ipc --uts --net --cgroup \
		--propagation private bash "$0" --inside "$2" ;;
--inside) inside "$2" ;;
*)
	# In mounts of its own, which go with it.
	exec unshare --mount --propagation private bash "$0" --cgroup "$1" ;;
esac
