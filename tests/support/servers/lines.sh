# A service of lines, as people use by hand with telnet or nc, TLS by nginx in
# front.  start_lines sets port_lines_tls.  It greets with "220 ready", answers
# each line with its number and its text in capitals, and "QUIT" with "221 bye"
# and the end.
#
# Packages: those of nginx.sh, which is sourced before.

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
	start_service lines bash "$T/lines/serve"
}
