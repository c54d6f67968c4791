# A Debian whose systemd is process 1 of namespaces of its own.  Sourced by run.sh,
# which sets $folder (below build/), $here and $release.
#
#   machine_make          the Debian, from nothing, if there is none of this list
#   machine_boot NAME     boots it on a layer of its own: what a daemon's rows
#                         write is gone with them
#   machine_run COMMAND…  runs COMMAND in it
#   machine_end           ends it, and waits until nothing of it is left

root=$folder/root
machine=

# in_root FOLDER COMMAND…: in the Debian without systemd, to install; with this
# machine's network
in_root()
{
	local where=$1
	shift
	bash "$here/../fresh/enter.sh" "$where" DEBIAN_FRONTEND=noninteractive "$@" \
		</dev/null
}

# The packages of one list
names_of()
{
	sed 's/#.*//' "$1" | xargs
}

# No service may start while its package is installed: it would be outside of the
# machine's network.  Afterwards none is enabled, so that only what a test starts
# runs.
prepare_root()
{
	printf '#!/bin/sh\nexit 101\n' >"$1/usr/sbin/policy-rc.d"
	chmod 755 "$1/usr/sbin/policy-rc.d"
	mkdir -p "$1/etc/systemd/system-preset"
	echo 'disable *' >"$1/etc/systemd/system-preset/00-none.preset"
}

finish_root()
{
	# Not the first boot, which would enable what the presets say.
	in_root "$1" systemd-machine-id-setup >/dev/null 2>&1
	in_root "$1" systemctl preset-all >/dev/null 2>&1
	# Those with a script only.
	rm -f "$1"/etc/rc?.d/S*
}

# install_in FOLDER PACKAGE…
install_in()
{
	local where=$1
	shift
	prepare_root "$where"
	in_root "$where" apt-get -q update &&
		in_root "$where" apt-get -q -y --no-install-recommends install "$@" &&
		finish_root "$where"
}

machine_make()
{
	local stamp
	stamp=$(cat "$here/root.packages" "$here/exim.packages" | sha256sum)
	[ "$(cat "$folder/stamp" 2>/dev/null)" != "$release $stamp" ] || return 0
	rm -rf "${folder:?}"
	mkdir -p "$folder"
	echo "=== $release, from nothing (some minutes; $folder/root.log)"
	if ! { make_base && make_layers; } >"$folder/root.log" 2>&1; then
		tail -n 15 "$folder/root.log" >&2
		die "the Debian could not be made"
	fi
	echo "$release $stamp" >"$folder/stamp"
}

make_base()
{
	debootstrap --variant=minbase \
		--include=ca-certificates,dbus,iproute2,procps,systemd,systemd-sysv \
		"$release" "$root" "$mirror" &&
	{
		apt-config dump | grep -E '^Acquire::https?::Proxy '
		echo 'Acquire::Check-Valid-Until "false";'
	} >"$root/etc/apt/apt.conf.d/services"
}

# Exim and Postfix exclude each other: Exim has a layer above the others.
make_layers()
{
	# shellcheck disable=SC2046
	install_in "$root" $(names_of "$here/root.packages") || return
	mkdir -p "$folder/exim" "$folder/exim.work" "$folder/merged"
	mount -t overlay overlay -o \
		"lowerdir=$root,upperdir=$folder/exim,workdir=$folder/exim.work" \
		"$folder/merged" &&
	# shellcheck disable=SC2046
	install_in "$folder/merged" $(names_of "$here/exim.packages")
	local status=$?
	umount "$folder/merged"
	return $status
}

# machine_boot NAME: with what "make install" installs
machine_boot()
{
	local lower=$root
	[ "$1" != exim4 ] || lower=$folder/exim:$root
	layer=$(mktemp -d "${TMPDIR:-/tmp}/xsock-services.XXXXXX")
	mount -t tmpfs -o mode=755 layer "$layer" &&
		mkdir "$layer/upper" "$layer/work" "$layer/root" &&
		mount -t overlay overlay -o \
			"lowerdir=$lower,upperdir=$layer/upper,workdir=$layer/work" \
			"$layer/root" || die "no overlay to be had"
	make -s -C "$here/../.." install BUILD="${BUILD:-build}" PREFIX=/usr/local \
		DESTDIR="$layer/root" >"$folder/install.log" 2>&1 ||
		die "make install: $(tail -n 3 "$folder/install.log")"
	echo machine >"$layer/root/etc/hostname"
	mkdir -p "$layer/root/srv/services"
	cp -r "$here"/*.sh "$here"/*.awk "$here/../support/within.sh" "$layer/root/srv/services/"
	cp "$here/../../tools/xsock/xsock-services.7" "$layer/root/srv/services/"
	bash "$here/boot.sh" "$layer/root" >"$folder/boot.log" 2>&1 </dev/null &
	boot=$!
	within 30 machine_is_up || {
		cat "$folder/boot.log" >&2
		die "systemd does not start"
	}
}

machine_is_up()
{
	machine=$(pgrep -P "$boot" 2>/dev/null) &&
		[ "$(cat "/proc/$machine/comm" 2>/dev/null)" = systemd ] &&
		machine_run systemctl is-system-running 2>/dev/null |
		grep -qE '^(running|degraded)$'
}

machine_run()
{
	nsenter -t "$machine" -m -u -i -n -p -C env -i \
		PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		HOME=/root LANG=C.UTF-8 ${PATIENCE:+PATIENCE="$PATIENCE"} "$@"
}

machine_end()
{
	local tree
	[ "${boot-}" ] || return 0
	kill -9 ${machine:+"$machine"} "$boot"
	wait "$boot"
	tree=$(mktemp -d)
	mount -t cgroup2 cgroup "$tree"
	within 10 remove_cgroup "$tree/xsock-services.$boot"
	umount "$tree"
	rmdir "$tree"
	umount -l "$layer/root" "$layer"
	rmdir "$layer"
	boot= machine=
} 2>/dev/null

remove_cgroup()
{
	[ ! -d "$1" ] || find "$1" -depth -type d -exec rmdir {} +
}
