#!/bin/bash
# What "make pictures" runs: a session at a terminal, typed into a real one, and
# what stands there then as SVG.
#
#     session.sh FILE.svg
. "$(dirname "$0")/../support/lib.sh"
. "$TESTS/recipes/machine.sh"

picture=$1
terminal()
{
	tmux -S "$T/terminal" -f /dev/null "$@"
}

# The shell's prompt is there again, and nothing behind it.
ready()
{
	[ "$(terminal capture-pane -p -t session | grep -v '^$' | tail -n 1)" = '$' ]
}

# type_in COMMAND…: as it is typed, and waits for its end
type_in()
{
	terminal send-keys -t session -l "$*" && terminal send-keys -t session Enter
	sleep 0.5
	within 20 ready || { terminal capture-pane -p -t session >&2; exit 1; }
}

folder_begin session
[ "$(id -u)" -eq 0 ] || { echo "session.sh: only root has a network of its own" >&2; exit 1; }
make_machine
write_rules
start_servers
at_end+=(end_terminal)
end_terminal()
{
	terminal kill-server 2>/dev/null
}
cd "$T/work" || exit 1
echo "PS1='$ '" >"$T/bashrc"
on_machine terminal new-session -d -s session -x 100 -y 40 bash --noprofile --rcfile "$T/bashrc"
within 10 ready || { terminal capture-pane -p -t session >&2; exit 1; }
type_in curl -sS http://www.example.com/
type_in "xsock run -l info -r 'www.example.com:80=tls://:443' -- curl -sS http://www.example.com/"
type_in redis-cli -h db.corp PING
type_in xsock run -r @/etc/xsock.rules -- redis-cli -h db.corp PING
type_in "xsock run -r 'localhost:8443=tls://' -- curl -4sS http://localhost:8443/"
type_in "xsock check 'www.example.com:80=tls://:443' www.example.com:80"
terminal capture-pane -e -p -t session >"$T/screen"
"$PYTHON" "$TESTS/recipes/picture.py" "$T/screen" "$picture" || exit 1
# It shows what it is there for.
for words in 'verified "www.example.com"' PONG 'Could' 'not for "localhost"'; do
	grep -qF "$words" <(tr -d '\n' <"$T/screen") ||
		{ cat "$T/screen"; echo "session.sh: no $words on the screen" >&2; exit 1; }
done
echo "$picture"
