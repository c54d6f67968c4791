/* Tests: tools/relay/base/queue.c.
 *
 * Bytes that wait: their order, short sends, memory that is given back. */
#include "relay/base/queue.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TOTAL = 4 << 20, PIECE = 70000 };

Test(relay_queue, keeps_order_through_a_full_socket)
{
	unsigned char *data = malloc(TOTAL), *back = malloc(TOTAL);
	struct xs_queue queue = { 0 };
	size_t given = 0, got = 0;
	int end[2];

	srand(2);
	for (int i = 0; i < TOTAL; i++)
		data[i] = (unsigned char)rand();
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, end), 0);
	while (got < TOTAL) {
		size_t len = (size_t)(rand() % PIECE + 1);
		ssize_t some;

		if (len > TOTAL - given)
			len = TOTAL - given;
		if (len && xs_queue_len(&queue) < 4 * PIECE) {
			cr_assert_neq(xs_queue_send(&queue, end[0],
						    data + given, len),
				      XS_QUEUE_FAILED);
			given += len;
		}
		len = (size_t)(rand() % PIECE);
		if (len > TOTAL - got)
			len = TOTAL - got;
		some = recv(end[1], back + got, len, MSG_DONTWAIT);
		got += some > 0 ? (size_t)some : 0;
		cr_assert_neq(xs_queue_flush(&queue, end[0]), XS_QUEUE_FAILED);
	}
	cr_assert_eq(memcmp(data, back, TOTAL), 0);
	cr_assert_eq(xs_queue_flush(&queue, end[0]), XS_QUEUE_EMPTY);
	cr_assert_null(queue.data);
	free(data);
	free(back);
}

Test(relay_queue, nothing_is_held_when_the_kernel_takes_all)
{
	struct xs_queue queue = { 0 };
	int end[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, end), 0);
	cr_assert_eq(xs_queue_send(&queue, end[0], "abc", 3), XS_QUEUE_EMPTY);
	cr_assert_null(queue.data);
}

Test(relay_queue, a_closed_socket_fails_without_a_signal)
{
	struct xs_queue queue = { 0 };
	int end[2];

	signal(SIGPIPE, SIG_DFL);
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, end), 0);
	close(end[1]);
	cr_assert_eq(xs_queue_send(&queue, end[0], "abc", 3), XS_QUEUE_FAILED);
	cr_assert_eq(errno, EPIPE);
	cr_assert(xs_queue_append(&queue, "abc", 3));
	cr_assert_eq(xs_queue_flush(&queue, end[0]), XS_QUEUE_FAILED);
	xs_queue_free(&queue);
}

/* A filter adds word after word: what waits is not copied for each. */
Test(relay_queue, many_pieces)
{
	struct xs_queue queue = { 0 };
	size_t size = 0;
	int grown = 0;

	for (int i = 0; i < 100000; i++) {
		cr_assert(xs_queue_append(&queue, "x", 1));
		grown += queue.size != size;
		size = queue.size;
	}
	cr_assert_eq(xs_queue_len(&queue), 100000);
	cr_assert_lt(grown, 50, "%d", grown);
	xs_queue_free(&queue);
}
