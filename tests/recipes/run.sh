#!/bin/bash
# Each command of README.md and of the manuals, as the table says; see README.md.
. "$(dirname "$0")/../support/lib.sh"

. "$TESTS/recipes/machine.sh"

top=$TESTS/..
manuals=$(cd "$top" && find shim tools/relay tools/xsock -name '*.[1-8]' | LC_ALL=C sort)

# --- one command -------------------------------------------------------------

# run_recipe COMMAND STATUS PATTERN: as a user would type it
run_recipe()
{
	local command=${1#'$ '} pin
	write_rules
	# The fingerprint that the text leaves out.
	pin=$(openssl x509 -in "$T/api.corp.pem" -noout -pubkey | openssl pkey -pubin -outform DER |
		openssl dgst -sha256 -binary | base64)
	command=${command//pin-sha256:…/pin-sha256:$pin}
	(cd "$T/work" && on_machine bounded bash -o pipefail -c "$command") \
		>"$OUT" 2>&1 </dev/null
	STATUS=$?
	if [ "$2" != - ] && [ "$STATUS" -ne "$2" ]; then
		fail "$1" "status $STATUS, not $2"
	elif [ "$3" ] && ! grep -qE -- "$3" "$OUT"; then
		fail "$1" "no line with \"$3\""
	else
		pass "$1"
	fi
}

# by COMMAND FILE PATTERN: a test that is there, and does what it is here for
by()
{
	if grep -qE -- "$3" "$top/$2" 2>"$ERR"; then
		pass "$1 ($2)"
	else
		fail "$1" "no \"$3\" in $2"
	fi
}

# try COMMAND HOW
try()
{
	local how status pattern
	read -r how status pattern <<<"$2"
	case $how in
	run) run_recipe "$1" "$status" "$pattern" ;;
	by) by "$1" "$status" "$pattern" ;;
	text) pass "$1 (text)" ;;
	*) fail "$1" "the table says \"$how\"" ;;
	esac
}

# --- the suite ---------------------------------------------------------------

suite_begin recipes
if [ "$(id -u)" -ne 0 ]; then
	CI= skip recipes "root has a network and an /etc of its own, others have not"
	suite_end
fi
need recipes redis-server redis-cli jq curl ss psktool || suite_end
make_machine
start_servers
declare -A rows
command=
while IFS= read -r line; do
	case $line in
	"	"*) rows[$command]=${line#	} ;;
	"" | "# "[A-Z]*) ;;
	*) command=$line ;;
	esac
done <"$TESTS/recipes/table"

(cd "$top" && "$PYTHON" tests/recipes/commands.py README.md $manuals) >"$T/commands"
"$PYTHON" "$TESTS/recipes/commands.py" --rules "$top/shim/xsock-rules.5" >"$T/blocks"
[ "$(wc -l <"$T/commands")" -gt 40 ] && pass "commands are found" || fail "commands are found"
cut -f 2 "$T/commands" | awk '!seen[$0]++' >"$T/each"
while IFS= read -r command <&4; do
	if [ -z "${rows[$command]+x}" ]; then
		fail "$command" "tests/recipes/table has no row for it"
		continue
	fi
	try "$command" "${rows[$command]}"
done 4<"$T/each"
for command in "${!rows[@]}"; do
	grep -qxF -- "$command" "$T/each" "$T/blocks" ||
		fail "$command" "is in the table, and in no document"
done

# The rules that xsock-rules(5) shows.
: >"$T/rule"
while IFS= read -r line <&4; do
	if [ "$line" ]; then
		echo "$line" >>"$T/rule"
		continue
	fi
	first=$(head -n 1 "$T/rule")
	if [ "${rows[$first]-}" != text ]; then
		case_run "$BUILD/xsock" check "@$T/rule"
		[ "$STATUS" -eq 0 ] && pass "rule: $first" || fail "rule: $first"
	fi
	: >"$T/rule"
done 4<"$T/blocks"
suite_end
