/* Tests: tools/relay/base/shortage.c: a relay whose descriptors run out tells
 * why it takes no more, and goes on when there are some again. */
#include "datagrams.h"
#include "server.h"

#include <sys/resource.h>

enum { LIMIT = 80, MOST = LIMIT / 2 };

static void limit_relay(const struct relay *relay)
{
	const struct rlimit few = { LIMIT, LIMIT };

	cr_assert_eq(prlimit(relay->pid, RLIMIT_NOFILE, &few, NULL), 0);
}

static void expect_told(const struct xs_wire *answer)
{
	cr_assert_eq(answer->head.errnum, EMFILE);
	cr_assert(strstr(answer->string[XS_WIRE_SENTENCE],
			 "no descriptor left for it (raise the hard limit of "
			 "descriptors, which is 80)"),
		  "%s", answer->string[XS_WIRE_SENTENCE]);
}

/* Opens connections until one is refused, which is the last of them.  Returns
 * how many there are. */
static int fill(struct wrapped w[MOST], const struct relay *relay,
		const struct server *server, struct xs_wire *verdict)
{
	int count = 0;

	while (count < MOST)
		if (wrap_open(&w[count++], relay, server->port, server->cafile,
			      verdict) != 0)
			return count;
	cr_assert_fail("there is no limit");
	return 0;
}

Test(relay_shortage, connections, .timeout = 60)
{
	struct server *server = server_start("DNS:localhost", serve_echo);
	struct relay relay = relay_start("0");
	struct wrapped w[MOST];
	struct xs_wire verdict;
	struct xs_pair_info info;
	char log[4096];
	int count;

	limit_relay(&relay);
	count = fill(w, &relay, server, &verdict);
	expect_told(&verdict);
	cr_assert_gt(count, 10);
	cr_assert(xs_pair_read(w[count - 1].end[0], &info));
	cr_assert_eq(info.errnum, EMFILE);
	cr_assert_eq(wrap_log(&w[count - 1], log), 1);
	cr_assert(strstr(log, "[relay-descriptors]"), "%s", log);
	wrap_close(&w[--count]);
	/* The others are not disturbed, and one that goes makes room. */
	wrap_close(&w[--count]);
	for (int i = 0; i < 100; i++) {
		if (wrap_open(&w[count], &relay, server->port, server->cafile,
			      &verdict) == 0)
			break;
		expect_told(&verdict);
		wrap_close(&w[count]);
		usleep(20000);
	}
	cr_assert_eq(verdict.head.errnum, 0);
	for (int i = 0; i <= count; i++) {
		cr_assert_eq(send(w[i].end[0], "x", 1, MSG_NOSIGNAL), 1);
		cr_assert_eq(recv(w[i].end[0], log, 1, MSG_WAITALL), 1);
		wrap_close(&w[i]);
	}
	cr_assert_eq(relay_wait(&relay, 20), 0);
	server_end(server);
}

/* What is asked by type, with these descriptors. */
static void ask(const struct relay *relay, const struct xs_wire *question,
		const int *fds, size_t nfds, struct xs_wire *answer)
{
	static char buffer[XS_WIRE_MESSAGE_MAX];
	int control = relay_connect(relay);

	cr_assert_geq(control, 0);
	cr_assert_eq(xs_wire_send(control, question, fds, nfds), 0);
	cr_assert(wire_answer(control, buffer, answer), "closed");
	close(control);
}

Test(relay_shortage, datagrams, .timeout = 60)
{
	struct server *server = server_start("DNS:localhost", serve_echo);
	struct relay relay = relay_start("0");
	struct xs_address own;
	int udp = udp_socket(&own), silent[3], count;
	struct wrapped w[MOST];
	struct xs_wire answer, bridge;
	struct datagrams d = prepare(&own, "udp", "relay=1");

	limit_relay(&relay);
	count = fill(w, &relay, server, &answer);
	ask(&relay, &d.request,
	    (const int[]){ d.udp, d.end[1], d.end[0], d.log[1] }, 4, &answer);
	cr_assert_eq(answer.head.type, XS_WIRE_VERDICT);
	expect_told(&answer);
	/* It brings two descriptors less than those that were refused. */
	for (int i = 0; i < 3; i++)
		silent[i] = relay_connect(&relay);
	xs_wire_init(&bridge, XS_WIRE_BRIDGE);
	ask(&relay, &bridge, (const int[]){ udp, d.end[1] }, 2, &answer);
	cr_assert_eq(answer.head.type, XS_WIRE_BRIDGED);
	expect_told(&answer);
	for (int i = 0; i < 3; i++)
		close(silent[i]);
	for (int i = 0; i < count; i++)
		wrap_close(&w[i]);
	forget(&d);
	cr_assert_eq(relay_wait(&relay, 20), 0);
	server_end(server);
}
