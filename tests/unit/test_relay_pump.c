/* Tests: tools/relay/connection/pump.c.
 *
 * The pump, over two socketpairs and without TLS. */
#include "relay/connection/pump.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

struct bench {
	struct xs_pump pump;
	struct xs_buffers *buffers;
	struct xs_error err;
	int app;    /* what the application would hold */
	int server; /* what the server would hold */
	int epoll;
};

static struct bench make(void)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP |
					       EPOLLET };
	struct bench b = { .buffers = malloc(sizeof(struct xs_buffers)) };
	int app[2], server[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, app), 0);
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, server), 0);
	b.app = app[0];
	b.server = server[0];
	xs_pump_init(&b.pump, app[1], server[1]);
	b.pump.opened = true;
	b.epoll = epoll_create1(0);
	event.data.u32 = 0;
	epoll_ctl(b.epoll, EPOLL_CTL_ADD, app[1], &event);
	event.data.u32 = 1;
	epoll_ctl(b.epoll, EPOLL_CTL_ADD, server[1], &event);
	return b;
}

static void drop(struct bench *b)
{
	close(b->pump.app.fd);
	close(b->pump.server.fd);
	xs_pump_free(&b->pump);
	free(b->buffers);
	close(b->epoll);
}

/* Runs until there is nothing to do for now. */
static enum xs_pump_result run(struct bench *b)
{
	struct epoll_event event;
	enum xs_pump_result result;

	while (epoll_wait(b->epoll, &event, 1, 0) == 1) {
		if (event.data.u32)
			xs_pump_server_event(&b->pump, event.events);
		else
			xs_pump_app_event(&b->pump, event.events);
	}
	do
		result = xs_pump_run(&b->pump, b->buffers, &b->err);
	while (result == XS_PUMP_AGAIN);
	return result;
}

static void expect_text(int fd, const char *text)
{
	char got[100];
	ssize_t len = recv(fd, got, sizeof(got), MSG_DONTWAIT);

	cr_assert_eq(len, (ssize_t)strlen(text), "%zd", len);
	cr_assert_eq(memcmp(got, text, (size_t)len), 0);
}

Test(relay_pump, both_ways_and_half_close)
{
	struct bench b = make();

	cr_assert_eq(send(b.app, "up", 2, 0), 2);
	cr_assert_eq(send(b.server, "down", 4, 0), 4);
	cr_assert_eq(run(&b), XS_PUMP_WAITS);
	expect_text(b.server, "up");
	expect_text(b.app, "down");
	send(b.app, "last", 4, 0);
	shutdown(b.app, SHUT_WR);
	cr_assert_eq(run(&b), XS_PUMP_WAITS);
	expect_text(b.server, "last");
	expect_text(b.server, "");
	cr_assert_eq(send(b.server, "more", 4, 0), 4);
	cr_assert_eq(run(&b), XS_PUMP_WAITS);
	expect_text(b.app, "more");
	shutdown(b.server, SHUT_WR);
	cr_assert_eq(run(&b), XS_PUMP_CLOSED);
	expect_text(b.app, "");
	drop(&b);
}

Test(relay_pump, lingers_for_an_application_that_is_gone)
{
	struct bench b = make();

	cr_assert_eq(run(&b), XS_PUMP_WAITS);
	send(b.app, "last", 4, 0);
	close(b.app);
	cr_assert_eq(run(&b), XS_PUMP_LINGER);
	expect_text(b.server, "last");
	expect_text(b.server, "");
	drop(&b);
}

Test(relay_pump, last_bytes_survive_unread_ones)
{
	struct bench b = make();

	send(b.server, "never read", 10, 0);
	cr_assert_eq(run(&b), XS_PUMP_WAITS);
	send(b.app, "last", 4, 0);
	close(b.app); /* ECONNRESET on the pump's end */
	cr_assert_eq(run(&b), XS_PUMP_LINGER);
	expect_text(b.server, "last");
	drop(&b);
}

Test(relay_pump, holds_back_what_nobody_takes)
{
	static char block[65536], got[65536];
	struct bench b = make();
	size_t in = 0, out = 0;
	ssize_t some;

	for (int i = 0; i < 1000; i++) {
		some = send(b.app, block, sizeof(block),
			    MSG_DONTWAIT | MSG_NOSIGNAL);
		if (some > 0)
			in += (size_t)some;
		cr_assert_eq(run(&b), XS_PUMP_WAITS);
	}
	cr_assert_eq(some, -1);
	cr_assert(xs_queue_len(&b.pump.up) <= XS_READ_MAX);
	cr_assert(in < 4 * XS_READ_MAX + 1000000);
	close(b.app);
	while (out < in) {
		some = recv(b.server, got, sizeof(got), MSG_DONTWAIT);
		cr_assert(some > 0);
		out += (size_t)some;
		if (out < in)
			run(&b);
	}
	cr_assert_eq(run(&b), XS_PUMP_LINGER);
	cr_assert_eq(recv(b.server, got, 1, MSG_DONTWAIT), 0);
	drop(&b);
}

Test(relay_pump, what_came_before_the_break_is_handed_out)
{
	static char block[65536];
	struct bench b = make();

	cr_assert_eq(run(&b), XS_PUMP_WAITS);
	send(b.server, "answer", 6, 0);
	close(b.server);
	send(b.app, block, sizeof(block), 0);
	cr_assert_eq(run(&b), XS_PUMP_FAILED);
	cr_assert(b.err.errnum == EPIPE || b.err.errnum == ECONNRESET);
	expect_text(b.app, "answer");
	drop(&b);
}

/* As behind a seccomp filter; here the descriptor is no socket.  It is no end
 * of what the program writes. */
Test(relay_pump, what_the_application_wrote_cannot_be_read)
{
	struct bench b = make();
	int other[2];

	cr_assert_eq(pipe(other), 0);
	dup2(other[0], b.pump.app.fd);
	xs_pump_app_event(&b.pump, EPOLLIN);
	cr_assert_eq(run(&b), XS_PUMP_FAILED);
	cr_assert(strstr(b.err.text, "the program's data cannot be read: "),
		  "%s", b.err.text);
	drop(&b);
}

Test(relay_pump, an_application_that_does_not_read_may_write)
{
	struct bench b = make();

	shutdown(b.app, SHUT_RD);
	send(b.server, "unheard", 7, 0);
	cr_assert_eq(run(&b), XS_PUMP_WAITS);
	cr_assert_eq(send(b.app, "heard", 5, 0), 5);
	cr_assert_eq(run(&b), XS_PUMP_WAITS);
	expect_text(b.server, "heard");
	drop(&b);
}

/* Sizes around those of the buffers. */
Test(relay_pump, every_size_arrives_once)
{
	static const size_t sizes[] = { 1,	2,     16383, 16384, 16385,
					1,	65536, 65537, 70000, 7,
					130000, 1,     1 };
	static unsigned char bytes[130000], back[130000];
	struct bench b = make();
	unsigned next = 0, seen = 0;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		size_t sent = 0, have = 0;

		for (size_t j = 0; j < sizes[i]; j++)
			bytes[j] = (unsigned char)(next++ % 251);
		while (have < sizes[i]) {
			ssize_t n = sent < sizes[i] ? send(b.app, bytes + sent,
							   sizes[i] - sent,
							   MSG_DONTWAIT)
						    : 0;

			sent += n > 0 ? (size_t)n : 0;
			cr_assert_eq(run(&b), XS_PUMP_WAITS);
			n = recv(b.server, back + have, sizes[i] - have,
				 MSG_DONTWAIT);
			have += n > 0 ? (size_t)n : 0;
		}
		for (size_t j = 0; j < sizes[i]; j++)
			cr_assert_eq(back[j], (unsigned char)(seen++ % 251));
	}
	cr_assert_eq(recv(b.server, back, 1, MSG_DONTWAIT), -1);
	shutdown(b.app, SHUT_WR);
	cr_assert_eq(run(&b), XS_PUMP_WAITS);
	cr_assert_eq(recv(b.server, back, 1, MSG_DONTWAIT), 0);
	drop(&b);
}

/* The server ends without close_notify, and epoll has told of nothing else yet.
 */
static bool is_cut(void (*leave)(int app))
{
	struct bench b = make();
	bool cut;

	b.pump.tls = (struct xs_tls *)&b; /* only looked at for being there */
	cr_assert_eq(run(&b), XS_PUMP_WAITS);
	leave(b.app);
	close(b.server);
	xs_pump_server_event(&b.pump, EPOLLIN | EPOLLRDHUP | EPOLLHUP);
	xs_pump_run(&b.pump, b.buffers, &b.err);
	cut = b.pump.cut;
	b.pump.tls = NULL;
	drop(&b);
	return cut;
}

static void close_it(int app)
{
	close(app);
}

static void half_close_it(int app)
{
	shutdown(app, SHUT_WR);
}

Test(relay_pump, an_end_is_a_cut_for_who_can_read)
{
	cr_assert(is_cut(half_close_it));
	cr_assert_not(is_cut(close_it));
}

/* A reset that comes before epoll tells that nobody is there any more. */
Test(relay_pump, a_reset_that_nobody_sees)
{
	struct bench b = make();

	b.pump.strict = true;
	b.pump.tls = (struct xs_tls *)&b; /* only looked at for being there */
	cr_assert_eq(run(&b), XS_PUMP_WAITS);
	send(b.pump.server.fd, "x", 1,
	     0); /* unread by who closes: ECONNRESET */
	close(b.app);
	close(b.server);
	xs_pump_server_event(&b.pump,
			     EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR);
	cr_assert_neq(xs_pump_run(&b.pump, b.buffers, &b.err), XS_PUMP_FAILED,
		      "%s", b.err.text);
	b.pump.tls = NULL;
	drop(&b);
}

/* close(2) with SO_LINGER and a time of 0 is RST, also when epoll has told only
 * the end of the stream so far. */
Test(relay_pump, an_end_by_close_is_seen_at_once)
{
	const struct linger abort = { .l_onoff = 1 };
	struct bench b = make();

	b.pump.plain = true;
	setsockopt(b.pump.server.fd, SOL_SOCKET, SO_LINGER, &abort,
		   sizeof(abort));
	cr_assert_eq(run(&b), XS_PUMP_WAITS);
	close(b.app);
	xs_pump_app_event(&b.pump, EPOLLIN | EPOLLRDHUP);
	cr_assert_eq(xs_pump_run(&b.pump, b.buffers, &b.err), XS_PUMP_GIVEN_UP);
	drop(&b);
}

/* Puts a TCP connection in the server's place. */
static void make_tcp(struct bench *b)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	int client = socket(AF_INET, SOCK_STREAM, 0);

	cr_assert_eq(bind(listener, (struct sockaddr *)&at, len), 0);
	cr_assert_eq(listen(listener, 1), 0);
	getsockname(listener, (struct sockaddr *)&at, &len);
	cr_assert_eq(connect(client, (struct sockaddr *)&at, len), 0);
	close(b->server);
	b->server = accept(listener, NULL, NULL);
	cr_assert_neq(dup2(client, b->pump.server.fd), -1);
	close(client);
	close(listener);
	b->pump.plain = true;
}

/* The server ends in good order, and answers with RST what comes then. */
static struct bench make_ended(void)
{
	struct bench b = make();

	make_tcp(&b);
	close(b.server);
	xs_pump_server_event(&b.pump, EPOLLIN | EPOLLRDHUP);
	cr_assert_eq(xs_pump_run(&b.pump, b.buffers, &b.err), XS_PUMP_WAITS);
	return b;
}

static enum xs_pump_result send_one(struct bench *b, int flags)
{
	cr_assert_eq(send(b->app, "x", 1, flags), 1);
	xs_pump_app_event(&b->pump, EPOLLIN | (flags & MSG_OOB ? EPOLLPRI : 0));
	return xs_pump_run(&b->pump, b->buffers, &b->err);
}

static void await_reset(const struct bench *b)
{
	struct pollfd reset = { .fd = b->pump.server.fd };

	cr_assert_eq(poll(&reset, 1, 10000), 1);
	cr_assert(reset.revents & POLLERR);
}

Test(relay_pump, a_reset_behind_the_end)
{
	struct bench b = make_ended();

	cr_assert_eq(send_one(&b, 0), XS_PUMP_WAITS);
	await_reset(&b);
	xs_pump_server_event(&b.pump,
			     EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR);
	cr_assert_eq(xs_pump_run(&b.pump, b.buffers, &b.err), XS_PUMP_FAILED);
	drop(&b);
}

Test(relay_pump, urgent_bytes_that_nobody_takes)
{
	struct bench b = make_ended();

	cr_assert_eq(send_one(&b, MSG_OOB), XS_PUMP_WAITS);
	await_reset(&b);
	cr_assert_eq(send_one(&b, MSG_OOB), XS_PUMP_FAILED);
	drop(&b);
}
