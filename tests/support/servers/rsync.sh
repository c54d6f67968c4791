# rsync's daemon, TLS by nginx in front.  start_rsync sets port_rsync_tls.  The
# module "files" is $T/rsync/files, and can be written to by alice, password
# "secret word".
#
# Packages: rsync, and those of nginx.sh, which is sourced before.
needs_rsync="rsync nginx"

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
	# On a port: with a Unix socket as standard input, which is what socat gives
	# it, 3.5.1 does not serve that one but starts to listen on port 873.
	start_on_port rsync rsync_exec
	start_front rsync "127.0.0.1:$port"
}

rsync_exec()
{
	exec rsync --daemon --no-detach --address=127.0.0.1 "--port=$1" \
		"--config=$T/rsync/rsyncd.conf"
}
