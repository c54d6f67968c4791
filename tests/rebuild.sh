#!/bin/bash
# What make compiles again: after a header, the flags or the paths of the
# installation have changed; and nothing when nothing has.
. "$(dirname "$0")/support/lib.sh"

objects=(shim/base/wire tests/fuzz/fuzz_rules tests/relay/test_connect
	tests/unit/test_match tools/xsock/library)

# A copy, in which a header can be changed.
copy_source()
{
	mkdir "$T/source"
	(cd "$TESTS/.." && tar -cf - Makefile shim tools tests/unit tests/relay tests/fuzz) |
		tar -C "$T/source" -xf -
}

# compiled VARIABLE=VALUE…: which objects a run of make has compiled
compiled()
{
	local targets=("${objects[@]/#/build/obj/}")
	env -i "PATH=$PATH" make -C "$T/source" BUILD=build "$@" \
		"${targets[@]/%/.o}" 2>"$ERR" | sed -n 's/^  CC *//p' |
		LC_ALL=C sort | tr '\n' ' '
}

# again NAME FILE… -- VARIABLE=VALUE…
again()
{
	local name=$1 wanted=() got
	shift
	while [ "$1" != -- ]; do
		wanted+=("$1")
		shift
	done
	shift
	got=$(compiled "$@")
	if [ "$got" = "${wanted[*]:+${wanted[*]} }" ]; then
		pass "$name"
	else
		echo "$got" >"$OUT"
		fail "$name" "compiled that, and not ${wanted[*]:-nothing}"
	fi
}

suite_begin rebuild
: >"$OUT"
copy_source
all=("${objects[@]/%/.c}")
again "the first time" "${all[@]}" --
again "nothing has changed" --
touch "$T/source/shim/base/wire.h"
again "a header of the relay's tests" shim/base/wire.c tests/relay/test_connect.c --
touch "$T/source/shim/rules/match.h"
again "a header of the fuzzer" tests/fuzz/fuzz_rules.c tests/unit/test_match.c --
again "other CFLAGS" "${all[@]}" -- CFLAGS=-O1
again "the same CFLAGS" -- CFLAGS=-O1
again "another LIBDIR" tools/xsock/library.c -- CFLAGS=-O1 LIBDIR=/elsewhere
again "warnings as errors" -- CFLAGS=-O1 LIBDIR=/elsewhere WERROR=1
suite_end
