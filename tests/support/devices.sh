# make_devices: mounts dev in the working directory, the root of another Debian:
# the devices that programs need, and terminals of its own.
make_devices()
{
	local device
	mount -t tmpfs -o mode=755 dev dev
	for device in null zero full random urandom tty; do
		: >"dev/$device"
		mount --bind "/dev/$device" "dev/$device"
	done
	mkdir dev/pts dev/shm
	mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 pts dev/pts
	mount -t tmpfs -o mode=1777 shm dev/shm
	ln -s pts/ptmx dev/ptmx
	ln -s /proc/self/fd dev/fd
}
