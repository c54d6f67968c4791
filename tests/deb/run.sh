#!/bin/bash
# make deb: what is in the packages, and what lintian says of them.
#
#     run.sh FOLDER     where "make deb" has put them
#
# roots.sh installs them.
. "$(dirname "$0")/../support/lib.sh"

folder=$(cd "$1" && pwd) || exit 1
arch=$(dpkg --print-architecture)
triplet=$(dpkg-architecture -q DEB_HOST_MULTIARCH)

# package NAME: its file
package()
{
	echo "$folder/$1"_*_"$arch".deb
}

# holds PACKAGE FILE…: these files and no other, beside what each package has
holds()
{
	local name=$1
	shift
	dpkg-deb --fsys-tarfile "$(package "$name")" | tar -tf - |
		grep -v '/$' | grep -vE "^\./usr/share/(doc|lintian)/" | LC_ALL=C sort >"$OUT"
	if [ "$(cat "$OUT")" = "$(printf './%s\n' "$@" | LC_ALL=C sort)" ]; then
		pass "$name: its files"
	else
		fail "$name: its files"
	fi
}

# field PACKAGE FIELD WORD…: each word is in it
field()
{
	local name=$1 field=$2 word
	shift 2
	dpkg-deb -f "$(package "$name")" "$field" >"$OUT"
	for word; do
		grep -qF -- "$word" "$OUT" || { fail "$name: $field" "no \"$word\""; return; }
	done
	pass "$name: $field"
}

folder_begin deb
need "deb" lintian dpkg-deb || suite_end

case_run lintian --allow-root --no-cfg --fail-on error,warning "$folder"/*.changes
[ "$STATUS" -eq 0 ] && pass "lintian" || fail "lintian"

pages()
{
	(cd "$TESTS/.." && find shim tools -name "*.[$1]" -o -name "*.[$1].in" |
		sed 's|\.in$||; s|.*/\(.*\)\.\(.\)$|usr/share/man/man\2/\1.\2.gz|')
}

holds libxsock "usr/lib/$triplet/libxsock.so"
holds xsock-relay usr/libexec/xsock-relay $(pages 578)
holds xsock usr/bin/xsock usr/libexec/xsock-commands $(pages 1) usr/share/bash-completion/completions/xsock \
	usr/share/fish/vendor_completions.d/xsock.fish \
	usr/share/zsh/vendor-completions/_xsock
field libxsock Multi-Arch same
field libxsock Depends "xsock-relay (= " "libc6 (>= "
field xsock-relay Multi-Arch foreign
field xsock-relay Depends libssl3
field xsock Depends "libxsock (= "
if [ "$arch" = amd64 ]; then
	holds lib32xsock usr/lib32/libxsock.so
	holds libxsock-musl usr/lib/x86_64-linux-musl/libxsock.so
	field lib32xsock Depends "xsock-relay (= " "libc6-i386 (>= "
	field libxsock-musl Depends musl "xsock-relay (= "
fi

# libipsec-mb as the relay is linked, which depends on OpenSSL's version.
for name in libxsock xsock-relay xsock; do
	dpkg-deb -x "$(package $name)" "$T/root"
done
needed=$(readelf -d "$T/root/usr/libexec/xsock-relay" | grep -c 'NEEDED.*libIPSec_MB')
named=$(dpkg-deb -f "$(package xsock-relay)" Depends | grep -c libipsec-mb)
[ "$needed" = "$named" ] && pass "libipsec-mb is named where it is needed" ||
	fail "libipsec-mb is named where it is needed" "linked $needed, named $named"

case_run "$TESTS/symbols.sh" "$BUILD/libxsock.so"
nm -D --defined-only "$T/root/usr/lib/$triplet/libxsock.so" | awk '{ print $3 }' >"$OUT"
nm -D --defined-only "$BUILD/libxsock.so" | awk '{ print $3 }' | cmp -s - "$OUT" &&
	pass "the library exports what it does unpacked" ||
	fail "the library exports what it does unpacked"
case_run readelf -S "$T/root/usr/lib/$triplet/libxsock.so"
! grep -q debug_info "$OUT" && pass "stripped" || fail "stripped"
for file in "lib/$triplet/libxsock.so" libexec/xsock-relay bin/xsock libexec/xsock-commands; do
	name=$(basename "$file" .so)
	name=${name%-commands}
	id=$(readelf -n "$T/root/usr/$file" | sed -n 's/.*Build ID: //p')
	dpkg-deb -c "$(package $name-dbgsym)" >"$OUT"
	[ "$id" ] && grep -q "${id:2}.debug" "$OUT" && pass "$name: symbols for a debugger" ||
		fail "$name: symbols for a debugger" "build ID $id"
done

# The folder beside which the relay is looked for, as installed.
case_run "$T/root/usr/bin/xsock" run -r 'a.test:1=tls://' -- \
	bash -c 'echo "$LD_PRELOAD"'
grep -qx "$T/root/usr/lib/$triplet/libxsock.so" "$OUT" &&
	pass "xsock finds its library" || fail "xsock finds its library"

if [ "$arch" = amd64 ]; then
	echo '#include <stdio.h>
	#include <stdlib.h>
	int main(void) { return puts(getenv("LD_PRELOAD")) < 0; }' >"$T/program.c"
	gcc -m32 -o "$T/program" "$T/program.c" || exit 1
	case_run "$T/root/usr/bin/xsock" run -r 'a.test:1=tls://' -- "$T/program"
	[ "$STATUS" -eq 126 ] && pass "32 bits: refused without its package" ||
		fail "32 bits: refused without its package"
	dpkg-deb -x "$(package lib32xsock)" "$T/root"
	# $LIB of libc6-i386's loader is lib32.  What it cannot load it says.
	case_run "$T/root/usr/bin/xsock" run -r 'a.test:1=tls://' -- bash -c "'$T/program'"
	[ "$STATUS" -eq 0 ] && grep -qxF "$T/root/usr/\$LIB/libxsock.so" "$OUT" && [ ! -s "$ERR" ] &&
		pass "32 bits: a child finds its library" || fail "32 bits: a child finds its library"
fi

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
