# The hostile cases: hostile.py has a port for each, hostile_client.py connects
# to all of them, through the library and the relay.

# hostile_rules MODE SCHEME-SUFFIX: one rule for each protocol
hostile_rules()
{
	local protocol
	for protocol in $(cut -d ' ' -f 1 "$T/hostile/cases" | sort -u); do
		hostile_rule "$protocol" performed "$protocol+starttls"
		hostile_rule "$protocol" seen starttls
	done
}

# hostile_rule PROTOCOL MODE SCHEME.  A server that says nothing costs its time.
hostile_rule()
{
	local quick ports
	quick=$(hostile_ports "$1" "$2" '$2 == "silent"')
	ports=$(hostile_ports "$1" "$2" '$2 != "silent"')
	[ ! "$quick" ] || echo "localhost:$quick=$3://?cafile=$CA&timeout=2"
	[ ! "$ports" ] || echo "localhost:$ports=$3://?cafile=$CA"
}

hostile_ports()
{
	awk -v protocol="$1" -v mode="$2" \
		'$1 == protocol && $4 == mode && ('"$3"') { print $5 }' \
		"$T/hostile/cases" | paste -sd , -
}

hostile_all()
{
	local result name
	mkdir "$T/hostile"
	start hostile "$PYTHON" -B "$here/hostile.py" "$T/hostile" "$CERTS"
	if ! within 20 test -e "$T/hostile/cases"; then
		cat "$T/hostile.log" >&2
		exit 1
	fi
	: >"$T/hostile.lines"
	export XSOCK_LOG=error:$T/hostile.lines
	hostile_rules >"$T/hostile.rules"
	LIMIT=600 case_run with_xsock "@$T/hostile.rules" "$PYTHON" -B \
		"$here/hostile_client.py" "$T/hostile" "$T/hostile.lines" \
		"${words[@]+"${words[@]}"}"
	cp "$OUT" "$T/hostile.results"
	mv "$OUT" "$T/hostile.out"
	: >"$OUT"
	while read -r result name; do
		if [ "$result" = ok ]; then
			pass "$name"
		else
			fail "${name%%: *}" "${name#*: }"
		fi
	done <"$T/hostile.results"
	[ "$STATUS" -eq 0 ] || fail "the hostile client"
}

# starttls=optional: where the server refuses, the connection goes on, and where
# it agrees there is TLS all the same.
hostile_optional()
{
	wanted "smtp" || return 0
	optional_case "goes on" refused 454 'optional' 0
	optional_case "ends without it" refused 454 'required' 1
	optional_case "has TLS where it can" good 220 'optional' 0
	grep -q NOOP "$T/hostile/smtp.good.seen.tls" &&
		! grep -q NOOP "$T/hostile/smtp.good.seen.plain" &&
		pass "starttls=optional: TLS it is" ||
		fail "starttls=optional: TLS it is"
}

# optional_case NAME ATTACK CODE VALUE STATUS
optional_case()
{
	local port
	port=$(hostile_ports smtp seen "\$2 == \"$2\"")
	cat >"$T/steps" <<-END
	< 220 *
	> EHLO client
	< 250 *
	> STARTTLS
	< $3*
	> NOOP
	< 250 *
	END
	case_run optional_talk "localhost:$port=starttls://?cafile=$CA&starttls=$4"
	if [ "$STATUS" -eq "$5" ] && grep -q "^$3 " "$OUT"; then
		pass "starttls=$4: $1"
	else
		fail "starttls=$4: $1"
	fi
}

optional_talk()
{
	with_xsock "$1" bash "$here/talk.bash" bash localhost "$port" <"$T/steps"
}

# "xsock probe" says the same dialogues: it accepts the good ones alone.
hostile_probe()
{
	local protocol attack family mode port
	while read -r protocol attack family mode port; do
		if [ "$mode" != performed ] || ! wanted "$protocol"; then
			continue
		fi
		case_run "$BUILD/xsock" probe \
			"$protocol+starttls://localhost:$port?cafile=$CA&timeout=2"
		if [ "$attack" = good ] && [ "$STATUS" -ne 0 ]; then
			fail "probe: $protocol"
		elif [ "$attack" != good ] && [ "$STATUS" -eq 0 ]; then
			fail "probe: $protocol, $attack" "is accepted"
		else
			pass "probe: $protocol, $attack"
		fi
	done <"$T/hostile/cases"
}

# hostile_cell PROTOCOL MODE: for the table
hostile_cell()
{
	awk -v protocol="$1" -v mode="$2" \
		'$2 == protocol && $3 == mode { all++; if ($1 == "ok") ok++ }
		END { if (all) print ok + 0, "of", all; else print "none" }' \
		"$T/hostile.results"
}
