#!/bin/bash
# The victims of ../preload, linked statically with glibc and with musl: plain,
# supervised without a match, and supervised and wrapped.  The first two must print
# the same.
#
#     victims.sh static|static-musl VICTIM…
#
# Two are left out, for what a supervisor does not do (xsock(1)): "fastopen",
# whose MSG_FASTOPEN it refuses, and "sending", which sends to an address by a
# connected socket.
here=$(cd "$(dirname "$0")" && pwd)
kind=$1
shift
build=$(cd "${XSOCK_TEST_BUILD:-$here/../../build}" && pwd) || exit 1
victims=()
for victim; do
	case $victim in fastopen | sending) ;; *) victims+=("$victim") ;; esac
done
export XSOCK_TEST_SUPERVISED=1 XSOCK_TEST_VICTIMS=$build/$kind/tests/preload
exec "$here/../preload/run.sh" "${victims[@]}"
