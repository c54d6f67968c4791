/* Name and address of a probe: what comes before TLS, and takes time.
 *
 * As the relay does it, one after the other instead of in an event loop: the
 * addresses in getaddrinfo's order, each with its share of the time (dial.h),
 * on a socket that nothing was set on.
 */
#include "xsock/probe.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int64_t xs_probe_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int xs_probe_left(int64_t deadline)
{
	int64_t left = (deadline - xs_probe_now() + 999) / 1000;

	return left > 0 ? (int)left : 0;
}

/* --- the name ------------------------------------------------------------ */

/* getaddrinfo(3) with an end: EAI_INPROGRESS when it is over before there is
 * an answer.  The request may be under way then still, so it is static. */
static int look_up(const char *host, int64_t deadline, struct addrinfo **list)
{
	static const struct addrinfo hints = { .ai_family = AF_UNSPEC,
					       .ai_socktype = SOCK_STREAM };
	static struct gaicb request;
	static struct gaicb *requests[] = { &request };
	int error;

	request.ar_name = host;
	request.ar_request = &hints;
	error = getaddrinfo_a(GAI_NOWAIT, requests, 1, NULL);
	if (error)
		return error;
	while ((error = gai_error(&request)) == EAI_INPROGRESS) {
		if (xs_probe_left(deadline) == 0)
			return EAI_INPROGRESS;
		/* Not gai_suspend(3): when its time ends as the answer comes,
		 * glibc's helper thread writes to a stack frame that is gone.
		 */
		usleep(500);
	}
	*list = request.ar_result;
	return error;
}

static int take_addresses(struct xs_probe *probe, const struct addrinfo *list)
{
	struct xs_dial *dial = &probe->dial;
	size_t count = 0;

	for (const struct addrinfo *at = list; at; at = at->ai_next)
		count++;
	dial->address = calloc(count + 1, sizeof(*dial->address));
	if (!dial->address)
		return -1;
	for (const struct addrinfo *at = list; at; at = at->ai_next) {
		struct xs_address *address = &dial->address[dial->count];

		if (!xs_address_from(address, at->ai_addr, at->ai_addrlen))
			continue;
		xs_address_set_port(address, probe->port);
		dial->count++;
	}
	return 0;
}

static int no_memory(struct xs_error *err)
{
	return xs_error_set(err, XS_ERR_SYSTEM, ENOMEM, "out of memory");
}

static int resolve_name(struct xs_probe *probe, int64_t deadline,
			struct xs_error *err)
{
	int64_t begin = xs_probe_now();
	struct addrinfo *list = NULL;
	int error = look_up(probe->host, deadline, &list), taken = 0;

	probe->ms[XS_CONNECT_ERROR_RESOLVE] =
		(double)(xs_probe_now() - begin) / 1000;
	if (error == EAI_INPROGRESS) {
		xs_connect_error_timeout(err, XS_CONNECT_ERROR_RESOLVE,
					 probe->host, NULL,
					 probe->rule->options.timeout);
		return -1;
	}
	if (list) {
		taken = take_addresses(probe, list);
		freeaddrinfo(list);
	}
	if (taken < 0)
		return no_memory(err);
	if (!probe->dial.count) {
		xs_connect_error_unresolved(err, probe->host, error, errno);
		return -1;
	}
	return 0;
}

int xs_probe_resolve(struct xs_probe *probe, int64_t deadline,
		     struct xs_error *err)
{
	const struct xs_target *target = &probe->rule->target;
	struct xs_dial *dial = &probe->dial;

	if (!target->address.len)
		return resolve_name(probe, deadline, err);
	dial->address = malloc(sizeof(*dial->address));
	if (!dial->address)
		return no_memory(err);
	*dial->address = target->address;
	xs_address_set_port(dial->address, probe->port);
	dial->count = 1;
	return 0;
}

/* --- the address ---------------------------------------------------------- */

/* Waits until fd is connected: 0, or why it is not; EINPROGRESS when there is
 * no answer until due. */
static int wait_connected(int fd, int64_t due)
{
	for (;;) {
		struct pollfd poll_fd = { .fd = fd, .events = POLLOUT };
		int error = xs_dial_check(fd), left = xs_probe_left(due);

		if (error != EINPROGRESS)
			return error;
		if (left == 0)
			return EINPROGRESS;
		poll(&poll_fd, 1, left);
	}
}

/* The address that dial is at: 0, or -1.  *err is set if TCP has given it up.
 */
static int finish(struct xs_dial *dial, int fd, int64_t deadline,
		  struct xs_error *err)
{
	int64_t due = xs_dial_due(dial, xs_probe_now() / 1000, deadline / 1000);
	int64_t until = xs_dial_has_more(dial) ? due * 1000 : deadline;
	int error = wait_connected(fd, until);

	if (error == EINPROGRESS)
		xs_dial_note_silent(dial);
	else if (error)
		xs_dial_failed(xs_dial_address(dial), error, err);
	return error ? -1 : 0;
}

int xs_probe_connect(const struct xs_probe *probe, struct xs_dial *dial,
		     int64_t deadline, struct xs_error *err)
{
	int family = dial->address[0].any.sa_family;
	struct xs_error failed = { .kind = XS_ERR_NONE };
	int fd;

	dial->app_socket =
		socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (dial->app_socket < 0) {
		xs_dial_failed(dial->address, errno, err);
		return -1;
	}
	while ((fd = xs_dial_next(dial, &failed)) >= 0) {
		if (finish(dial, fd, deadline, &failed) == 0)
			break;
		if (fd != dial->app_socket)
			close(fd);
	}
	if (fd != dial->app_socket)
		close(dial->app_socket);
	if (fd < 0) {
		xs_connect_error_unconnected(&failed, dial,
					     probe->rule->options.timeout);
		*err = failed;
	}
	return fd;
}
