/* The originals of the hooked functions, and what a hook needs to be one.
 *
 * xs_libc.connect is libc's connect (or that of the next preloaded library).
 * The pointers are filled by the library's constructor, or by the first hook
 * that runs, when another library's constructor calls before ours.  Only this
 * module calls dlsym(3).
 *
 * Code below the hooks does not know any of this: it calls connect() and gets
 * libc's, because the library is linked with --wrap (see libc.c).
 */
#ifndef XS_LIBC_H
#define XS_LIBC_H

#include <dlfcn.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netdb.h>
#include <resolv.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* An address is a union of pointers in glibc's prototypes, and a pointer in
 * those of musl, whose flags of several messages are unsigned. */
#ifdef __GLIBC__
#define XS_FROM_ARG	 __SOCKADDR_ARG
#define XS_TO_ARG	 __CONST_SOCKADDR_ARG
#define XS_ADDRESS(from) ((from).__sockaddr__)
typedef int xs_mmsg_flags;
typedef unsigned long xs_ioctl_request;
#else
#define XS_FROM_ARG	 struct sockaddr *
#define XS_TO_ARG	 const struct sockaddr *
#define XS_ADDRESS(from) (from)
typedef unsigned int xs_mmsg_flags;
typedef int xs_ioctl_request;
#endif

#ifdef __GLIBC__
/* Of a program that was built with _FORTIFY_SOURCE; in no header. */
ssize_t __read_chk(int fd, void *data, size_t size, size_t room);
ssize_t __recv_chk(int fd, void *data, size_t size, size_t room, int flags);
ssize_t __recvfrom_chk(int fd, void *data, size_t size, size_t room, int flags,
		       XS_FROM_ARG from, socklen_t *len);
#endif

struct xs_libc {
/* A name that is declared.  NOLINTNEXTLINE(bugprone-macro-parentheses) */
#define XS_HOOK(name, like) __typeof__(like) *name;
#include "hooks/hooks.def"
#undef XS_HOOK
	bool ready;
};

extern struct xs_libc xs_libc;

/* Fills xs_libc.  Idempotent, callable from any thread at any time. */
void xs_libc_resolve(void);

/* Finds those that every program calls, in signal handlers too: read, write and
 * their like.  When the library is loaded, in a program without rules. */
void xs_libc_resolve_common(void);

/* The function of that name that the program gets; NULL: none. */
void *xs_libc_first(const char *name);

/* First line of every hook: returns after xs_libc is ready. */
static inline void xs_libc_need(void)
{
	if (__builtin_expect(!xs_libc.ready, 0))
		xs_libc_resolve();
}

/* Marks a function that the library exports. */
#define XS_EXPORT __attribute__((visibility("default")))

#endif
