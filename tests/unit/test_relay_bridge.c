/* Tests: tools/relay/client/bridge.c.
 *
 * The worker is the test itself: it says which events there are, and in which
 * order. */
#include "relay/client/bridge.h"

#include "base/pair.h"
#include "base/stand_in.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS = 8 };

struct bench {
	struct xs_worker worker;
	int application; /* the program's UDP socket */
	int association; /* what the bridge's pair leads to */
	struct sockaddr_in stand_in;
};

static void make_worker(struct xs_worker *worker)
{
	*worker = (struct xs_worker){ .listen_fd = -1 };
	pthread_mutex_init(&worker->lock, NULL);
	worker->tasks_end = &worker->tasks;
	worker->messages_end = &worker->messages;
	worker->buffers = calloc(1, sizeof(*worker->buffers));
	worker->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	worker->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

static int bound_socket(struct sockaddr_in *own)
{
	const struct timeval second = { .tv_sec = 1 };
	socklen_t len = sizeof(*own);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	*own = (struct sockaddr_in){ .sin_family = AF_INET };
	cr_assert_eq(bind(fd, (struct sockaddr *)own, len), 0);
	cr_assert_eq(getsockname(fd, (struct sockaddr *)own, &len), 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second));
	return fd;
}

static struct xs_address asked(void)
{
	struct xs_address address = { .len = sizeof(address.v4) };

	address.v4 = (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(514),
		.sin_addr.s_addr = htonl(0xc0000201),
	};
	return address;
}

static void begin(struct bench *b, int pair)
{
	char handle[XS_SEGMENT_HANDLE_MAX];
	struct xs_error err = { .kind = XS_ERR_NONE };
	struct xs_message *message;

	cr_assert_eq(xs_bridge_begin(&b->worker, dup(b->application), pair,
				     handle, &err),
		     0, "%s", err.text);
	message = b->worker.messages;
	message->deliver(&b->worker, message);
}

static void bench_begin(struct bench *b)
{
	struct xs_pair_info pair = { .kind = XS_PAIR_UDP,
				     .limit = XS_PAIR_MOST_UDP4,
				     .key = "0123456789abcdef",
				     .asked = asked() };
	struct sockaddr_in own;
	int ends[2];

	make_worker(&b->worker);
	b->application = bound_socket(&own);
	cr_assert_eq(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	cr_assert_eq(xs_pair_name_app(ends[0], &pair), 0);
	begin(b, ends[0]);
	b->association = ends[1];
	b->stand_in = own;
}

/* One look at the sockets, as the worker has it. */
static int look(struct bench *b)
{
	struct epoll_event events[EVENTS];
	int count = epoll_wait(b->worker.epoll_fd, events, EVENTS, 0);

	for (int i = 0; i < count; i++) {
		struct xs_source *source = events[i].data.ptr;

		source->event(source, events[i].events);
	}
	return count;
}

static void learn_stand_in(struct bench *b)
{
	socklen_t len = sizeof(b->stand_in);
	char data[8];

	cr_assert_eq(send(b->association, "first", 5, 0), 5);
	look(b);
	cr_assert_eq(recvfrom(b->application, data, sizeof(data), 0,
			      (struct sockaddr *)&b->stand_in, &len),
		     5);
}

static void say(struct bench *b, const void *data, size_t len)
{
	cr_assert_eq(sendto(b->application, data, len, 0,
			    (struct sockaddr *)&b->stand_in,
			    sizeof(b->stand_in)),
		     (ssize_t)len);
}

static void bench_end(struct bench *b)
{
	while (b->worker.tasks) {
		struct xs_task *task = b->worker.tasks;

		b->worker.tasks = task->next;
		task->run(task);
	}
	close(b->application);
	close(b->worker.epoll_fd);
	close(b->worker.wake_fd);
	free(b->worker.buffers);
	pthread_mutex_destroy(&b->worker.lock);
}

/* The association gives up, and then the program sends: both are seen by the
 * same look, and the second is of a bridge that is gone.  A build with
 * AddressSanitizer sees what is read then. */
Test(relay_bridge, ends_before_an_event_of_the_same_look)
{
	struct bench b;

	bench_begin(&b);
	learn_stand_in(&b);
	close(b.association);
	say(&b, "late", 4);
	cr_assert_eq(look(&b), 2);
	cr_assert_eq(look(&b), 0);
	bench_end(&b);
}

static const size_t lengths[] = { 3,  0,  1200, 1200, 700,  1200, 0,	65000,
				  1,  1,  0,	9000, 1200, 1200, 1200, 1200,
				  40, 40, 1400, 0,    20,   20,	  0 };
enum { LENGTHS = sizeof(lengths) / sizeof(*lengths) };

static void datagram(uint8_t *data, int number)
{
	memset(data, number + 1, lengths[number]);
}

static void is_datagram(int fd, int number)
{
	static uint8_t wanted[65536], data[65536];
	ssize_t got = recv(fd, data, sizeof(data), MSG_DONTWAIT);

	datagram(wanted, number);
	cr_assert_eq(got, (ssize_t)lengths[number], "%d: %zd", number, got);
	cr_assert_eq(memcmp(data, wanted, lengths[number]), 0);
}

/* More than one batch, of which some have all lengths. */
Test(relay_bridge, datagrams_stay_what_they_are)
{
	static uint8_t data[65536];
	const int room = 1 << 20;
	struct bench b;

	bench_begin(&b);
	learn_stand_in(&b);
	setsockopt(b.application, SOL_SOCKET, SO_RCVBUFFORCE, &room,
		   sizeof(room));
	for (int i = 0; i < LENGTHS; i++) {
		datagram(data, i);
		say(&b, data, lengths[i]);
		cr_assert_eq(
			send(b.association, data, lengths[i], MSG_DONTWAIT),
			(ssize_t)lengths[i]);
	}
	while (look(&b))
		;
	for (int i = 0; i < LENGTHS; i++) {
		is_datagram(b.association, i);
		is_datagram(b.application, i);
	}
	close(b.association);
	look(&b);
	bench_end(&b);
}
