#!/bin/bash
# Unpacks a source package of Debian's to FOLDER/source; nothing is done if it is
# there.
#
#     source.sh PACKAGE FOLDER
#
# apt's source list is made from the machine's, and kept in the folder: the
# machine's own configuration stays as it is.
set -eu
package=$1 folder=$2
[ ! -d "$folder/source" ] || exit 0
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

# A mirror that stands still has an old list with the source of what is installed.
own=(-o Dir::State::Lists="$PWD/apt/lists" -o Dir::Cache="$PWD/apt/cache"
	-o APT::Sandbox::User=root -o Acquire::Retries=3
	-o Acquire::Check-Valid-Until=false)
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
apt source --download-only "$package"
# apt has verified it.
dpkg-source --no-check -x ./*.dsc unpacked
rm -rf apt ./*.dsc ./*.tar.*
mv unpacked source
