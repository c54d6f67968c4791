/* What a traced process tells "xsock trace" (base/trace.h).
 *
 * Each is called only where xs_trace_is_on().  Any thread, any signal context;
 * errno is kept.
 */
#ifndef XS_TRACED_H
#define XS_TRACED_H

#include "base/address.h"
#include "connect/decide.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* A name has been looked up; failed: EAI_…, or 0. */
void xs_traced_lookup(const char *name, int failed);

/* It has this address. */
void xs_traced_address(const char *name, const struct xs_address *address);

/* A socket was connected, or not (errnum).  decision may be NULL. */
void xs_traced_connect(int fd, const struct xs_address *asked, bool datagram,
		       const struct xs_decision *decision, int errnum);

/* The program was told what came of a connect that it had not waited for. */
void xs_traced_outcome(int fd, int errnum);

/* The library leaves a connect of this process to a supervisor, which does not
 * see what is written then. */
void xs_traced_expect(int fd);

/* The program writes; the first bytes after a connect are told. */
void xs_traced_write(int fd, const void *data, size_t size);
void xs_traced_writev(int fd, const struct iovec *parts, size_t count);

/* A datagram is sent by a socket that need not be connected. */
void xs_traced_send(int fd, const struct sockaddr *to, socklen_t len);

/* Something that cannot be seen from here on. */
void xs_traced_unseen(const char *what);

#endif
