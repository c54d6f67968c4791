/* Tests: shim/base/trace.c.
 *
 * The ring through which traced processes tell what they do: several writers,
 * one reader, and an end to its size.
 */
#include "base/trace.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void make(char handle[XS_SEGMENT_HANDLE_MAX])
{
	cr_assert_eq(xs_trace_make(handle), 0);
}

static void put(int pid, const char *name)
{
	struct xs_trace_event event = { .kind = XS_TRACE_LOOKUP, .pid = pid };

	snprintf(event.name, sizeof(event.name), "%s", name);
	xs_trace_put(&event);
}

Test(trace, an_event_comes_out_as_it_went_in)
{
	struct xs_trace_event event;
	struct xs_address address, back;
	char handle[XS_SEGMENT_HANDLE_MAX];

	make(handle);
	cr_assert_not(xs_trace_take(&event));
	cr_assert(xs_address_parse_port(&address, "[fe80::1%3]:443"));
	memset(&event, 0, sizeof(event));
	event.kind = XS_TRACE_CONNECT;
	xs_trace_set_address(&event, &address);
	xs_trace_put(&event);
	memset(&event, 0, sizeof(event));
	cr_assert(xs_trace_take(&event));
	cr_assert_eq(event.kind, XS_TRACE_CONNECT);
	xs_trace_get_address(&event, &back);
	cr_assert(xs_address_same_ip(&address, &back));
	cr_assert_eq(xs_address_port(&back), 443);
	cr_assert_eq(back.v6.sin6_scope_id, 3);
	cr_assert_not(xs_trace_take(&event));
}

Test(trace, ipv4_comes_out_as_ipv4)
{
	struct xs_trace_event event = { .kind = XS_TRACE_CONNECT };
	struct xs_address address, back;
	char text[XS_ADDRESS_TEXT_MAX];

	cr_assert(xs_address_parse_port(&address, "192.0.2.7:25"));
	xs_trace_set_address(&event, &address);
	xs_trace_get_address(&event, &back);
	cr_assert_str_eq(xs_address_format(&back, text, sizeof(text)),
			 "192.0.2.7:25");
}

Test(trace, a_full_ring_counts_what_is_lost_and_goes_on)
{
	struct xs_trace_event event;
	char handle[XS_SEGMENT_HANDLE_MAX];
	int taken = 0;

	make(handle);
	for (int round = 0; round < 3; round++) {
		uint64_t before = xs_trace_lost();

		for (int i = 0; i < XS_TRACE_EVENTS + 10; i++)
			put(i, "x");
		cr_assert_eq(xs_trace_lost() - before, 10);
		for (taken = 0; xs_trace_take(&event); taken++)
			cr_assert_eq(event.pid, taken);
		cr_assert_eq(taken, XS_TRACE_EVENTS);
	}
}

Test(trace, another_process_attaches_it_by_its_handle)
{
	struct xs_trace_event event;
	char handle[XS_SEGMENT_HANDLE_MAX];
	int status;
	pid_t child;

	make(handle);
	cr_assert_eq(xs_trace_attached(), 1);
	child = fork();
	if (child == 0) {
		xs_trace_ring = NULL; /* as behind exec(2) */
		errno = 77;
		xs_trace_attach(handle);
		if (!xs_trace_ring || errno != 77)
			_exit(1);
		put(5, "from a child");
		_exit(0);
	}
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert_eq(status, 0);
	cr_assert(xs_trace_take(&event));
	cr_assert_str_eq(event.name, "from a child");
}

Test(trace, what_is_no_ring_is_left_alone)
{
	static const char *const bad[] = {
		"", "x", "-1.5", "0", "2147483647.1", "99999999999.1"
	};
	struct xs_trace_ring *ring;
	char handle[XS_SEGMENT_HANDLE_MAX];

	make(handle);
	ring = xs_trace_ring;
	xs_trace_ring = NULL;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		xs_trace_attach(bad[i]);
		cr_assert_null(xs_trace_ring, "\"%s\"", bad[i]);
	}
	/* Its number, and another one's cookie. */
	strchr(handle, '.')[1] ^= 1;
	xs_trace_attach(handle);
	cr_assert_null(xs_trace_ring);
	xs_trace_attach(NULL);
	cr_assert_null(xs_trace_ring);
	xs_trace_ring = ring;
}

Test(trace, text_that_a_writer_has_not_ended_is_ended)
{
	struct xs_trace_event event = { .kind = XS_TRACE_LOOKUP };
	char handle[XS_SEGMENT_HANDLE_MAX];

	make(handle);
	memset(event.name, 'x', sizeof(event.name));
	memset(event.rule, 'x', sizeof(event.rule));
	memset(event.program, 'x', sizeof(event.program));
	event.port = 0x12345;
	xs_trace_put(&event);
	cr_assert(xs_trace_take(&event));
	cr_assert_eq(strlen(event.name), sizeof(event.name) - 1);
	cr_assert_eq(strlen(event.rule), sizeof(event.rule) - 1);
	cr_assert_eq(strlen(event.program), sizeof(event.program) - 1);
	cr_assert_eq(event.port, 0x2345);
}

static void put_another(void *with, const struct xs_trace_event *event)
{
	put(event->pid, "again");
	++*(int *)with;
}

Test(trace, who_tells_as_fast_as_it_is_heard_holds_nobody_up, .timeout = 20)
{
	char handle[XS_SEGMENT_HANDLE_MAX];
	int taken = 0;

	make(handle);
	put(1, "first");
	xs_trace_take_all(put_another, &taken);
	cr_assert_eq(taken, XS_TRACE_EVENTS);
}

/* As a traced process may that has the ring, and is another user by now. */
Test(trace, a_broken_ring_holds_no_writer_up, .timeout = 20)
{
	struct xs_trace_event event;
	char handle[XS_SEGMENT_HANDLE_MAX];

	make(handle);
	put(1, "first");
	cr_assert(xs_trace_take(&event));
	/* The number of the next event, behind layout and cookie. */
	((xs_segment_u64 *)xs_trace_ring)[2] = 0;
	put(2, "second");
	cr_assert_eq(xs_trace_lost(), 1);
	cr_assert_not(xs_trace_take(&event));
}

enum { THREADS = 4, EACH = 20000 };

static void *write_many(void *with)
{
	for (int i = 0; i < EACH; i++)
		put((int)(intptr_t)with, "x");
	return NULL;
}

Test(trace, of_many_writers_each_event_comes_once_or_is_counted)
{
	struct xs_trace_event event;
	pthread_t thread[THREADS];
	char handle[XS_SEGMENT_HANDLE_MAX];
	uint64_t taken = 0;

	make(handle);
	for (intptr_t i = 0; i < THREADS; i++)
		cr_assert_eq(
			pthread_create(&thread[i], NULL, write_many, (void *)i),
			0);
	for (int i = 0; i < 1000; i++)
		while (xs_trace_take(&event))
			taken++;
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	while (xs_trace_take(&event))
		taken++;
	cr_assert_eq(taken + xs_trace_lost(), THREADS * EACH);
	cr_assert_gt(taken, XS_TRACE_EVENTS / 2);
}
