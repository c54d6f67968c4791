# Programs of 32 bits and of musl, each with the library that "make m32" and
# "make musl" have built, and all with the one relay.

test_abi()
{
	installed=$T/dest/usr/local
	case_run make -C "$TESTS/.." --no-print-directory -s "BUILD=$BUILD" \
		install "DESTDIR=$T/dest"
	if [ "$STATUS" -ne 0 ]; then
		fail "make install"
		return
	fi
	abi_build || return
	abi_alone
	abi_installed
	abi_mixed
	abi_wrong
	abi_uninstall
}

abi_build()
{
	build "64 bits" gcc $c "$here/host.c" -o host64 -pthread &&
	build "32 bits" gcc -m32 $c "$here/host.c" -o host32 -pthread &&
	build "32 bits, 64-bit time" gcc -m32 -D_TIME_BITS=64 \
		-D_FILE_OFFSET_BITS=64 $c "$here/host.c" -o host32t -pthread &&
	build "musl" musl-gcc $c "$here/host.c" -o hostmusl -pthread
}

# Each by LD_PRELOAD with the library as it was built.
abi_alone()
{
	local before=$PRELOAD pids
	export XSOCK_RELAY_IDLE=5

	host "64 bits" ./host64
	PRELOAD=$BUILD/m32/libxsock.so
	host "32 bits" ./host32
	host "32 bits with 64-bit time" ./host32t
	if nm -D host32t | grep -q ' U __getsockopt64'; then
		pass "32 bits with 64-bit time: calls __getsockopt64"
	else
		fail "32 bits with 64-bit time: calls __getsockopt64"
	fi
	PRELOAD=$BUILD/musl/libxsock.so
	host "musl" ./hostmusl
	pids=$(relay_pids | wc -l)
	if [ "$pids" -eq 1 ]; then
		pass "all of them had one relay"
	else
		fail "all of them had one relay" "there are $pids"
	fi
	PRELOAD=$before
	unset XSOCK_RELAY_IDLE
}

# run_host NAME COMMAND…: by the xsock that is installed
run_host()
{
	local name=$1
	shift
	XSOCK_RELAY=$RELAY XSOCK_RELAY_IDLE=1 PATH=$T:$PATH case_run bounded \
		"$installed/bin/xsock" run -r "$to_echo" -- "$@"
	expect "$name" "$said"
}

# The library that fits is found where make install has put it: by the loader
# ($LIB), and by xsock run.
abi_installed()
{
	local before=$PRELOAD at="localhost $port_front 4" program

	PRELOAD=$installed/'$LIB/libxsock.so'
	host '$LIB, 64 bits' ./host64
	host '$LIB, 32 bits' ./host32
	PRELOAD=$(echo "$installed"/lib/*-linux-musl/libxsock.so)
	host "musl, installed" ./hostmusl
	PRELOAD=$before
	for program in host64 host32 host32t hostmusl; do
		run_host "xsock run $program" ./$program $at
	done
}

# Programs that start others.
abi_mixed()
{
	local at="localhost $port_front 4"

	run_host "a 64-bit shell that starts 32 bits" sh -c "exec ./host32 $at"
	printf '#!/usr/bin/env -S host32 %s\n' "$at" >by-env
	chmod +x by-env
	run_host "a script of 32 bits, by env" ./by-env
	printf '#!/usr/bin/env -S hostmusl %s\n' "$at" >by-env-musl
	chmod +x by-env-musl
	PATH=$T:$PATH case_run bounded "$installed/bin/xsock" run -r "$to_echo" \
		./by-env-musl
	refused "a script of musl, by env of glibc" 126 "run it by its own path"
}

# The library of the other C library: neither runs, so nothing goes out.
abi_wrong()
{
	local before=$PRELOAD

	case_run with_xsock "$to_echo" ./hostmusl localhost "$port_front" 4
	refused "musl with glibc's library does not run" 127 "symbol not found"
	PRELOAD=$BUILD/musl/libxsock.so
	case_run with_xsock "$to_echo" ./host64 localhost "$port_front" 4
	refused "glibc with musl's library does not run" 127 "libc.so"
	PRELOAD=$before
}

abi_uninstall()
{
	case_run make -C "$TESTS/.." --no-print-directory -s "BUILD=$BUILD" \
		uninstall "DESTDIR=$T/dest"
	find "$T/dest" ! -type d >"$OUT"
	if [ "$STATUS" -eq 0 ] && [ ! -s "$OUT" ]; then
		pass "make uninstall: nothing stays"
	else
		fail "make uninstall: nothing stays"
	fi
}
