#!/bin/bash
# Compiles OpenJDK's own tests of sockets from Debian's source package, and makes
# the list for each.py, in FOLDER; nothing is done if it is there.
#
#     java.sh FOLDER
#
# jtreg(1), which they are made for, compiles each of them by itself, and takes
# long.  Here are those that are programs of their own, compiled at once and run
# with the options that they name.
set -eu
folder=$1
[ ! -s "$folder/list" ] || exit 0
folders=(java/net/Socket java/net/ServerSocket java/net/URLConnection
	java/nio/channels/SocketChannel java/nio/channels/ServerSocketChannel
	java/nio/channels/AsynchronousSocketChannel)

# Not those that need a test framework, other options of the compiler, another
# system or a policy.
programs()
{
	grep -lE '^[ /*]*@test' source/test/jdk/"$1"/*.java | xargs -r grep -LE \
		'org\.(testng|junit)|@(modules|requires|compile|ignore|key)|\.jar|/(policy|java\.security\.policy|manual|native)'
}

# The options, class and arguments of each run.
runs()
{
	local class
	class=$(basename "$1" .java)
	if grep -q '@run' "$1"; then
		sed -nE 's|^[ /*]*@run main[^ ]* +||p' "$1"
	else
		echo "$class"
	fi | grep -E "(^| )$class( |$)" || true
}

list()
{
	local dir path class arguments n

	for dir in "${folders[@]}"; do
		for path in $(programs "$dir"); do
			class=$(basename "$path" .java) n=0
			while read -r arguments; do
				n=$((n + 1))
				printf 'java.%s/%s #%d\t%s\t\tjava' "$dir" \
					"$class" $n "source/test/jdk/$dir"
				printf '\t%s' -cp "$PWD/classes/$dir" \
					-Dtest.src=. "-Dtest.jdk=$jdk" \
					$arguments
				echo
			done < <(runs "$path")
		done
	done
}

jdk=$(dirname "$(dirname "$(readlink -f "$(command -v javac)")")")
major=$(java -version 2>&1 | sed -nE '1s/.* "([0-9]+)[^0-9].*/\1/p')
"$(dirname "$0")/source.sh" "openjdk-$major" "$folder"
cd "$folder"
for dir in "${folders[@]}"; do
	mkdir -p "classes/$dir"
	javac -nowarn -proc:none -Xmaxerrs 1000 -d "classes/$dir" \
		-sourcepath "source/test/jdk/$dir:source/test/jdk/${dir%/*}:source/test/lib" \
		$(programs "$dir")
done
list >list.new
mv list.new list
