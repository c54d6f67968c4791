#!/bin/bash
# Builds libuv's own test program from Debian's source package, against Debian's
# library, in FOLDER; nothing is done if it is there.
#
#     libuv.sh FOLDER
set -eu -o pipefail
folder=$1
[ ! -s "$folder/list" ] || exit 0
"$(dirname "$0")/source.sh" libuv1 "$folder"
cd "$folder"

# The tests include some of the sources, and read files that lie beside them.
mkdir -p objects
cd objects
ls ../source/test/*.c |
	grep -vE '/(benchmark-.*|run-benchmarks|runner-win)\.c$' |
	xargs -P2 -n 40 cc -w -O0 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -c
cc -o ../uv_run_tests ./*.o -luv -lpthread
cd ..
rm -rf objects
# Behind a name may stand which servers the test starts; 7 is a test that skips
# itself (test/task.h).
UV_RUN_AS_ROOT=1 ./uv_run_tests --list |
	awk 'NF { print "libuv." $1 "\tsource\t7\t./uv_run_tests\t" $1 }' >list.new
mv list.new list
