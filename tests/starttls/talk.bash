#!/bin/bash
# A client by hand, for protocols of lines: says lines and waits for answers.
#
#     talk.bash HOW HOST PORT <STEPS
#
# HOW is bash (one write for each line), bytes (one for each byte) or nc.  A
# step is "> TEXT", said with CR LF behind it, or "< PATTERN", a line to wait
# for; all lines that came are written to standard output.  Ends with 1 where
# the answer does not come.
set -u

case $1 in
nc)
	coproc nc "$2" "$3"
	from=${COPROC[0]} to=${COPROC[1]}
	;;
*)
	exec 3<>"/dev/tcp/$2/$3" || exit 1
	from=3 to=3
	;;
esac

# say HOW TEXT.  Dovecot ends at the CR of LOGOUT, and loses its answer when the LF
# comes meanwhile: there it is one write for both.
say()
{
	local text=$2$'\r\n' at
	if [ "$1" != bytes ]; then
		printf '%s' "$text" >&$to
		return
	fi
	for ((at = 0; at < ${#text}; at++)); do
		case ${text:at} in
		$'\r\n')
			[[ $2 != *LOGOUT ]] || break ;;
		esac
		printf '%s' "${text:at:1}" >&$to || return
	done
	printf '%s' "${text:at}" >&$to
}

hear()
{
	local line
	while IFS= read -r -t 20 -u "$from" line; do
		line=${line%$'\r'}
		printf '%s\n' "$line"
		# shellcheck disable=SC2053
		[[ $line != $1 ]] || return 0
	done
	echo "no \"$1\"" >&2
	return 1
}

trap '' PIPE
while IFS= read -r step; do
	case $step in
	'> '*) say "$1" "${step#> }" || exit 1 ;;
	'< '*) hear "${step#< }" || exit 1 ;;
	esac
done
