#!/bin/bash
# Builds libevent's own test program from Debian's source package in FOLDER;
# nothing is done if it is there.  It looks into the library, so it has one of its
# own.
#
#     libevent.sh FOLDER
set -eu -o pipefail
folder=$1
[ ! -s "$folder/list" ] || exit 0
"$(dirname "$0")/source.sh" libevent "$folder"
cd "$folder"
rm -rf objects
cmake -Wno-dev -S source -B objects -DCMAKE_C_FLAGS=-w \
	-DEVENT__LIBRARY_TYPE=STATIC -DEVENT__DISABLE_SAMPLES=ON \
	-DEVENT__DISABLE_BENCHMARK=ON
cmake --build objects --target regress
mv objects/bin/regress .
rm -rf objects
# "(Off by default)" stands behind the name of a test that is not run.  As in a
# process of its own, a test that skips itself gives 42.
./regress --list-tests | awk '
	list && NF == 1 {
		print "libevent." $1 "\tsource\t42\t./regress\t--RUNNING-FORKED\t" $1
	}
	/^Known tests are:/ { list = 1 }' >list.new
mv list.new list
