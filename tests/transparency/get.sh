#!/bin/bash
# Gets what a suite needs beside installed packages, into FOLDER/SUITE; nothing
# is done if it is there.  (CPython's tests are a package.)
#
#     get.sh FOLDER SUITE…
set -eu
here=$(dirname "$0")
folder=$1
shift

for suite; do
	case $suite in
	libuv) "$here/libuv.sh" "$folder/libuv" ;;
	tcl)
		version=$(echo 'puts [info tclversion]' | tclsh)
		"$here/source.sh" "tcl$version" "$folder/tcl" ;;
	ruby)
		version=$(ruby -e 'print RUBY_VERSION[/^\d+\.\d+/]')
		"$here/source.sh" "ruby$version" "$folder/ruby" ;;
	curl) "$here/curl.sh" "$folder/curl" ;;
	java) "$here/java.sh" "$folder/java" ;;
	libevent) "$here/libevent.sh" "$folder/libevent" ;;
	redis) "$here/redis.sh" "$folder/redis" ;;
	node) "$here/node.sh" "$folder/node" ;;
	perl) "$here/perl.sh" "$folder/perl" ;;
	esac
done
