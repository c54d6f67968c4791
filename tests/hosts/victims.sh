#!/bin/bash
# The victims of ../preload, built for another ABI, with its library.
#
#     victims.sh m32|musl VICTIM…
here=$(cd "$(dirname "$0")" && pwd)
abi=$1
shift
build=$(cd "${XSOCK_TEST_BUILD:-$here/../../build}" && pwd) || exit 1
XSOCK_TEST_VICTIMS=$build/$abi/tests/preload \
XSOCK_TEST_PRELOAD=$build/$abi/libxsock.so \
	exec "$here/../preload/run.sh" "$@"
