# Real programs that no library gets into, that pass it by, or that lose it: part
# of run.sh, which sources this.

# program NAME TEXT COMMAND…: TLS with xsock, and no answer without.  With $port
# another one than $port_web.
program()
{
	local name=$1 text=$2 rule="localhost:${port:-$port_web}=tls://?cafile=$CA"
	shift 2
	case_run supervised "$rule" "$@"
	judge "$name" 0 "$text" "verified \"localhost\""
	case_run bounded "$@"
	[ $STATUS != 0 ] && pass "$name, without xsock" ||
		fail "$name, without xsock" "it has got an answer"
	WHEN=never case_run supervised "$rule" "$@"
	[ $STATUS != 0 ] && pass "$name, --supervise=never" ||
		fail "$name, --supervise=never" "it has got an answer"
}

# build_go NAME CGO: get.go, linked statically (0) or with libc (1)
build_go()
{
	[ ! -x "$T/$1" ] || return 0
	if ! GOCACHE=$T/go/cache GOPATH=$T/go CGO_ENABLED=$2 GO111MODULE=off GOFLAGS= \
		/usr/bin/go build -o "$T/$1" "$TESTS/supervise/get.go" >"$OUT" 2>"$ERR"; then
		fail "$1" "cannot be built"
		return 1
	fi
}

# build NAME COMMAND…: a compiler
build()
{
	local name=$1
	shift
	case_run "$@"
	[ $STATUS = 0 ] || { fail "$name" "cannot be built"; return 1; }
}

in_go()
{
	need "Go" /usr/bin/go || return
	build_go get 0 && program "Go, static" "200 " "$T/get" "127.0.0.1:$port_web"
	# What it looks up by libc, it connects by itself.
	build_go get_cgo 1 && GODEBUG=netdns=cgo \
		program "Go, cgo" "200 " "$T/get_cgo" "localhost:$port_web"
}

in_pascal()
{
	need "Free Pascal" fpc || return
	mkdir "$T/pascal"
	build "Free Pascal" fpc -v0 -FE"$T/pascal" "$TESTS/supervise/get.pas" &&
		program "Free Pascal" "hello" "$T/pascal/get" $port_web
}

in_rust()
{
	need "Rust" /usr/bin/rustc || return
	build "Rust" /usr/bin/rustc -C target-feature=+crt-static -o "$T/get_rust" \
		"$TESTS/supervise/get.rs" &&
		program "Rust, static" "hello" "$T/get_rust" "localhost:$port_web"
}

in_busybox()
{
	need "busybox" busybox || return
	program "busybox wget" "hello" busybox wget -q -O - "http://127.0.0.1:$port_web/"
	program "busybox nc" "hello" busybox sh -c \
		"printf 'GET / HTTP/1.0\\r\\n\\r\\n' | busybox nc 127.0.0.1 $port_web | busybox grep hello"
}

in_rclone()
{
	need "rclone" rclone || return
	HOME=$T program "rclone" "hello" rclone --retries 1 --low-level-retries 1 \
		copyurl --stdout "http://127.0.0.1:$port_web/" -
}

# A daemon in Go, of a database: what it has found is told by HTTP.
in_exporter()
{
	local port name="prometheus-redis-exporter" metrics
	need "$name" "$name" redis-server || return
	redis_start
	metrics='free=$2
		"$0" -redis.addr "redis://localhost:$1" -web.listen-address "127.0.0.1:$free" &
		for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
			sleep 0.2
			curl -s "http://127.0.0.1:$free/metrics" | grep "^redis_up 1" && break
		done
		status=$?
		kill $!
		exit $status'
	local redis=$port
	free_ports 1
	local free=$port
	port=$redis
	program "$name" "redis_up 1" sh -c "$metrics" "$name" "$redis" "$free"
}

try_programs()
{
	in_go
	in_pascal
	in_rust
	in_busybox
	in_rclone
	in_exporter
	program "curl, env -i" "hello" \
		env -i curl -sS "http://localhost:$port_web/"
}
