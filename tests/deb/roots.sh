#!/bin/bash
# What "make deb-roots" runs: in a Debian that was made from nothing the packages
# are built, judged by lintian and tried by autopkgtest; in a second one, which has
# no compiler, they are installed, used and removed, and nothing must stay.
#
#     roots.sh RELEASE…     bookworm, trixie, sid …
#
#   MIRROR=URL          where the packages come from; else where this machine's do
#   XSOCK_TEST_KEEP=1   the Debians are kept, for a look
#
# build/deb-roots/RELEASE.log keeps what was said.
set -u
here=$(cd "$(dirname "$0")" && pwd)
fresh=$here/../fresh
folder=${BUILD:-build}/deb-roots
passed=0 failed=0

die()
{
	echo "make deb-roots: $1" >&2
	exit 1
}

. "$fresh/root.sh"

# step NAME COMMAND…: its output goes to the log; the end of it is shown if it fails
step()
{
	local name="$release: $1"
	shift
	printf '\n=== %s\n' "$name" >>"$folder/$release.log"
	if "$@" >"$folder/$release.step" 2>&1 </dev/null; then
		passed=$((passed + 1))
		echo "ok    $name"
	else
		failed=$((failed + 1))
		echo "FAIL  $name"
		tail -n 15 "$folder/$release.step" | sed 's/^/      /'
		cat "$folder/$release.step" >>"$folder/$release.log"
		return 1
	fi
	cat "$folder/$release.step" >>"$folder/$release.log"
}

# in_root ROOT COMMAND: by its shell
in_root()
{
	bash "$fresh/enter.sh" "$1" DEBIAN_FRONTEND=noninteractive CI=true \
		bash -ec "$2"
}

install='apt-get -q -y --no-install-recommends install'

# Names of the packages that were built, without those of debug symbols.
packages='ls /debs/*.deb | grep -v dbgsym'

# Every file with its mode, owner and contents.  What apt and dpkg note of each
# package that they ever saw is theirs.
list_files()
{
	(cd "$1" && find . -xdev \( -path ./proc -o -path ./sys -o -path ./dev -o -path ./run \
		-o -path ./tmp -o -path ./debs -o -path ./var/cache/apt -o -path ./var/lib/apt \
		-o -path ./var/log -o -path './var/lib/dpkg/*-old' \
		-o -path ./var/cache/ldconfig -o -path ./var/cache/debconf \
		-o -path ./var/lib/dpkg/available -o -path ./var/lib/dpkg/lock \) -prune -o \
		\( -type f -printf '%p %m %u %g ' -exec sha256sum {} \; \) -o \
		-printf '%p %m %u %g %l\n' | cut -d ' ' -f 1-5 | LC_ALL=C sort)
}

nothing_stays()
{
	list_files "$root" >"$folder/$release.after"
	diff "$folder/$release.before" "$folder/$release.after"
}

# Each step needs the one before.
try_release()
{
	release=$1 root=$folder/$1
	root_check
	find_mirror
	make_root ca-certificates
	add_authorities || die "the CAs of this machine could not be added"
	# As Debian's installer writes it.
	printf '127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n' >"$root/etc/hosts"
	step "apt's lists" in_root "$root" 'apt-get -q update' || return
	rm -rf "${root:?}.build"
	cp -a "$root" "$root.build" || die "no room for a second Debian"
	copy_source "$root.build"
	step "the packages for building" in_root "$root.build" \
		"$install build-essential fakeroot lintian autopkgtest
		mkdir /needs && cp -R /xsock/tools/debian /needs/debian
		apt-get -q -y --no-install-recommends build-dep /needs/" || return
	step "make deb" in_root "$root.build" "cd /xsock && tools/debian/build.sh /debs" || return
	step "lintian" in_root "$root.build" \
		"lintian --allow-root --no-cfg --fail-on error,warning /debs/*.changes" || :
	step "autopkgtest" in_root "$root.build" \
		'cd / && tar -xf /debs/xsock_*.tar.xz && autopkgtest -B $('"$packages"') /xsock-*/ -- null' || :

	step "a client, and who serves it" in_root "$root" "$install curl openssl procps" || return
	mkdir "$root/debs" && cp "$root.build"/debs/*.deb "$root/debs"
	cp "$root.build/xsock/tools/debian/tests/installed" "$root/debs"
	step "the examples for containers" "$here/containers.sh" "$root" "$root.build/debs" || :
	list_files "$root" >"$folder/$release.before"
	step "install" in_root "$root" "$install"' $('"$packages"')' || return
	step "a client talks TLS, with nothing else set" in_root "$root" /debs/installed || :
	step "ldd: no library is missing" in_root "$root" \
		'! ldd /usr/bin/xsock /usr/libexec/xsock-commands /usr/libexec/xsock-relay /usr/lib/*-gnu/libxsock.so | grep "not found"' || :
	step "/etc/ld.so.preload: for all programs, and then no removal" in_root "$root" '
		echo /usr/lib/*-linux-gnu/libxsock.so >/etc/ld.so.preload
		XSOCK_RULES=localhost:80=deny:// curl -sS http://localhost/ 2>&1 | grep "^xsock: curl.*by XSOCK_RULES:1:1"
		! apt-get -q -y purge libxsock && test -e /usr/lib/*-linux-gnu/libxsock.so &&
		rm /etc/ld.so.preload' || rm -f "$root/etc/ld.so.preload"
	step "remove" in_root "$root" "apt-get -q -y purge 'xsock*' 'libxsock*' 'lib32xsock*' &&
		apt-get -q -y --purge autoremove" || return
	step "no file stays" nothing_stays || :
}

[ $# -gt 0 ] || die "which releases? for example: make deb-roots RELEASES='bookworm trixie'"
mkdir -p "$folder"
for one; do
	try_release "$one"
	[ "${XSOCK_TEST_KEEP:-}" ] || rm -rf "${root:?}" "${root:?}.build"
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
