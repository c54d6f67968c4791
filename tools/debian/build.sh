#!/bin/bash
# What "make deb" runs: the packages of Debian, from a copy of the source.
#
#     build.sh FOLDER [OPTION OF dpkg-buildpackage…]
#
# FOLDER gets the packages, the source package and the log; what was in it before
# is removed.  Nothing else of the checkout is touched.
set -eu
folder=$1
shift
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
version=$(dpkg-parsechangelog -l "$here/changelog" -S Version)
made=$(sed -n 's/^VERSION *:= *//p' "$top/Makefile")

if [ "$version" != "$made" ]; then
	echo "make deb: tools/debian/changelog has version $version, and the" \
		"Makefile $made: write an entry for that" >&2
	exit 1
fi
rm -rf "${folder:?}"
mkdir -p "$folder"
tree=$(cd "$folder" && pwd)/xsock-$version
mkdir "$tree"
# What git knows of or would be told of, as it is now; without git, all but what
# was built.
if [ -e "$top/.git" ]; then
	(cd "$top" && git ls-files -z --cached --others --exclude-standard |
		while IFS= read -r -d '' file; do
			[ ! -e "$file" ] || printf '%s\0' "$file"
		done | tar --null -T - -cf -)
else
	tar -C "$top" --exclude=./build --exclude=./debian -cf - .
fi | tar -C "$tree" -xf -
cp -R "$tree/tools/debian" "$tree/debian"

if (cd "$tree" && unset MAKEFLAGS MAKELEVEL MFLAGS CFLAGS BUILD SANITIZE &&
	dpkg-buildpackage -us -uc -j2 "$@") >"$folder/log" 2>&1; then
	rm -rf "$tree"
else
	tail -n 20 "$folder/log" >&2
	echo "make deb: dpkg-buildpackage failed; $folder/log has all of it" >&2
	exit 1
fi
ls "$folder"
