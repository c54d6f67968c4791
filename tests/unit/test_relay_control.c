/* Tests: tools/relay/client/control.c.
 *
 * A control connection, and the time in which the client has to ask. */
#include "relay/client/control.h"
#include "relay/loop/worker.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LATE_MS = 6000 };

/* A worker without its thread: the test is its loop. */
struct bench {
	struct xs_worker worker;
	struct xs_buffers *buffers;
	int client;
};

static void begin(struct bench *b)
{
	int end[2];

	cr_assert_eq(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, end), 0);
	b->client = end[0];
	b->worker.epoll_fd = epoll_create1(0);
	b->worker.tasks_end = &b->worker.tasks;
	b->worker.buffers = b->buffers = malloc(sizeof(*b->buffers));
	xs_control_begin(&b->worker, end[1]);
}

/* The events at hand, and what is left to do behind them. */
static void turn(struct bench *b)
{
	struct epoll_event event;

	while (epoll_wait(b->worker.epoll_fd, &event, 1, 0) == 1) {
		struct xs_source *source = event.data.ptr;

		source->event(source, event.events);
	}
	while (b->worker.tasks) {
		struct xs_task *task = b->worker.tasks;

		b->worker.tasks = task->next;
		task->run(task);
	}
}

static bool is_open(const struct bench *b)
{
	char byte;

	return recv(b->client, &byte, 1, 0) < 0 && errno == EAGAIN;
}

static void end(struct bench *b)
{
	close(b->client);
	turn(b);
	close(b->worker.epoll_fd);
	free(b->buffers);
}

Test(relay_control, a_client_that_says_nothing_is_dropped)
{
	struct bench b = { 0 };

	begin(&b);
	turn(&b);
	cr_assert(is_open(&b));
	xs_timers_run(&b.worker.timers, xs_now_ms() + LATE_MS);
	cr_assert_not(is_open(&b));
	end(&b);
}

/* The worker had other things to do for all of the time. */
Test(relay_control, what_was_asked_in_time_is_not_late)
{
	struct bench b = { 0 };

	begin(&b);
	cr_assert_eq(send(b.client, "no request", 10, 0), 10);
	xs_timers_run(&b.worker.timers, xs_now_ms() + LATE_MS);
	cr_assert(is_open(&b));
	turn(&b); /* it is looked at now, and it is none */
	cr_assert_not(is_open(&b));
	end(&b);
}
