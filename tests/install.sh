#!/bin/bash
# make install and uninstall, into a folder of its own: what is there, that the
# library finds its relay from where it was put, and that nothing stays.
. "$(dirname "$0")/support/lib.sh"

root=$TESTS/..

# The files of an installation, without the folders above PREFIX.
list()
{
	(cd "$1" && find . -type f -o -type l | LC_ALL=C sort)
}

# build_make TARGET ARGUMENT…
build_make()
{
	local target=$1
	shift
	make -C "$root" --no-print-directory -s "BUILD=$BUILD" \
		"SANITIZE=$(sanitizers)" "$target" "$@"
}

sanitizers()
{
	[ ! "${XSOCK_TEST_SANITIZED:-}" ] || echo address,undefined
}

suite_begin install

case_run build_make install "DESTDIR=$T/dest" PREFIX=/opt/x LIBDIR=/opt/x/lib64
# Those for other programs are installed where they have been built.
expected()
{
	echo ./bin/xsock
	[ ! -e "$BUILD/m32/libxsock.so" ] || printf '%s\n' \
		./lib64/i386-linux-gnu/libxsock.so \
		./lib64/x86_64-linux-gnu/libxsock.so ./lib32/libxsock.so
	[ ! -e "$BUILD/musl/libxsock.so" ] ||
		echo ./lib64/x86_64-linux-musl/libxsock.so
	(cd "$root" && find shim tools/relay tools/xsock -name '*.[1-8]') |
		sed 's|.*/\(.*\)\.\(.\)$|./share/man/man\2/\1.\2|'
	printf '%s\n' ./lib64/libxsock.so ./libexec/xsock-relay ./libexec/xsock-commands \
		./share/man/man7/xsock-messages.7 \
		./share/bash-completion/completions/xsock \
		./share/zsh/site-functions/_xsock \
		./share/fish/vendor_completions.d/xsock.fish
}

if [ "$(list "$T/dest/opt/x")" = "$(expected | LC_ALL=C sort)" ]; then
	pass "install: DESTDIR, PREFIX and LIBDIR"
else
	list "$T/dest" >"$OUT"
	fail "install: DESTDIR, PREFIX and LIBDIR"
fi

case_run build_make uninstall "DESTDIR=$T/dest" PREFIX=/opt/x \
	LIBDIR=/opt/x/lib64
if [ -z "$(list "$T/dest")" ]; then
	pass "uninstall: nothing stays"
else
	list "$T/dest" >"$OUT"
	fail "uninstall: nothing stays"
fi

# The relay is found without XSOCK_RELAY, from a library in a folder for
# several architectures.  The program looks for it while it is connected: a
# relay without a connection leaves.
case_run build_make install "DESTDIR=$T/dest" PREFIX=/opt/x \
	LIBDIR=/opt/x/lib/x86_64-linux-gnu
RELAY=$T/dest/opt/x/libexec/xsock-relay
PRELOAD="${PRELOAD% *} $T/dest/opt/x/lib/x86_64-linux-gnu/libxsock.so"
[ "${XSOCK_TEST_SANITIZED:-}" ] || PRELOAD=${PRELOAD##* }
serve "web:greet,tls=$CERTS/good"
XSOCK_RELAY='' case_run with_xsock "localhost:9=tls://:$port_web?cafile=$CA" \
	bash -c 'exec 3<>/dev/tcp/localhost/9 && head -n 1 <&3 &&
	for exe in /proc/[0-9]*/exe; do
		[ ! "$exe" -ef "$0" ] || echo "found: $exe"
	done' "$RELAY"
if [ "$STATUS" -eq 0 ] && grep -q '^220' "$OUT" && grep -q '^found' "$OUT"; then
	pass "the relay is found in PREFIX/libexec"
else
	fail "the relay is found in PREFIX/libexec"
fi
# Its path in a line is the one that a person would write.
mv "$RELAY" "$RELAY.real"
printf '#!/bin/sh\nexit 1\n' >"$RELAY"
chmod 755 "$RELAY"
XSOCK_RELAY='' case_run with_xsock "localhost:9=tls://:$port_web?cafile=$CA" \
	bash -c 'exec 3<>/dev/tcp/localhost/9'
mv "$RELAY.real" "$RELAY"
if grep -qF "the relay $RELAY ends as soon as it is started" "$ERR"; then
	pass "a line has the relay's path without .."
else
	fail "a line has the relay's path without .."
fi

suite_end
