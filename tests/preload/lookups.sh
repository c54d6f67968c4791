#!/bin/bash
# Names that are looked up in another process than the one that connects, or by
# another function than getaddrinfo: rules with names hold all the same.  A name
# server (dnsmasq) answers in a network where 192.0.2.0/24 is this machine's, and
# the plaintext server must hear nothing.
#
# Who is not root needs a user namespace for that.
if [ "$(id -u)" -ne 0 ] && [ -z "${XSOCK_TEST_WORLD-}" ]; then
	unshare -rnm true 2>/dev/null &&
		XSOCK_TEST_WORLD=own exec unshare -rnm "$0" "$@"
	echo "SKIP  lookups: no network namespace to be had"
	printf '1 skipped\n0 passed, 0 failed\n'
	exit 0
fi
. "$(dirname "$0")/../support/lib.sh"
. "$TESTS/preload/plaintext.sh"
export RES_OPTIONS="timeout:1 attempts:1"

suite_begin lookups
need "a name server" dnsmasq || suite_end
ip address add 192.0.2.1/24 dev lo || exit 1
start pool "$PYTHON" "$TESTS/preload/nameserver.py" 5353 \
	db.pool.test=192.0.2.20/192.0.2.21/192.0.2.22/192.0.2.23
start dnsmasq dnsmasq --no-daemon --no-hosts --no-resolv --bind-interfaces \
	--listen-address=127.0.0.1 --user="$(id -un)" --group="$(id -gn)" \
	--pid-file= --cache-size=0 --local=/corp.test/ --server=/pool.test/127.0.0.1#5353 \
	--host-record=db.corp.test,192.0.2.7,2001:db8:113::1 \
	--host-record=mx.corp.test,192.0.2.8 --mx-host=mail.corp.test,mx.corp.test \
	--cname=alias.corp.test,db.corp.test --cname=far.corp.test,alias.corp.test
answers()
{
	getent ahosts db.corp.test >/dev/null && getent ahosts db.pool.test >/dev/null
}
within 10 answers || { cat "$T/dnsmasq.log" "$T/pool.log"; exit 1; }
serve trap:sink trap2:sink "tls_sink:sink,tls=$CERTS/good" closed:closed
# What comes in plaintext to the addresses themselves is heard as by trap2.
start eavesdropper "$PYTHON" -c '
import selectors, socket, sys
ears = selectors.DefaultSelector()
port = int(sys.argv[2])
for last in 7, 8, 20, 21, 22, 23:
    ears.register(socket.create_server((f"192.0.2.{last}", port)), 1)
ears.register(socket.create_server(("2001:db8:113::1", port),
                                   family=socket.AF_INET6), 1)
print("ready", flush=True)
while True:
    for key, events in ears.select():
        client = key.fileobj.accept()[0]
        client.settimeout(5)
        try:
            data = client.recv(4096)
        except OSError:
            data = b""
        with open(sys.argv[1], "ab") as file:
            file.write(data)
        client.close()' "$T/servers/trap2.data" "$port_trap"
within 10 grep -q ready "$T/eavesdropper.log" || exit 1
to="tls://127.0.0.1:$port_tls_sink?cafile=$CA&peer_name=localhost"
glob="*.corp.test:$port_trap=$to"

# --- another user -----------------------------------------------------------

# user HOW NAME: one of shared.c's
user()
{
	case_run with_xsock "${3-$glob}" "$BUILD/tests/preload/shared" "$1" db.corp.test \
		192.0.2.7 "$port_trap" 65534
	verdict "$2" "connect: 0" '' tls_sink
}

if [ "$(id -u)" -eq 0 ] && [ "$XSOCK_TEST_WORLD" = entered ] &&
	"$PYTHON" -c 'import os; os.setuid(65534)' 2>/dev/null; then
	chmod 711 "$T"
	chmod 1777 "$T/reports"
	chmod -R a+rX "$CERTS"
	user empties "a child of another user overwrites all shared memory"
	user drops "looked up as root, connected as another user"
	user helps "a child of another user looks up and connects"
	user vfork "a vfork child of another user leaves the table to its parent"
else
	CI= skip "another user" "only root can become one"
fi

# --- another program ----------------------------------------------------------

# A descriptor's both ends, as nc and bash have them.
send='exec 3<>/dev/tcp/$a/$port && echo $secret >&3 && read -t 1 <&3; echo connected'
export port=$port_trap secret

# in_shell NAME RULES SCRIPT [SHELL…]: $a is what getent tells of $name
in_shell()
{
	case_run with_xsock "$2" env name="$4" bash -c "$3"
	verdict "$1" connected '' tls_sink
}

first='a=$(getent ahostsv4 $name | { read -r a rest; echo $a; }); '
in_shell "getent in a child, a glob" "$glob" "$first$send" db.corp.test
in_shell "getent in a grandchild" "$glob" "a=\$(bash -c '${first}echo \$a'); $send" \
	db.corp.test
in_shell "the shell is replaced by what connects" "$glob" \
	"$first export a; exec bash -c '$send'" db.corp.test
in_shell "replaced twice" "$glob" \
	"$first export a send='$send'; exec sh -c 'exec bash -c \"\$send\"'" db.corp.test
in_shell "an environment of its own for getent" "$glob" \
	'a=$(env -i LD_PRELOAD="$LD_PRELOAD" XSOCK_RULES="$XSOCK_RULES" PATH="$PATH" \
		getent ahostsv4 $name | { read -r a rest; echo $a; });'" $send" db.corp.test
in_shell "getent, all descriptors closed" "$glob" \
	'a=$("'"$PYTHON"'" -c "import os, sys; os.closerange(3, 4096)
os.execvp(\"getent\", [\"getent\", \"ahostsv4\", sys.argv[1]])" $name |
	{ read -r a rest; echo $a; });'" $send" db.corp.test
in_shell "an exact name, an address for each query" "db.pool.test:$port_trap=$to" \
	"$first$send" db.pool.test
in_shell "a glob, an address for each query" "*.pool.test:$port_trap=$to" \
	"$first$send" db.pool.test

# Nothing of it is seen by a program that looks.  Other suites have memory and
# files of their own, so this is a namespace without them.
look='getent ahosts db.corp.test >/dev/null; bash -c "echo /proc/self/fd/*"; ls /dev/shm'
looks_around()
{
	bounded unshare -im bash -c 'mount -t tmpfs shm /dev/shm &&
		env "$@" bash -c "$0"; ipcs -m | grep dest' "$look" "$@"
}
case_run looks_around
mv "$OUT" "$T/plain"
case_run looks_around "LD_PRELOAD=$PRELOAD" "XSOCK_RULES=$glob"
grep -q /proc/self/fd/0 "$OUT" && cmp -s "$OUT" "$T/plain" &&
	pass "no descriptor and no file is handed on, and no memory is left" ||
	fail "no descriptor and no file is handed on, and no memory is left" \
		"not $(cat "$T/plain")"
case_run with_xsock "$glob" unshare -i bash -c 'ipcs -m'
grep -q dest "$OUT" && pass "but there is memory while a process has it" ||
	fail "but there is memory while a process has it"

# What one tree looks up is none of another's business.
case_run with_xsock "$glob" bash -c "getent ahosts db.corp.test >/dev/null"
case_run with_xsock "*.corp.test:$port_closed=$to" "$PYTHON" -c 'import socket, sys
try: socket.create_connection(("192.0.2.7", int(sys.argv[1])))
except OSError as e: print(e.strerror)' "$port_closed"
verdict "another tree does not know it" "Connection refused" '*'

# --- libc's resolver -----------------------------------------------------------

# by_resolver NAME RULES FUNCTION HOST [TYPE]
by_resolver()
{
	case_run with_xsock "$2" "$BUILD/tests/preload/resolves" "$3" "$4" "${5-A}" \
		"$port_trap"
	verdict "$1" "connect: 0" '' tls_sink
}

for function in res_query res_search res_querydomain res_send res_nquery res_nsearch \
	res_nquerydomain res_nsend; do
	by_resolver "$function" "$glob" $function db.corp.test
	by_resolver "$function, by its old name" "$glob" old_$function db.corp.test
done
by_resolver "res_nsend: AAAA" "$glob" res_nsend db.corp.test AAAA
by_resolver "res_search: an address for each query" "db.pool.test:$port_trap=$to" \
	res_search db.pool.test
by_resolver "res_query: a rule for what an alias stands for" \
	"db.corp.test:$port_trap=$to" res_query far.corp.test
by_resolver "res_query: a rule for the alias" "far.corp.test:$port_trap=$to" \
	res_query far.corp.test
by_resolver "res_query: a rule for an alias between is not met, so the name counts" \
	"alias.corp.test:$port_trap=deny:// far.corp.test:$port_trap=$to" \
	res_query far.corp.test
LOCALDOMAIN=corp.test by_resolver "res_search: a search domain makes the name of it" \
	"$glob" res_search db

# What Postfix's smtp(8) looks up with.  It reads a configuration, which the
# package does not have where nobody has configured it.
if need "posttls-finger" posttls-finger; then
	mkdir "$T/postfix"
	echo "compatibility_level = 3.6" >"$T/postfix/main.cf"
	MAIL_CONFIG=$T/postfix case_run with_xsock "*.corp.test:$port_trap=deny://" \
		posttls-finger -c -l none "[mx.corp.test]:$port_trap"
	grep -q "denied by this rule" "$ERR" && ! heard trap2 &&
		pass "posttls-finger: a glob" || fail "posttls-finger: a glob"
	forget
fi

# --- a program's program -----------------------------------------------------------

erlang='
{ok, [[Name]]} = init:get_argument(name_),
{ok, [[Port]]} = init:get_argument(port_),
{ok, [[Text]]} = init:get_argument(text_),
case gen_tcp:connect(Name, list_to_integer(Port), [binary, {active, false}], 10000) of
	{ok, S} -> gen_tcp:send(S, Text), gen_tcp:shutdown(S, write), gen_tcp:recv(S, 0, 10000),
		io:format("connected~n");
	{error, E} -> io:format("~p~n", [E])
end, halt().'
# by_erlang NAME RULES HOST: gen_tcp, whose names a program of its own looks up
by_erlang()
{
	case_run with_xsock "$2" erl -noshell -eval "$erlang" -name_ "$3" -port_ "$port_trap" \
		-text_ "$secret"
	verdict "$1" connected '' tls_sink
}
if [ "$sanitized" ]; then
	CI= skip "Erlang" "its own memory is not for a sanitizer"
elif need "Erlang" erl; then
	by_erlang "Erlang: a glob" "$glob" db.corp.test
	by_erlang "Erlang: an exact name" "db.corp.test:$port_trap=$to" db.corp.test
	by_erlang "Erlang: an exact name, an address for each query" \
		"db.pool.test:$port_trap=$to" db.pool.test
fi
suite_end
