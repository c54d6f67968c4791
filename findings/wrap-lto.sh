#!/bin/sh
# GNU ld's --wrap=NAME does nothing with -flto, and says nothing.
#
# Seen with: gcc 12.2.0-14+deb12u1, binutils 2.40-2 (Debian 12).
# Input: a shared library that defines a function, calls it from another file,
#   and is linked with --wrap for that function.
# Expected: the call goes to __wrap_NAME, with and without -flto.
# Seen: without -flto it does.  With -flto the objects become one before --wrap is
#   looked at, the call has nothing undefined left, and goes to the function itself.
#   There is no warning, and the unused __wrap_NAME is dropped.
# For xsock: below its hooks the library calls libc's connect by --wrap.  With
#   -flto that came back to the hook.  So those files are compiled without it.
. "$(dirname "$0")/debian.sh"
debian_root bookworm gcc-12=12.2.0-14+deb12u1 binutils=2.40-2 libc6-dev dash

cat >"$root/tmp/hook.c" <<'END'
int reach(int number) { return number + 1; }
END
cat >"$root/tmp/below.c" <<'END'
int reach(int number);
int __wrap_reach(int number) { return number + 1000; }
int below(int number) { return reach(number); }
END
cat >"$root/tmp/main.c" <<'END'
#include <stdio.h>
int below(int number);
int main(void) { printf("%d\n", below(1)); return 0; }
END

# wrapped FLAG…: what the program prints, with all that the compiler says
wrapped()
{
	debian_run sh -c 'cd /tmp && gcc-12 "$@" -O2 -fPIC -shared -Wl,--wrap=reach \
		-o libwrap.so hook.c below.c && gcc-12 -o program main.c ./libwrap.so &&
		./program' sh "$@" 2>&1
}

seen "without -flto" 1001 "$(wrapped)"
seen "with -flto" 2 "$(wrapped -flto)"
finding_end
