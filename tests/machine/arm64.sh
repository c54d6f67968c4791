#!/bin/bash
# Runs arm64 programs on this machine, by qemu-user: the unit tests, the relay
# over its control socket, with TLS, and the victims of ../preload with rules that
# match nothing.  What qemu-user cannot do is the business of system.sh: its
# clone(2) knows fork and threads only, so the library cannot start the relay;
# it has no ptrace(2), which "processes" needs, nor io_uring; and its programs have
# a second thread, which is not allowed to make the user namespace of "unreachable".
#
# The programs run in build/arm64/root.  The kernel starts them by qemu-user,
# which is only known in a user namespace of this script (Linux 6.7).
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "${XSOCK_TEST_BUILD:-$here/../../build}" && pwd)

# As binfmt.d(5) describes it: ELF, 64 bits, little-endian, a program, AArch64.
magic='\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'

# "F": opened now, so that it is found after chroot, too.  It must be static.
register()
{
	local qemu
	qemu=$(command -v qemu-aarch64-static || command -v qemu-aarch64)
	mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc &&
	echo ":qemu-aarch64:M::$magic:$mask:$qemu:F" \
		>/proc/sys/fs/binfmt_misc/register
}

inside()
{
	local folder root=$build/arm64/root
	# After chroot(2) the kernel would refuse user namespaces.
	mount --bind "$root" "$root"
	register || { echo "FAIL  qemu-user cannot be registered" >&2; exit 1; }
	for folder in dev proc sys; do
		mount --rbind "/$folder" "$root/$folder"
	done
	mount -t tmpfs tmp "$root/tmp"
	mount --rbind "$here/../.." "$root/xsock"
	mkdir "$root/tmp/build"
	mount --rbind "$build/arm64" "$root/tmp/build"
	cd "$root" || exit 1
	pivot_root . . && umount -l . && cd / || exit 1
	exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
		${CI+CI="$CI"} XSOCK_TEST_BUILD=/tmp/build XSOCK_TEST_WORLD=entered \
		/xsock/tests/arm64/run.sh --emulated
}

victims()
{
	sed -n '/^victims=(/,/^)/s/^\t\([a-z]*\):.*/\1/p' "$here/../preload/run.sh" |
		grep -vxE 'processes|uring|unreachable'
}

emulated()
{
	local status=0 programs=$XSOCK_TEST_BUILD/tests
	cd "$here/../.." || exit 1
	ip link set lo up
	# Emulated, everything takes ten times as long.
	export LIMIT=300
	"$here/../unit.sh" "$programs/unit-tests" $(find "$programs/relay" -type f -perm /111) ||
		status=1
	# shellcheck disable=SC2046
	XSOCK_TEST_MODES=nomatch "$here/../preload/run.sh" $(victims) || status=1
	exit $status
}

case ${1-} in
--inside) inside ;;
--emulated) emulated ;;
*) exec unshare --user --map-root-user --mount --net "$0" --inside ;;
esac
