# Programs that have an OpenSSL of their own, or something of the same names.

test_symbols()
{
	build "names of BoringSSL" gcc $c -rdynamic "$here/host.c" \
		"$here/collide.c" -o collide -pthread &&
		host "a program that exports OpenSSL's names" ./collide
	build "libssl.so.1.1" gcc $c -fPIC -shared -Wl,-soname,libssl.so.1.1 \
		"$here/collide.c" -o libssl.so.1.1 &&
		build "libssl.so.1.1" gcc $c "$here/host.c" -o collide-library \
			-Wl,--no-as-needed "$T/libssl.so.1.1" "-Wl,-rpath,$T" \
			-pthread &&
		host "a program with a libssl.so.1.1" ./collide-library
	own_tls
}

own_tls()
{
	build "libssl of its own" gcc $c "$here/own_tls.c" -o own_tls \
		-lssl -lcrypto -pthread || return
	case_run with_xsock "127.0.0.1:$port_front=tls://:$port_echo?cafile=$CA&peer_name=localhost" \
		./own_tls "$port_echo" "$port_front" "$CA"
	expect "a program with a libssl of its own" \
		'^20 by TLS of its own, 20 in plaintext, all bytes came back$'
}
