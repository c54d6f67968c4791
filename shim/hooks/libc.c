/* Finding the originals of the hooked functions; see libc.h.
 *
 * The surprising thing is at the end: the linker is told --wrap=connect and so
 * on, so a call of connect() anywhere in the library is a call of
 * __wrap_connect below, which is libc's.  Without that the library's own
 * getsockname() would end in its own hook.  The hooks themselves, being
 * definitions, keep their names.
 */
#include "hooks/libc.h"

#include "hooks/symbols.h"

#include <dlfcn.h>
#ifdef __GLIBC__
#include <gnu/lib-names.h>
#endif
#include <link.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

struct xs_libc xs_libc;

/* The hooks as xs_libc has them, one name behind the other. */
static const char names[] =
#define XS_HOOK(name, like) #name "\0"
#include "hooks/hooks.def"
#undef XS_HOOK
	;
enum { HOOKS = offsetof(struct xs_libc, ready) / sizeof(void *) };

/* --- where the loader must be asked -------------------------------------- */

static int count_copy(struct dl_phdr_info *object, size_t size, void *copies)
{
	(void)size;
	*(int *)copies += xs_symbols_is_our_name(object->dlpi_name);
	return 0;
}

/* Two copies of this library in one process (loaded under two paths) would
 * take each other for libc and wrap twice.  dladdr(3) tells whose a function
 * is, but it searches all symbols of libc for that: as long as the loader takes
 * for this whole library.  So it is only asked where there are two. */
static bool is_another_xsock(void *function)
{
	Dl_info info;
	int copies = 0;

	dl_iterate_phdr(count_copy, &copies);
	if (copies < 2)
		return false;
	return dladdr(function, &info) &&
	       xs_symbols_is_our_name(info.dli_fname);
}

/* libc itself, past another copy of this library, whose dlopen passes on what
 * libc's gives.  (A link map is no handle here: of what was loaded at the start
 * only the program's has a list to search.) */
static void *find_libc(void)
{
#ifdef __GLIBC__
	__typeof__(dlopen) *load =
		(__typeof__(dlopen) *)dlsym(RTLD_NEXT, "dlopen");

	return load(LIBC_SO, RTLD_LAZY | RTLD_NOLOAD);
#else
	/* musl's loader takes any libc.* for itself. */
	return dlopen("libc.so", RTLD_LAZY | RTLD_NOLOAD);
#endif
}

/* Where to look: behind this library, or past another copy of it in libc.  One
 * function speaks for all. */
static void *where_to_look(void)
{
	void *next = dlsym(RTLD_NEXT, "connect");

	if (next && !is_another_xsock(next))
		return RTLD_NEXT;
	return find_libc();
}

static void ask_loader(const char *name, size_t count, void **function)
{
	void *place = where_to_look();

	for (size_t i = 0; i < count; i++) {
		function[i] = dlsym(place, name);
		name += strlen(name) + 1;
	}
}

/* The originals of count names, which stand one behind the other. */
static void find(const char *list, size_t count, void **function)
{
	if (!xs_symbols_find(list, count, function))
		ask_loader(list, count, function);
}

/* --- the table ------------------------------------------------------------ */

/* Those of the C library's own names are not in all versions of it. */
static const char *find_missing(void *const function[HOOKS])
{
	const char *name = names;

	for (size_t i = 0; i < HOOKS; i++) {
		if (!function[i] && strncmp(name, "__", 2) != 0)
			return name;
		name += strlen(name) + 1;
	}
	return NULL;
}

/* Without an original there is nothing that a hook could do. */
static void die(const char *name)
{
	static const char before[] = "xsock: libc has no ";
	static const char after[] = "(): libxsock.so was built for another "
				    "libc\n";

	/* Not write(2), whose original may be what is missing. */
	syscall(SYS_write, 2, before, sizeof(before) - 1);
	syscall(SYS_write, 2, name, strlen(name));
	syscall(SYS_write, 2, after, sizeof(after) - 1);
	abort();
}

void xs_libc_resolve(void)
{
	void *function[HOOKS];
	const char *missing;

	if (__atomic_load_n(&xs_libc.ready, __ATOMIC_ACQUIRE))
		return;
	find(names, HOOKS, function);
	/* A program may have loaded this library itself, behind libc. */
	if (find_missing(function))
		ask_loader(names, HOOKS, function);
	missing = find_missing(function);
	if (missing)
		die(missing);
	/* Every thread finds the same values, so a race does no harm. */
	memcpy(&xs_libc, function, sizeof(function));
	__atomic_store_n(&xs_libc.ready, true, __ATOMIC_RELEASE);
}

void xs_libc_resolve_common(void)
{
	static const char common[] =
		"read\0send\0sendmsg\0write\0writev\0readv\0"
#ifdef __GLIBC__
		"__read\0__write\0__read_chk\0"
#endif
		;
	enum { PLAIN = 6, OTHERS = 3 };
	void *function[PLAIN + OTHERS] = { NULL };
	size_t count = PLAIN;

#ifdef __GLIBC__
	count += OTHERS;
#endif
	find(common, count, function);
	/* Whoever finds one missing looks for all. */
#define TAKE(name, i) xs_libc.name = (__typeof__(xs_libc.name))function[i];
	TAKE(read, 0)
	TAKE(send, 1)
	TAKE(sendmsg, 2)
	TAKE(write, 3)
	TAKE(writev, 4)
	TAKE(readv, 5)
#ifdef __GLIBC__
	TAKE(__read, 6)
	TAKE(__write, 7)
	TAKE(__read_chk, 8)
#endif
#undef TAKE
}

void *xs_libc_first(const char *name)
{
	return dlsym(RTLD_DEFAULT, name);
}

/* What the library's own calls of hooked functions become. */

#define WRAP(result, name, parameters, arguments)                              \
	result __wrap_##name parameters;                                       \
	result __wrap_##name parameters                                        \
	{                                                                      \
		xs_libc_need();                                                \
		return xs_libc.name arguments;                                 \
	}

WRAP(int, bind, (int fd, const struct sockaddr *to, socklen_t len),
     (fd, to, len))
WRAP(int, connect, (int fd, const struct sockaddr *to, socklen_t len),
     (fd, to, len))
WRAP(int, dup2, (int fd, int to), (fd, to))
WRAP(int, dup3, (int fd, int to, int flags), (fd, to, flags))
WRAP(int, epoll_ctl,
     (int set, int operation, int fd, struct epoll_event *event),
     (set, operation, fd, event))
/* The relay that the library starts needs no library. */
WRAP(int, execve, (const char *path, char *const argv[], char *const envp[]),
     (path, argv, envp))
/* Whatever the third argument is, it is passed on (see fcntl(2)). */
WRAP(int, fcntl, (int fd, int command, void *argument), (fd, command, argument))
#ifdef __GLIBC__
/* The same call in a file that was compiled with _FILE_OFFSET_BITS=64. */
WRAP(int, fcntl64, (int fd, int command, void *argument),
     (fd, command, argument))
#endif
WRAP(int, getpeername, (int fd, struct sockaddr *name, socklen_t *len),
     (fd, name, len))
WRAP(int, getsockname, (int fd, struct sockaddr *name, socklen_t *len),
     (fd, name, len))
WRAP(int, getsockopt,
     (int fd, int level, int option, void *value, socklen_t *len),
     (fd, level, option, value, len))
WRAP(int, ioctl, (int fd, xs_ioctl_request request, void *argument),
     (fd, request, argument))
WRAP(ssize_t, recv, (int fd, void *data, size_t size, int flags),
     (fd, data, size, flags))
WRAP(ssize_t, recvmsg, (int fd, struct msghdr *msg, int flags),
     (fd, msg, flags))
WRAP(ssize_t, sendmsg, (int fd, const struct msghdr *msg, int flags),
     (fd, msg, flags))
WRAP(int, setsockopt,
     (int fd, int level, int option, const void *value, socklen_t len),
     (fd, level, option, value, len))
WRAP(int, shutdown, (int fd, int how), (fd, how))
WRAP(ssize_t, read, (int fd, void *data, size_t size), (fd, data, size))
WRAP(ssize_t, send, (int fd, const void *data, size_t size, int flags),
     (fd, data, size, flags))
WRAP(ssize_t, write, (int fd, const void *data, size_t size), (fd, data, size))
