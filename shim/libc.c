/* Finding the originals of the hooked functions; see libc.h.
 *
 * The surprising thing is at the end: the linker is told --wrap=connect and so
 * on, so a call of connect() anywhere in the library is a call of
 * __wrap_connect below, which is libc's.  Without that the library's own
 * getsockname() would end in its own hook.  The hooks themselves, being
 * definitions, keep their names.
 */
#include "libc.h"

#include <dlfcn.h>
#ifdef __GLIBC__
#include <gnu/libc-version.h>
#endif
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct xs_libc xs_libc;

/* Two copies of this library in one process (loaded under two paths) would
 * take each other for libc and wrap twice. */
static bool is_another_xsock(void *function)
{
	Dl_info info;
	const char *base;

	if (!dladdr(function, &info) || !info.dli_fname)
		return false;
	base = strrchr(info.dli_fname, '/');
	return strcmp(base ? base + 1 : info.dli_fname, "libxsock.so") == 0;
}

/* libc itself.  glibc's handles are the link maps (which dladdr1 gives), and its
 * dlopen is hooked. */
static void *find_libc(void)
{
#ifdef __GLIBC__
	struct link_map *map;
	Dl_info info;

	if (!dladdr1((void *)gnu_get_libc_version, &info, (void **)&map,
		     RTLD_DL_LINKMAP))
		return NULL;
	return map;
#else
	/* musl's loader takes any libc.* for itself. */
	return dlopen("libc.so", RTLD_LAZY | RTLD_NOLOAD);
#endif
}

/* Where to look: behind this library, or past another copy of it in libc.
 * dladdr(3) searches all symbols of libc, so one function speaks for all. */
static void *where_to_look(void)
{
	void *next = dlsym(RTLD_NEXT, "connect");

	if (next && !is_another_xsock(next))
		return RTLD_NEXT;
	return find_libc();
}

/* Without an original there is nothing that a hook could do. */
static void die(const char *name)
{
	static const char before[] = "xsock: libc has no ";
	static const char after[] = "(): libxsock.so was built for another "
				    "libc\n";

	if (write(2, before, sizeof(before) - 1) < 0 ||
	    write(2, name, strlen(name)) < 0 ||
	    write(2, after, sizeof(after) - 1) < 0)
		abort();
	abort();
}

void xs_libc_resolve(void)
{
	struct xs_libc found = { .ready = true };
	void *place;

	if (__atomic_load_n(&xs_libc.ready, __ATOMIC_ACQUIRE))
		return;
	place = where_to_look();
#define XS_HOOK(name, like)                                                    \
	found.name = (__typeof__(like) *)dlsym(place, #name);                          \
	if (!found.name && strncmp(#name, "__", 2) != 0)                       \
		die(#name);
#include "hooks.def"
#undef XS_HOOK
	/* Every thread finds the same values, so a race does no harm. */
#define XS_HOOK(name, like) xs_libc.name = found.name;
#include "hooks.def"
#undef XS_HOOK
	__atomic_store_n(&xs_libc.ready, true, __ATOMIC_RELEASE);
}

/* What the library's own calls of hooked functions become. */

#define WRAP(result, name, parameters, arguments)                              \
	result __wrap_##name parameters;                                       \
	result __wrap_##name parameters                                        \
	{                                                                      \
		xs_libc_need();                                                \
		return xs_libc.name arguments;                                 \
	}

WRAP(int, connect, (int fd, const struct sockaddr *to, socklen_t len),
     (fd, to, len))
WRAP(int, dup2, (int fd, int to), (fd, to))
WRAP(int, dup3, (int fd, int to, int flags), (fd, to, flags))
WRAP(int, epoll_ctl,
     (int set, int operation, int fd, struct epoll_event *event),
     (set, operation, fd, event))
/* Whatever the third argument is, it is passed on (see fcntl(2)). */
WRAP(int, fcntl, (int fd, int command, void *argument),
     (fd, command, argument))
#ifdef __GLIBC__
/* The same call in a file that was compiled with _FILE_OFFSET_BITS=64. */
WRAP(int, fcntl64, (int fd, int command, void *argument),
     (fd, command, argument))
#endif
WRAP(int, getpeername, (int fd, struct sockaddr *name, socklen_t *len),
     (fd, name, len))
WRAP(int, getsockname, (int fd, struct sockaddr *name, socklen_t *len),
     (fd, name, len))
WRAP(int, getsockopt, (int fd, int level, int option, void *value,
		       socklen_t *len),
     (fd, level, option, value, len))
WRAP(int, ioctl, (int fd, xs_ioctl_request request, void *argument),
     (fd, request, argument))
WRAP(ssize_t, recv, (int fd, void *data, size_t size, int flags),
     (fd, data, size, flags))
WRAP(ssize_t, recvmsg, (int fd, struct msghdr *msg, int flags),
     (fd, msg, flags))
WRAP(ssize_t, sendmsg, (int fd, const struct msghdr *msg, int flags),
     (fd, msg, flags))
WRAP(int, setsockopt, (int fd, int level, int option, const void *value,
		       socklen_t len),
     (fd, level, option, value, len))
