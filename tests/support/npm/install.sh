#!/bin/sh
# install.sh FOLDER: lays what package-lock.json names, and nothing else, into
# FOLDER/node_modules.  Nothing of the packages is run for it.  What is there
# already is left as it is.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=$1
mkdir -p "$folder"
cd "$folder"
! cmp -s "$here/package-lock.json" installed || exit 0

cp "$here/package.json" "$here/package-lock.json" .
for try in 1 2 3; do
	npm ci --ignore-scripts --no-audit --no-fund >log 2>&1 && break
	[ "$try" -lt 3 ] || {
		tail -n 20 log >&2
		echo "npm/install.sh: npm could not install the packages" >&2
		exit 1
	}
	sleep $((try * 5))
done
cp package-lock.json installed
