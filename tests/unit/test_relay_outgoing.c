/* Tests: tools/relay/base/outgoing.c and incoming.c.
 *
 * Datagrams that share a system call: in order, apart, none lost, none told
 * twice.
 */
#include "relay/base/incoming.h"
#include "relay/base/outgoing.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

/* What the sockets are: two of UDP, or a pair. */
static int from_fd, to_fd;
static char room[64 * 1024];
static struct xs_outgoing outgoing;
static struct xs_incoming incoming;

static void begin_udp(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);

	to_fd = socket(AF_INET, SOCK_DGRAM, 0);
	from_fd = socket(AF_INET, SOCK_DGRAM, 0);
	cr_assert_eq(bind(to_fd, (struct sockaddr *)&at, len), 0);
	cr_assert_eq(getsockname(to_fd, (struct sockaddr *)&at, &len), 0);
	cr_assert_eq(connect(from_fd, (struct sockaddr *)&at, len), 0);
	xs_outgoing_begin(&outgoing, room, sizeof(room));
}

/* The end that sends has a name, as the library's has. */
static void begin_pair(void)
{
	const struct sockaddr name = { .sa_family = AF_UNIX };
	int end[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, end), 0);
	from_fd = end[0];
	to_fd = end[1];
	cr_assert_eq(bind(from_fd, &name, sizeof(name.sa_family)), 0);
	xs_outgoing_begin(&outgoing, room, sizeof(room));
}

static unsigned told[XS_OUTGOING], told_count;
static int errors[XS_OUTGOING];

static bool tell(void *user, size_t asked, int error)
{
	cr_assert_lt(told_count, XS_OUTGOING);
	told[told_count] = (unsigned)asked;
	errors[told_count++] = error;
	return !user || !error;
}

static void collect(const size_t *len, unsigned count)
{
	static char data[8192];

	told_count = 0;
	for (unsigned i = 0; i < count; i++) {
		memset(data, (int)('a' + i), len[i]);
		cr_assert(xs_outgoing_put(&outgoing, data, len[i], i));
	}
}

static void expect(const size_t *len, unsigned count)
{
	unsigned at = 0;

	while (at < count) {
		struct pollfd ready = { .fd = to_fd, .events = POLLIN };
		int got;

		cr_assert_eq(poll(&ready, 1, 10000), 1, "%u of %u", at, count);
		got = xs_incoming_read(&incoming, to_fd);
		cr_assert_gt(got, 0);
		for (int i = 0; i < got; i++, at++) {
			const char *data = xs_incoming_data(&incoming, i);

			cr_assert_lt(at, count);
			cr_assert_eq(xs_incoming_len(&incoming, i), len[at],
				     "%u has %zu", at,
				     xs_incoming_len(&incoming, i));
			cr_assert_not(xs_incoming_is_end(&incoming, i));
			for (size_t byte = 0; byte < len[at]; byte++)
				cr_assert_eq(data[byte], (char)('a' + at));
		}
	}
	cr_assert_eq(xs_incoming_read(&incoming, to_fd), -1);
	cr_assert_eq(errno, EAGAIN);
}

/* Runs of one length, a shorter one at an end, longer ones, empty ones. */
static const size_t mixed[] = { 100, 100, 100, 40, 40, 0,    0,	  7,
				900, 900, 1,   3,  3,  1200, 100, 5 };

enum { MIXED = sizeof(mixed) / sizeof(*mixed) };

static void carry(bool may_segment)
{
	bool segments = may_segment;

	for (unsigned count = 0; count <= MIXED; count++) {
		collect(mixed, count);
		xs_outgoing_send(&outgoing, from_fd, &segments, tell, NULL);
		cr_assert_eq(told_count, count);
		for (unsigned i = 0; i < count; i++) {
			cr_assert_eq(told[i], i);
			cr_assert_eq(errors[i], 0);
		}
		expect(mixed, count);
		cr_assert_eq(outgoing.count, 0);
	}
	/* The kernel can do it. */
	cr_assert_eq(segments, may_segment);
}

Test(relay_outgoing, udp_in_one_piece, .init = begin_udp)
{
	carry(true);
}

Test(relay_outgoing, udp_one_by_one, .init = begin_udp)
{
	carry(false);
}

Test(relay_outgoing, a_pair, .init = begin_pair)
{
	carry(false);
}

/* A device that cannot do it looks like this socket. */
Test(relay_outgoing, in_one_piece_where_that_is_refused, .init = begin_udp)
{
	const int on = 1;
	bool segments = true;

	cr_assert_eq(
		setsockopt(from_fd, SOL_SOCKET, SO_NO_CHECK, &on, sizeof(on)),
		0);
	collect(mixed, MIXED);
	xs_outgoing_send(&outgoing, from_fd, &segments, tell, NULL);
	cr_assert_not(segments);
	cr_assert_eq(told_count, MIXED);
	for (unsigned i = 0; i < MIXED; i++)
		cr_assert(told[i] == i && !errors[i]);
	expect(mixed, MIXED);
}

Test(relay_outgoing, has_bounds)
{
	char few[10];

	xs_outgoing_begin(&outgoing, few, sizeof(few));
	cr_assert_not(xs_outgoing_put(&outgoing, "12345678901", 11, 0));
	cr_assert(xs_outgoing_put(&outgoing, "123456", 6, 0));
	cr_assert_not(xs_outgoing_has_room(&outgoing, 5));
	cr_assert(xs_outgoing_has_room(&outgoing, 4));
	xs_outgoing_begin(&outgoing, few, sizeof(few));
	for (int i = 0; i < XS_OUTGOING; i++)
		cr_assert(xs_outgoing_put(&outgoing, "", 0, 0));
	cr_assert_not(xs_outgoing_has_room(&outgoing, 0));
	cr_assert_not(xs_outgoing_put(&outgoing, "", 0, 0));
}

/* One that is refused is told, and those behind it go on. */
Test(relay_outgoing, one_is_too_long, .init = begin_pair)
{
	static const size_t len[] = { 3, 8192, 4 }, left[] = { 3, 4 };
	bool segments = false;
	int small = 1; /* the kernel makes it 4,608 */

	cr_assert_eq(setsockopt(from_fd, SOL_SOCKET, SO_SNDBUF, &small,
				sizeof(small)),
		     0);
	collect(len, 3);
	xs_outgoing_send(&outgoing, from_fd, &segments, tell, NULL);
	cr_assert_eq(told_count, 3);
	cr_assert_eq(errors[0], 0);
	cr_assert_eq(errors[1], EMSGSIZE);
	cr_assert_eq(errors[2], 0);
	cr_assert_eq(xs_incoming_read(&incoming, to_fd), 2);
	for (int i = 0; i < 2; i++)
		cr_assert_eq(xs_incoming_len(&incoming, i), left[i]);
}

/* Nobody listens: the kernel says so with a later send, once. */
Test(relay_outgoing, nobody_is_there, .init = begin_udp)
{
	static const size_t len[] = { 8, 8, 8 };
	struct pollfd refused = { .fd = from_fd };
	bool segments = true;

	close(to_fd);
	cr_assert_eq(send(from_fd, "", 1, 0), 1);
	cr_assert_eq(poll(&refused, 1, 10000), 1);
	collect(len, 3);
	xs_outgoing_send(&outgoing, from_fd, &segments, tell, &segments);
	cr_assert_eq(told_count, 1);
	cr_assert_eq(errors[0], ECONNREFUSED);
	cr_assert(segments);
	cr_assert_eq(outgoing.count, 0);
}

Test(relay_incoming, the_end_is_no_empty_datagram, .init = begin_pair)
{
	cr_assert_eq(xs_incoming_read(&incoming, to_fd), -1);
	cr_assert_eq(errno, EAGAIN);
	cr_assert_eq(send(from_fd, "", 0, 0), 0);
	cr_assert_eq(send(from_fd, "one", 3, 0), 3);
	close(from_fd);
	cr_assert_gt(xs_incoming_read(&incoming, to_fd), 2);
	cr_assert_not(xs_incoming_is_end(&incoming, 0));
	cr_assert_eq(xs_incoming_len(&incoming, 0), 0);
	cr_assert_not(xs_incoming_is_end(&incoming, 1));
	cr_assert_eq(xs_incoming_len(&incoming, 1), 3);
	cr_assert(xs_incoming_is_end(&incoming, 2));
}

/* What is left comes with the next. */
Test(relay_incoming, more_than_fit, .init = begin_pair)
{
	char number;

	for (char i = 0; i < XS_INCOMING + 3; i++)
		cr_assert_eq(send(from_fd, &i, 1, 0), 1);
	cr_assert_eq(xs_incoming_most(), XS_INCOMING);
	cr_assert_eq(xs_incoming_read(&incoming, to_fd), XS_INCOMING);
	cr_assert_eq(xs_incoming_read(&incoming, to_fd), 3);
	for (int i = 0; i < 3; i++) {
		memcpy(&number, xs_incoming_data(&incoming, i), 1);
		cr_assert_eq(number, XS_INCOMING + i);
	}
}

/* The largest that UDP has is whole. */
Test(relay_incoming, large_ones, .init = begin_udp)
{
	static char large[65507];
	int buffer = 1 << 20;

	setsockopt(to_fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
	setsockopt(from_fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
	memset(large, 'x', sizeof(large));
	for (int i = 0; i < 2; i++)
		cr_assert_eq(send(from_fd, large, sizeof(large), 0),
			     (ssize_t)sizeof(large));
	cr_assert_eq(xs_incoming_read(&incoming, to_fd), 2);
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(xs_incoming_len(&incoming, i), sizeof(large));
		cr_assert_arr_eq(xs_incoming_data(&incoming, i), large,
				 sizeof(large));
	}
}
