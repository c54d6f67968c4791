#!/bin/sh
# unpack.sh FOLDER PACKAGE…: lays the files of Debian packages into FOLDER
# without installing them: those that refuse to be installed beside another,
# as FTP servers do.  What is there already is left as it is.
set -eu
folder=$1
shift
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
trap 'exit 130' INT TERM
cd "$temporary"

for package; do
	[ ! -e "$folder/.$package" ] || continue
	for try in 1 2 3; do
		apt-get -q download "$package" >log 2>&1 && break
		[ "$try" -lt 3 ] || {
			cat log >&2
			echo "unpack.sh: apt-get could not download $package" >&2
			exit 1
		}
		sleep $((try * 5))
	done
	dpkg-deb -x "$package"_*.deb "$folder"
	: >"$folder/.$package"
done
