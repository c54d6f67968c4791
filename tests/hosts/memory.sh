# Sanitizers and allocators, which take libc's calls as the library does.

test_memory()
{
	build "gcc" gcc $c "$here/host.c" -o plain -pthread || return
	host "threads" ./plain
	address_sanitizer
	thread_sanitizer gcc
	thread_sanitizer clang
	allocator jemalloc libjemalloc.so.2
	allocator tcmalloc libtcmalloc_minimal.so.4
	allocator mimalloc "libmimalloc.so.[23]"
}

address_sanitizer()
{
	local asan before=$PRELOAD

	build "gcc's AddressSanitizer" gcc $c -fsanitize=address,undefined \
		"$here/host.c" -o asan -pthread || return
	# The run-time system wants to be first: it says so, and does not run.
	case_run with_xsock "$to_echo" ./asan localhost "$port_front" 4
	refused "gcc's AddressSanitizer, library first: told" 1 "does not come first"
	asan=$(gcc -print-file-name=libasan.so)
	PRELOAD="$asan $before"
	host "gcc's AddressSanitizer, preloaded first" ./asan
	PRELOAD=$before
	ASAN_OPTIONS=verify_asan_link_order=0 \
		host "gcc's AddressSanitizer, order not checked" ./asan
	XSOCK_RELAY=$RELAY case_run bounded env LD_PRELOAD="$asan" \
		"$BUILD/xsock" run -r "$to_echo" -- ./asan localhost "$port_front" 4
	expect "gcc's AddressSanitizer, by xsock run" "$said"
	build "gcc's AddressSanitizer, static" gcc $c -fsanitize=address \
		-static-libasan "$here/host.c" -o asan-static -pthread &&
		host "gcc's AddressSanitizer, static" ./asan-static
	need "clang's AddressSanitizer" clang || return
	build "clang's AddressSanitizer" clang $c -fsanitize=address,undefined \
		"$here/host.c" -o asan-clang -pthread &&
		host "clang's AddressSanitizer" ./asan-clang
}

# It knows nothing of how the library's own threads agree, unless told so; and
# it follows clone and _exit, by which a relay is started: so there is none yet.
thread_sanitizer()
{
	need "$1's ThreadSanitizer" "$1" || return
	build "$1's ThreadSanitizer" "$1" $c -fsanitize=thread \
		"$here/host.c" -o "tsan-$1" -pthread || return
	within 15 no_relay
	TSAN_OPTIONS=ignore_noninstrumented_modules=1 \
		host "$1's ThreadSanitizer" "./tsan-$1"
}

# allocator NAME LIBRARY: beside the library in both orders, and linked
allocator()
{
	local file before=$PRELOAD

	file=$(ldconfig -p | sed -n "s/.*\b$2 .*x86-64.* => //p" | head -n 1)
	[ "$file" ] || { skip "$1" "no $2"; return; }
	PRELOAD="$before $file"
	host "$1 behind the library" ./plain
	PRELOAD="$file $before"
	host "$1 in front of the library" ./plain
	PRELOAD=$before
	build "$1, linked" gcc $c "$here/host.c" -o "linked-$1" "$file" -pthread &&
		host "$1, linked" "./linked-$1"
}
