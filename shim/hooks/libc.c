/* Finding the originals of the hooked functions; see libc.h.
 *
 * The surprising thing is at the end: the linker is told --wrap=connect and so
 * on, so a call of connect() anywhere in the library is a call of
 * __wrap_connect below, which is libc's.  Without that the library's own
 * getsockname() would end in its own hook.  The hooks themselves, being
 * definitions, keep their names.
 */
#include "hooks/libc.h"

#include <dlfcn.h>
#ifdef __GLIBC__
#include <gnu/lib-names.h>
#endif
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

struct xs_libc xs_libc;

static bool is_named_as_we_are(const char *file)
{
	const char *base = file ? strrchr(file, '/') : NULL;

	if (!file)
		return false;
	return strcmp(base ? base + 1 : file, "libxsock.so") == 0;
}

static int count_copy(struct dl_phdr_info *object, size_t size, void *copies)
{
	(void)size;
	*(int *)copies += is_named_as_we_are(object->dlpi_name);
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
	return dladdr(function, &info) && is_named_as_we_are(info.dli_fname);
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
	struct xs_libc found = { .ready = true };
	void *place;

	if (__atomic_load_n(&xs_libc.ready, __ATOMIC_ACQUIRE))
		return;
	place = where_to_look();
#define XS_HOOK(name, like)                                                    \
	found.name = (__typeof__(like) *)dlsym(place, #name);                  \
	if (!found.name && strncmp(#name, "__", 2) != 0)                       \
		die(#name);
#include "hooks/hooks.def"
#undef XS_HOOK
	/* Every thread finds the same values, so a race does no harm. */
#define XS_HOOK(name, like) xs_libc.name = found.name;
#include "hooks/hooks.def"
#undef XS_HOOK
	__atomic_store_n(&xs_libc.ready, true, __ATOMIC_RELEASE);
}

void xs_libc_resolve_common(void)
{
	void *place = where_to_look();

	/* Whoever finds one missing looks for all. */
#define FIND(name) xs_libc.name = (__typeof__(name) *)dlsym(place, #name);
	FIND(read)
	FIND(send)
	FIND(sendmsg)
	FIND(write)
	FIND(writev)
	FIND(readv)
#ifdef __GLIBC__
	xs_libc.__read = (__typeof__(read) *)dlsym(place, "__read");
	xs_libc.__write = (__typeof__(write) *)dlsym(place, "__write");
	FIND(__read_chk)
#endif
#undef FIND
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
