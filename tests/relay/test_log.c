/* Tests: tools/relay/connection/log_put.c, behind a real relay.
 *
 * Lines to a standard error that nobody reads: no program waits for it, and
 * what was lost is told. */
#include "client.h"
#include "server.h"

#include <pty.h>

/* A connect that fails, with a line of this file; its verdict. */
static int fail_to(const struct relay *relay, const struct server *server,
		   int log_fd)
{
	struct wrapped w = wrap_prepare(server->port, server->cafile);
	struct xs_wire verdict;
	int error;

	close(w.log[1]);
	w.log[1] = dup(log_fd);
	w.request.string[XS_WIRE_NAME] = "other.test";
	wrap_send(&w, relay);
	error = wrap_verdict(&w, &verdict);
	wrap_close(&w);
	return error;
}

static const char line_begin[] = "xsock: test[";

struct heard {
	int lines;   /* about connects */
	int lost;    /* what the notices say, together */
	int notices; /* of lost lines */
};

/* Reads what is in fd, and adds it up. */
static void drain(int fd, struct heard *heard)
{
	static char text[1 << 20];
	size_t used = 0;
	ssize_t got;

	fcntl(fd, F_SETFL, O_NONBLOCK);
	while (used < sizeof(text) - 1 &&
	       (got = read(fd, text + used, sizeof(text) - 1 - used)) > 0)
		used += (size_t)got;
	text[used] = '\0';
	for (const char *at = text; (at = strstr(at, line_begin)); at++)
		if (strchr(at, '\n')) /* whole */
			heard->lines++;
	/* "xsock: 7 lines before this one were lost, …" */
	for (const char *at = text; (at = strstr(at, "xsock: ")); at++) {
		int lost = (int)strtol(at + 7, NULL, 10);

		heard->lost += lost;
		heard->notices += lost > 0;
	}
}

static void no_one_waits(int log_fd, int reader)
{
	enum { CONNECTS = 600 };
	struct server *server = server_start("DNS:localhost", serve_echo);
	struct relay relay = relay_start("2");
	struct xs_wire verdict;
	struct wrapped neighbour;
	struct heard heard = { 0 };
	char byte;

	cr_assert_eq(wrap_open(&neighbour, &relay, server->port, server->cafile,
			       &verdict),
		     0);
	for (int i = 0; i < CONNECTS; i++)
		cr_assert_eq(fail_to(&relay, server, log_fd), EKEYREJECTED,
			     "connect %d", i);
	cr_assert_eq(send(neighbour.end[0], "x", 1, MSG_NOSIGNAL), 1);
	cr_assert_eq(recv(neighbour.end[0], &byte, 1, 0), 1);
	drain(reader, &heard);
	cr_assert_lt(heard.lines, CONNECTS, "it was never full");
	/* It is read again: the next line tells.  (A terminal has more room at
	 * times, because the kernel moves on by itself what it holds.) */
	cr_assert_eq(fail_to(&relay, server, log_fd), EKEYREJECTED);
	drain(reader, &heard);
	cr_assert_geq(heard.notices, 1);
	/* A line of which a part was taken may be counted as lost, too. */
	cr_assert_geq(heard.lines + heard.lost, CONNECTS + 1, "%d and %d",
		      heard.lines, heard.lost);
	cr_assert_leq(heard.lines + heard.lost, CONNECTS + 1 + heard.notices,
		      "%d and %d", heard.lines, heard.lost);
	wrap_close(&neighbour);
	cr_assert_eq(relay_wait(&relay, 20), 0);
	server_end(server);
}

Test(relay_log, frozen_terminal, .timeout = 200)
{
	int master, slave;

	cr_assert_eq(openpty(&master, &slave, NULL, NULL, NULL), 0);
	no_one_waits(slave, master);
}

Test(relay_log, full_pipe, .timeout = 200)
{
	int end[2];

	cr_assert_eq(pipe(end), 0);
	no_one_waits(end[1], end[0]);
}

Test(relay_log, full_socket, .timeout = 200)
{
	int end[2], small = 4096;

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, end), 0);
	setsockopt(end[1], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	no_one_waits(end[1], end[0]);
}
