/* What glibc's headers have and other C libraries' have not.
 *
 * The library is also built for musl ("make musl").  Only differences of names
 * are here; where a C library has other functions, hooks.def says so.
 */
#ifndef XS_COMPAT_H
#define XS_COMPAT_H

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#ifndef __GLIBC__

/* musl's strerror(3) gives constant text, to every thread. */
#define strerrordesc_np(errnum) ((const char *)strerror(errnum))
/* It does not know the names. */
#define strerrorname_np(errnum) ((void)(errnum), (const char *)NULL)

#define TEMP_FAILURE_RETRY(expression)                                         \
	({                                                                     \
		long result_;                                                  \
		do                                                             \
			result_ = (long)(expression);                          \
		while (result_ == -1 && errno == EINTR);                       \
		result_;                                                       \
	})

#endif

/* asm-generic/socket.h; <sys/socket.h> of musl has one pair only. */
#ifndef SO_RCVTIMEO_NEW
#define SO_RCVTIMEO_OLD 20
#define SO_SNDTIMEO_OLD 21
#define SO_RCVTIMEO_NEW 66
#define SO_SNDTIMEO_NEW 67
#endif

#endif
