#!/bin/sh
# What was built has the protections that compiler and linker have.
#
#     hardened.sh COMPILER FILE…
#
# A build with sanitizers has theirs instead.
set -u
compiler=$1
shift
passed=0 failed=0

check()
{
	name=$1
	shift
	if "$@"; then
		passed=$((passed + 1))
		echo "ok    $name"
	else
		failed=$((failed + 1))
		echo "FAIL  $name"
	fi
}

# takes OPTION: the compiler does
takes()
{
	$compiler "$1" -Werror -x c -c -o /dev/null /dev/null 2>/dev/null
}

# relro FILE: what the loader has written is read-only then, all at once
relro()
{
	readelf -lW "$1" | grep -q GNU_RELRO &&
		readelf -dW "$1" | grep -qE 'BIND_NOW|FLAGS.*NOW'
}

pie()
{
	readelf -hW "$1" | grep -q 'Type:.*DYN'
}

# stack FILE: not executable
stack()
{
	readelf -lW "$1" | grep GNU_STACK | grep -qv 'RWE'
}

# calls FILE PATTERN: a function of the C library
calls()
{
	nm -D --undefined-only "$1" | grep -qE "$2"
}

# compiled FILE OPTION: each file of ours in it was compiled with it
compiled()
{
	readelf -wi "$1" 2>/dev/null | grep -E 'DW_AT_producer.*GNU C' |
		grep -vqe "$2" && return 1
	readelf -wi "$1" 2>/dev/null | grep DW_AT_producer | grep -qe "$2"
}

for file; do
	base=${file##*/}
	if readelf -dW "$file" | grep -q 'NEEDED.*lib[a-z]*san\.'; then
		echo "ok    $base: sanitizers"
		passed=$((passed + 1))
		continue
	fi
	check "$base: RELRO, bound at once" relro "$file"
	check "$base: position-independent" pie "$file"
	check "$base: no executable stack" stack "$file"
	check "$base: stack protector" calls "$file" __stack_chk_fail
	check "$base: fortified" calls "$file" '__[a-z]+_chk(@|$)'
	if $compiler --version | head -n 1 | grep -qi clang; then
		continue # which does not write its options down
	fi
	for option in -fstack-protector-strong -fstack-clash-protection \
		-ftrivial-auto-var-init=zero -fcf-protection; do
		! takes $option || check "$base: $option" compiled "$file" $option
	done
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
