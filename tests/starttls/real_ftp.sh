# FTP: vsftpd with require_ssl_reuse, force_anon_logins_ssl and
# force_anon_data_ssl, proftpd with TLSRequired.  Each client uploads 5 MB and
# downloads them again, so control and data connections must have TLS.

rows_ftp()
{
	starttls_rows <<-END
	ftp | performed | vsftpd_starttls | python3 ftplib | ftplib_ftp
	ftp | performed | vsftpd_starttls | curl EPSV | curl_epsv_ftp
	ftp | performed | vsftpd_starttls | curl PASV | curl_pasv_ftp
	ftp | performed | vsftpd_starttls | wget | wget_ftp
	ftp | performed | vsftpd_starttls | tnftp | tnftp_ftp
	ftp | performed | vsftpd_starttls | lftp | lftp_ftp
	ftp | performed | vsftpd_starttls | lftp mirror | lftp_mirror
	ftp | performed | vsftpd_starttls | node basic-ftp | basic_ftp
	ftp | performed | vsftpd_starttls | perl Net::FTP | perl_ftp
	ftp | performed | vsftpd_starttls | php | php_ftp
	ftp | performed | vsftpd_starttls | bash | bash_ftp
	ftp | performed | proftpd_starttls | python3 ftplib | ftplib_ftp
	ftp | performed | proftpd_starttls | curl EPSV | curl_epsv_ftp
	ftp | performed | proftpd_starttls | curl PASV | curl_pasv_ftp
	ftp | performed | proftpd_starttls | wget | wget_ftp
	ftp | performed | proftpd_starttls | tnftp | tnftp_ftp
	ftp | performed | proftpd_starttls | lftp | lftp_ftp
	ftp | performed | proftpd_starttls | lftp mirror | lftp_mirror
	ftp | performed | proftpd_starttls | node basic-ftp | basic_ftp
	ftp | performed | proftpd_starttls | perl Net::FTP | perl_ftp
	ftp | performed | proftpd_starttls | php | php_ftp
	ftp | performed | proftpd_starttls | bash | bash_ftp
	ftp | at once | vsftpd_tls | python3 ftplib | ftplib_ftp
	ftp | at once | vsftpd_tls | curl PASV | curl_pasv_ftp
	ftp | at once | vsftpd_tls | lftp | lftp_ftp
	ftp | at once | proftpd_tls | python3 ftplib | ftplib_ftp
	ftp | at once | proftpd_tls | curl EPSV | curl_epsv_ftp
	ftp | at once | proftpd_tls | bash | bash_ftp
	ftp | seen | vsftpd_starttls | python3 ftplib (scripted) | ftplib_ftp
	ftp | seen | vsftpd_starttls | bash (scripted) | bash_ftp
	ftp | seen | proftpd_starttls | python3 ftplib (scripted) | ftplib_ftp
	ftp | seen | proftpd_starttls | bash (scripted) | bash_ftp
	ftp | own | vsftpd_starttls | curl --ssl-reqd | curl_ftp_tls
	ftp | performed | vsftpd_nat | curl PASV by NAT | nat_ftp curl_pasv_ftp
	ftp | performed | vsftpd_nat | bash by NAT | nat_ftp bash_ftp
	ftp | own | proftpd_starttls | lftp | lftp_ftp_tls
	END
	! ipv6_loopback || starttls_rows <<-END
	ftp | performed | proftpd_six | python3 ftplib by ::1 | ftplib_six_ftp
	ftp | performed | proftpd_six | curl by ::1 | curl_six_ftp
	ftp | performed | proftpd_six | lftp by ::1 | lftp_six_ftp
	ftp | performed | proftpd_six | curl by IPv4 to ::1 | curl_four_to_six_ftp
	ftp | seen | proftpd_six | python3 ftplib by ::1 (scripted) | ftplib_six_ftp
	END
}

# Sets $user and $folder of the row's server; makes $W/up.  By IPv4: the servers
# are there, and libraries know that localhost is also ::1.
ftp_begin()
{
	[ "$host" != localhost ] || host=127.0.0.1
	case ${ports_of[row]} in
	vsftpd_*) user=anonymous folder=incoming ;;
	*) user=alice folder=. ;;
	esac
	head -c 5000000 /dev/urandom >"$W/up"
}

ftp_same()
{
	cmp "$W/up" "$W/down"
}

ftplib_ftp()
{
	local user folder
	ftp_begin
	client "$PYTHON" -B "$here/ftp_client.py" "${modes[row]}" "$host" \
		"$port" "$user" "$folder" "$W/up"
}

bash_ftp()
{
	local user folder
	ftp_begin
	client bash "$here/ftp_client.sh" "${modes[row]}" "$host" "$port" \
		"$user" "$folder" "$tag" <"$W/up" >"$W/down" && ftp_same
}

# curl_with OPTION…
curl_with()
{
	local user folder url
	ftp_begin
	url=ftp://$host:$port/$folder/$tag
	client $curl -sS "$@" -u "$user:secret" -T "$W/up" "$url" &&
		client $curl -sS "$@" -u "$user:secret" "$url" -o "$W/down" &&
		ftp_same
}

curl_epsv_ftp() { curl_with; }
# The address of the reply, and no other.
curl_pasv_ftp() { curl_with --disable-epsv --no-ftp-skip-pasv-ip; }
curl_ftp_tls() { curl_with --ssl-reqd --cacert "$CA"; }

# wget only downloads.
wget_ftp()
{
	local user folder
	ftp_begin
	curl_with || return
	rm "$W/down"
	client wget -nv --tries=1 -O "$W/down" \
		"ftp://$user:secret@$host:$port/$folder/$tag" && ftp_same
}

tnftp_ftp()
{
	local user folder
	ftp_begin
	echo "machine $host login $user password secret" >"$W/netrc"
	chmod 600 "$W/netrc"
	# It says why it cannot, and ends with 0.
	client tnftp -N "$W/netrc" -p -P "$port" "$host" <<-END
	binary
	cd $folder
	put $W/up $tag
	ls
	get $tag $W/down
	quit
	END
	ftp_same
}

# lftp_with SETTINGS
lftp_with()
{
	local user folder
	ftp_begin
	client lftp -c "$1; set net:max-retries 1; set net:timeout 20
		set cmd:fail-exit yes
		open -u $user,secret -p $port $host
		cd $folder
		put $W/up -o $tag
		cls $tag
		get $tag -o $W/down" && ftp_same
}

lftp_ftp() { lftp_with "set ftp:ssl-allow no"; }
lftp_ftp_tls()
{
	lftp_with "set ftp:ssl-force yes; set ftp:ssl-protect-data yes
		set ssl:ca-file $CA"
}

# A tree, by several connections at a time, there and back.
lftp_mirror()
{
	local user folder
	ftp_begin
	mkdir -p "$W/tree/deep"
	split -b 700k "$W/up" "$W/tree/part."
	split -b 900k "$W/up" "$W/tree/deep/part."
	client lftp -c "set ftp:ssl-allow no; set net:max-retries 1
		set net:timeout 20; set cmd:fail-exit yes
		open -u $user,secret -p $port $host
		cd $folder
		mirror -R --parallel=3 $W/tree $tag
		mirror --parallel=3 $tag $W/back" &&
		diff -r "$W/tree" "$W/back"
}

basic_ftp()
{
	local user folder
	ftp_begin
	npm_client basic-ftp "$host" "$port" "$user" "$folder" "$W/up" "$tag" \
		"$W/down" && ftp_same
}

perl_ftp()
{
	local user folder
	ftp_begin
	client perl -MNet::FTP -e '
		my ($host, $port, $user, $folder, $up, $name, $down) = @ARGV;
		my $ftp = Net::FTP->new($host, Port => $port, Passive => 1,
					Timeout => 20) or die $@;
		$ftp->login($user, "secret") && $ftp->binary
			&& $ftp->cwd($folder) && $ftp->put($up, $name)
			&& grep { /$name$/ } $ftp->ls
			and $ftp->get($name, $down) or die $ftp->message;
		$ftp->quit;
	' "$host" "$port" "$user" "$folder" "$W/up" "$tag" "$W/down" && ftp_same
}

php_ftp()
{
	local user folder
	ftp_begin
	client php -r '
[, $host, $port, $user, $folder, $up, $name, $down] = $argv;
$ftp = ftp_connect($host, (int)$port, 20) or exit(1);
exit(ftp_login($ftp, $user, "secret") && ftp_pasv($ftp, true)
     && ftp_chdir($ftp, $folder) && ftp_put($ftp, $name, $up)
     && ftp_get($ftp, $down, $name) ? 0 : 1);' "$host" "$port" "$user" \
		"$folder" "$W/up" "$tag" "$W/down" && ftp_same
}

# nat_ftp FUNCTION: at PASV's address nobody is; with the option that is no
# obstacle.
nat_ftp()
{
	if [ "$attempt" != plain ] && XSOCK_LOG=off "$1"; then
		echo "there is somebody at the address of PASV" >&2
		return 1
	fi
	rules="$rules&ftp_data=control"
	"$1"
}

ftplib_six_ftp() { host=::1 ftplib_ftp; }
lftp_six_ftp() { host=::1 lftp_ftp; }
# The data connection goes where the control connection does, not where the
# application believes it to go.
curl_four_to_six_ftp()
{
	rules="192.0.2.1:21=ftp+starttls://[::1]:$port?cafile=$CA&peer_name=localhost"
	host=192.0.2.1 port=21 curl_with
}

curl_six_ftp() { host="[::1]" curl_with -g; }
