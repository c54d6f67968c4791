#!/bin/bash
# inside.sh DAEMON: runs in the machine, as its root.  Gives one daemon the library
# as xsock-services(7) says, and tries it.  It prints a line for each column:
#
#     DAEMON|COLUMN|yes, no or -|REASON
#
# and what was found on standard error.
set -u
here=$(cd "$(dirname "$0")" && pwd)
daemon=$1
manual=$here/xsock-services.7
. "$here/within.sh"
. "$here/peers.sh"
for file in "$here"/in_*.sh; do
	. "$file"
done

# --- what the manual says ---------------------------------------------------

# block KIND: the blocks of this kind in the daemon's section, each behind a line
# "@KIND ARGUMENT"
block()
{
	awk -v daemon="$daemon" -v kind="$1" -f "$here/manual.awk" "$manual"
}

# Appends each block to its file, or writes it.
write_files()
{
	local kind=$1 line file=
	while IFS= read -r line; do
		case $line in
		"@$kind "*)
			file=${line#* }
			mkdir -p "$(dirname "$file")"
			[ "$kind" = append ] || : >"$file" ;;
		*) printf '%s\n' "$line" >>"$file" ;;
		esac
	done < <(block "$kind")
}

# The drop-in that xsock unit prints, and what the manual adds to it.
install_drop_in()
{
	local unit file
	for unit in $(block unit | sed -n 's/^@unit //p'); do
		file=/etc/systemd/system/$unit.service.d/xsock.conf
		mkdir -p "${file%/*}"
		xsock unit "$unit" >"$file" 2>/tmp/unit.err
		[ $? -lt 2 ] || { cat /tmp/unit.err >&2; return 1; }
		cat /tmp/unit.err >&2
		block drop-in | sed '/^@/d' >>"$file"
	done
	systemctl daemon-reload
}

apply_manual()
{
	block rules | sed '/^@/d' >/etc/xsock.rules
	xsock check @/etc/xsock.rules >/tmp/check 2>&1 || { cat /tmp/check >&2; return 1; }
	write_files write
	write_files append
	block run | sed '/^@/d' >/tmp/run.sh
	bash -e /tmp/run.sh >/tmp/run.log 2>&1 || { cat /tmp/run.log >&2; return 1; }
	install_drop_in
}

start_first()
{
	systemctl restart $units || return
	block after | sed '/^@/d' >/tmp/after.sh
	bash -e /tmp/after.sh
}

# --- rows -------------------------------------------------------------------

cell()
{
	printf '%s|%s|%s|%s\n' "$daemon" "$1" "$2" "${3-}"
}

# A new word for each question, so that no old answer counts.
new_token()
{
	token=t$$x$((count += 1))
}
count=0

# Asks until the answer comes.  What a trap has got was plaintext.
answers()
{
	new_token
	ask >/tmp/ask 2>&1 || return
	[ ! -s /tmp/trapped ]
}

# try COLUMN COMMAND…: after COMMAND what the daemon connects is TLS
try()
{
	local column=$1 said=$EPOCHREALTIME
	shift
	begin_anew
	: >/tmp/trapped
	fit=
	if ! "$@" >/tmp/action 2>&1; then
		cell "$column" no "\"$*\" failed"
		cat /tmp/action >&2
	elif ! within "${PATIENCE:-30}" answers; then
		if [ -s /tmp/trapped ]; then
			cell "$column" no "plaintext"
		else
			cell "$column" no "no answer through TLS"
		fi
		tail -n 5 /tmp/ask | cut -c 1-300 >&2
		journalctl -q -o cat --since "@$said" | grep -a xsock | tail -n 5 >&2
	else
		cell "$column" yes
		fit=yes
	fi
}

# What failed before must not be why the next column fails.
fit=yes
begin_anew()
{
	[ ! "$fit" ] || return 0
	systemctl restart $units && within 20 answers
}

relay_pids()
{
	pidof xsock-relay
}

kill_relay()
{
	local pids
	pids=$(relay_pids) || { echo "there is no relay"; return 1; }
	kill -9 $pids
}

# It stays away for a moment, so that the daemon meets it.
restart_server()
{
	local one
	for one in $peers; do
		systemctl stop "$one" || return
	done
	sleep 2
	for one in $peers; do
		start_peer "$one" || return
	done
}

property()
{
	systemctl show -P "$2" "$1"
}

# What is under way is ended by the unit itself, within its time: no process is left,
# none was killed, and what was promised has arrived.
try_stop()
{
	local since=$EPOCHREALTIME unit killed
	begin_anew
	busy >/tmp/ask 2>&1 || { cell stop no "nothing to be stopped"; cat /tmp/ask >&2; return; }
	since=$EPOCHREALTIME
	: >/tmp/trapped
	systemctl stop $units
	for unit in $units; do
		[[ $(property "$unit" Result) =~ ^($ends_with)$ ]] ||
			{ cell stop no "$unit: $(property "$unit" Result)"; return; }
	done
	killed=$(journalctl -q -o cat --since "@$since" | grep -m 1 SIGKILL)
	if [ "$killed" ]; then
		cell stop no "$killed"
	elif ! within 5 no_relay; then
		cell stop no "the relay is still there"
	elif ! within 10 drained; then
		cell stop no "what was under way has not arrived"
		tail -n 5 /tmp/ask | cut -c 1-300 >&2
	elif [ -s /tmp/trapped ]; then
		cell stop no "plaintext"
	else
		cell stop yes
	fi
}

no_relay()
{
	! relay_pids >/dev/null
}

# For daemons of which nothing is under way.
busy() { new_token && within 20 ask; }
drained() { :; }
reload() { systemctl reload $units; }
upgrade() { :; }
no_reload= no_upgrade="the unit starts it anew" ends_with=success

# --- all --------------------------------------------------------------------

main()
{
	units=$(block unit | sed -n 's/^@unit //p' | xargs)
	[ "$units" ] || { echo "the manual has no unit of $daemon" >&2; exit 1; }
	prepare_peers
	setup_"${daemon//-/_}" >/tmp/setup 2>&1 ||
		{ cell start no "its server could not be started"; cat /tmp/setup >&2; exit 1; }
	apply_manual || { cell start no "what the manual says could not be done"; exit 1; }
	try start start_first
	if [ "$no_reload" ]; then cell reload - "$no_reload"; else try reload reload; fi
	try restart systemctl restart $units
	if [ "$no_upgrade" ]; then cell upgrade - "$no_upgrade"; else try upgrade upgrade; fi
	try relay kill_relay
	try server restart_server
	try_stop
}
main
