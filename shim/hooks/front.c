/* Another library in front of this one; see front.h.
 *
 * The loader takes each function from the first library that has it.  One in
 * front of this library gets the program's connects first, and may make them
 * past it: torsocks and proxychains take libc's connect, or send through a
 * proxy what a rule says must be TLS.  Whether they come through here nobody
 * can tell beforehand, so the program is not run.
 */
#include "hooks/front.h"

#include "base/trace.h"
#include "connect/config.h"
#include "connect/environment.h"
#include "connect/report.h"
#include "hooks/libc.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Sanitizers call the next function, whatever they look at. */
static const char *const harmless[] = { "libasan.so", "libtsan.so",
					"libmsan.so", "libubsan.so",
					"liblsan.so", "libclang_rt." };

static const char *const watched[] = { "connect", "getaddrinfo" };

static const char *base_of(const char *file)
{
	const char *slash = strrchr(file, '/');

	return slash ? slash + 1 : file;
}

static bool is_harmless(const char *base)
{
	for (size_t i = 0; i < sizeof(harmless) / sizeof(*harmless); i++)
		if (strncmp(base, harmless[i], strlen(harmless[i])) == 0)
			return true;
	return false;
}

/* Does the list "a.so,b.so" name it? */
static bool is_allowed(const char *list, const char *base)
{
	size_t len = strlen(base);

	while (list && *list) {
		size_t n = strcspn(list, ",");

		if (n == len && memcmp(list, base, n) == 0)
			return true;
		list += n;
		list += *list == ',';
	}
	return false;
}

/* Where this library lies.  dladdr(3) would say so, too, but it searches all
 * symbols for that. */
extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const char _end[] __attribute__((visibility("hidden")));

static bool is_own(const void *function)
{
	const char *at = function;

	return at >= __ehdr_start && at < _end;
}

/* The file of the library that has the function before this one; NULL: none.
 * (A program that has one itself knows what it does: clang links sanitizers
 * into it.) */
static const char *find_front(const char *name)
{
	void *function = xs_libc_first(name);
	Dl_info info;

	if (!function || is_own(function) || !dladdr(function, &info) ||
	    !info.dli_fname ||
	    strcmp(info.dli_fname, program_invocation_name) == 0)
		return NULL;
	return info.dli_fname;
}

__attribute__((noreturn)) static void leave(const char *file, const char *name)
{
	char sentence[512];

	snprintf(sentence, sizeof(sentence),
		 "%.200s is in front of libxsock.so and has %s(), so that "
		 "connections may pass the rules by, and the program is not "
		 "run (libxsock.so must be first in LD_PRELOAD: start xsock "
		 "run by the other wrapper, and not the other way round; "
		 "XSOCK_FRONT=%.64s allows it)",
		 file, name, base_of(file));
	xs_config_rules(); /* which sets where lines go */
	xs_report_process(XS_LOG_ERROR, sentence);
	for (;;)
		syscall(SYS_exit_group, 126);
}

void xs_front_judge(void)
{
	/* Who only looks on decides nothing. */
	if (strcmp(xs_environment.rules, XS_TRACE_NO_RULES) == 0)
		return;
	for (size_t i = 0; i < sizeof(watched) / sizeof(*watched); i++) {
		const char *file = find_front(watched[i]);
		const char *base = file ? base_of(file) : NULL;

		if (base && !is_harmless(base) &&
		    strncmp(base, "libxsock.so", 11) != 0 &&
		    !is_allowed(xs_environment.front, base))
			leave(file, watched[i]);
	}
}
