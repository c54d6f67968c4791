#!/bin/sh
# graftcp.sh CLONE TO: builds graftcp and graftcp-local into the folder TO, from
# a clone of the repository hmgle/graftcp of GitHub.  Of later versions (v0.8)
# Debian 12 has not all of what they need.
set -eu
version=v0.7.4
clone=$1 to=$2
[ ! -x "$to/graftcp-local" ] || exit 0

# Go wants the path of the package.
source=$to/go/src/github.com/hmgle/graftcp
rm -rf "$to/go"
mkdir -p "$source"
git -C "$clone" archive "$version" | tar -x -C "$source"
make -s -C "$source" VERSION="$version" graftcp
cp "$source/graftcp" "$to/"
# The packages of Debian, and nothing from elsewhere.
cd "$source/local"
GO111MODULE=off GOPATH="$to/go:/usr/share/gocode" GOCACHE="$to/cache" \
	go build -o "$to/graftcp-local" ./cmd/graftcp-local
