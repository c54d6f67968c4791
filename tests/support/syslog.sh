# A /dev of the script's own, with a logger in it.  For root, in the mount
# namespace of world.sh.  Source lib.sh first.

# What is sent to /dev/log arrives in $T/syslog.
own_syslog()
{
	local node dev=$T/dev
	mkdir "$dev" && mount -t tmpfs -o mode=755 dev "$dev" || exit 1
	for node in null zero full random urandom tty; do
		: >"$dev/$node"
		mount --bind "/dev/$node" "$dev/$node" || exit 1
	done
	mkdir "$dev/shm" "$dev/pts"
	chmod 1777 "$dev/shm"
	mount -t devpts -o newinstance,ptmxmode=666 devpts "$dev/pts" || exit 1
	ln -s pts/ptmx "$dev/ptmx"
	ln -s /proc/self/fd "$dev/fd"
	ln -s fd/0 "$dev/stdin"
	ln -s fd/1 "$dev/stdout"
	ln -s fd/2 "$dev/stderr"
	# Nothing of it may be in $T when that is removed.
	mount --rbind "$dev" /dev && umount -R "$dev" || exit 1
	: >"$T/syslog"
	start syslog "$PYTHON" -c 'import os, socket, sys
log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
log.bind("/dev/log")
os.chmod("/dev/log", 0o666)
while True:
    with open(sys.argv[1], "ab") as file:
        file.write(log.recv(65536).rstrip(b"\0\n") + b"\n")' "$T/syslog"
	within 10 test -S /dev/log || { cat "$T/syslog.log"; exit 1; }
}
