# Real programs of other ABIs: Debian's of 32 bits, and BusyBox built for musl
# (fetch.sh).

test_foreign()
{
	foreign=$BUILD/foreign
	case_run "$here/fetch.sh" "$foreign" "$BUILD/musl/kernel"
	if [ "$STATUS" -ne 0 ]; then
		skip "programs of other ABIs" "cannot be fetched: $(tail -n 1 "$ERR")"
		return
	fi
	head -c 1000000 /dev/urandom >"$T/nginx/files/large"
	foreign_wget "32-bit BusyBox wget" m32 "$foreign/i386/bin/busybox"
	foreign_wget "musl BusyBox wget" musl "$foreign/musl/busybox"
	foreign_line "32-bit BusyBox nc" m32 "$foreign/i386/bin/busybox" nc
	foreign_line "musl BusyBox nc" musl "$foreign/musl/busybox" nc
	export LD_LIBRARY_PATH=$foreign/i386/lib/i386-linux-gnu:$foreign/i386/usr/lib/i386-linux-gnu
	foreign_line "32-bit OpenBSD nc" m32 "$foreign/i386/bin/nc.openbsd" -N
	foreign_line "32-bit bash" m32 "$foreign/i386/bin/bash" -c \
		'exec 3<>/dev/tcp/$0/$1 && while read -r line; do
			echo "$line" >&3; read -r line <&3; echo "$line"; done'
	unset LD_LIBRARY_PATH
}

# foreign_wget NAME ABI BUSYBOX: a file, by the name and by the address
foreign_wget()
{
	local before=$PRELOAD rule at
	PRELOAD=$BUILD/$2/libxsock.so
	rule="$to_nginx 127.0.0.1:$port_front=tls://:$port_nginx?cafile=$CA&peer_name=localhost"
	for at in localhost 127.0.0.1; do
		case_run with_xsock "$rule" "$3" wget -q -O "$T/got" \
			"http://$at:$port_front/files/large"
		if [ "$STATUS" -eq 0 ] && cmp -s "$T/got" "$T/nginx/files/large"; then
			pass "$1 from $at"
		else
			fail "$1 from $at"
		fi
		rm -f "$T/got"
	done
	case_run with_xsock "localhost:$port_front=tls://:$port_nginx" \
		"$3" wget -q -O - "http://localhost:$port_front/"
	if [ "$STATUS" -ne 0 ] && [ ! -s "$OUT" ] && grep -q '^xsock: .*certificate' "$ERR"
	then
		pass "$1: not without the CA"
	else
		fail "$1: not without the CA"
	fi
	PRELOAD=$before
}

# foreign_line NAME ABI COMMAND…: a line to the echo server and back
foreign_line()
{
	local name=$1 before=$PRELOAD
	PRELOAD=$BUILD/$2/libxsock.so
	shift 2
	printf 'one line\n' >line
	with_xsock "$to_echo" "$@" localhost "$port_front" <line >"$OUT" 2>"$ERR"
	STATUS=$?
	expect "$name" '^one line$'
	PRELOAD=$before
}
