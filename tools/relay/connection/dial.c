/* Connecting to one of several addresses; see dial.h.
 *
 * Linux lets a TCP socket connect again after connect(AF_UNSPEC)
 * (inet_stream_connect, tcp_disconnect), which keeps what the application has
 * bound or set.  That is also how a failed connection is taken away from an
 * application that still holds the socket.
 */
#include "relay/connection/dial.h"

#include "base/descriptor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What one address of several gets at most. */
enum { ATTEMPT_MAX_MS = 10000 };

struct advice {
	int errnum;
	const char *what;   /* before the address */
	const char *remedy; /* in brackets behind it */
};

static const struct advice advices[] = {
	{ ECONNREFUSED, "Connection refused by",
	  "is the server running, is the port right?" },
	{ ETIMEDOUT, "No answer from",
	  "is the machine up, does a firewall drop the packets?" },
	{ ENETUNREACH, "No route to the network of",
	  "is this machine connected to it?" },
	{ EHOSTUNREACH, "No route to", "is the machine up?" },
	{ ECONNRESET, "Connection reset by", "the server's log may say why" },
	{ EADDRNOTAVAIL, "No local address or port is free for",
	  "are too many connections open?" },
	{ EACCES, "Not permitted to connect to",
	  "a firewall of this machine forbids it" },
	{ EPERM, "Not permitted to connect to",
	  "a firewall of this machine forbids it" },
};

bool xs_dial_was_tried(int errnum)
{
	return errnum != ENETUNREACH && errnum != EADDRNOTAVAIL &&
	       errnum != EAFNOSUPPORT;
}

void xs_dial_failed(const struct xs_address *address, int errnum,
		    struct xs_error *err)
{
	char text[XS_ADDRESS_TEXT_MAX];

	if (xs_dial_was_tried(errnum) && !xs_dial_was_tried(err->errnum))
		xs_error_clear(err);
	xs_address_format(address, text, sizeof(text));
	for (size_t i = 0; i < sizeof(advices) / sizeof(*advices); i++) {
		if (advices[i].errnum != errnum)
			continue;
		xs_error_set(err, XS_ERR_NETWORK, errnum, "%s %s (%s)",
			     advices[i].what, text, advices[i].remedy);
		return;
	}
	xs_error_set(err, XS_ERR_NETWORK, errnum, "cannot connect to %s: %s",
		     text, strerror(errnum));
}

/* The socket for address, which gets the form that the socket wants. */
static int choose_socket(const struct xs_dial *dial, struct xs_address *address)
{
	int family = xs_socket_int(dial->app_socket, SOL_SOCKET, SO_DOMAIN);

	if (address->any.sa_family == family)
		return dial->app_socket;
	if (!(family == AF_INET6 &&
	      xs_socket_int(dial->app_socket, IPPROTO_IPV6, IPV6_V6ONLY) > 0) &&
	    xs_address_to_family(address, family))
		return dial->app_socket;
	return socket(address->any.sa_family,
		      SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/* Returns the socket, or -1 with errno. */
static int dial_one(const struct xs_dial *dial, struct xs_address *address)
{
	int fd = choose_socket(dial, address);
	int saved;

	if (fd < 0)
		return -1;
	if (fd == dial->app_socket)
		xs_dial_disconnect(fd);
	if (connect(fd, &address->any, address->len) == 0 ||
	    errno == EINPROGRESS || errno == EINTR)
		return fd;
	saved = errno;
	if (fd != dial->app_socket)
		close(fd);
	errno = saved;
	return -1;
}

int xs_dial_next(struct xs_dial *dial, struct xs_error *err)
{
	while (dial->at < dial->count) {
		struct xs_address *address = &dial->address[dial->at++];
		int fd = dial_one(dial, address);

		if (fd >= 0)
			return fd;
		xs_dial_failed(address, errno, err);
	}
	return -1;
}

const struct xs_address *xs_dial_address(const struct xs_dial *dial)
{
	return &dial->address[dial->at - 1];
}

int64_t xs_dial_due(const struct xs_dial *dial, int64_t now, int64_t deadline)
{
	int64_t others = (int64_t)(dial->count - dial->at);
	int64_t share = (deadline - now) / (others + 1);

	if (!others)
		return deadline;
	return now + (share < ATTEMPT_MAX_MS ? share : ATTEMPT_MAX_MS);
}

int xs_dial_check(int fd)
{
	struct xs_address peer;
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		return errno;
	if (error)
		return error;
	len = sizeof(peer.v6);
	if (getpeername(fd, &peer.any, &len) == 0)
		return 0;
	/* A seccomp filter may forbid it. */
	return errno == ENOTCONN ? EINPROGRESS : errno;
}

void xs_dial_disconnect(int fd)
{
	const struct sockaddr nowhere = { .sa_family = AF_UNSPEC };

	/* A seccomp filter may forbid it.  Nothing may be written to what is
	 * connected still. */
	if (connect(fd, &nowhere, sizeof(nowhere)) < 0)
		shutdown(fd, SHUT_RDWR);
}

void xs_dial_free(struct xs_dial *dial)
{
	free(dial->address);
	dial->address = NULL;
}
