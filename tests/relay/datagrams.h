/* A pair of datagrams as the library would have it, by hand: for test programs
 * of this folder.
 */
#ifndef TEST_RELAY_DATAGRAMS_H
#define TEST_RELAY_DATAGRAMS_H

#include "client.h"

/* What the library would have made. */
struct datagrams {
	struct xs_wire request;
	int udp, end[2], log[2], control;
};

static inline int udp_socket(struct xs_address *own)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	*own = loopback(0);
	cr_assert_eq(bind(fd, &own->any, own->len), 0);
	cr_assert_eq(getsockname(fd, &own->any, &own->len), 0);
	return fd;
}

static inline struct datagrams prepare(const struct xs_address *to,
				       const char *scheme, const char *options)
{
	struct xs_pair_info info = { .key = TEST_KEY,
				     .kind = XS_PAIR_DTLS,
				     .limit = 1400,
				     .asked = *to };
	struct datagrams d = { .control = -1 };

	xs_wire_init(&d.request, XS_WIRE_CONNECT);
	cr_assert_eq(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, d.end),
		0);
	cr_assert_eq(xs_pair_name_app(d.end[0], &info), 0);
	cr_assert_eq(pipe2(d.log, O_CLOEXEC | O_NONBLOCK), 0);
	d.udp = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	cr_assert_eq(connect(d.udp, &to->any, to->len), 0);
	d.request.head.id = info.id;
	d.request.head.pid = getpid();
	d.request.head.log_level = XS_LOG_INFO;
	d.request.head.idle = -1;
	d.request.head.family = AF_INET;
	d.request.head.started = 1;
	d.request.head.to = *to;
	d.request.string[XS_WIRE_PROGRAM] = "test";
	d.request.string[XS_WIRE_ASKED] = "localhost:514";
	d.request.string[XS_WIRE_RULE] = "rule";
	d.request.string[XS_WIRE_SCHEME] = scheme;
	d.request.string[XS_WIRE_NAME] = "localhost";
	d.request.string[XS_WIRE_OPTIONS] = options;
	return d;
}

/* Sends the request; true: the relay has taken it. */
static inline bool hand_over(struct datagrams *d, const struct relay *relay)
{
	static char buffer[XS_WIRE_MESSAGE_MAX];
	const int fds[] = { d->udp, d->end[1], d->end[0], d->log[1] };
	struct xs_wire verdict;
	bool taken;

	d->control = relay_connect(relay);
	cr_assert_geq(d->control, 0);
	cr_assert_eq(xs_wire_send(d->control, &d->request, fds, 4), 0);
	taken = wire_answer(d->control, buffer, &verdict);
	cr_assert(!taken || (verdict.head.type == XS_WIRE_VERDICT &&
			     verdict.head.errnum == 0 &&
			     verdict.head.id == d->request.head.id));
	close(d->control);
	close(d->udp);
	close(d->end[1]);
	close(d->log[1]);
	return taken;
}

static inline struct datagrams opened(const struct relay *relay,
				      const struct xs_address *to,
				      const char *scheme, const char *options)
{
	struct datagrams d = prepare(to, scheme, options);

	cr_assert(hand_over(&d, relay));
	return d;
}

static inline void forget(struct datagrams *d)
{
	close(d->end[0]);
	close(d->log[0]);
}

static inline ssize_t receive(int fd, char *data, size_t size)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };

	cr_assert_eq(poll(&ready, 1, 20000), 1, "nothing comes");
	return recv(fd, data, size, MSG_DONTWAIT);
}

/* What comes at the server, and where from. */
static inline ssize_t serve_datagram(int server, char *data, size_t size,
				     struct xs_address *from)
{
	struct pollfd ready = { .fd = server, .events = POLLIN };

	from->len = sizeof(from->v6);
	cr_assert_eq(poll(&ready, 1, 20000), 1, "nothing comes");
	return recvfrom(server, data, size, MSG_DONTWAIT, &from->any,
			&from->len);
}

#endif
