/* Tests: tools/relay/loop/signals.c and lifetime.c, behind a real relay.
 *
 * What a supervisor sends to all processes of a unit, the relay among them:
 * nothing that was written is lost, and the name is free at once. */
#include "client.h"
#include "server.h"

static void open_to(struct wrapped *w, struct relay *relay,
		    struct server *server)
{
	struct xs_wire verdict;

	cr_assert_eq(
		wrap_open(w, relay, server->port, server->cafile, &verdict), 0,
		"%s", verdict.string[XS_WIRE_SENTENCE]);
}

static void expect_echo(int fd)
{
	char answer[6];

	cr_assert_eq(send(fd, "hello", 5, MSG_NOSIGNAL), 5);
	cr_assert_eq(recv(fd, answer, 5, MSG_WAITALL), 5);
}

/* Does it refuse connects within two seconds? */
static bool gives_up_name(const struct relay *relay)
{
	for (int i = 0; i < 200; i++) {
		int fd = relay_connect(relay);

		if (fd < 0)
			return true;
		close(fd);
		usleep(10000);
	}
	return false;
}

/* One of each kind. */
static const int ends[] = { SIGTERM, SIGINT, SIGQUIT };

Test(relay_signals, at_once_where_there_is_none, .timeout = 60)
{
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		struct relay relay = relay_start("600");
		int control = relay_connect(&relay);
		char byte = 0;

		/* It is ready when it answers, to what is no request by
		 * closing. */
		cr_assert_eq(send(control, &byte, 1, MSG_NOSIGNAL), 1);
		cr_assert_leq(recv(control, &byte, 1, 0), 0);
		close(control);
		kill(relay.pid, ends[i]);
		cr_assert_eq(relay_wait(&relay, 20), 0, "signal %d", ends[i]);
	}
}

Test(relay_signals, with_the_last_connection, .timeout = 60)
{
	struct server *server = server_start("DNS:localhost", serve_echo);

	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		struct relay relay = relay_start("600");
		struct wrapped w;

		open_to(&w, &relay, server);
		kill(relay.pid, ends[i]);
		cr_assert(gives_up_name(&relay));
		/* Again, as supervisors do. */
		kill(relay.pid, ends[i]);
		expect_echo(w.end[0]);
		usleep(100000);
		expect_echo(w.end[0]);
		wrap_close(&w);
		cr_assert_eq(relay_wait(&relay, 20), 0, "signal %d", ends[i]);
	}
	server_end(server);
}

/* A server that reads late what a program has written that is gone. */
static void serve_late_sink(struct served *served)
{
	sleep(1);
	serve_sink(served);
}

Test(relay_signals, loses_nothing_that_was_written, .timeout = 60)
{
	struct server *server = server_start("DNS:localhost", serve_late_sink);
	struct relay relay = relay_start("600");
	static char data[65536];
	size_t written = 0;
	struct wrapped w;
	ssize_t sent;

	open_to(&w, &relay, server);
	for (int idle = 0; idle < 20;) {
		sent = send(w.end[0], data, sizeof(data),
			    MSG_NOSIGNAL | MSG_DONTWAIT);
		idle = sent > 0 ? 0 : idle + 1;
		written += sent > 0 ? (size_t)sent : 0;
		if (sent <= 0)
			usleep(10000);
	}
	cr_assert(written > 1000000, "%zu", written);
	wrap_close(&w);
	kill(relay.pid, SIGTERM);
	server_wait(server, 1);
	cr_assert_eq(server->received, written, "%zu of %zu", server->received,
		     written);
	cr_assert_eq(relay_wait(&relay, 20), 0);
	server_end(server);
}

/* "systemctl kill -s HUP" of a program that reopens its log is not for it. */
Test(relay_signals, not_for_the_relay, .timeout = 60)
{
	static const int others[] = { SIGHUP,  SIGUSR1,	  SIGUSR2, SIGALRM,
				      SIGPROF, SIGVTALRM, SIGPIPE, SIGTSTP,
				      SIGTTIN, SIGTTOU };
	struct server *server = server_start("DNS:localhost", serve_echo);
	struct relay relay = relay_start("600");
	struct wrapped w;

	open_to(&w, &relay, server);
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		kill(relay.pid, others[i]);
		usleep(20000);
		expect_echo(w.end[0]);
	}
	kill(relay.pid, SIGRTMIN + 3);
	expect_echo(w.end[0]);
	wrap_close(&w);
	open_to(&w, &relay, server);
	wrap_close(&w);
	kill(relay.pid, SIGTERM);
	cr_assert_eq(relay_wait(&relay, 20), 0);
	server_end(server);
}
