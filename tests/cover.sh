#!/bin/bash
# What the tests have run of the code: lines and branches for each folder, and
# for shim and tools/relay as a whole.  Fails where a whole has less than LEAST of
# its lines.
#
#     cover.sh FOLDER [LEAST]    of a build with --coverage that tests have used
#
# build/cover/files keeps the figures of each file, build/cover/missing the lines
# that nothing has run.
cd "$(dirname "$0")/.." || exit 1
T=$(mktemp -d) || exit 1
trap 'rm -rf "$T"' EXIT
top=$PWD build=$(realpath "$1")
# An object that nobody has run has no counts, and counts all the same.
find "$build/obj" -name '*.gcda' -empty -delete
find "$build/obj/shim" "$build/obj/tools/relay" -name '*.gcno' >"$T/objects"
cd "$T" || exit 1
ln -s "$top/shim" "$top/tools" .
while read -r object; do
	gcov -b -p -o "$(dirname "$object")" "$object" 2>/dev/null
done <"$T/objects" >"$T/told"
grep -hE '^ *[#=]{5}: *[0-9]+:|^ *-: *0:Source:(shim|tools/relay)/.*\.c$' -- *.c.gcov |
	awk -F: '$3 == "Source" { file = $4; next }
	{ number = $2 + 0; sub(/^[^:]*:[^:]*:/, ""); print file ":" number ":" $0 }' >"$build/missing"
# Behind a file's figures there are those of the object, which has headers, too.
awk -v least="${2:-0}" -v files="$build/files" '
function add(folder, n, percent) {
	all[kind, folder] += n; run[kind, folder] += n * percent / 100; known[folder]
}
function part(kind, folder) { return 100 * run[kind, folder] / (all[kind, folder] + 1e-9) }
/^File / { gsub(/\047/, "", $2); file = $2 }
/^Lines executed:|^Taken at least once:/ && file ~ /^(shim|tools\/relay)\/.*\.c$/ {
	kind = /^Lines/ ? "lines" : "branches"
	percent = $0; sub(/^[^:]*:/, "", percent); sub(/%.*/, "", percent)
	folder = file; sub(/\/[^\/]*$/, "", folder)
	whole = file ~ /^shim/ ? "shim (all)" : "tools/relay (all)"
	add(folder, $NF, percent); add(whole, $NF, percent)
	if (kind == "lines")
		printf "%4d of %4d lines not run, %5.1f %%  %s\n",
			$NF - $NF * percent / 100 + 0.5, $NF, percent, file >files
}
/^(Calls executed|No calls)/ { file = "" }
END {
	for (folder in known)
		printf "%-24s lines %5.1f %% of %5d   branches %5.1f %% of %5d\n", folder,
			part("lines", folder), all["lines", folder],
			part("branches", folder), all["branches", folder] | "LC_ALL=C sort"
	close("LC_ALL=C sort")
	for (folder in known)
		if (folder ~ /\(all\)$/ && part("lines", folder) >= least) passed++
		else if (folder ~ /\(all\)$/) {
			printf "FAIL  %s: less than %d %% of lines\n", folder, least
			failed++
		}
	printf "%d passed, %d failed\n", passed, failed
	exit failed > 0 || passed != 2
}' "$T/told"
