#!/bin/sh
# html.sh FOLDER PAGE…: the manuals as HTML, with links from one to the other
set -eu
folder=$1
shift
mkdir -p "$folder"
links=
for page; do
	name=${page##*/}
	links="$links
s|<b>${name%.*}</b>(${name##*.})|<a href=\"$name.html\">${name%.*}(${name##*.})</a>|g"
done
{
	echo '<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>xsock</title><ul>'
	for page; do
		name=${page##*/}
		mandoc -T html "$page" | sed "$links" >"$folder/$name.html"
		summary=$(sed -n '/^\.SH NAME/{n;s/.* \\- //p;}' "$page")
		echo "<li><a href=\"$name.html\">${name%.*}(${name##*.})</a> $summary"
	done
	echo '</ul></html>'
} >"$folder/index.html"
echo "$folder/index.html"
