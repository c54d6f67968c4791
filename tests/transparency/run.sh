#!/bin/bash
# Other people's test suites, three ways: plain, with the library and rules that
# match nothing, and with every TCP connect to loopback sent through the relay;
# see README.md.
#
#     run.sh [SUITE…]                 all suites, or these
#     run.sh --more                   those that "make transparency" leaves out
#     run.sh --datagrams [SUITE…]     CPython's tests of UDP: plain, and with every
#                                     datagram to loopback sent through the relay
#     run.sh --supervised [SUITE…]    all suites, or these: plain, and without the
#                                     library, sent through the relay by a supervisor
#
# The second way must give what the first gives, test by test; the third, too,
# but for what the file "differs" names with a reason, and the supervised way but
# for what the file "supervised.differs" names.  A test that differs is run again
# by itself, both ways, before it counts.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../support/lib.sh"

# SUITE:RELAYED[:GONE]: at least RELAYED connections must have gone through the
# relay, or the third way shows nothing.  Where it is 0, the suite has no
# connection of TCP, or none that is made by this process or its children.  The
# longest first.
# GONE is the version of CPython that no longer has the module, nor its tests.
suites=(
	test_socket:100
	tcl:100
	libuv:60
	test_asyncio:200
	test_multiprocessing_fork:40
	test_signal:0
	test_imaplib:70
	test_ssl:80
	test_xmlrpc:30
	test_subprocess:0
	test_logging:8
	test_selectors:0
	test_poll:0
	test_ftplib:100
	ruby:100
	test_poplib:40
	test_fork1:0
	test_asyncore:30:3.12
	test_select:0
	test_smtplib:30
	test_httpservers:40
	test_asynchat:20:3.12
	test_urllib2_localnet:20
	test_httplib:40
	test_socketserver:20
	test_smtpd:0:3.12
	test_nntplib:1:3.13
	test_telnetlib:5:3.13
	test_wsgiref:1
	test_epoll:3
)
# They take long; run.sh --more runs these instead.
more=(
	curl:200
	node:200
	redis:200
	libevent:50
	java:200
	perl:15
)
# The tests of UDP, and how many associations must have gone through the relay.
udp=(
	test_asyncio:6
	test_socketserver:9
	test_socket:3
	socket_unbound:70
	test_logging:4
)
# Which tests of a suite are about UDP, as a REGEX.  Of test_socket those whose client
# is bound to no address, because what another one sends with an address is refused;
# socket_unbound.py leaves the clients of the others unbound.
declare -A udp_tests=(
	[test_asyncio]='(?i)datagram'
	[test_socketserver]='UDP'
	[test_socket]='\.(Basic)?UDP(LITE)?(Timeout)?Test\.'
	[socket_unbound]='\.(Send|Recv)msg(Into)?(RFC3542Ancillary)?UDP6?Test\.'
	[test_logging]='\.(Datagram|IPv6SysLog|SysLog)HandlerTest\.'
)
# What "plain" is compared with.
modes=(nomatch relayed)

# At a time; each has its own HOME, TMPDIR and working directory.
JOBS=4
# Bounds for a suite in one mode, in seconds.
LIMIT=900
# How often a program that a test took with it is started again behind it.
STARTS=5
# How often the tests that differ are run by themselves.
AGAIN=2

# --- one run ------------------------------------------------------------

# A network for documentation or measurements (RFC 5737, RFC 2544) in which this
# machine has no address, or "matches nothing" would not be true.
foreign_network()
{
	local network
	for network in 192.0.2 198.51.100 203.0.113 198.18.0; do
		grep -q -- "|-- ${network//./\\.}\." /proc/net/fib_trie && continue
		echo "$network.0/24"
		return
	done
	echo "this machine has addresses in every network for documentation" >&2
	exit 1
}

# On a machine that has an address in the first one.
check_foreign_network()
{
	local what="no match: a network that is not this machine's"

	STATUS=0
	unshare -rn sh -c 'ip link set lo up && ip addr add 192.0.2.1/32 dev lo' \
		2>"$ERR" || { CI= skip "$what" "no network namespace"; return; }
	unshare -rn bash -c "$(declare -f foreign_network rules_of)
		ip link set lo up && ip addr add 192.0.2.1/32 dev lo
		rules_of nomatch" >"$OUT" 2>"$ERR"
	if [ -s "$OUT" ] && ! grep -q '192\.0\.2\.' "$OUT"; then
		pass "$what"
	else
		fail "$what"
	fi
}

# The rules of a mode: on standard output
rules_of()
{
	case $1 in
	nomatch) echo "$(foreign_network)=tls:// *.example.test=deny://" ;;
	relayed | supervised)
		echo "127.0.0.0/8=tcp://?relay=yes [::1]=tcp://?relay=yes" ;;
	datagrams)
		echo "udp://127.0.0.0/8=udp://?relay=yes udp://[::1]=udp://?relay=yes" ;;
	esac
}

# The environment of a suite in FOLDER: nothing of the caller's is in it
environment()
{
	printf '%s\n' "PATH=$PATH" LANG=C.UTF-8 "HOME=$1/home" "TMPDIR=$1/tmp" \
		"RES_OPTIONS=timeout:1 attempts:1" UV_RUN_AS_ROOT=1
}

# added_environment MODE FOLDER: what the library or a supervisor needs
added_environment()
{
	[ "$1" != plain ] || return
	[ "$1" = supervised ] || echo "LD_PRELOAD=$PRELOAD"
	printf '%s\n' "XSOCK_RULES=$(rules_of "$1")" "XSOCK_RELAY=$RELAY" \
		XSOCK_RELAY_IDLE=1 "XSOCK_LOG=info:$2/log"
}

# once SUITE MODE FOLDER [TEST…]: runs it until every test has its verdict, or
# was on its way when the program ended.  Leaves FOLDER/results, out and log.
once()
{
	local suite=$1 mode=$2 folder=$3 try before environment added supervisor=()
	local command=("$PYTHON" "$here/cpython.py" "$folder/results" "$suite")
	local got=$GOT/$suite
	shift 3

	case $suite in
	java | libuv | libevent | node | perl)
		command=("$PYTHON" "$here/each.py" "$folder/results" "$got") ;;
	tcl)
		command=("$PYTHON" "$here/tcl.py" "$folder/results"
			"$got/source") ;;
	curl | redis)
		command=("$PYTHON" "$here/$suite.py" "$folder/results"
			"$got/source") ;;
	ruby) command=(ruby "$here/ruby.rb" "$folder/results" "$got/source") ;;
	esac
	mkdir -p "$folder/home" "$folder/tmp" "$folder/work"
	sed -n "/^[^#]/s/^/excluded /p" "$here/excluded" >"$folder/results"
	: >"$folder/log"
	mapfile -t environment < <(environment "$folder")
	mapfile -t added < <(added_environment "$mode" "$folder")
	# Behind it the environment is the plain one: without the library.
	[ "$mode" != supervised ] || supervisor=("$T/xsock" run
		--supervise=always -- env -i "${environment[@]}")
	for ((try = 0; try < STARTS; try++)); do
		before=$(wc -l <"$folder/results")
		(cd "$folder/work" && exec env -i "${environment[@]}" \
			"${added[@]}" timeout -k 5 "$LIMIT" "${supervisor[@]}" \
			"${command[@]}" "$@") \
			>>"$folder/out" 2>&1 </dev/null && break
		# One that cannot begin will not begin the next time.
		[ "$(wc -l <"$folder/results")" -gt "$before" ] || break
	done
	verdicts "$folder/results" >"$folder/verdicts"
}

# TEST<TAB>VERDICT for every test, sorted.  What has begun and not ended has
# "died".
verdicts()
{
	awk '
	$1 == "excluded" { next }
	{
		verdict = $1; sub(/^[^ ]* /, "")
		if (verdict != "start")
			of[$0] = verdict
		else if (!($0 in of))
			of[$0] = "died"
	}
	END { for (test in of) print test "\t" of[test] }' "$1" | LC_ALL=C sort
}

# differences A B: TEST<TAB>VERDICT<TAB>VERDICT; "none" for a test that is not
# there
differences()
{
	LC_ALL=C join -t$'\t' -a1 -a2 -e none -o 0,1.2,2.2 "$1" "$2" |
		awk -F'\t' '$2 != $3'
}

# --- a suite in its modes -----------------------------------------------

# compare_modes SUITE MODE: writes the tests that differ to
# SUITE.MODE/differences.  One that differed at first and in none of the runs by
# itself goes to SUITE.MODE/passing.
compare_modes()
{
	local suite=$1 mode=$2 try tests
	local base=$T/s/$1
	local folder=$base.$mode

	differences "$base.plain/verdicts" "$folder/verdicts" >"$folder/first"
	: >"$folder/seen"
	if [ -s "$folder/first" ]; then
		mapfile -t tests < <(cut -f1 "$folder/first")
		for ((try = 1; try <= AGAIN; try++)); do
			once "$suite" plain "$folder/plain$try" "${tests[@]}"
			once "$suite" "$mode" "$folder/again$try" "${tests[@]}"
			differences "$folder/plain$try/verdicts" \
				"$folder/again$try/verdicts" >>"$folder/seen"
			# What cannot be run by itself stays what it was.
			LC_ALL=C join -t$'\t' -v1 "$folder/first" \
				"$folder/plain$try/verdicts" >>"$folder/seen"
		done
	fi
	LC_ALL=C sort -u -o "$folder/seen" "$folder/seen"
	# In the words of the first run.
	LC_ALL=C join -t$'\t' -o 1.1,1.2,1.3 "$folder/first" "$folder/seen" |
		sort -u >"$folder/differences"
	LC_ALL=C join -t$'\t' -v1 "$folder/first" "$folder/seen" \
		>"$folder/passing"
}

run_suite()
{
	local mode tests=()

	[ "$last" != datagrams ] || tests=("~${udp_tests[$1]}")
	for mode in plain "${modes[@]}"; do
		once "$1" "$mode" "$T/s/$1.$mode" "${tests[@]}"
	done
	for mode in "${modes[@]}"; do
		compare_modes "$1" "$mode"
	done
	: >"$T/s/$1.done"
}

# --- what it says -------------------------------------------------------

# TEST<TAB>VERDICT<TAB>VERDICT<TAB>sometimes or always, from the file $differs
expected()
{
	sed -nE '/^#/!s/^(.*): ([a-z]+), ([a-z]+)( sometimes)?$/\1\t\2\t\3\t\4/p' \
		"$here/$differs" | sed 's/\t$/\talways/; s/\t /\t/'
}

# Lines of a program's output about a test, for a failure
output_of()
{
	awk -v name="$2" '
	BEGIN { own = name; sub(/^(tcl|ruby)\./, "", own) }
	own != name && index($0, own) { show = 1; n = -38 }
	/^(ERROR|FAIL): / { show = index($0, name); n = 0 }
	/^--- / { show = ($2 == name); n = 0 }
	/^----/ && show { if (n++ > 1) show = 0 }
	show' "$1/out" | head -n 40
}

# What the program and the library said last in the runs of the tests that differ,
# one below another: a test that took the program with it has no output of its own.
ends_of()
{
	local again

	for again in "$1"/again*; do
		echo "${again##*/}:"
		tail -n 25 "$again/out"
		tail -n 25 "$again/log"
	done
}

judge_nomatch()
{
	local folder=$T/s/$1.nomatch

	cp "$folder/differences" "$OUT"
	if [ -s "$OUT" ]; then
		fail "$1: with rules that match nothing as plain"
	else
		pass "$1: with rules that match nothing as plain"
	fi
}

# judge_listed SUITE MODE
judge_listed()
{
	local folder=$T/s/$1.$2 test plain seen kind

	: >"$OUT"
	while IFS=$'\t' read -r test plain seen; do
		grep -qF "$test"$'\t'"$plain"$'\t'"$seen" "$T/expected" &&
			continue
		{
			echo "$test: $plain, $2 $seen"
			output_of "$folder" "$test"
			[ "$seen" != died ] || ends_of "$folder"
		} >>"$OUT"
	done <"$folder/differences"
	# What is listed and does not differ any more has to leave the list.
	while IFS=$'\t' read -r test plain seen kind; do
		[ "$kind" = always ] || continue
		cut -f1 "$T/s/$1.plain/verdicts" | grep -qxF "$test" ||
			continue
		cut -f1 "$folder/differences" | grep -qxF "$test" ||
			echo "$test is in the list, and does not differ" >>"$OUT"
	done <"$T/expected"
	if [ -s "$OUT" ]; then
		fail "$1: $2 as plain"
	else
		pass "$1: $2 as plain"
	fi
}

# A line of the log for each connection or association; those that fail count, too.
# An association begins with its first datagram.
relayed_count()
{
	cat "$T"/s/$1.$last/log |
		grep -cE ': connected, |: datagrams go as they are'
}

judge_count()
{
	local count
	count=$(relayed_count "$1")
	: >"$OUT"
	if [ "$count" -ge "$2" ]; then
		pass "$1: at least $2 $what relayed"
	else
		fail "$1: at least $2 $what relayed" "$count"
	fi
}

# A suite that does not run would equal itself.
judge_plain()
{
	local good
	good=$(grep -c $'\tok$' "$T/s/$1.plain/verdicts")
	tail -n 20 "$T/s/$1.plain/out" >"$OUT"
	if [ "$good" -gt 0 ]; then
		pass "$1: runs plain"
	else
		fail "$1: runs plain"
	fi
}

# "passed/skipped/failed" of a mode; of all suites for "*"
figures()
{
	awk -F'\t' '
	{ n[$2]++; all++ }
	END {
		printf "%d/%d/%d", n["ok"], n["skip"],
			all - n["ok"] - n["skip"]
	}' "$T"/s/$1.$2/verdicts
}

row()
{
	local suite=$1 mode differ=0

	printf '%-26s' "${suite/\*/all}"
	for mode in plain "${modes[@]}"; do
		printf ' %14s' "$(figures "$suite" "$mode")"
		[ "$mode" = plain ] || ((differ += $(cat \
			"$T"/s/$suite.$mode/differences | wc -l)))
	done
	printf ' %9s %8s\n' "$differ" "$(relayed_count "$suite")"
}

# The whole table, and below it the names.
table()
{
	local entry mode
	echo "passed/skipped/failed of each suite, by mode; tests that differ; $what relayed"
	echo
	printf '%-26s' suite
	printf ' %14s' plain "${modes[@]/nomatch/no match}"
	printf ' %9s %8s\n' differ relayed
	for entry; do
		row "${entry%%:*}"
	done
	[ $# -eq 1 ] || row '*'
	for mode in "${modes[@]}"; do
		echo
		echo "$mode, differs from plain each time:"
		list_of "$mode" differences "$@"
		echo
		echo "$mode, differed once, and not when run again:"
		list_of "$mode" passing "$@"
	done
}

list_of()
{
	local mode=$1 what=$2 entry file any=
	shift 2
	for entry; do
		file=$T/s/${entry%%:*}.$mode/$what
		[ -s "$file" ] || continue
		any=yes
		awk -F'\t' '{ print "  " $1 ": " $2 ", then " $3 }' "$file"
	done
	[ "$any" ] || echo "  none"
}

# --- the whole ----------------------------------------------------------

# A suite's processes are those of a timeout(1), which passes on TERM.
stop_suites()
{
	local pid

	for pid in $(jobs -p); do
		kill -TERM -- "-$pid" 2>/dev/null
	done
	cleanup
}

# choose SUITE…: sets $chosen, SUITE:RELAYED each, and $gone, what this CPython is
# too new for.  Any other suite that is not there fails.
choose()
{
	local entry suite relayed since

	chosen=() gone=()
	for entry in "${offered[@]}"; do
		IFS=: read -r suite relayed since <<<"$entry"
		[[ " $* " == *" $suite "* ]] || continue
		if [ "$since" ] && newer "$since"; then
			gone+=("$suite")
		else
			chosen+=("$suite:$relayed")
		fi
	done
}

# What a suite comes from; one that cannot be had is skipped.
get_suites()
{
	local entry remaining=()

	: >"$ERR"
	for entry in "${chosen[@]}"; do
		if "$here/get.sh" "$GOT" "${entry%%:*}" >"$OUT" 2>&1; then
			remaining+=("$entry")
		else
			STATUS=1
			skip "${entry%%:*}" "get.sh could not get its tests"
		fi
	done
	chosen=("${remaining[@]}")
}

# What a socket that is bound to nothing sends to loopback comes from another address
# of this machine (world.sh).  So a server answers to an address that no rule is about:
# the rules are about what is sent to servers, and an answer is none of that.
lead_from_elsewhere()
{
	local network
	[ "${XSOCK_TEST_WORLD-}" = entered ] || return
	for network in 127.0.0.0/8 127.0.0.1; do
		ip route replace local $network dev lo table local \
			src 203.0.113.1 || return
	done
	ip -6 route del local ::1 dev lo table local &&
		ip -6 route add local ::1 dev lo table local \
			src 2001:db8:113::1
}

# newer VERSION: whether CPython is at least this, as 3.12
newer()
{
	[ "$(printf '%s\n' "$1" "$python_version" | sort -V | head -n 1)" = "$1" ]
}

python_version=$("$PYTHON" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
differs=differs kept=transparency what=connections
offered=("${suites[@]}" "${more[@]}")
if [ "${1-}" = --supervised ]; then
	modes=(supervised) differs=supervised.differs kept=transparency-supervised
	shift
elif [ "${1-}" = --datagrams ]; then
	modes=(datagrams) differs=datagrams.differs
	kept=transparency-datagrams what=associations
	offered=("${udp[@]}") suites=("${udp[@]}")
	shift
fi
# In which connections are relayed.
last=${modes[-1]}
# Without a name: all of a list, whose table is kept.
case ${1-} in
'') set -- "${suites[@]%%:*}" ;;
--more) kept+=-more ; set -- "${more[@]%%:*}" ;;
*) kept= ;;
esac
choose "$@"
[ ${#gone[@]} -eq 0 ] || echo "CPython $python_version no longer has: ${gone[*]}"
if [ ${#chosen[@]} -eq 0 ]; then
	[ ${#gone[@]} -eq 0 ] || exit 0
	echo "run.sh: no such suite" >&2
	exit 2
fi

suite_begin transparency
trap stop_suites EXIT
# Short, because tests bind AF_UNIX sockets below it, whose paths have room for 108
# bytes (unix(7)).
mkdir "$T/s"
# As the relay: what is built meanwhile changes nothing.
cp "${PRELOAD##* }" "$T/libxsock.so" && cp "$BUILD/xsock" "$T/xsock" || exit 1
PRELOAD="${PRELOAD%"${PRELOAD##* }"}$T/libxsock.so"
expected >"$T/expected"
GOT=$BUILD/transparency
get_suites
[ "$last" != relayed ] || check_foreign_network
if [ "$last" = datagrams ] && ! lead_from_elsewhere 2>"$ERR"; then
	CI= skip "datagrams" "no network of its own, or no IPv6"
	chosen=()
fi
# Each job in a process group of its own, so that all of it can be stopped.
set -m
for entry in "${chosen[@]}"; do
	while [ "$(jobs -rp | wc -l)" -ge $JOBS ]; do
		wait -n
	done
	run_suite "${entry%%:*}" &
done
wait
set +m

for entry in "${chosen[@]}"; do
	suite=${entry%%:*}
	STATUS=0
	: >"$ERR"
	judge_plain "$suite"
	[ "$last" != relayed ] || judge_nomatch "$suite"
	judge_listed "$suite" "$last"
	judge_count "$suite" "${entry#*:}"
done
table "${chosen[@]}" >"$T/table"
[ -z "$kept" ] || cp "$T/table" "$BUILD/$kept.txt"
echo
cat "$T/table"
echo
suite_end
