# A Debian made from nothing, below build/, as root.  Source it with
#
#   $release    bookworm, trixie, sid …
#   $folder     where it is made, and its log: $folder/$release.log
#   $root       the Debian itself
#   $fresh      this folder
#   die WORDS   which ends the script with them
#
# MIRROR=URL says where the packages come from; else where this machine's do.

PATH=$PATH:/usr/sbin:/sbin

root_check()
{
	[ "$(id -u)" -eq 0 ] || die "a Debian can only be made by root"
	[ -e "/usr/share/debootstrap/scripts/$release" ] ||
		die "debootstrap knows no release called \"$release\""
}

# "URL RELEASE COMPONENT" of each list of Debian's that this machine uses
own_lists()
{
	apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' \
		'Created-By: Packages' 'Origin: Debian' | sort -u
}

find_mirror()
{
	mirror=${MIRROR:-$(own_lists | awk '$2 !~ /-/ { print $1; exit }')}
	[ "$mirror" ] || die "apt-get names no mirror of Debian; set MIRROR=URL"
}

# The updates come from where this machine's own do, but sid has none.
add_updates()
{
	local codename
	[ "$release" != sid ] && [ ! "${MIRROR-}" ] || return 0
	codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
	own_lists | awk -v from="$codename" -v to="$release" '
		index($2, from "-") == 1 {
			print "deb", $1, to substr($2, length(from) + 1), $3
		}' >>"$root/etc/apt/sources.list"
}

# make_root PACKAGES: with these, separated by commas, and nothing else
make_root()
{
	rm -rf "${root:?}"
	mkdir -p "$root"
	echo "=== $release, from nothing"
	debootstrap --variant=minbase --include="$1" \
		"$release" "$root" "$mirror" >"$folder/$release.log" 2>&1 || {
		tail -n 5 "$folder/$release.log" >&2
		die "debootstrap could not make it"
	}
	add_updates
	# debootstrap takes an old list of a mirror that stands still; so must apt.
	{
		apt-config dump | grep -E '^Acquire::https?::Proxy '
		echo 'Acquire::Check-Valid-Until "false";'
	} >"$root/etc/apt/apt.conf.d/fresh"
}

# Whom this machine trusts beside Debian's list: somebody stands before its
# registries, then.
add_authorities()
{
	local own=usr/local/share/ca-certificates
	ls "/$own"/*.crt >/dev/null 2>&1 || return 0
	cp "/$own"/*.crt "$root/$own" &&
		bash "$fresh/enter.sh" "$root" update-ca-certificates \
			>>"$folder/$release.log" 2>&1
}

# copy_source ROOT: what git knows of or would be told of, as it is now, to
# ROOT/xsock
copy_source()
{
	mkdir "$1/xsock"
	git -C "$fresh/../.." ls-files -z --cached --others --exclude-standard |
		tar -C "$fresh/../.." --null -T - -cf - | tar -C "$1/xsock" -xf -
}
