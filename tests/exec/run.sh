#!/bin/bash
# What happens when a program with the library starts another one that would lose
# it: one line, a refusal, or the variables put back (XSOCK_EXEC).
. "$(dirname "$0")/../support/lib.sh"

START=$BUILD/tests/exec/start
STATIC=$BUILD/tests/exec/static
RULES=nowhere.test=tls://
unset XSOCK_EXEC XSOCK_LOG

# Those that take the environment of the process, and those that get one.
functions='execve execv execvp execvpe execl execlp execle fexecve execveat
	execveat-fd fexecve-path posix_spawn posix_spawnp
	spawn-canceled vfork system popen'

# The program that a function starts to start another: itself, or the shell.
started_by()
{
	case $1 in
	system | popen) echo /bin/sh ;;
	*) echo /usr/bin/env ;;
	esac
}

# start MODE FUNCTION full|clean PROGRAM
start_with()
{
	local mode=$1
	shift
	XSOCK_EXEC=$mode case_run with_xsock "$RULES" "$START" "$@"
}

# in_folder FOLDER COMMAND…
in_folder()
{
	cd "$1"
	shift
	"$@"
	cd "$OLDPWD"
}

# judge NAME STATUS LINE [TEXT…]: the status; exactly that line (a regular
# expression, "": none); each TEXT in standard output, or not, if it begins "!"
judge()
{
	local name=$1 status=$2 line=$3 text
	shift 3
	[ "$STATUS" = "$status" ] ||
		{ fail "$name" "status $STATUS, not $status"; return; }
	if [ "$line" ]; then
		[ "$(grep -c '^xsock: ' "$ERR")" = 1 ] && grep -qE -- "^xsock: $line" "$ERR" ||
			{ fail "$name" "the line is not $line"; return; }
	elif grep -q '^xsock: ' "$ERR"; then
		fail "$name" "there is a line"
		return
	fi
	for text; do
		case $text in
		!*) ! grep -qF -- "${text#!}" "$OUT" ;;
		*) grep -qF -- "$text" "$OUT" ;;
		esac || { fail "$name" "\"$text\""; return; }
	done
	pass "$name"
}

# --- each function -----------------------------------------------------------

try_function()
{
	local function=$1 program lost
	program=$(started_by "$1")
	lost="start\\[[0-9]+\\]: $program is started without LD_PRELOAD"

	start_with '' "$function" full /usr/bin/env
	judge "$function: nothing is lost" 0 '' "XSOCK_RULES=$RULES"
	start_with warn "$function" clean /usr/bin/env
	judge "$function, warn" 0 "$lost: its connections follow no rule" '!XSOCK_RULES'
	start_with refuse "$function" clean /usr/bin/env
	judge "$function, refuse" 3 "$lost: it is not started" "$function: EACCES" \
		'!XSOCK_RULES'
	start_with keep "$function" clean /usr/bin/env
	judge "$function, keep" 0 '' "XSOCK_RULES=$RULES" "libxsock.so" \
		"XSOCK_RELAY=$RELAY" PATH=
}

try_search()
{
	mkdir "$T/here"
	cp "$STATIC" "$T/here/only-here"
	local function
	for function in execvp execvpe execlp posix_spawnp; do
		start_with refuse "$function" clean env
		judge "$function by PATH, refuse" 3 \
			'start\[[0-9]+\]: [^ ]*/env is started without' "$function: EACCES"
		start_with keep "$function" clean env
		judge "$function by PATH, keep" 0 '' "XSOCK_RULES=$RULES"
		start_with refuse "$function" clean not-to-be-found
		judge "$function by PATH, not found" 3 '' "$function: ENOENT"
		PATH=:$PATH in_folder "$T/here" start_with refuse "$function" full only-here
		judge "$function by PATH that begins with an empty folder" 3 \
			'start\[[0-9]+\]: \./only-here is statically linked' "$function: EACCES"
	done
}

# What is preloaded already stays; ours comes first.
try_preload()
{
	XSOCK_EXEC=keep case_run with_xsock "$RULES" \
		"$PYTHON" -c 'import os, sys
os.execve("/usr/bin/env", ["env"], {"LD_PRELOAD": sys.argv[1]})' "$BUILD/tests/none.so"
	judge "LD_PRELOAD with another library, keep" 0 '' \
		"libxsock.so:$BUILD/tests/none.so" "XSOCK_RULES=$RULES"
	XSOCK_EXEC=keep case_run with_xsock "$RULES" env XSOCK_RULES= /usr/bin/env
	judge "XSOCK_RULES that is empty, keep" 0 '' "XSOCK_RULES=$RULES"
	start_with refuse execve twice /usr/bin/env
	judge "LD_PRELOAD twice, of which the loader takes the last" 3 \
		'start\[[0-9]+\]: /usr/bin/env is started without LD_PRELOAD'
	start_with keep execve twice /usr/bin/env
	judge "LD_PRELOAD twice, keep" 0 '' "libxsock.so:none.so"
	cp "$BUILD/libxsock.so" "$T/libxsock.so.1"
	PRELOAD=$T/libxsock.so.1 start_with keep execve full /usr/bin/env
	judge "another name of the library" 0 '' "LD_PRELOAD=$T/libxsock.so.1"
	PRELOAD=$T/libxsock.so.1 start_with keep execve clean /usr/bin/env
	judge "another name of the library, keep" 0 '' "LD_PRELOAD=$T/libxsock.so.1"
	case_run with_xsock "$RULES" env XSOCK_RULES= /usr/bin/env
	judge "XSOCK_RULES that is empty, warn" 0 \
		'env\[[0-9]+\]: /usr/bin/env is started without XSOCK_RULES'
	case_run with_xsock "$RULES" env XSOCK_RULES=a=tls:// /usr/bin/env
	judge "other rules are the user's own" 0 '' XSOCK_RULES=a=tls://
}

# --- each kind of file ---------------------------------------------------------

# lost NAME SENTENCE FILE [COMMAND…]: is told, refused, and not to be kept; the
# command in front starts as another user, …
lost()
{
	local name=$1 sentence=$2 file=$3 mode
	shift 3
	for mode in warn keep; do
		XSOCK_EXEC=$mode case_run with_xsock "$RULES" "$@" "$START" execve full "$file"
		judge "$name, $mode" 0 "start\\[[0-9]+\\]: $file $sentence.*: its connections"
	done
	XSOCK_EXEC=refuse case_run with_xsock "$RULES" "$@" "$START" execve full "$file"
	judge "$name, refuse" 3 "start\\[[0-9]+\\]: $file $sentence.*: it is not started" \
		"execve: EACCES"
}

kept()
{
	local name=$1 file=$2
	shift 2
	XSOCK_EXEC=refuse case_run with_xsock "$RULES" "$@" "$START" execve full "$file"
	judge "$name" 0 ''
}

script()
{
	printf '#! %s -x\n' "$2" >"$T/$1"
	chmod 755 "$T/$1"
}

try_files()
{
	lost "static" 'is statically linked' "$STATIC"
	script by-static "$STATIC"
	lost "script of a static interpreter" 'is statically linked' "$T/by-static"
	script by-script "$T/by-static"
	lost "script of a script" 'is statically linked' "$T/by-script"
	script by-true /bin/true
	kept "script of a dynamic interpreter" "$T/by-true"
	printf 'no program\n' >"$T/text"
	chmod 755 "$T/text"
	XSOCK_EXEC=refuse case_run with_xsock "$RULES" "$START" execve full "$T/text"
	judge "no program" 3 '' "execve: ENOEXEC"
	XSOCK_EXEC=refuse case_run with_xsock "$RULES" "$START" execve clean "$T/none"
	judge "no file" 3 '' "execve: ENOENT"
	XSOCK_EXEC=refuse case_run with_xsock "$RULES" "$START" execve clean "$CA"
	judge "not executable" 3 '' "execve: EACCES"
}

# A copy of true with these owner and mode.
other_true()
{
	cp /bin/true "$T/$1"
	chown "$2" "$T/$1"
	chmod "$3" "$T/$1"
}

# Needs another user to be had.
try_rights()
{
	local nobody="setpriv --reuid=65534 --regid=65534 --clear-groups"

	[ "$(id -u)" -eq 0 ] || { CI= skip "set-ID files" "only root can make them"; return; }
	chmod 755 "$T"
	other_true set-user 65534:0 4755
	lost "set-user-ID" 'is set-user-ID' "$T/set-user"
	other_true set-group 0:65534 2755
	lost "set-group-ID" 'is set-group-ID' "$T/set-group"
	other_true own 0:0 4755
	kept "set-user-ID of its own user" "$T/own"
	other_true unread 0:0 4711
	lost "set-user-ID, not to be read" 'is set-user-ID' "$T/unread" $nobody
	kept "set-user-ID with no_new_privs" "$T/set-user" setpriv --no-new-privs
	other_true capable 0:0 755
	"$PYTHON" -c 'import os, struct, sys
os.setxattr(sys.argv[1], "security.capability",
	    struct.pack("<5I", 0x02000000 | 1, 1 << 10, 0, 0, 0))' "$T/capable"
	lost "file capabilities" 'has file capabilities' "$T/capable" $nobody
	kept "file capabilities, for root" "$T/capable"
	other_true none 0:0 700
	XSOCK_EXEC=refuse case_run with_xsock "$RULES" "$PYTHON" -c 'import os, sys
os.setresuid(65534, 0, 0)
os.execv(sys.argv[1], ["true"])' "$T/none"
	judge "what only the effective user may execute" 1 \
		'python3[^ ]*: [^ ]*none would run with other effective than real'
	XSOCK_EXEC=refuse case_run with_xsock "$RULES" "$PYTHON" -c 'import os
os.seteuid(65534)
try:
    os.execv("/bin/true", ["true"])
except PermissionError:
    print("EACCES")'
	judge "real and effective IDs that differ" 0 \
		'python3[^ ]*: /bin/true would run with other effective than real' EACCES
}

# What is judged is what the child finds; what libc refuses, libc refuses.
try_places()
{
	local moved='usr/bin/env is started from another folder'
	start_with warn spawn-moved full /usr/bin/env
	judge "posix_spawn from another folder, warn" 0 "start\\[[0-9]+\\]: $moved" \
		"XSOCK_RULES=$RULES"
	start_with refuse spawn-moved full /usr/bin/env
	judge "posix_spawn from another folder, refuse" 3 "start\\[[0-9]+\\]: $moved" \
		"spawn-moved: EACCES"
	start_with keep spawn-moved clean /usr/bin/env
	judge "posix_spawn from another folder, keep" 0 "start\\[[0-9]+\\]: $moved" \
		"XSOCK_RULES=$RULES"
	start_with warn spawn-moved full "$STATIC"
	judge "posix_spawn from another folder, a static file" 0 \
		"start\\[[0-9]+\\]: ${STATIC#/} is started from another folder"
	start_with refuse fexecve-path full "$STATIC"
	judge "static, by a descriptor for paths" 3 "start\\[[0-9]+\\]: $STATIC is static"
	start_with refuse fexecve-none clean /bin/true
	judge "no descriptor" 3 '' "fexecve-none: EBADF"
	XSOCK_EXEC=refuse case_run with_xsock "$RULES" bash -c '
		ulimit -n 3; exec "$@"' bash "$STATIC"
	judge "static, without a descriptor to read it" 126 \
		"bash\\[[0-9]+\\]: $STATIC cannot be opened for reading"
	XSOCK_EXEC=refuse case_run with_xsock "$RULES" bash -c '"$@"; :' bash \
		"$("$PYTHON" -c 'import re, subprocess
print(re.search("interpreter: ([^]]*)", subprocess.check_output(
    ["readelf", "-lW", "/bin/true"], text=True)).group(1))')" /bin/true
	judge "the loader as a program" 0 ''
}

# A filter that kills for connect(2), as SystemCallFilter= of a systemd unit does:
# to start a program connects nothing.
try_killing_filter()
{
	case_run with_xsock "$RULES" "$PYTHON" -c 'import ctypes, os, struct, sys
connect = {"x86_64": 42, "aarch64": 203}[os.uname().machine]
code = b"".join(struct.pack("=HBBI", *one) for one in (
    (0x20, 0, 0, 0), (0x15, 0, 1, connect), (0x06, 0, 0, 0x80000000),
    (0x06, 0, 0, 0x7fff0000)))
room = ctypes.create_string_buffer(code)
program = struct.pack("@HP", 4, ctypes.addressof(room))
prctl = ctypes.CDLL(None).prctl
if prctl(38, 1, 0, 0, 0) or prctl(22, 2, program):
    sys.exit("no filter")
os.execv(sys.argv[1], sys.argv[1:])' "$STATIC"
	judge "static, where connect(2) kills" 0 'python3[^ ]*: .* is statically linked'
}

# A line comes once for all children, also of those that libc does not know of, and
# where the program has forbidden itself memory that is shared.
try_children()
{
	local way
	for way in fork clone filter; do
		case_run with_xsock "$RULES" "$PYTHON" -c 'import ctypes, os, struct, sys
libc = ctypes.CDLL(None)
mmap, clone = {"x86_64": (9, 56), "aarch64": (222, 220)}[os.uname().machine]
flags = 40 if sys.byteorder == "little" else 44
code = b"".join(struct.pack("=HBBI", *one) for one in (
    (0x20, 0, 0, 0), (0x15, 0, 3, mmap), (0x20, 0, 0, flags), (0x45, 0, 1, 1),
    (0x06, 0, 0, 0x80000000), (0x06, 0, 0, 0x7fff0000)))
room = ctypes.create_string_buffer(code)
program = struct.pack("@HP", 6, ctypes.addressof(room))
if sys.argv[1] == "filter" and (libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, program)):
    sys.exit("no filter")
for turn in range(3):
    child = libc.syscall(clone, 17, 0, 0, 0, 0) if sys.argv[1] == "clone" else os.fork()
    if child == 0:
        os.execv(sys.argv[2], sys.argv[2:])
    if os.waitpid(child, 0)[1]:
        sys.exit("a child has failed")' "$way" "$STATIC"
		judge "static, three children, $way" 0 'python3[^ ]*: .* is statically linked'
	done
}

# What Free Pascal makes is dynamic here, and passes the library by all the same.
try_pascal()
{
	need "Free Pascal" fpc || return
	cat >"$T/pascal.pas" <<-'END'
	program pascal;
	uses cthreads;
	begin
	end.
	END
	(cd "$T" && fpc -v0 pascal.pas >/dev/null 2>&1 && strip pascal)
	# It loads the library, which says so itself.
	case_run with_xsock "$RULES" "$START" execve full "$T/pascal"
	grep -q "start\\[[0-9]*\\]: $T/pascal is a Free Pascal program" "$ERR" &&
		pass "Free Pascal, warn" || fail "Free Pascal, warn"
	XSOCK_EXEC=refuse case_run with_xsock "$RULES" "$START" execve full "$T/pascal"
	judge "Free Pascal, refuse" 3 "start\\[[0-9]+\\]: $T/pascal is a Free Pascal program" \
		"execve: EACCES"
	case_run with_xsock "$RULES" "$T/pascal"
	judge "Free Pascal, started with the library" 0 \
		'pascal\[[0-9]+\]: this program is a Free Pascal program'
	case_run bounded "$BUILD/xsock" run -r "$RULES" -- "$T/pascal"
	[ "$STATUS" = 126 ] && grep -q 'is a Free Pascal program' "$ERR" &&
		pass "Free Pascal, xsock run" || fail "Free Pascal, xsock run"
	try_folder
}

# The path that a program was started with leads to another file, because a
# constructor has changed the folder.
try_folder()
{
	local library=$T/folder.so
	"${CC:-cc}" -shared -fPIC -x c -o "$library" - <<-'END' || return
	#include <stdlib.h>
	#include <unistd.h>
	__attribute__((constructor)) static void change(void)
	{
		if (getenv("FOLDER") && chdir(getenv("FOLDER")) < 0)
			_exit(1);
	}
	END
	mkdir "$T/folder" && cp /bin/true "$T/folder/pascal" && cp "$T/pascal" "$T/folder/true"
	cp /bin/true "$T/true"
	PRELOAD="$PRELOAD $library" FOLDER=$T/folder in_folder "$T" \
		case_run with_xsock "$RULES" ./pascal
	judge "Free Pascal, started from another folder" 0 \
		'pascal\[[0-9]+\]: this program is a Free Pascal program'
	PRELOAD="$PRELOAD $library" FOLDER=$T/folder in_folder "$T" \
		case_run with_xsock "$RULES" ./true
	judge "another program, started from another folder" 0 ''
}

# The loader only says that it "cannot be preloaded", and goes on.
try_mounts()
{
	local name="a mount without exec rights" library=$T/mount/libxsock.so
	local mount='mount -t tmpfs -o exec none "$0" && cp "$1"/libxsock.so "$1"/xsock "$0" &&'

	mkdir "$T/mount"
	private_mounts "$name" || return
	XSOCK_EXEC=refuse case_run "${mounts[@]}" sh -c "$mount"' shift 1 &&
		LD_PRELOAD=$0/libxsock.so XSOCK_RULES=$1 exec bash -c "mount -o remount,noexec \"\$0\"
			exec /bin/true" "$0"' "$T/mount" "$BUILD" "$RULES"
	judge "$name, refuse" 126 'bash\[[0-9]+\]: /bin/true cannot load the library'
	case_run "${mounts[@]}" sh -c "$mount"' mount -o remount,noexec "$0"
		exec "$1/xsock" run -r "$2" -- /bin/true' "$T/mount" "$BUILD" "$RULES"
	judge "$name elsewhere" 0 ''
	mkdir -p "$T/build"
	case_run "${mounts[@]}" sh -c 'mount --bind "$1" "$0" &&
		mount --bind "$1/libxsock.so" "$0/libxsock.so" &&
		mount -o remount,bind,noexec "$0/libxsock.so" &&
		exec "$0/xsock" run -r "$2" -- /bin/true' "$T/build" "$BUILD" "$RULES"
	[ "$STATUS" = 126 ] && grep -q 'without exec rights' "$ERR" &&
		pass "$name, xsock run" || fail "$name, xsock run"
	cp "$BUILD/libxsock.so" "$T/libxsock.so"
	XSOCK_EXEC=refuse PRELOAD=$T/libxsock.so case_run with_xsock "$RULES" \
		bash -c 'rm "$0"; exec /bin/true' "$T/libxsock.so"
	judge "the library's file is gone, refuse" 126 \
		'bash\[[0-9]+\]: /bin/[a-z]* cannot open the library'
}

# One that gets the connects first, and may make them past the rules.
try_front()
{
	local wrapper order="is in front of libxsock.so and has connect\(\)"

	for wrapper in torsocks "proxychains4 -q"; do
		need "$wrapper" "${wrapper%% *}" || continue
		case_run bounded "$BUILD/xsock" run -r "$RULES" -- $wrapper /bin/true
		[ "$STATUS" = 126 ] && grep -qE "^xsock: .*$order" "$ERR" &&
			pass "xsock run, $wrapper" || fail "xsock run, $wrapper"
		case_run bounded $wrapper "$BUILD/xsock" run -r "$RULES" -- /bin/true
		[ "$STATUS" = 0 ] && ! grep -q "in front of" "$ERR" &&
			pass "$wrapper, xsock run" || fail "$wrapper, xsock run"
	done
	XSOCK_FRONT=libother.so,libtorsocks.so case_run bounded \
		"$BUILD/xsock" run -r "$RULES" -- torsocks /bin/true
	[ "$STATUS" = 0 ] && pass "xsock run, torsocks, XSOCK_FRONT" ||
		fail "xsock run, torsocks, XSOCK_FRONT"
}

# A program that may write no file is started all the same.
# Libraries behind this one, whose connect counts or does not as dlsym(3) says.
try_behind()
{
	local name library=$T/behind.so
	"${CC:-cc}" -shared -fPIC -Wl,--default-symver -x c -o "$library" - <<-'END' || return
	#include <unistd.h>
	int connect(int fd, const void *to, unsigned len)
	{
		return write(2, "behind\n", 7) > 0 ? 0 : -1;
	}
	END
	for name in version none base empty; do
		"$PYTHON" - "$name" "$library" "$T/$name.so" <<-'END'
		import re, struct, subprocess, sys
		kind, path, out = sys.argv[1:]
		def section(name):
		    text = subprocess.check_output(["readelf", "-SW", path], text=True)
		    return int(re.search(r" %s +\S+ +\S+ +(\S+)" % re.escape(name), text)[1], 16)
		text = subprocess.check_output(["readelf", "-W", "--dyn-syms", path], text=True)
		index = int(re.search(r"(\d+): .* connect(@|$)", text, re.M)[1])
		data = bytearray(open(path, "rb").read())
		def version(number):
		    struct.pack_into("=H", data, section(".gnu.version") + 2 * index, number)
		if kind == "empty":
		    struct.pack_into("=I", data, section(".gnu.hash"), 0)
		else:
		    version({"version": 0x8002, "none": 0x8000, "base": 0x8001}[kind])
		open(out, "wb").write(data)
		END
	done
	for name in behind version none base empty; do
		PRELOAD="$PRELOAD $T/$name.so" case_run with_xsock "$RULES" "$PYTHON" -c '
import socket
socket.socket(socket.AF_UNIX).connect_ex("\0nobody")'
		case $name in
		behind | none | base) grep -q behind "$ERR" ;;
		*) [ "$STATUS" = 0 ] && ! grep -q behind "$ERR" ;;
		esac && pass "a library behind, $name" || fail "a library behind, $name"
	done
}

try_limits()
{
	case_run with_xsock "$RULES" bash -c 'ulimit -f 0; exec "$@"' bash "$START" execve full /bin/true
	judge "RLIMIT_FSIZE of zero" 0 ''
}

# --- many, and real programs ---------------------------------------------------

try_many()
{
	case_run with_xsock "$RULES" bash -c '
		for i in $(seq 20); do (exec -c /bin/true); done'
	judge "twenty children, one line" 0 'bash\[[0-9]+\]: /bin/true is started'
	case_run with_xsock "$RULES" bash -c '
		(exec -c /bin/true 2>/dev/null); (exec -c /bin/true); :'
	judge "a child that cannot say it, and one that can" 0 \
		'bash\[[0-9]+\]: /bin/true is started'
	case_run with_xsock "$RULES" env -u LD_PRELOAD /bin/true
	judge "env -u LD_PRELOAD" 0 'env\[[0-9]+\]: /bin/true is started without LD_PRELOAD'
	case_run with_xsock "$RULES" "$PYTHON" -c '
import subprocess
subprocess.run(["/bin/true"], env={})'
	judge "python3, env={}" 0 'python3[^ ]*: /bin/true is started without LD_PRELOAD'
	case_run with_xsock "$RULES" perl -e '%ENV = (); system("/bin/true", "x")'
	judge "perl, %ENV = ()" 0 'perl\[[0-9]+\]: /bin/true is started without LD_PRELOAD'
	XSOCK_EXEC=keep case_run with_xsock "$RULES" php -r '
		proc_close(proc_open(["/usr/bin/env"], [], $pipes, null, ["A" => "b"]));'
	judge "php, proc_open, keep" 0 '' "XSOCK_RULES=$RULES" A=b
	XSOCK_EXEC=bad case_run with_xsock "$RULES" "$START" execve clean /bin/true
	if [ "$STATUS" = 3 ] && grep -q 'XSOCK_EXEC: "bad" is none of warn' "$ERR"; then
		pass "XSOCK_EXEC that is wrong"
	else
		fail "XSOCK_EXEC that is wrong"
	fi
}

# A signal that comes before nginx waits for signals is only looked at with the
# next one.
changes_binary()
{
	kill -USR2 "$2"
	sleep 0.2
	test -s "$1/pid.oldbin"
}

# An nginx that changes to a new program hands on no variable but its own.  (It
# only does so as a daemon.)
try_nginx()
{
	local mode=$1 root=$T/nginx-$1
	mkdir -p "$root/logs"
	free_ports 1
	cat >"$root/nginx.conf" <<-END
	pid $root/pid;
	error_log $root/error.log;
	events { worker_connections 64; }
	http { access_log off; server { listen 127.0.0.1:$port; } }
	END
	at_end+=("stop_nginx_$mode")
	XSOCK_EXEC=$mode XSOCK_LOG=warning:$root/lines \
		case_run with_xsock "$RULES" "$(command -v nginx)" -p "$root" -c "$root/nginx.conf"
	within 20 test -s "$root/pid" || { fail "nginx starts"; return; }
	within 20 changes_binary "$root" "$(cat "$root/pid")" &&
		within 20 test -s "$root/pid" ||
		{ cp "$root/error.log" "$ERR"; ls "$root" >"$OUT"; fail "nginx changes to a new program"; return; }
	case_run bounded "$BUILD/xsock" status "$(cat "$root/pid")"
	cp "$root/lines" "$ERR" 2>/dev/null
	STATUS=0
}

stop_nginx_warn()
{
	local file
	for file in "$T/nginx-${1:-warn}"/pid*; do
		[ ! -s "$file" ] || kill_tree "$(cat "$file" 2>/dev/null)" 2>/dev/null
	done
}

stop_nginx_keep()
{
	stop_nginx_warn keep
}

# logged COMMAND…: with the library, in a /dev of its own that has a logger; what
# that gets is standard error
logged()
{
	rm -rf "$T/dev"
	mkdir "$T/dev"
	case_run bounded "${mounts[@]}" sh -c '
for device in null zero random urandom; do
	: >"$0/$device" && mount --bind /dev/$device "$0/$device" || exit
done
mount --rbind "$0" /dev && exec "$@"' "$T/dev" "$PYTHON" -c '
import os, re, socket, subprocess, sys
log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
log.bind("/dev/log")
log.settimeout(0.5)
subprocess.run(sys.argv[3:], env={**os.environ, "LD_PRELOAD": sys.argv[1],
                                  "XSOCK_RULES": sys.argv[2]})
try:
    while True:
        sys.stderr.write(re.sub("^<[0-9]*>", "", log.recv(4096).decode()) + "\n")
except TimeoutError:
    pass' "$PRELOAD" "$RULES" "$@"
}

# A daemon gives itself, or the child that it starts, another standard error.
try_syslog()
{
	private_mounts "lines of daemons" || return
	logged bash -c '(exec -c /bin/true) 2>/dev/null; :'
	judge "a child with another standard error says it to syslog" 0 \
		'bash\[[0-9]+\]: /bin/true is started without LD_PRELOAD'
	logged bash -c 'for i in 1 2 3; do (exec -c /bin/true) 2>/dev/null; done'
	judge "three of them, one line in syslog" 0 \
		'bash\[[0-9]+\]: /bin/true is started without LD_PRELOAD'
	logged sh -c 'exec bash -c "exec -c /bin/true" 2>/dev/null'
	judge "a program without standard error says it to syslog" 0 \
		'bash\[[0-9]+\]: /bin/true is started without LD_PRELOAD'
}

# The library starts the relay without LD_PRELOAD, which XSOCK_EXEC is not about.
try_relay()
{
	local mode
	for mode in warn refuse keep; do
		rm -f "$T/lines"
		stop_relays
		XSOCK_EXEC=$mode XSOCK_LOG=warning:$T/lines case_run with_xsock \
			"localhost=tls://:$port_tls?cafile=$CA" "$SUPPORT/probe" localhost 1 x
		cp "$T/lines" "$ERR" 2>/dev/null
		judge "the relay, $mode" 0 '' connected
	done
}

try_daemons()
{
	try_nginx warn
	judge "nginx, USR2, warn" 0 'nginx\[[0-9]+\]: [^ ]*nginx is started without LD_PRELOAD' \
		'nginx: library NOT LOADED, NO RULES'
	try_nginx keep
	judge "nginx, USR2, keep" 0 '' 'nginx: library loaded, rules set'
	stop_nginx_warn
	stop_nginx_keep
}

suite_begin exec
serve tls:sink,tls="$CERTS/good"
for function in $functions; do
	try_function "$function"
done
try_search
try_preload
try_files
try_rights
try_places
try_killing_filter
try_children
try_pascal
try_mounts
try_front
try_behind
try_limits
try_many
try_syslog
try_relay
try_daemons
suite_end
