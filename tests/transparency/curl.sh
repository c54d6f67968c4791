#!/bin/bash
# Builds the servers of curl's own tests from Debian's source package, in FOLDER;
# nothing is done if they are there.  Tests of the library alone are not built.
#
#     curl.sh FOLDER
set -eu
folder=$1
[ ! -e "$folder/built" ] || exit 0
"$(dirname "$0")/source.sh" curl "$folder"
cd "$folder/source"
./configure -q --without-ssl --without-libpsl --without-libidn2 \
	--without-zstd --without-brotli --without-nghttp2 --without-librtmp \
	--disable-ldap --disable-static
make -s -C tests/server
touch ../built
