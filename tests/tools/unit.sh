#!/bin/bash
# xsock unit: the drop-ins for services of Debian and for units of all kinds.
# systemd itself reads what is printed.
. "$(dirname "$0")/../support/lib.sh"
. "$(dirname "$0")/lines.sh"

unset XSOCK_RULES XSOCK_OPTIONS XSOCK_LOG LD_PRELOAD

unit()
{
	local name=$1 status=$2
	shift 2
	runs "$name" "$status" unit "$@"
}

# made FOLDER NAME LINE…: a file below $T/root/FOLDER
made()
{
	local folder=$T/root/$1 name=$2
	shift 2
	mkdir -p "$folder"
	printf '%s\n' "$@" >"$folder/$name"
}

# service KEY=VALUE…: etc's one.service, whose program is this machine's sleep
service()
{
	made etc/systemd/system one.service "[Unit]" "Description=one" "[Service]" \
		"ExecStart=-@/usr/bin/sleep zzz 1" "$@"
}

suite_begin unit
need "systemd reads it" systemd-analyze || { suite_end; exit; }
mkdir -p "$T/root/usr/bin"
cp "$(command -v sleep)" "$T/root/usr/bin/sleep"
library=$(realpath "$BUILD/libxsock.so")
relay=$(realpath "$BUILD/xsock-relay")

# --- Debian's -------------------------------------------------------------

# systemd_accepts NAME UNIT: with the drop-in in $OUT, and with nothing to say
systemd_accepts()
{
	mkdir -p "$T/units/$2.service.d"
	cp "$OUT" "$T/units/$2.service.d/xsock.conf"
	SYSTEMD_UNIT_PATH=$T/units: bounded systemd-analyze verify --man=no "$2.service" \
		>"$T/verify" 2>&1
	grep -F "xsock.conf" "$T/verify" >&2 && fail "$1" "systemd complains" || pass "$1"
}

unit "redis: NoExecPaths" 0 redis-server
prints "the library" "Environment=\"LD_PRELOAD=$library\""
prints "a file of rules" 'Environment="XSOCK_RULES=@/etc/xsock.rules"'
prints "lines go to syslog" 'Environment="XSOCK_LOG=warning:syslog"'
prints "what may be executed" "ExecPaths=$library $relay"
lacks "AF_UNIX is there already" "RestrictAddressFamilies="
prints "who must read the rules" "# redis must be able to read /etc/xsock.rules."
systemd_accepts "systemd reads it" redis-server
unit "nginx: KillMode=mixed" 1 nginx.service
tells "nginx: told" "nginx.service: KillMode=mixed kills the relay"
systemd_accepts "systemd reads nginx's" nginx

# That systemd would complain.
printf '[Service]\nEnvironment="LD_PRELOAD=%%\n' >"$OUT"
mkdir -p "$T/units/nginx.service.d"
cp "$OUT" "$T/units/nginx.service.d/xsock.conf"
SYSTEMD_UNIT_PATH=$T/units: bounded systemd-analyze verify --man=no nginx.service 2>&1 |
	grep -qF "xsock.conf" && pass "and complains otherwise" || fail "and complains otherwise"

# --- what is printed ------------------------------------------------------

service
unit "rules, options and log of the command line" 0 -R "$T/root" one \
	-r 'a.test=tls://?cafile=/a%3Bb "c\' -o timeout=5 -l info
prints "are quoted as systemd reads them" 'Environment="XSOCK_RULES=a.test=tls://?cafile=/a%%3Bb \"c\\"'
prints "options" 'Environment="XSOCK_OPTIONS=timeout=5"'
prints "log" 'Environment="XSOCK_LOG=info"'
lacks "no sandbox, no lines for it" Restrict
unit "rules that are wrong" 1 redis-server -r 'a=tsl://'
tells "are told" 'unknown transport "tsl"'

service 'Environment=A=1 LD_PRELOAD=/usr/lib/libeatmydata.so B=2'
unit "another library" 0 -R "$T/root" one
prints "stays" "Environment=\"LD_PRELOAD=$library:/usr/lib/libeatmydata.so\""
service "RestrictAddressFamilies=AF_INET" "RestrictAddressFamilies=AF_INET6"
unit "families without AF_UNIX" 0 -R "$T/root" one
prints "get it" "RestrictAddressFamilies=AF_UNIX"
service "RestrictAddressFamilies=AF_INET AF_UNIX"
unit "families with AF_UNIX" 0 -R "$T/root" one
lacks "are left" "RestrictAddressFamilies="
service "RestrictAddressFamilies=~AF_PACKET"
unit "families that are forbidden" 0 -R "$T/root" one
lacks "without AF_UNIX" "RestrictAddressFamilies="
service "RestrictAddressFamilies=~AF_UNIX AF_PACKET"
unit "AF_UNIX is forbidden" 0 -R "$T/root" one
prints "is taken out" "RestrictAddressFamilies=AF_UNIX"
service "RestrictAddressFamilies=AF_INET" "RestrictAddressFamilies="
unit "an empty assignment" 0 -R "$T/root" one
lacks "forgets" "RestrictAddressFamilies="
service "NoExecPaths=/" "ExecPaths=/usr/bin ${library%/*}/"
unit "a folder that may be executed" 0 -R "$T/root" one
lacks "has both" "ExecPaths"

# --- what a drop-in cannot mend -------------------------------------------

# warns NAME TEXT KEY=VALUE…
warns()
{
	local name=$1 text=$2
	shift 2
	service "$@"
	unit "$name" 1 -R "$T/root" one
	tells "$name: told" "one.service: $text"
}

warns "another root" "the library, the relay, the CAs and the rules must also be in /srv" RootDirectory=/srv
warns "a relay that is killed" "KillMode=mixed kills the relay" KillMode=mixed
warns "no process for the relay" "LimitNPROC leaves no process" LimitNPROC=1
warns "one task" "TasksMax=1 leaves no process" TasksMax=1
case $library in
/home/* | /root/* | /run/user/*)
	warns "a hidden library" "ProtectHome= hides the library" ProtectHome=tmpfs ;;
esac
printf 'int main(void) { return 0; }\n' | gcc -x c -static -o "$T/root/usr/bin/fixed" - ||
	fail "a static program"
warns "a static program" "a drop-in is not enough: " ExecStart= ExecStart=/usr/bin/fixed
tells "a static program: why" "statically linked"
warns "no program" "it has no ExecStart" ExecStart=

# --- what is known of daemons ----------------------------------------------

# known PROGRAM: a unit that starts it
known()
{
	printf '#!/bin/sh\n' >"$T/root/usr/bin/$1"
	chmod 755 "$T/root/usr/bin/$1"
	service ExecStart= "ExecStart=/usr/bin/$1 -x"
}

known nginx
unit "nginx: a new program" 0 -R "$T/root" one
prints "keeps the variables" 'Environment="XSOCK_EXEC=keep"'
known postmulti
unit "postfix: a chroot" 1 -R "$T/root" one
prints "its programs keep the variables" 'Environment="XSOCK_EXEC=keep"'
tells "what to write" "postconf -F smtp/unix/chroot=n"
known haproxy
unit "haproxy: no process" 1 -R "$T/root" one
lacks "it starts no other program" XSOCK_EXEC
tells "what to write there" "insecure-fork-wanted"
known squid
unit "squid: a kid" 1 -R "$T/root" one
tells "squid: what to write" "ExecStart= needs -N"
known exim4
unit "exim: set-user-ID" 1 -R "$T/root" one
tells "exim: what to write" "xsock run --supervise=always"
known true
unit "a unit that stands for others" 1 -R "$T/root" one
tells "is told" "one.service: it starts no daemon"

# --- which files ----------------------------------------------------------

service User=early
made usr/lib/systemd/system one.service "[Service]" "User=hidden"
made usr/lib/systemd/system/one.service.d 50-b.conf "[Service]" "User=b"
made etc/systemd/system/one.service.d 50-b.conf "[Install]" "User=no" "[Service]" "User=et\\" "# between" "c"
made run/systemd/system/one.service.d 10-a.conf "[Service]" "User=a"
unit "drop-ins by name, /etc before /usr/lib" 0 -R "$T/root" one.service
prints "a line that goes on" "# et c must be able to read /etc/xsock.rules."
made etc/systemd/system/service.d 90-all.conf "[Service]" "User=all"
unit "drop-ins of all services" 0 -R "$T/root" one
prints "the last one counts" "# all must be able to read /etc/xsock.rules."
made usr/lib/systemd/system many@.service "[Service]" "ExecStart=/usr/bin/sleep %i"
made etc/systemd/system/many@x.service.d a.conf "[Service]" "KillMode=mixed"
unit "an instance of a template" 1 -R "$T/root" many@x
tells "and its drop-in" "many@x.service: KillMode=mixed"
unit "another instance" 0 -R "$T/root" many@y.service
prints "whose file" "# $T/root/usr/lib/systemd/system/many@.service"
made run/systemd/generator.late script.service "[Service]" "ExecStart=/usr/bin/sleep 1"
unit "a unit that was made of a script" 0 -R "$T/root" script
prints "is read" "# $T/root/run/systemd/generator.late/script.service"
made usr/lib/systemd/system script.service "[Service]" "ExecStart=/usr/bin/sleep 1"
unit "a unit in front of one that was made of a script" 0 -R "$T/root" script
prints "counts" "# $T/root/usr/lib/systemd/system/script.service"
unit "no such unit" 2 -R "$T/root" none
tells "no such unit: told" "none.service: there is no such unit"
unit "a path" 2 /etc/passwd
unit "no name" 2
unit "two names" 2 one two

suite_end
