#!/bin/bash
# Runs tests on a machine that qemu makes, with Debian's own kernel.  Its root
# file system is in memory.
#
#     system.sh ARCHITECTURE [COMMAND…]
#
# "system.sh arm64 tests/preload/run.sh many" runs this command there.  Without
# any it runs all that are worth the time.
#
# build/ARCHITECTURE/system.log keeps what the machine said.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "${XSOCK_TEST_BUILD:-$here/../../build}" && pwd)
architecture=$1
shift
folder=$build/$architecture
kernel=$(echo "$folder"/kernel/boot/vmlinuz-*)
version=${kernel##*/vmlinuz-}
log=$folder/system.log

# The machine, where the programs are that it runs, and what it runs.  Debian's
# kernel waits for "syscall.x32=y" to have x32.
supervised="tests/supervise/run.sh ways same refusals blocking names epoll restart"
victim32=XSOCK_TEST_VICTIM=/xsock/build/m32/tests/supervise/victim
case $architecture in
amd64)
	machine=(qemu-system-x86_64 -M q35 -cpu max)
	console="ttyS0 syscall.x32=y"
	programs=$build
	all=("tests/supervise/run.sh abi" "$victim32 $supervised"
		"SOCKETCALL=1 $victim32 $supervised")
	;;
arm64)
	machine=(qemu-system-aarch64 -M virt -cpu cortex-a72)
	console=ttyAMA0
	programs=$folder
	all=(tests/preload/run.sh tests/machine/exchange.sh "$supervised"
		"$victim32 $supervised")
	;;
*)
	echo "system.sh: no machine of \"$architecture\": amd64 or arm64" >&2
	exit 2
	;;
esac
[ $# -eq 0 ] || all=("$*")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# A bzImage that is packed by xz, as in Debian 12, is unpacked here, which is
# faster (Documentation/arch/x86/boot.rst has HdrS).
unpack_kernel()
{
	python3 - "$kernel" "$work/kernel" <<-'END'
	import lzma, sys
	image = open(sys.argv[1], "rb").read()
	start = image.find(b"\xfd7zXZ\0")
	if image[0x202:0x206] == b"HdrS" and start > 0:
	    image = lzma.LZMADecompressor().decompress(image[start:])
	open(sys.argv[2], "wb").write(image)
	END
}

# The modules of the kernel that the tests ask for.
copy_modules()
{
	local modules=usr/lib/modules/$version file
	for file in $(cd "$folder/kernel/$modules" &&
		find . -regex '.*/\(inet\|tcp\|unix\)_diag\.ko.*' -o -name 'modules.[bo][ur]*'); do
		mkdir -p "$work/root/$modules/${file%/*}"
		cp "$folder/kernel/$modules/$file" "$work/root/$modules/$file"
	done
	PATH=$PATH:/sbin:/usr/sbin depmod -b "$work/root" "$version"
}

copy_xsock()
{
	local part
	mkdir -p "$work/root/xsock/build"
	cp -a "$here/.." "$work/root/xsock/tests"
	for part in libxsock.so xsock xsock-commands xsock-relay m32/libxsock.so m32/tests \
		tests/preload tests/supervise tests/support; do
		[ ! -e "$programs/$part" ] || echo "$part"
	done | tar -C "$programs" --exclude '*.d' -c -T - |
		tar -C "$work/root/xsock/build" -x
	{
		# Emulated, everything takes ten times as long.
		echo "export CI=true LIMIT=300"
		printf '%s\n' "${all[@]}"
	} >"$work/root/xsock/todo"
}

# Without what nobody runs.
pack()
{
	(cd "$work/root" && find . -path ./usr/include -prune -o \
		-regex './usr/share/\(doc\|info\|locale\|man\|zoneinfo\)' -prune -o \
		! -name '*.a' -print | cpio --quiet -o -H newc)
}

unpack_kernel
cp -a "$folder/root" "$work/root"
copy_modules
copy_xsock
cp "$here/init" "$work/root/init"
chmod 755 "$work/root/init"
pack >"$work/image"
rm -rf "$work/root"
echo "kernel $version"
timeout -k 5 3600 "${machine[@]}" -smp 2 -m 1536 \
	-nographic -nic none -no-reboot -kernel "$work/kernel" -initrd "$work/image" \
	-append "console=$console quiet rdinit=/init panic=-1" </dev/null |
	sed -u 's/\r//g' | tee "$log"
# Each runner must have come to its end.
awk -v wanted="${#all[@]}" '
	/^[0-9]+ passed, [0-9]+ failed$/ { runs++; failed += $3 }
	END { exit runs != wanted || failed > 0 }' "$log"
