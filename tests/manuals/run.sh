#!/bin/bash
# The manuals: their markup, whom they refer to, and that each command's page has
# what its --help has.
. "$(dirname "$0")/../support/lib.sh"

top=$TESTS/..
cd "$top" || exit 1
pages=$(find shim tools/relay tools/xsock -name '*.[1-8]' | LC_ALL=C sort)
pages+=$'\n'$BUILD/xsock-messages.7

suite_begin manuals
need "markup" mandoc man || { suite_end; exit; }

# --- markup ---------------------------------------------------------------

for page in $pages; do
	name=${page##*/}
	# A date would be one more thing to keep: the version says how old a page is.
	mandoc -T lint -W warning "$page" 2>&1 | grep -v 'missing date' >"$OUT"
	[ ! -s "$OUT" ] && pass "$name: mandoc has no warning" || fail "$name: mandoc has no warning"
	LC_ALL=C.UTF-8 MANROFFSEQ='' MANWIDTH=80 bounded man --warnings -E UTF-8 -l -Tutf8 -Z "$page" \
		2>"$OUT" >"$T/page"
	[ -s "$T/page" ] && [ ! -s "$OUT" ] && pass "$name: groff has no warning" ||
		fail "$name: groff has no warning"
	[ "$(sed -n 's/^\.TH \([^ ]*\) \(.\).*/\1.\2/p' "$page")" = "$(echo "${name%.*}" | tr a-z A-Z).${name##*.}" ] &&
		pass "$name: its title" || fail "$name: its title"
done

# name(section) of our own: there is such a page
for page in $pages; do
	sed -n 's/^\.BR.*[ ",]\{0,1\}\b\(\(lib\)\{0,1\}xsock[a-z-]*\) (\([1-8]\)).*/\1.\3/p' \
		<(sed 's/\\-/-/g' "$page") | sort -u | while read -r name; do
		echo "$pages" | grep -q "/$name$" || echo "$page: there is no $name"
	done
done >"$OUT"
[ ! -s "$OUT" ] && pass "pages that are named are there" || fail "pages that are named are there"

# --- a page for each command, and the same options ------------------------

# of_help COMMAND: "-r --rules=RULES" for each option
of_help()
{
	"$BUILD/xsock" "$1" --help |
		sed -nE 's/^  (-.|  ),? +(--[a-z-]+(=[A-Z]+)?).*/\1 \2/p' | sed 's/^ *//' | sort
}

# of_page PAGE: the same, by the heads of its OPTIONS
of_page()
{
	awk '/^\.SH/ { inside = $2 == "OPTIONS" } inside && head { print; head = 0 }
	     inside && /^\.TP/ { head = 1 }' "$1" |
		sed 's/\\-/-/g; s/\\fI//g; s/\\fR//g; s/^\.BR\{0,1\} //; s/ ", " / /' | sort
}

# synopsis PAGE: the options that it names
synopsis()
{
	awk '/^\.SH/ { inside = $2 == "SYNOPSIS" } inside' "$1" |
		sed 's/\\f[BIR]//g; s/\\-/-/g' | tr -c 'a-z-\n' '\n' |
		grep -E '^-(-[a-z-]+|[a-zA-Z])$' | sort -u
}

commands=$("$BUILD/xsock" --help | sed -n 's/^  \([a-z][a-z]*\)  .*/\1/p')
[ "$(echo "$commands" | wc -l)" -ge 8 ] && pass "the list of commands" || fail "the list of commands"
for command in $commands; do
	page=tools/xsock/xsock-$command.1
	case_run "$BUILD/xsock" help "$command"
	"$BUILD/xsock" "$command" --help | cmp - "$OUT" >"$ERR" 2>&1 &&
		[ "$STATUS" -eq 0 ] && pass "xsock help $command: as --help" ||
		fail "xsock help $command: as --help"
	[ "$command" != help ] || continue
	[ -e "$page" ] || { fail "xsock-$command.1" "there is no such page"; continue; }
	of_help "$command" >"$T/help"
	of_page "$page" >"$T/page"
	diff "$T/help" "$T/page" >"$OUT" && [ -s "$T/help" ] &&
		pass "xsock-$command.1: the options of --help" ||
		fail "xsock-$command.1: the options of --help" "< --help, > the page"
	# What the synopsis names is an option, by its long or short name.
	for word in $(synopsis "$page"); do
		[ "$word" = -- ] || grep -qE -- "(^| )$word(=| |$)" "$T/help" ||
			echo "$word is no option"
	done >"$OUT"
	[ ! -s "$OUT" ] && pass "xsock-$command.1: its synopsis" || fail "xsock-$command.1: its synopsis"
	grep -q "^\.BR xsock-$command (1)" tools/xsock/xsock.1 && pass "xsock.1: names it" ||
		fail "xsock.1: names it" "$command"
done
case_run "$BUILD/xsock" help
"$BUILD/xsock" --help | cmp - "$OUT" && pass "xsock help: as --help" || fail "xsock help: as --help"
case_run "$BUILD/xsock" help nonsense
[ "$STATUS" -eq 2 ] && grep -q 'unknown command "nonsense"' "$ERR" &&
	pass "xsock help: no such command" || fail "xsock help: no such command"

# --- the tables of rules --------------------------------------------------

# Schemes and options that "xsock check --help" lists, and the manual has.
rules=shim/xsock-rules.5
"$BUILD/xsock" check --help | sed -nE 's/^  ([A-Za-z_]+)=.*/\1/p' | while read -r option; do
	grep -qE "^\.BR? .*\b$option\b" $rules || echo "no option $option"
done >"$OUT"
[ ! -s "$OUT" ] && pass "xsock-rules.5: every option" || fail "xsock-rules.5: every option"
"$BUILD/xsock" check --help | sed -n 's|^[ *] \([a-z0-9.+-]*\)://.*|\1|p' >"$T/schemes"
while read -r scheme; do
	case $scheme in
	*+starttls | *+tls) grep -qE "^\.(B|BR) .*\b${scheme%+*}\b" $rules ;;
	*) grep -qE "\b${scheme//./\\.}://" $rules ;;
	esac || echo "no scheme $scheme"
done <"$T/schemes" >"$OUT"
[ -s "$T/schemes" ] && [ ! -s "$OUT" ] && pass "xsock-rules.5: every scheme" ||
	fail "xsock-rules.5: every scheme"

# --- HTML -----------------------------------------------------------------

case_run tests/manuals/html.sh "$T/html" $pages
missing=$(grep -ohE 'href="[^"#:]+"' "$T"/html/*.html | cut -d '"' -f 2 | sort -u |
	while read -r file; do [ -e "$T/html/$file" ] || echo "$file"; done)
[ "$STATUS" -eq 0 ] && [ ! "$missing" ] && grep -q 'href="xsock-rules.5.html"' "$T/html/libxsock.7.html" &&
	pass "html: links lead to pages" || fail "html: links lead to pages" "$missing"

suite_end
