#!/bin/sh
# The rules that hold the structure together, as searches.  Each says what is
# wrong and where.
set -u
cd "$(dirname "$0")/.." || exit 1
passed=0 failed=0

# none NAME PATTERN FILE…: no line of the files matches
none()
{
	name=$1 pattern=$2
	shift 2
	found=$(grep -nE "$pattern" "$@" /dev/null 2>/dev/null)
	if [ "$found" ]; then
		failed=$((failed + 1))
		printf 'FAIL  %s\n%s\n' "$name" "$found"
	else
		passed=$((passed + 1))
		echo "ok    $name"
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

shim=$(echo shim/*.[ch])
relay=$(echo tools/relay/*.[ch] tools/relay/starttls/*.[ch])
xsock=$(echo tools/xsock/*.[ch])
all="$shim $relay $xsock"
base=$(sed -n '/^BASE_SRC/,/^$/s/^\t\(shim\/.*\.c\).*/\1/p' Makefile)

none "OpenSSL only in tools/relay/tls*" '#include <openssl/' \
	$(except 'tools/relay/tls*' $all)
none "dlsym only in shim/libc.c" '\bdlsym\([^0-9]' $(except 'shim/libc.c' $shim)
none "the library's environment only in shim/config.c and launch.c" \
	'\b(secure_)?getenv\(' \
	$(except 'shim/launch.c' $(except 'shim/config.c' $shim))
none "the relay reads no environment" '\bgetenv\(' $relay
none "xs_libc only in hooks and libc.c" '\bxs_libc\.' \
	$(except 'shim/hook_*' $(except 'shim/libc.[ch]' $shim))
none "the base knows neither configuration nor hooks" \
	'#include "(config|connect|decide|handoff|launch|libc|wrap|names)\.h"' $base
none "the relay knows only the base" \
	'#include "(config|connect|decide|handoff|launch|libc|wrap|names|rules|match)\.h"' \
	$relay
none "no unbounded string functions" \
	'\b(sprintf|vsprintf|strcpy|strcat|strtok|atoi|gets)\(' $all
none "no allocation in the library" '\b(malloc|calloc|realloc|strdup)\(' $shim
none "no stdio streams in the library" '\b(fopen|fprintf|printf|fputs)\(' $shim
none "width: 100 columns at most" '^.{101,}$' $all
none "no trailing blanks" '[ 	]+$' $all Makefile
none "nothing left to do" '\b(TODO|FIXME|XXX)\b' $all

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
