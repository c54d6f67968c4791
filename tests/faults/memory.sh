#!/bin/bash
# Memory runs out, at one call of malloc and its kind after the other, in a relay
# that carries a connection or in the program that connects.  Whatever happens
# then, plaintext must not, nor a connect that hangs, nor a crash; and a failure
# must be told.
#
#     memory.sh short      some of the calls: each 97th
#     memory.sh all        each
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../support/lib.sh"

secret=SECRET-that-must-not-travel
memory=$BUILD/tests/faults/memory
no_memory=$BUILD/tests/faults/plugins/no_memory.so

# counter FILE: one that a process maps
counter()
{
	rm -f "$1"
	truncate -s 4096 "$1"
}

travelled()
{
	grep -qs "$secret" "$T"/servers/{trap,folder,stranger}.data "$T"/smtp/smtp.good.performed.plain
}

# judge NAME BEFORE: the case that memory has just run
judge()
{
	local said now
	said=$(tail -n 1 "$OUT")
	now=$(relay_pids)
	if travelled; then
		fail "$1" "plaintext"
	elif [ "$now" != "$2" ]; then
		fail "$1" "the relay $2 is gone, and there is '$now'"
	elif [ "$STATUS" -ne 0 ]; then
		fail "$1" "$said"
	else
		pass "$1: $said"
	fi
}

# in_relay NAME PATH PORT once|on [TOUCH]
in_relay()
{
	local before
	before=$(relay_pids)
	LIMIT=$limit case_run with_xsock "$rules" "$memory" "$2" "$3" "$secret" "$T/relay.memory" \
		"$4" "$step" "$T/lines" ${5+"$5"}
	judge "$1, $4" "$before"
}

# in_program once|on
in_program()
{
	local before
	before=$(relay_pids)
	LIMIT=$limit case_run with_xsock "$rules" env LD_PRELOAD="$PRELOAD $no_memory" \
		XS_MEMORY="$T/program.memory" "$memory" tls "$port_trap" "$secret" \
		"$T/program.memory" "$1" 1 "$T/lines"
	judge "in the program, $1" "$before"
}

case ${1-short} in
short) step=97 limit=120 ;;
all) step=1 limit=3600 ;;
*) exit 2 ;;
esac
suite_begin memory
serve tls_server:echo,tls="$CERTS/good" trap:sink folder:sink stranger:sink
mkdir "$T/smtp"
start smtp "$PYTHON" -B "$TESTS/starttls/hostile.py" "$T/smtp" "$CERTS"
within 30 test -e "$T/smtp/cases" || exit 1
port_smtp=$(awk '$1 == "smtp" && $2 == "good" && $4 == "performed" { print $5 }' "$T/smtp/cases")
cp "$CA" "$T/ca.pem"
counter "$T/relay.memory"
counter "$T/program.memory"
: >"$T/lines"
# The library takes nothing of the environment into the relay.
cat >"$T/relay" <<EOF
#!/bin/sh
LD_PRELOAD='$no_memory' XS_MEMORY='$T/relay.memory' exec '$RELAY' "\$@"
EOF
chmod +x "$T/relay"
mkdir "$T/folder"
cp "$CA" "$T/folder/$(openssl x509 -hash -noout -in "$CA").0"
rules="127.0.0.1:$port_trap=tls://localhost:$port_tls_server?cafile=$T/ca.pem
	127.0.0.1:$port_folder=tls://localhost:$port_tls_server?capath=$T/folder
	127.0.0.1:$port_stranger=tls://localhost:$port_tls_server?cafile=$T/ca.pem&peer_name=other.example
	127.0.0.1:$port_smtp=smtp+starttls://?peer_name=localhost&cafile=$T/ca.pem"
export XSOCK_OPTIONS="timeout=4" XSOCK_LOG=error:$T/lines XSOCK_RELAY_IDLE=120
export XSOCK_RELAY="$T/relay"
# The first connect starts the relay, with memory enough.
case_run with_xsock "$rules" "$memory" tls "$port_trap" "$secret" "$T/program.memory" once 1 "$T/lines"
if [ "$STATUS" -ne 0 ] || [ -z "$(relay_pids)" ]; then
	fail "with memory enough" "$(tail -n 1 "$OUT")"
	suite_end
fi
for how in once on; do
	in_program $how
	in_relay "in the relay, the context there" tls "$port_trap" $how
	in_relay "in the relay, the files anew" tls "$port_trap" $how "$T/ca.pem"
	in_relay "in the relay, a folder anew" tls "$port_folder" $how "$T"/folder/*.0
	in_relay "in the relay, the wrong server" never "$port_stranger" $how
	in_relay "in the relay, STARTTLS" smtp "$port_smtp" $how
done
stop_relays
suite_end
