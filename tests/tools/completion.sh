#!/bin/bash
# xsock completion: its answers, and the scripts for bash, zsh and fish in these
# shells themselves, on a terminal.
. "$(dirname "$0")/../support/lib.sh"
. "$(dirname "$0")/lines.sh"

unset XSOCK_RULES XSOCK_OPTIONS XSOCK_LOG LD_PRELOAD
scripts=$TESTS/../tools/xsock/completion

# answers NAME WORD…: the cases that follow look at what it said
answers()
{
	local name=$1
	shift
	runs "$name" 0 completion -- "$@"
	cut -f 1 "$OUT" >"$T/words"
	mv "$T/words" "$OUT"
}

# is NAME LINE…: these lines, and no other
is()
{
	local name=$1
	shift
	[ "$(cat "$OUT")" = "$(printf '%s\n' "$@")" ] && pass "$name" || fail "$name"
}

# nothing NAME WORD…
nothing()
{
	local name=$1
	shift
	answers "$name" "$@"
	[ ! -s "$OUT" ] && pass "$name: nothing" || fail "$name: nothing"
}

suite_begin completion

# --- the same as the help -------------------------------------------------

answers "commands" ''
sed '1,2d' "$OUT" >"$T/said"
"$BUILD/xsock" --help | sed -n 's/^  \([a-z][a-z]*\)  .*/\1/p' >"$T/help"
[ -s "$T/help" ] && cmp "$T/said" "$T/help" && pass "those of --help" || fail "those of --help"
for command in $(cat "$T/help"); do
	answers "options of $command" "$command" -
	sed '1,2d; s/=$//' "$OUT" | sort >"$T/said"
	"$BUILD/xsock" "$command" --help | grep -oE '^ {2}(-.,| {3}) --[a-z-]+' |
		grep -oE -- '--.*' | sort >"$T/help"
	cmp "$T/said" "$T/help" && pass "those of --help" || fail "those of --help"
done
# Each goes with one kind of pattern, deny:// with both.
"$BUILD/xsock" check --help | sed -n 's|^  \([a-z0-9.+-]*://\) .*|\1|p' | sort >"$T/help"
answers "schemes" run -r a.test=
sed '1,2d' "$OUT" >"$T/said"
lacks "no scheme of datagrams" dtls://
answers "schemes of datagrams" run -r UDP://a.test=
sed '1,2d' "$OUT" >>"$T/said"
is "no other" words UDP://a.test= udp:// dtls:// dtlsv1.2:// dtlsv1.0:// deny://
sort -u "$T/said" -o "$T/said"
[ -s "$T/help" ] && cmp "$T/said" "$T/help" && pass "those of --help" || fail "those of --help"
"$BUILD/xsock" check --help | sed -n 's/^  \([A-Za-z_]*=\).*/\1/p' >"$T/help"
answers "options of rules" run -o ''
sed '1,2d' "$OUT" >"$T/said"
[ -s "$T/help" ] && cmp "$T/said" "$T/help" && pass "those of --help" || fail "those of --help"

answers "the argument of help" help ''
prints "a command" probe

# --- where the cursor is --------------------------------------------------

levels='off error warning info debug'
answers "a level" run --log ''
is "the next word" words '' $levels
answers "a level" run --log=w
is "the same word" words --log= $levels
answers "a level" run -lw
is "behind the letter" words -l $levels
answers "a level's file" unit -l info:/v
is "a file" files info:
answers "letters together" probe -jo ''
prints "the last one's value" cafile=
answers "supervise" run --supervise=
is "its words" words --supervise= never auto always
answers "a folder" unit --root ''
is "is one" folders ''
answers "a file" rules --from-stunnel=
is "is one" files --from-stunnel=
answers "a command" run -r a.test=tls:// -- curl --insec
is "is the shell's" command 4
answers "a command" run cu
is "at once" command 1
answers "a value that looks like a command" run -r run -l ''
prints "the level" warning
answers "processes" status 1 ''
prints "this one" $$
answers "rules" rules a.test=tls://?verify_peer=
is "a switch" words a.test=tls://?verify_peer= 0 1
answers "rules" check 'a.test=tls:// b.test:*=starttls://x:1?timeout=5&starttls='
is "the last rule" words 'a.test=tls:// b.test:*=starttls://x:1?timeout=5&starttls=' required optional
answers "the next rule" check 'a.test=tls:// b.test='
prints "a scheme" deny://
answers "rules" check -r 'a.test=tls://?'
lacks "no option of another scheme" starttls=
answers "rules for datagrams" check -r 'udp://a.test=dtls://?'
lacks "no option of streams" half_close=
prints "an option of datagrams" mtu=
answers "a file of rules" check @/etc/x
is "is one" files @
answers "a URL" probe 'tls://a.test:1?cafile='
is "a file" files 'tls://a.test:1?cafile='
nothing "no such command" nonsense ''
nothing "no such scheme" run -r 'a.test=nonsense://?'
nothing "a pattern" run -r a.te
nothing "a second URL" probe tcp://a:1 ''
nothing "two lines" run -r $'a=tls://\nb='
answers "behind --" probe -- -
is "no options" words '' "$(sed 's|$|://|' <<<"$("$BUILD/xsock" check --help |
	sed -n 's|^  \([a-z0-9.+-]*\):// .*|\1|p')")"
runs "no word" 2 completion
tells "is told" "a WORD is missing"

# --- the shells -----------------------------------------------------------

# begin SHELL ARGUMENT…: it, on a terminal, in a folder with few files
begin()
{
	shell=$1
	shift
	tmux -S "$T/$shell.tmux" -f /dev/null new-session -d -x 150 -y 45 -c "$T/folder" "$@" 2>"$ERR"
	screen_has '> ready' || fail "$shell: starts"
}

screen_has()
{
	within 60 shows "$1"
}

shows()
{
	tmux -S "$T/$shell.tmux" capture-pane -p >"$OUT" 2>>"$ERR"
	grep -qF -- "$1" "$OUT"
}

press()
{
	tmux -S "$T/$shell.tmux" send-keys "$@" 2>>"$ERR"
}

# becomes NAME TYPED LINE: TYPED and a tabulator make LINE
becomes()
{
	press C-c
	press -l -- "clear; echo '> 'ready"
	press Enter
	screen_has '> ready'
	press -l -- "$2"
	press Tab
	screen_has "\$ $3" && pass "$shell: $1" || fail "$shell: $1" "no \"$3\""
}

in_each_shell()
{
	becomes "a command" "xsock prob" "xsock probe"
	becomes "an option" "xsock run --sup" "xsock run --supervise="
	becomes "a value" "xsock run --supervise=al" "xsock run --supervise=always"
	becomes "a level" "xsock run -l warn" "xsock run -l warning"
	becomes "a file" "xsock rules --from-stunnel=un" "xsock rules --from-stunnel=unique.conf"
	becomes "a folder" "xsock unit --root ro" "xsock unit --root root/"
	becomes "a scheme" "xsock run -r a.test=pos" "xsock run -r a.test=postgres"
	becomes "a scheme in quotes" "xsock run -r 'a.test=starttl" "xsock run -r 'a.test=starttls://"
	becomes "an option of a rule" "xsock check a.test=tls://\\?timeout=5\\&half" \
		"xsock check a.test=tls://\\?timeout=5\\&half_close="
	becomes "a file in a rule" "xsock check a.test=tls://\\?cafile=un" \
		"xsock check a.test=tls://\\?cafile=unique.conf"
	becomes "the command's own" "xsock run -r 'a.test=tls://' -- xsock prob" \
		"xsock run -r 'a.test=tls://' -- xsock probe"
}

# In fish the first tabulator in a quote with "?" makes backslashes of the quote.
in_quotes()
{
	becomes "an option of a rule" "xsock check 'a.test=tls://?timeout=5&half" \
		"xsock check 'a.test=tls://?timeout=5&half_close="
	becomes "a file in a rule" "xsock check 'a.test=tls://?cafile=un" \
		"xsock check 'a.test=tls://?cafile=unique.conf"
}

mkdir -p "$T/folder/root" "$T/home" "$T/bin"
: >"$T/folder/unique.conf"
ln -s "$BUILD/xsock" "$T/bin/xsock"
PATH=$T/bin:$PATH
export HOME=$T/home XDG_DATA_HOME=$T/home XDG_CONFIG_HOME=$T/home

cat >"$T/bashrc" <<-END
. /usr/share/bash-completion/bash_completion
. $scripts/xsock.bash
PS1='\$ '
echo '> 'ready
END
cat >"$T/home/.zshrc" <<-END
fpath=($scripts \$fpath)
autoload -Uz compinit && compinit -u -D
PS1='\$ '
echo '> 'ready
END
cat >"$T/config.fish" <<-END
source $scripts/xsock.fish
function fish_prompt; echo -n '\$ '; end
set -g fish_greeting
echo '> 'ready
END

need "bash" tmux bash && begin bash bash --noprofile --rcfile "$T/bashrc" && in_each_shell && in_quotes
need "zsh" tmux zsh && begin zsh zsh -d && in_each_shell && in_quotes
need "fish" tmux fish && begin fish fish --no-config -C "source $T/config.fish" && in_each_shell
for shell in bash zsh fish; do
	tmux -S "$T/$shell.tmux" kill-server 2>/dev/null
done

suite_end
