#!/bin/bash
# Gets the tests of Perl's modules for sockets, and makes the list for each.py,
# in FOLDER; nothing is done if it is there.
#
#     perl.sh FOLDER
set -eu
folder=$1
[ ! -s "$folder/list" ] || exit 0
tests=(t/io/socket.t t/io/socketpair.t cpan/Socket/t dist/IO/t
	cpan/IO-Socket-IP/t cpan/libnet/t cpan/HTTP-Tiny/t dist/Net-Ping/t)

# A module's tests run in its folder.  With PERL_CORE they find what all tests
# share; taint checks are asked for in the first line.
list()
{
	local path module

	for path in $(cd source && find "${tests[@]}" -name '*.t' | sort); do
		case $path in
		t/*) module=t ;;
		*) module=$(echo "$path" | cut -d/ -f1,2) ;;
		esac
		printf '%s\t%s\t' "perl.$path" "source/$module"
		case $module in
		dist/IO) printf '\tenv\tPERL_CORE=1\tperl' ;;
		*) printf '\tperl' ;;
		esac
		! sed 1q "source/$path" | grep -q '^#!.*perl -T' ||
			printf '\t-T'
		printf '\t%s\n' "${path#"$module"/}"
	done
}

"$(dirname "$0")/source.sh" perl "$folder"
cd "$folder"
# Modules are those of Debian's Perl, not those beside the tests.
sed -i 's/^sub set_up_inc {$/& return;/' source/t/test.pl
grep -q '^sub set_up_inc { return;' source/t/test.pl
list >list.new
mv list.new list
