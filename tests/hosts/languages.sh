# Run-time systems: each program gets a file in all the ways that its language
# has, and prints "WAY: LENGTH SUM".

test_languages()
{
	local programs=$here/programs

	head -c 300000 /dev/urandom >"$T/nginx/files/some"
	want=$("$PYTHON" -c 'import sys
data = open(sys.argv[1], "rb").read()
print(len(data), sum(data))' "$T/nginx/files/some")

	get Python 3 "$PYTHON" "$PYTHON" "$programs/get.py"
	get Perl 4 perl perl "$programs/get.pl"
	get Ruby 5 ruby ruby "$programs/get.rb"
	get PHP 4 php php "$programs/get.php"
	get Tcl 3 tclsh tclsh "$programs/get.tcl"
	get Lua 2 lua5.4 lua5.4 "$programs/get.lua"
	get Guile 1 guile guile --no-auto-compile "$programs/get.scm"
	get Node 3 node node "$programs/get.js"
	in_java
	in_rust
	in_go
}

# get NAME WAYS TOOL COMMAND…: all ways end with the whole file
get()
{
	local name=$1 ways=$2
	need "$name" "$3" || return
	shift 3
	case_run with_xsock "$to_nginx" "$@" "$port_front" /files/some
	if [ "$(grep -c ": $want\$" "$OUT")" -ne "$ways" ]; then
		fail "$name" "not all of $ways ways with: $want"
	else
		expect "$name, $ways ways" ": $want\$"
	fi
}

in_java()
{
	need Java javac || return
	build Java javac -d "$T/java" "$here/programs/Get.java" || return
	get "Java" 6 java java -cp "$T/java" Get
	# nginx ends such a connection without close_notify, which is told.
	case_run with_xsock "$to_nginx" java -cp "$T/java" Get "$port_front" close
	if [ "$STATUS" -eq 0 ] && grep -q '^closed under a reader: Socket closed$' "$OUT"; then
		pass "Java: a socket closed under its reader"
	else
		fail "Java: a socket closed under its reader"
	fi
	half_closed_to_java
}

# A server of Java ends the whole connection when it hears close_notify.
half_closed_to_java()
{
	local to

	build Half javac -d "$T/java" "$here/programs/Half.java" || return
	openssl pkcs12 -export -in "$CERTS/good.pem" -inkey "$CERTS/good.key" \
		-out "$T/half.p12" -passout pass:opensesame
	start half java -cp "$T/java" Half "$T/half.p12" opensesame
	within 30 test -s "$T/half.log"
	to="localhost:$port_front=tls://:$(head -n 1 "$T/half.log")?cafile=$CA"
	half_close "$to"
	if [ ! -s "$OUT" ] &&
		grep -q '^xsock: .*before TLS 1.3 that can cost an answer' "$ERR"
	then
		pass "a Java server, TLS 1.2: a lost answer is told"
	else
		fail "a Java server, TLS 1.2: a lost answer is told"
	fi
	half_close "$to&half_close=0"
	expect "a Java server, TLS 1.2: half_close=0" '^answer to question$'
}

half_close()
{
	# shellcheck disable=SC2016
	case_run with_xsock "$1" bash -c \
		'echo question | nc -N localhost "$0"' "$port_front"
}

# Debian's compilers, not what a version manager has put before them.
in_rust()
{
	need Rust /usr/bin/rustc || return
	build Rust /usr/bin/rustc -O -o "$T/rust" "$here/programs/get.rs" &&
		get "Rust" 3 /usr/bin/rustc "$T/rust"
}

# Go connects by system calls of its own: not seen, and so xsock run does not
# start it. What its C code connects is.
in_go()
{
	need Go /usr/bin/go || return
	mkdir -p "$T/go"
	cp "$here/programs/get.go" "$T/go"
	build Go env -C "$T/go" HOME="$T/go" GO111MODULE=off GOFLAGS= \
		CGO_ENABLED=1 GOCACHE="$T/go/cache" GOPATH="$T/go/path" \
		/usr/bin/go build -o "$T/go/get" get.go || return
	# The library warns in such a program of what it does not see.
	XSOCK_LOG=error get "Go with cgo, connected by C code" 1 /usr/bin/go \
		"$T/go/get" libc
	case_run with_xsock "$to_nginx" "$T/go/get" go "$port_front" /files/some
	refused "Go's package net is not seen" 1 "connection refused"
	refused "Go's package net: the library says so" 1 \
		'xsock: get\[[0-9]+\]: this program is a Go program.*: what it connects by itself'
	case_run bounded "$BUILD/xsock" run -r "$to_nginx" \
		"$T/go/get" go "$port_front" /files/some
	refused "Go: refused by xsock run" 126 "Go program"
}
