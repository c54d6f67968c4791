#!/bin/bash
# Gets Redis's tests from Debian's source package, in FOLDER, and puts Debian's
# programs where they look for them; nothing is done if it is there.
#
#     redis.sh FOLDER
set -eu
folder=$1
[ ! -e "$folder/source/src/redis-server" ] || exit 0
"$(dirname "$0")/source.sh" redis "$folder"
for program in redis-server redis-cli redis-benchmark redis-check-aof \
	redis-check-rdb; do
	path=$(command -v $program)
	ln -sf "$path" "$folder/source/src/$program"
done
