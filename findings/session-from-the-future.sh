#!/bin/sh
# A TLS session of OpenSSL 3.5 may be a second younger than time(2).
#
# Seen with: libssl 3.5.9-1~deb13u1, glibc 2.41-12+deb13u5 (Debian 13), Linux 6.18.
# Input: a program that makes a session and compares its time with time(2), again
#   and again, for some seconds.
# Expected: the session's time is never later than what time(2) says afterwards.
# Seen: just after each full second it is a second later.  OpenSSL 3.2 and later
#   stamp sessions by the exact clock; time(2) gives the kernel's clock of the last
#   tick, which may be some milliseconds behind.  (OpenSSL 3.0 used time(2).)
# For xsock: the relay threw away sessions with an age of less than 0, so that one
#   resumption in some hundred was lost.  It asks clock_gettime(2) now.
. "$(dirname "$0")/debian.sh"
debian_root trixie gcc-14 libssl-dev=3.5.9-1~deb13u1 libc6-dev=2.41-12+deb13u5 coreutils dash

cat >"$root/tmp/age.c" <<'END'
#include <openssl/ssl.h>
#include <stdio.h>
#include <time.h>

int main(void)
{
	int early = 0;
	time_t end = time(NULL) + 6;

	while (time(NULL) < end) {
		SSL_SESSION *session = SSL_SESSION_new();

		early |= SSL_SESSION_get_time_ex(session) > time(NULL);
		SSL_SESSION_free(session);
	}
	puts(early ? "from the future" : "never from the future");
	return 0;
}
END
seen "sessions" "from the future" \
	"$(debian_run sh -c 'cd /tmp && gcc-14 -O2 -o age age.c -lssl -lcrypto && ./age' 2>&1)"
finding_end
