/* What musl's headers lack and a victim uses; the Makefile includes it in front
 * of each (make hosts). */
#include <errno.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2) /* linux/close_range.h */
#endif

__attribute__((unused)) static int close_range(unsigned first, unsigned last,
					       int flags)
{
	return (int)syscall(SYS_close_range, first, last, flags);
}

__attribute__((unused)) static void closefrom(int first)
{
	close_range((unsigned)first, ~0U, 0);
}

/* As glibc's: the name of an errno, or NULL. */
__attribute__((unused)) static const char *strerrorname_np(int errnum)
{
	static const struct {
		int errnum;
		const char *name;
	} names[] = {
#define NAME(errnum) { errnum, #errnum }
		{ 0, "0" },	     NAME(EACCES),	    NAME(EADDRINUSE),
		NAME(EADDRNOTAVAIL), NAME(EAFNOSUPPORT),    NAME(EAGAIN),
		NAME(EALREADY),	     NAME(EBADF),	    NAME(EBUSY),
		NAME(ECHILD),	     NAME(ECONNABORTED),    NAME(ECONNREFUSED),
		NAME(ECONNRESET),    NAME(EDESTADDRREQ),    NAME(EDOM),
		NAME(EEXIST),	     NAME(EFAULT),	    NAME(EHOSTUNREACH),
		NAME(EINPROGRESS),   NAME(EINTR),	    NAME(EINVAL),
		NAME(EIO),	     NAME(EISCONN),	    NAME(EKEYREJECTED),
		NAME(ELOOP),	     NAME(EMFILE),	    NAME(EMSGSIZE),
		NAME(ENETUNREACH),   NAME(ENFILE),	    NAME(ENOBUFS),
		NAME(ENODATA),	     NAME(ENOENT),	    NAME(ENOMEM),
		NAME(ENOPROTOOPT),   NAME(ENOSPC),	    NAME(ENOSYS),
		NAME(ENOTCONN),	     NAME(ENOTSOCK),	    NAME(ENOTTY),
		NAME(EOPNOTSUPP),    NAME(EPERM),	    NAME(EPIPE),
		NAME(EPROTO),	     NAME(EPROTONOSUPPORT), NAME(EPROTOTYPE),
		NAME(ERANGE),	     NAME(ESPIPE),	    NAME(ESRCH),
		NAME(ETIMEDOUT),
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].errnum == errnum)
			return names[i].name;
	return NULL;
}
