# rsync's daemon, TLS by nginx in front.  start_rsync sets port_rsync_tls.  The
# module "files" is $T/rsync/files, and can be written to by alice, password
# "secret word".
#
# Packages: rsync, and those of nginx.sh, which is sourced before.
needs_rsync="rsync nginx socat"

start_rsync()
{
	local here=$T/rsync
	mkdir -p "$here/files"
	echo "alice:secret word" >"$here/secrets"
	chmod 600 "$here/secrets"
	cat >"$here/rsyncd.conf" <<-END
	use chroot = no
	$(as_root "uid = root
	gid = root")
	log file = $here/daemon.log
	[files]
		path = $here/files
		read only = no
		auth users = alice
		secrets file = $here/secrets
	END
	start_service rsync rsync --daemon "--config=$here/rsyncd.conf"
}
