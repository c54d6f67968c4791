/* The table of stand-ins: who finds which entry, and how it tells that the
 * relay is gone. */
#include "base/stand_in.h"

#include <criterion/criterion.h>

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static struct xs_stand_in_table *table;

static void make_table(void)
{
	table = mmap(NULL, sizeof(*table), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(table, MAP_FAILED);
}

static struct xs_address address(const char *text, uint16_t port)
{
	struct xs_address made;

	cr_assert(xs_address_parse(&made, text));
	xs_address_set_port(&made, port);
	return made;
}

/* Puts an entry at its place, as the relay does.  Returns it. */
static struct xs_stand_in put(uint64_t cookie, const struct xs_address *asked,
			      int errnum)
{
	int place = xs_stand_in_place(table, cookie, asked);
	struct xs_stand_in entry = { .cookie = cookie,
				     .asked = *asked,
				     .port = 4321,
				     .limit = 1400,
				     .errnum = errnum };

	cr_assert_geq(place, 0);
	entry.ip = xs_stand_in_address(place, (uint32_t)cookie);
	xs_stand_in_put(table, place, &entry);
	return entry;
}

static struct xs_address own_address(const struct xs_stand_in *entry)
{
	return (struct xs_address){
		.v4 = { .sin_family = AF_INET,
			.sin_addr.s_addr = entry->ip,
			.sin_port = htons((uint16_t)entry->port) },
		.len = sizeof(struct sockaddr_in),
	};
}

Test(stand_in, is_of_one_socket_and_one_peer, .init = make_table)
{
	struct xs_address peer = address("192.0.2.7", 5684);
	struct xs_address port = address("192.0.2.7", 5683);
	struct xs_address mapped = address("::ffff:192.0.2.7", 5684);
	struct xs_stand_in found;

	cr_assert_not(xs_stand_in_find(table, 1, &peer, &found));
	put(1, &peer, 0);
	cr_assert(xs_stand_in_find(table, 1, &peer, &found));
	cr_assert_eq(found.limit, 1400);
	cr_assert(xs_stand_in_find(table, 1, &mapped, &found));
	cr_assert_not(xs_stand_in_find(table, 2, &peer, &found));
	cr_assert_not(xs_stand_in_find(table, 1, &port, &found));
}

Test(stand_in, is_found_by_its_address, .init = make_table)
{
	struct xs_address peer = address("2001:db8::7", 5684), own, other;
	struct xs_stand_in made = put(7, &peer, 0), found;

	own = own_address(&made);
	cr_assert(xs_stand_in_of(table, &own, &found));
	cr_assert(xs_address_same_ip(&found.asked, &peer));
	cr_assert_eq(xs_address_port(&found.asked), 5684);
	cr_assert(xs_address_to_family(&own, AF_INET6));
	cr_assert(xs_stand_in_of(table, &own, &found));
	/* Another port, another number at the same place, another network. */
	other = own;
	xs_address_set_port(&other, 4322);
	cr_assert_not(xs_stand_in_of(table, &other, &found));
	other = own_address(&made);
	other.v4.sin_addr.s_addr ^= htonl(XS_STAND_INS);
	cr_assert_not(xs_stand_in_of(table, &other, &found));
	other = own_address(&made);
	other.v4.sin_addr.s_addr ^= htonl(0x80000000u);
	cr_assert_not(xs_stand_in_of(table, &other, &found));
	cr_assert_not(xs_stand_in_of(table, &peer, &found));
}

/* All of 127.16.0.0 to 127.127.255.255, and of the place that they name. */
Test(stand_in, addresses)
{
	for (uint32_t number = 0; number < 5000; number += 7)
		for (int place = 0; place < XS_STAND_INS; place += 511) {
			uint32_t ip = ntohl(xs_stand_in_address(place, number));

			cr_assert_geq(ip, 0x7f100000u);
			cr_assert_leq(ip, 0x7f7fffffu);
			cr_assert_eq(ip % XS_STAND_INS, (uint32_t)place);
		}
	cr_assert_neq(xs_stand_in_address(1, 1), xs_stand_in_address(1, 2));
}

/* A thousand peers of a socket have room, and none is lost for another. */
Test(stand_in, thousand, .init = make_table)
{
	struct xs_stand_in found;

	for (int i = 0; i < 1000; i++) {
		struct xs_address peer = address("10.0.0.1", (uint16_t)(i + 1));

		put(9, &peer, 0);
	}
	for (int i = 0; i < 1000; i++) {
		struct xs_address peer = address("10.0.0.1", (uint16_t)(i + 1));

		cr_assert(xs_stand_in_find(table, 9, &peer, &found));
	}
}

/* Full is -1, never somebody else's place; what has failed gives way. */
Test(stand_in, full, .init = make_table)
{
	struct xs_address peer;
	unsigned put_in = 0;
	int place;

	for (unsigned i = 1; i < 65536; i++) {
		peer = address("10.0.0.1", (uint16_t)i);
		if (xs_stand_in_place(table, 9, &peer) < 0)
			break;
		put(9, &peer, 0);
		put_in++;
	}
	cr_assert_gt(put_in, XS_STAND_INS / 2);
	cr_assert_leq(put_in, XS_STAND_INS);
	place = xs_stand_in_place(table, 9, &peer);
	cr_assert_eq(place, -1);
	for (unsigned i = 1; i <= put_in; i++) {
		struct xs_address old = address("10.0.0.1", (uint16_t)i);

		put(9, &old, ETIMEDOUT);
	}
	cr_assert_geq(xs_stand_in_place(table, 9, &peer), 0);
}

/* The kernel marks the table when its relay ends, however it does. */
Test(stand_in, tells_that_the_relay_is_gone, .init = make_table)
{
	pthread_mutex_t *mutex = (pthread_mutex_t *)(void *)table->lock;
	pthread_mutexattr_t how;
	int ready[2];
	char byte;
	pid_t relay;

	cr_assert_not(xs_stand_in_is_alive(table));
	pthread_mutexattr_init(&how);
	pthread_mutexattr_setpshared(&how, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&how, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(mutex, &how);
	cr_assert_eq(pipe(ready), 0);
	relay = fork();
	if (relay == 0) {
		pthread_mutex_lock(mutex);
		if (write(ready[1], "x", 1) == 1)
			pause();
		_exit(0);
	}
	cr_assert_eq(read(ready[0], &byte, 1), 1);
	cr_assert(xs_stand_in_is_alive(table));
	kill(relay, SIGKILL);
	cr_assert_eq(waitpid(relay, NULL, 0), relay);
	cr_assert_not(xs_stand_in_is_alive(table));
}

/* What was sent to one entry says nothing of the next one at that place. */
Test(stand_in, counts_what_is_sent, .init = make_table)
{
	const struct xs_address peer = address("10.0.0.1", 53);
	struct xs_stand_in made = put(7, &peer, 0);
	int place = xs_stand_in_place(table, 7, &peer);

	cr_assert_eq(xs_stand_in_sent(table, place), 0);
	xs_stand_in_count(table, made.ip, 1);
	xs_stand_in_count(table, made.ip, 3);
	cr_assert_eq(xs_stand_in_sent(table, place), 4);
	put(7, &peer, 0);
	cr_assert_eq(xs_stand_in_sent(table, place), 0);
}

/* The last address counts, and that of another entry at that place does not. */
Test(stand_in, gives_the_unread_bytes_back, .init = make_table)
{
	const struct xs_address peer = address("10.0.0.1", 53);
	struct xs_stand_in made = put(7, &peer, 0);

	cr_assert_eq(xs_stand_in_unread(table, made.ip), 0);
	xs_stand_in_set_unread(table, made.ip, 5);
	xs_stand_in_set_unread(table, made.ip, 6);
	cr_assert_eq(xs_stand_in_unread(table, made.ip), 6);
	put(7, &peer, 0);
	cr_assert_eq(xs_stand_in_unread(table, made.ip), 0);
}
