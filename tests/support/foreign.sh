# Packages of another architecture, from the Debian that this machine has,
# without telling it about that architecture: apt works on lists and a status
# of its own, in the working directory, and nothing is installed.  Source it.

# foreign_apt ARCHITECTURE TYPE COMMAND…: apt-get; TYPE is deb or deb-src.
# Packages that "--download-only install" gets are in cache/archives.  With
# $foreign_release set they are of that release, without its updates.  A mirror
# that stands still, with a list that is older than it says it may be, will do.
foreign_apt()
(
	architecture=$1 type=$2
	shift 2
	mkdir -p lists/partial cache/archives/partial
	: >status
	apt-get indextargets --format "$type "'$(REPO_URI) $(RELEASE) $(COMPONENT)' \
		'Created-By: Packages' 'Origin: Debian' | sort -u |
		awk -v release="${foreign_release-}" '
			release && $3 ~ /-/ { next }
			release { $3 = release }
			{ print }' |
		sed 's,^[a-z-]*,& [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg],' >sources
	apt-get -q -y -o Acquire::Retries=3 -o APT::Sandbox::User=root \
		-o Acquire::Check-Valid-Until=false \
		-o Dir::State::lists="$PWD/lists" -o Dir::Cache="$PWD/cache" \
		-o Dir::State::status="$PWD/status" \
		-o Dir::Etc::sourcelist="$PWD/sources" -o Dir::Etc::sourceparts=- \
		-o APT::Architecture="$architecture" \
		-o APT::Architectures::="$architecture" "$@" >log 2>&1 ||
		{ tail -n 5 log >&2; exit 1; }
)

# foreign_unpack FOLDER PACKAGE.deb…: /bin and /lib are in /usr, wherever a
# package has its files (from Debian 13 on, none has any in /bin and /lib)
foreign_unpack()
(
	root=$1
	shift
	for part in bin sbin lib lib64; do
		mkdir -p "$root/usr/$part"
		ln -sfn "usr/$part" "$root/$part"
	done
	for package; do
		dpkg-deb --fsys-tarfile "$package" |
			tar -x --keep-directory-symlink -C "$root"
	done
)
