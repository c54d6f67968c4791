# What the suites with tables of rows share: how a field of a row is read, and what the
# functions of rows say of the data, and how many rows are tried at a time.  Source
# lib.sh first.

# Without blanks at both ends.
trim()
{
	echo "$*"
}

# has FILE TEXT…: each TEXT is in it, as it stands
has()
{
	local file=$1 text
	shift
	for text; do
		grep -qaF -e "$text" "$file" && continue
		echo "${file##*/} does not have: $text" >&2
		return 1
	done
}

# same FILE FILE: the same bytes
same()
{
	[ "$(sha256sum <"$1")" = "$(sha256sum <"$2")" ] && return
	echo "${1##*/} and ${2##*/} differ" >&2
	return 1
}

besides=()

# beside JOBS COMMAND…: in the background, when fewer than JOBS of these run;
# beside_end waits for all
beside()
{
	local jobs=$1 pid
	shift
	while [ ${#besides[@]} -ge "$jobs" ]; do
		# One that has ended before is no job any more.
		wait -n "${!besides[@]}" 2>/dev/null
		for pid in "${!besides[@]}"; do
			kill -0 "$pid" 2>/dev/null || unset "besides[$pid]"
		done
	done
	"$@" &
	besides[$!]=
}

beside_end()
{
	[ ${#besides[@]} -eq 0 ] || wait "${!besides[@]}"
	besides=()
}

# by_server JOBS FUNCTION: FUNCTION ROW for each of $runnable; JOBS servers at a time,
# of which each has one row after the other.  server_of ROW tells the server.
by_server()
{
	local row server
	for server in $(for row in "${runnable[@]}"; do
		server_of "$row"
	done | awk '!had[$0]++'); do
		beside "$1" rows_of_server "$server" "$2"
	done
	beside_end
}

# rows_of_server SERVER FUNCTION
rows_of_server()
{
	local row
	for row in "${runnable[@]}"; do
		[ "$(server_of "$row")" != "$1" ] || "$2" "$row"
	done
}
