#!/bin/bash
# The farm: for each row of the table "cases", the same request by curl over
# https, and by curl over http with xsock; see README.md.
#
#     run.sh [NAME…]      all cases, or these
#
# A case fails when xsock does not what the table says, when it says it with
# other words, when it accepts what curl refuses, when a byte of a refused
# request reached any server, or when "xsock probe" does not say the same.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../support/lib.sh"
FARM=$BUILD/tests/farm
cases=$here/cases
# What no server may see when the client refuses.
secret=SECRET-that-must-not-travel

declare -A port_of
declare -A errno_of=(
	["Protocol error"]=EPROTO
	["Key was rejected by service"]=EKEYREJECTED
	["Connection timed out"]=ETIMEDOUT
	["Permission denied"]=EACCES
	["Connection refused"]=ECONNREFUSED
	["Connection reset by peer"]=ECONNRESET
)

# --- servers ------------------------------------------------------------

start_farm()
{
	F=$T/farm
	mkdir "$F"
	if ! "$FARM/certs" "$cases" "$F" >"$T/certs.log" 2>&1; then
		cat "$T/certs.log" >&2
		exit 1
	fi
	long_alpn >"$F/long-alpn"
	start_servers server
	start_servers raw
}

# Names for ALPN that make any ClientHello too long for one segment.
long_alpn()
{
	local i

	printf http/1.1
	for i in 1 2 3 4 5 6; do
		printf ',%0200d' "$i"
	done
}

start_servers()
{
	local name port

	start "$1" "$FARM/$1" "$cases" "$F"
	within 20 listens_or_ended "$F/$1.ports" "$!"
	if [ ! -e "$F/$1.ports" ]; then
		cat "$T/$1.log" >&2
		exit 1
	fi
	while read -r name port; do
		port_of[$name]=$port
	done <"$F/$1.ports"
}

listens_or_ended()
{
	test -e "$1" || ! kill -0 "$2" 2>/dev/null
}

# --- a row --------------------------------------------------------------

# Sets host, scheme, options and curl_options from the columns of a row.
read_rule()
{
	local word

	host=localhost scheme=tls:// options='' curl_options=()
	for word in $1; do
		word=$(fill "$word")
		case $word in
		to=*) host=${word#to=} ;;
		*://) scheme=$word ;;
		*) options+=${options:+&}$word ;;
		esac
	done
	case $options in
	*cafile=*) ;;
	*) options+="${options:+&}cafile=$F/ca.pem" ;;
	esac
	for word in $2; do
		curl_options+=("$(fill "$word")")
	done
}

# @/ is the folder, {NAME} the content of a file in it.
fill()
{
	local text=${1//@\//$F/} name

	while [[ $text =~ \{([a-z0-9.-]+)\} ]]; do
		name=${BASH_REMATCH[1]}
		text=${text/"{$name}"/$(<"$F/$name")}
	done
	echo "$text"
}

# The rule for this row.  A name that no resolver knows is the rule's matter:
# the program goes to localhost.
rule()
{
	case $host in
	localhost | 127.0.0.1 | '[::1]')
		door=$host
		echo "$door:$front=$scheme:$port?$1" ;;
	*)
		door=localhost
		echo "$door:$front=$scheme:$port?peer_name=$host&$1" ;;
	esac
}

# Newer curls say the second.  One that fails to receive (libcurl-errors(3)) was
# connected, whether it has said so or not.
curl_receives=56
connected='(Connected|Established connection)'
plain_curl=(curl -q -sS --noproxy '*' --max-time 10)

# native: the verdict of curl itself
native()
{
	local resolve=()

	case $host in
	localhost | *[0-9] | '[::1]') ;;
	*) resolve=(--resolve "$host:$port:127.0.0.1") ;;
	esac
	bounded "${plain_curl[@]}" --cacert "$F/ca.pem" "${resolve[@]}" \
		"${curl_options[@]}" "https://$host:$port/" \
		>"$OUT" 2>&1 </dev/null
	STATUS=$?
	if [ "$STATUS" -eq 0 ] && grep -q '^hello from' "$OUT"; then
		native=accepted
	else
		native="refused ($STATUS)"
	fi
}

# wrapped OPTIONS: curl over http with xsock; sets $verdict, $reason
wrapped()
{
	local rule door text family=-4

	rule=$(rule "$1")
	door=${rule%%:"$front"=*}
	# One address, one verdict.
	[ "$host" != '[::1]' ] || family=-6
	case_run with_xsock "$rule" "${plain_curl[@]}" -v $family \
		"http://$door:$front/$secret"
	reason=$(grep -m 1 '^xsock: ' "$ERR" |
		sed 's/^xsock: [^ ]* [^ ]* by [^ ]* [^ ]*: //; s/ \[[a-z0-9-]*\]$//')
	text=$(sed -n 's/^\* connect to .* failed: //p' "$ERR" | tail -n 1)
	if [ "$STATUS" -eq 0 ] && grep -q '^hello from' "$OUT"; then
		verdict=accepted
	elif [ "$text" ]; then
		verdict=${errno_of[$text]-$text}
	elif grep -qE "^\* $connected to" "$ERR" || [ "$STATUS" -eq "$curl_receives" ]; then
		verdict=ended
	else
		verdict=curl-$STATUS
	fi
}

# Has a byte of application data reached a server of this case?
heard()
{
	[ -s "$F/$name.data" ] || [ -s "$F/front.data" ]
}

# --- judging ------------------------------------------------------------

# judge: sets $why, empty when the case is as it must be
judge()
{
	local expected=${1%% *} says=${1#* }

	why=
	if [[ ",$expected," != *",$verdict,"* ]]; then
		why="$verdict instead of $expected"
	elif [ "$verdict" = accepted ]; then
		[ -s "$F/$name.data" ] || why="no request at the server"
		[ -z "$reason" ] || why="accepted, and complains"
	elif heard; then
		why="the request reached a server"
	elif ! grep -qE -- "$says" <<<"$reason"; then
		why="the line does not say: $says"
	fi
	[ "$verdict" != accepted ] || [ "$native" = accepted ] ||
		[ "$1" = 'accepted beyond curl' ] ||
		why="more lenient than curl"
	grep -q '^accepted' "$F/$name.log" || why="no connection at the server"
}

# A certificate that is refused is the only thing that is wrong: without
# verification the same server is good.
control()
{
	case $verdict:$options in
	*:*peer_fingerprint=* | *:*crlfile=* | *:*verify_peer=*) return ;;
	EKEYREJECTED:*) ;;
	*) return ;;
	esac
	case " $words " in *" raw "*) return ;; esac
	: >"$F/$name.data"
	verdict_before=$verdict reason_before=$reason
	wrapped "$options&verify_peer=0&verify_peer_name=0"
	[ "$verdict" = accepted ] ||
		why="unverified, not accepted: $verdict $reason"
	verdict=$verdict_before reason=$reason_before
}

# The exit status of "xsock probe" for each outcome of a rule.
declare -A status_of=(
	[accepted]=0 [EKEYREJECTED]=1 [EACCES]=2 [ECONNREFUSED]=3 [EPROTO]=4
	[ended]=4 [curl-7]=4 [ECONNRESET]=4 [ETIMEDOUT]=5
)

# The probe of the same target comes to the same end, in the same words, and
# sends no byte of application data.
probe_agrees()
{
	local rule sentence

	rule=$(rule "$options")
	: >"$F/$name.data"
	case_run bounded "$BUILD/xsock" probe "$(probe_url "$rule")"
	sentence=$(sed -n 's/^verdict  *[a-z]*: //p' "$OUT")
	if [ "$STATUS" != "${status_of[$verdict]}" ]; then
		why="$verdict by a rule, but status $STATUS of probe: $sentence"
	elif [ "$verdict" != accepted ] && [ "$sentence" != "$reason" ]; then
		why="the probe says \"$sentence\", the rule \"$reason\""
	elif heard; then
		why="the probe sent application data"
	fi
}

# probe_url RULE: DOOR:FRONT=SCHEME://:PORT?… as SCHEME://DOOR:PORT?…; localhost
# by its address, because another server may have that port of the other family
probe_url()
{
	local door=${1%%:"$front"=*} target=${1#*"$front"=}

	if [ "$door" = localhost ]; then
		door=127.0.0.1
		case $target in
		*peer_name=*) ;;
		*) target="${target%%\?*}?peer_name=localhost&${target#*\?}" ;;
		esac
	fi
	echo "${target%%://*}://$door${target#*://}"
}

# show VERDICT: the row of the table
show()
{
	printf '%-4s  %-24s  %-12s  %-60.60s  %s\n' "$1" "$name" \
		"${expected%% *}" "$verdict${reason:+: $reason}" "$native"
}

# Runs in a shell of its own; true when the case is as it must be.
run_case()
{
	local host scheme options curl_options port=${port_of[$name]-}
	local native verdict reason why words=$1 expected=$4

	if [ -z "$port" ]; then
		skip "$name" "no IPv6 loopback"
		return
	fi
	read_rule "$2" "$3"
	: >"$F/$name.data"; : >"$F/$name.log"
	native
	: >"$F/$name.data"; : >"$F/$name.log"
	wrapped "$options"
	judge "$expected"
	[ "$why" ] || control
	[ "$why" ] || probe_agrees
	if [ -z "$why" ]; then
		show ok
		return
	fi
	show FAIL
	fail "$name" "$why"
	show_file "the server's log" "$F/$name.log" 10
	return 1
}

# "if VERSION CIPHER: A; else B" of a row is A or B here, and "if hybrid: …".
here_expected()
{
	local words=${1%%:*} found

	case $1 in
	'if '*) ;;
	*) echo "$1"; return ;;
	esac
	if [ "$words" = 'if hybrid' ]; then
		found=$(libssl_has_hybrid && echo yes)
	else
		# shellcheck disable=SC2086
		found=$(openssl ciphers -s ${words#if } 2>/dev/null)
	fi
	set -- "${1#*: }"
	if [ "$found" ]; then echo "${1%%; else *}"; else echo "${1#*; else }"; fi
}

# --- the table ----------------------------------------------------------

# Several at once: most of the time goes by waiting.
at_once=4

begin_case()
{
	rows+=("$name")
	while [ "$(jobs -pr | wc -l)" -ge $((at_once + servers)) ]; do
		wait -n
	done
	(
		trap - EXIT
		mkdir "$T/rows/$name"
		OUT=$T/rows/$name/out ERR=$T/rows/$name/err
		run_case "$@" >"$T/rows/$name/row" 2>&1
		echo $? >"$T/rows/$name/status"
	) &
}

print_rows()
{
	local name

	for name in "${rows[@]}"; do
		until [ -e "$T/rows/$name/status" ]; do
			wait -n
		done
		cat "$T/rows/$name/row"
		if [ "$(<"$T/rows/$name/status")" -ne 0 ]; then
			failed=$((failed + 1))
		elif grep -q ^SKIP "$T/rows/$name/row"; then
			skipped=$((skipped + 1))
		else
			passed=$((passed + 1))
		fi
	done
}

# Without blanks at both ends.
trim()
{
	local text=${1#"${1%%[! 	]*}"}

	echo "${text%"${text##*[! 	]}"}"
}

run_table()
{
	local kind name certificate server rule curl expected only=" $* "
	local rows=() nevers='' servers

	servers=$(jobs -pr | wc -l)
	mkdir "$T/rows"
	while IFS='|' read -r name certificate server rule curl expected; do
		read -r kind name <<<"$name"
		case $only in '  ' | *" $name "*) ;; *) continue ;; esac
		case $kind in
		case)
			[ "$name" = front ] || begin_case "$server" "$rule" \
				"$curl" "$(here_expected "$(trim "$expected")")" ;;
		never)
			nevers+=$(printf '%-4s  %-24s  %s' - "$name" \
				"cannot be had: $(trim "$certificate")")$'\n' ;;
		esac
	done <"$cases"
	printf '%-4s  %-24s  %-12s  %-60s  %s\n' '' case expected xsock curl
	print_rows
	printf '%s' "$nevers"
}

suite_begin farm
start_farm
front=${port_of[front]}
run_table "$@"
suite_end
