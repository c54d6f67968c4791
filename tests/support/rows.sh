# What the suites with tables of rows share: how a field of a row is read, and what the
# functions of rows say of the data.  Source lib.sh first.

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
