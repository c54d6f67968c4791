# vsftpd: FTP.  start_vsftpd sets
#
#   port_vsftpd_starttls   AUTH TLS, required for login and for data
#   port_vsftpd_tls        TLS from the first byte
#   port_vsftpd_nat        as the first; PASV's address is nobody's
#
# Data connections must resume the session of the control connection
# (require_ssl_reuse), and end with close_notify both ways.  Only the anonymous user, who needs no PAM; /files has what is in
# $T/vsftpd/root/files, and into /incoming can be written.
#
# Debian lets one FTP server be installed at a time; this one is unpacked into
# $BUILD/unpacked if it is not the one.
#
# Packages: vsftpd or else those that it needs, libnsl2 and libwrap0.  It must
# be started by root.
needs_vsftpd="apt-get dpkg-deb"

start_vsftpd()
{
	local here=$T/vsftpd
	mkdir -p "$here/root/files" "$here/root/incoming" "$here/empty"
	chmod 711 "$T" "$here"
	chmod 755 "$here/root" "$here/root/files"
	chmod 777 "$here/root/incoming"
	vsftpd_program=$(vsftpd_find) || exit 1
	start_on_port vsftpd vsftpd_exec && port_vsftpd_starttls=$port
	vsftpd_more=implicit_ssl=YES
	start_on_port vsftpd-tls vsftpd_exec && port_vsftpd_tls=$port
	vsftpd_more=pasv_address=192.0.2.77
	start_on_port vsftpd-nat vsftpd_exec && port_vsftpd_nat=$port
	vsftpd_more=
}
vsftpd_more=

# The anonymous user is "daemon", because vsftpd wants one whose home exists.
vsftpd_exec()
{
	local here=$T/vsftpd
	cat >"$here/conf.$1" <<-END
	background=NO
	listen=YES
	listen_address=127.0.0.1
	listen_port=$1
	anonymous_enable=YES
	local_enable=NO
	write_enable=YES
	anon_upload_enable=YES
	anon_mkdir_write_enable=YES
	anon_other_write_enable=YES
	anon_umask=022
	anon_root=$here/root
	ftp_username=daemon
	nopriv_user=nobody
	secure_chroot_dir=$here/empty
	no_anon_password=NO
	connect_from_port_20=NO
	pasv_enable=YES
	port_enable=NO
	ssl_enable=YES
	allow_anon_ssl=YES
	force_anon_logins_ssl=YES
	force_anon_data_ssl=YES
	require_ssl_reuse=YES
	ssl_tlsv1=YES
	ssl_ciphers=HIGH
	rsa_cert_file=$CERTS/good.pem
	rsa_private_key_file=$CERTS/good.key
	strict_ssl_read_eof=YES
	strict_ssl_write_shutdown=YES
	debug_ssl=YES
	xferlog_enable=YES
	vsftpd_log_file=$here/log
	dual_log_enable=YES
	log_ftp_protocol=YES
	seccomp_sandbox=NO
	isolate_network=NO
	$vsftpd_more
	END
	exec "$vsftpd_program" "$here/conf.$1"
}

vsftpd_find()
{
	local folder=$BUILD/unpacked
	command -v vsftpd && return
	"$TESTS/support/unpack.sh" "$folder" vsftpd >&2 || return
	echo "$folder/usr/sbin/vsftpd"
}
