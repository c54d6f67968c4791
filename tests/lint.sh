#!/bin/sh
# The rules that hold the structure together, as searches.  Each says what is
# wrong and where.
set -u
cd "$(dirname "$0")/.." || exit 1
passed=0 failed=0 skipped=0

# none NAME PATTERN FILE…: no line of the files matches
none()
{
	name=$1 pattern=$2
	shift 2
	found=$(grep -nE "$pattern" "$@" /dev/null 2>/dev/null)
	say "$name"
}

# say NAME: whether anything was found that must not be
say()
{
	if [ "$found" ]; then
		failed=$((failed + 1))
		printf 'FAIL  %s\n%s\n' "$1" "$found"
	else
		passed=$((passed + 1))
		echo "ok    $1"
	fi
}

except()
{
	what=$1
	shift
	for file; do
		case $file in
		$what) ;;
		*) echo "$file" ;;
		esac
	done
}

code()
{
	find "$@" -name '*.[ch]' | LC_ALL=C sort
}

shim=$(code shim)
relay=$(code tools/relay)
all="$shim $relay $(code tools/xsock)"

found=$(tests/structure.sh | grep "^FAIL")
say "a folder includes what tests/layers lets it (make structure)"
none "OpenSSL only in tools/relay/tls/" '#include <openssl/' \
	$(except 'tools/relay/tls/*' $all)
none "dlsym only in shim/hooks/libc.c" '\bdlsym\([^0-9]' $(except 'shim/hooks/libc.c' $shim)
none "the library's environment only in environment.c and start_relay.c" \
	'\b(secure_)?getenv\(' \
	$(except 'shim/relay_client/start_relay.c' $(except 'shim/connect/environment.c' $shim))
none "the relay reads no environment" '\bgetenv\(' $relay
none "xs_libc only in hooks" '\bxs_libc\.' $(except 'shim/hooks/*' $shim)
none "no unbounded string functions" \
	'\b(sprintf|vsprintf|strcpy|strcat|strtok|atoi|gets)\(' $all
none "no allocation in the library" '\b(malloc|calloc|realloc|strdup)\(' $shim
none "no stdio streams in the library" '\b(fopen|fprintf|printf|fputs)\(' $shim
none "width: 100 columns at most" '^.{101,}$' $all
none "no trailing blanks" '[ 	]+$' $all Makefile
none "nothing left to do" '\b(TODO|FIXME|XXX)\b' $all

manual=$(mktemp) || exit 1
awk -f shim/messages.awk shim/base/message.def shim/xsock-messages.7.in >"$manual"
found=$(python3 tests/messages.py "$manual" 2>&1)
say "every line has an identifier, which xsock-messages(7) lists (shim/base/message.def)"
rm -f "$manual"

# Other versions write some lines in another way.
formatter=$(command -v clang-format-14 || command -v clang-format)
case $($formatter --version 2>/dev/null) in
*' version 14.'*)
	found=$(for file in $all $(code tests); do
		$formatter "$file" | cmp -s - "$file" || echo "$file"
	done)
	say "clang-format has nothing to change (clang-format -i FILE)" ;;
*)
	echo "SKIP  clang-format: version 14 decides, which is not here"
	skipped=1 ;;
esac

echo "$passed passed, $failed failed"
[ "$skipped" -eq 0 ] || echo "$skipped skipped"
[ "$failed" -eq 0 ]
