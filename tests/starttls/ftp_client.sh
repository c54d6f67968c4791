#!/bin/bash
# A session of FTP in bash alone: uploads standard input, downloads it again to
# standard output.
#
#     ftp_client.sh performed|seen HOST PORT USER FOLDER NAME
mode=$1 host=$2 port=$3 user=$4 folder=$5 name=$6

# reply CODE: reads a whole reply, which must be that; its last line in $line
reply()
{
	local code=
	while IFS= read -r -t 30 -u 3 line; do
		line=${line%$'\r'}
		code=${code:-${line:0:3}}
		[ "${line:0:4}" = "$code " ] || continue
		[ "$code" = "$1" ] && return
		echo "not $1: $line" >&2
		exit 1
	done
	echo "the end, not $1" >&2
	exit 1
}

say()
{
	printf '%s\r\n' "$1" >&3
	reply "$2"
}

# data: opens descriptor 4
data()
{
	say PASV 227
	[[ $line =~ ([0-9]+),([0-9]+),([0-9]+),([0-9]+),([0-9]+),([0-9]+) ]] ||
		exit 1
	set -- "${BASH_REMATCH[@]:1}"
	exec 4<>"/dev/tcp/$1.$2.$3.$4/$(($5 * 256 + $6))" || exit 1
}

exec 3<>"/dev/tcp/$host/$port" || exit 1
reply 220
if [ "$mode" = seen ]; then
	say "AUTH TLS" 234
	say "PBSZ 0" 200
	say "PROT P" 200
fi
say "USER $user" 331
say "PASS secret" 230
say "CWD $folder" 250
say "TYPE I" 200
data
say "STOR $name" 150
cat >&4
exec 4>&-
reply 226
data
say "RETR $name" 150
cat <&4
exec 4<&-
reply 226
say QUIT 221
