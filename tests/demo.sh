#!/bin/bash
# What "make demo" runs: programs that know nothing of TLS, against servers that
# accept nothing else.  First without xsock, then with it.  Everything happens
# on this machine, in a temporary folder, and is gone afterwards, also after
# Ctrl-C.  Ends with 0 when all went as announced.
. "$(dirname "$0")/support/lib.sh"
. "$TESTS/support/programs.sh"

wrong=0
rules=
if [ -t 1 ]; then
	bold=$(printf '\033[1m') dim=$(printf '\033[2m') plain=$(printf '\033[0m')
else
	bold='' dim='' plain=''
fi

title()
{
	printf '\n%s=== %s ===%s\n' "$bold" "$1" "$plain"
}

say()
{
	printf '%s\n' "$@" | fold -s -w 78
}

# type_in COMMAND: shows it as a user would type it, runs it, shows what it
# says.  With $rules set, the command runs under xsock.
type_in()
{
	local environment=()
	[ -z "$rules" ] || environment=(LD_PRELOAD="$PRELOAD"
		XSOCK_RULES="$rules" XSOCK_LOG=info)
	printf '\n%s$ %s%s\n' "$bold" "$1" "$plain"
	timeout --foreground -k 2 20 env "${environment[@]}" bash -c "$1" \
		>"$T/said" 2>&1 </dev/null
	sed 's/\r$//' "$T/said" | head -n 12
}

# fails COMMAND: as announced, nothing useful comes back
fails()
{
	type_in "$1"
	if grep -qE "$greeting" "$T/said"; then
		complain "this worked, and should not have"
	else
		note "fails, as expected: it speaks plaintext, the server TLS"
	fi
}

# works COMMAND PROGRAM: the answer, and the line of the relay
works()
{
	type_in "$1"
	if ! grep -qE "$greeting" "$T/said"; then
		complain "the answer is missing"
	elif ! grep -qE "^xsock: $2\[.* TLSv1\..* verified \"localhost\"" \
		"$T/said"; then
		complain "xsock's line with version, cipher and name is missing"
	else
		note "works"
	fi
}

note()
{
	printf '%s    (%s)%s\n' "$dim" "$1" "$plain"
}

complain()
{
	wrong=$((wrong + 1))
	printf '%s    NOT AS ANNOUNCED: %s%s\n' "$bold" "$1" "$plain"
}

# The commands; $1 is "fails" or "works".
all_programs()
{
	local web=localhost:$port_web

	"$1" "curl -sS --fail http://$web/" curl
	"$1" "wget -q -O - http://$web/ || echo wget: exit status \$?" wget
	"$1" "python3 -c 'import http.client as h; c = h.HTTPConnection(\"$web\"); c.request(\"GET\", \"/\"); print(c.getresponse().read())'" 'python3?[.0-9]*'
	"$1" "exec 3<>/dev/tcp/localhost/$port_web; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3" bash
	"$1" "redis-cli -h localhost -p $port_redis PING" redis-cli
}

for tool in curl wget python3 redis-cli redis-server nginx openssl; do
	command -v $tool >/dev/null || {
		echo "demo: $tool is missing; make demo installs it" >&2
		exit 1
	}
done
folder_begin demo
greeting='hello from nginx, TLS|^PONG'

title "The servers"
nginx_start web good && port_web=$port
redis_start && port_redis=$port
nginx_start other wronghost && port_other=$port
say "A throw-away CA:        $CA" \
    "nginx, HTTPS only:      localhost:$port_web" \
    "redis, TLS only:        localhost:$port_redis"

title "Without xsock"
all_programs fails

title "With xsock"
say "The same commands. The rules say: what goes to these ports becomes TLS, and the server's certificate must be signed by our CA. XSOCK_LOG=info makes xsock tell what it did; without it, it is silent as long as all is well."
rules="localhost:$port_web=tls://?cafile=$CA
localhost:$port_redis=tls://?cafile=$CA"
cat <<END

$bold\$ export LD_PRELOAD=$PRELOAD
\$ export XSOCK_RULES='$rules'
\$ export XSOCK_LOG=info$plain
END
# The demo's own relay, so that nothing is left behind.
export XSOCK_RELAY=$RELAY XSOCK_RELAY_IDLE=1
all_programs works

title "A wrong host name"
say "The certificate of the server at port $port_other is for other.example.test. The connect fails; nothing was sent."
rules="localhost:$port_other=tls://?cafile=$CA"
printf "\n%s\$ export XSOCK_RULES='%s'%s\n" "$bold" "$rules" "$plain"
type_in "curl -sS --fail http://localhost:$port_other/"
if ! grep -q '^curl: (7)' "$T/said"; then
	complain "curl's connect should have failed"
elif ! grep -q '^xsock: curl\[.*other\.example\.test' "$T/said"; then
	complain "xsock's line with the reason is missing"
else
	note "refused, as it must be"
fi

title "The end"
if [ "$wrong" -eq 0 ]; then
	say "All as announced. Next: README.md, or: build/xsock check --help"
else
	say "$wrong steps went wrong, see above."
fi
[ "$wrong" -eq 0 ]
exit
