#!/bin/bash
# Builds libuv's own test program from Debian's source package, against Debian's
# library, in FOLDER; nothing is done if it is there.
#
#     libuv.sh FOLDER
#
# apt's source list is made from the machine's, and kept in the folder: the
# machine's own configuration stays as it is.
set -eu
folder=$1
[ ! -x "$folder/uv_run_tests" ] || exit 0
rm -rf "$folder"
mkdir -p "$folder/apt/lists/partial" "$folder/apt/cache/archives/partial"
cd "$folder"

# sources OPTION…: a deb-src line for each list of Debian's first suite; updates
# are in there, too, after a while.
sources()
{
	apt-get "$@" indextargets --format \
		'$(CREATED_BY)|$(ORIGIN)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)' |
		awk -F'|' -v key=/usr/share/keyrings/debian-archive-keyring.gpg '
		$1 == "Packages" && $2 == "Debian" && $4 !~ /-/ {
			print "deb-src [signed-by=" key "] " $3 " " $4 " " $5
		}' | sort -u
}

own=(-o Dir::State::Lists="$PWD/apt/lists" -o Dir::Cache="$PWD/apt/cache"
	-o APT::Sandbox::User=root -o Acquire::Retries=3)
sources >apt/sources.list
# A machine without lists: they are fetched for this folder.
if [ ! -s apt/sources.list ]; then
	timeout 300 apt-get -q "${own[@]}" update
	sources "${own[@]}" >apt/sources.list
fi

apt()
{
	timeout 300 apt-get -q "${own[@]}" \
		-o Dir::Etc::SourceList="$PWD/apt/sources.list" \
		-o Dir::Etc::SourceParts=/dev/null "$@"
}

apt update
apt source --download-only libuv1
# apt has verified it.
dpkg-source --no-check -x libuv1_*.dsc source
rm -rf apt

# The tests include some of the sources, and read files that lie beside them.
mkdir -p objects
cd objects
ls ../source/test/*.c |
	grep -vE '/(benchmark-.*|run-benchmarks|runner-win)\.c$' |
	xargs -P2 -n 40 cc -w -O0 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -c
cc -o ../uv_run_tests ./*.o -luv -lpthread
cd ..
rm -rf objects
