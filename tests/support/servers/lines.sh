# A service of lines, as people use by hand with telnet or nc, behind stunnel.
# start_lines sets port_lines_tls.  It greets with "220 ready", answers each
# line with its number and its text in capitals, "QUIT" with "221 bye" and the
# end, and the client's end of file with "299 end of file" and the end.
#
# By IPv6 it has nothing better than TLS 1.2.
#
# stunnel and not nginx, because nginx ends both directions when one has ended,
# or else ends without close_notify (proxy_half_close).
#
# Packages: stunnel4.
needs_lines=stunnel4

start_lines()
{
	mkdir -p "$T/lines"
	cat >"$T/lines/serve" <<-'END'
	#!/bin/bash
	printf '220 ready\r\n'
	while IFS= read -r line; do
		line=${line%$'\r'}
		[ "$line" != QUIT ] || { printf '221 bye\r\n'; exit; }
		printf '%d %s\r\n' $((250 + n++)) "${line^^}"
	done
	printf '299 end of file\r\n'
	END
	start_on_port lines lines_exec
	port_lines_tls=$port
}

lines_exec()
{
	local here=$T/lines
	{
		echo "foreground = yes"
		echo "pid ="
		lines_section 127.0.0.1 "$1" TLSv1.3
		! ipv6_loopback || lines_section ::1 "$1" TLSv1.2
	} >"$here/conf"
	exec stunnel4 "$here/conf"
}

lines_section()
{
	cat <<-END
	[$1]
	accept = $1:$2
	cert = $CERTS/good.pem
	key = $CERTS/good.key
	sslVersionMax = $3
	TIMEOUTbusy = 5
	exec = /bin/bash
	execArgs = bash $T/lines/serve
	END
}
