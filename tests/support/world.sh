# The world that tests see, whatever this machine's network and names are: a
# loopback interface, "localhost" in /etc/hosts as Debian writes it, no name
# server.  POSIX sh.  A test script sources it first:
#
#   . "$(dirname "$0")/…/support/world.sh"
#
# Run by root, the script begins again in that world.  Others run in this
# machine's: in a user namespace they would be root, and the tests of what others
# may do would be lost.
#
# What is to be fetched is fetched by the Makefile, before.

if [ "$(id -u)" -eq 0 ] && [ -z "${XSOCK_TEST_WORLD-}" ]; then
	if unshare -nm true 2>/dev/null; then
		XSOCK_TEST_WORLD=own
		export XSOCK_TEST_WORLD
		exec unshare -nm "$0" "$@"
	elif [ "${CI-}" = true ]; then
		echo "FAIL  no namespaces to be had for the tests" >&2
		exit 1
	else
		echo "no namespaces to be had: the tests see this machine's network" >&2
	fi
fi

# world_put NAME FILE: what stands on standard input is FILE from here on
world_put()
{
	cat >"$world/$1" && mount --bind "$world/$1" "$2" || exit 1
}

# A folder that a file can be added to, and the machine keeps its own.
world_copy_etc()
{
	cp -a /etc "$world/etc" && : >"$world/etc/hosts" &&
		mount --bind "$world/etc" /etc || exit 1
}

if [ "${XSOCK_TEST_WORLD-}" = own ]; then
	# What a test starts is in it already.
	XSOCK_TEST_WORLD=entered
	ip link set lo up || exit 1
	# Some programs, as lftp, and AI_ADDRCONFIG use a family only where there is
	# an address that is not a loopback address.  These are for documentation.
	ip address add 203.0.113.1/32 dev lo || exit 1
	[ ! -e /proc/net/if_inet6 ] ||
		ip address add 2001:db8:113::1/128 dev lo nodad
	# It is this namespace's, and goes with it.
	world=$(mktemp -d) && mount -t tmpfs -o mode=755 world "$world" || exit 1
	[ -e /etc/hosts ] || world_copy_etc
	{
		echo "127.0.0.1 localhost"
		echo "127.0.1.1 $(uname -n)"
		[ ! -e /proc/net/if_inet6 ] ||
			echo "::1 localhost ip6-localhost ip6-loopback"
	} | world_put hosts /etc/hosts || exit 1
	# Nobody listens there, so that a look-up fails at once.
	[ ! -e /etc/resolv.conf ] || echo "nameserver 127.0.0.1" |
		world_put resolv.conf "$(readlink -f /etc/resolv.conf)" || exit 1
	[ ! -e /etc/nsswitch.conf ] ||
		sed 's/^hosts:.*/hosts: files dns/' /etc/nsswitch.conf |
		world_put nsswitch.conf /etc/nsswitch.conf || exit 1
	[ ! -d /run/nscd ] || mount -t tmpfs nscd /run/nscd
	umount -l "$world"
	rmdir "$world"
fi
