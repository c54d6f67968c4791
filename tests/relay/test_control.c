/* Tests: tools/relay/client/control.c, sockopt.c and loop/lifetime.c, behind a
 * real relay.
 *
 * The control connection of a real relay: options, hostile clients, and
 * leaving without losing anybody. */
#include "client.h"
#include "server.h"

#include <dirent.h>
#include <netinet/tcp.h>

static void open_to(struct wrapped *w, struct relay *relay,
		    struct server *server)
{
	struct xs_wire verdict;

	cr_assert_eq(
		wrap_open(w, relay, server->port, server->cafile, &verdict), 0,
		"%s", verdict.string[XS_WIRE_SENTENCE]);
}

static void expect_option(struct relay *relay, int fd, int level, int option,
			  int expected)
{
	int value = -1;

	cr_assert_eq(
		ask_option(relay, XS_WIRE_GETOPT, fd, level, option, &value),
		0);
	cr_assert_eq(!!value, expected);
}

Test(relay_control, options, .timeout = 60)
{
	struct server *server = server_start("DNS:localhost", serve_echo);
	struct relay relay = relay_start("0");
	struct wrapped w;
	int on = 1, value = 0, expected;
	socklen_t len = sizeof(value);

	open_to(&w, &relay, server);
	expect_option(&relay, w.end[0], SOL_SOCKET, SO_KEEPALIVE, 0);
	cr_assert_eq(ask_option(&relay, XS_WIRE_SETOPT, w.end[0], SOL_SOCKET,
				SO_KEEPALIVE, &on),
		     0);
	expect_option(&relay, w.end[0], SOL_SOCKET, SO_KEEPALIVE, 1);
	/* The relay's own: what the application sets is kept in the pair. */
	cr_assert_eq(ask_option(&relay, XS_WIRE_SETOPT, w.end[0], IPPROTO_TCP,
				TCP_NODELAY, &value),
		     ENOPROTOOPT);
	cr_assert_eq(ask_option(&relay, XS_WIRE_SETOPT, w.end[0], SOL_SOCKET,
				SO_RCVLOWAT, &on),
		     ENOPROTOOPT);
	cr_assert_eq(ask_option(&relay, XS_WIRE_SETOPT, w.end[0], IPPROTO_TCP,
				TCP_REPAIR, &on),
		     ENOPROTOOPT);
	/* The kernel's own errno. */
	cr_assert_eq(getsockopt(w.tcp, 12345, 1, &value, &len), -1);
	expected = errno;
	cr_assert_eq(
		ask_option(&relay, XS_WIRE_GETOPT, w.end[0], 12345, 1, &value),
		expected);
	value = 1000;
	cr_assert_eq(ask_option(&relay, XS_WIRE_SETOPT, w.end[0], IPPROTO_IP,
				2 /* IP_TTL */, &value),
		     EINVAL);
	wrap_close(&w);
	cr_assert_eq(relay_wait(&relay, 20), 0);
	server_end(server);
}

/* Only the application's end itself proves anything: not another socket, not
 * the name alone. */
Test(relay_control, options_of_others, .timeout = 60)
{
	struct server *server = server_start("DNS:localhost", serve_echo);
	struct relay relay = relay_start("2");
	struct xs_pair_info info;
	struct wrapped w;
	int fake[2], value;

	open_to(&w, &relay, server);
	cr_assert(xs_pair_read(w.end[0], &info));
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fake), 0);
	cr_assert_eq(ask_option(&relay, XS_WIRE_GETOPT, fake[0], SOL_SOCKET,
				SO_TYPE, &value),
		     ENOTSOCK);
	cr_assert_eq(ask_option(&relay, XS_WIRE_GETOPT, w.log[0], SOL_SOCKET,
				SO_TYPE, &value),
		     ENOTSOCK);
	wrap_close(&w);
	/* The names are free now, but the pair is another one. */
	w = wrap_prepare(0, "");
	cr_assert_eq(xs_pair_name_connected(w.end[1], w.request.head.id, &w.to,
					    &w.to),
		     0);
	cr_assert_eq(ask_option(&relay, XS_WIRE_GETOPT, w.end[0], SOL_SOCKET,
				SO_TYPE, &value),
		     ENOTCONN);
	wrap_close(&w);
	cr_assert_eq(relay_wait(&relay, 20), 0);
	server_end(server);
}

struct early {
	struct relay *relay;
	int fd;
	int error;
	int value;
};

static void *ask_early(void *argument)
{
	struct early *early = argument;

	early->error = ask_option(early->relay, XS_WIRE_GETOPT, early->fd,
				  SOL_SOCKET, SO_TYPE, &early->value);
	return NULL;
}

/* The question may overtake the connect that it is about. */
Test(relay_control, option_before_connect, .timeout = 60)
{
	struct server *server = server_start("DNS:localhost", serve_echo);
	struct relay relay = relay_start("0");
	struct wrapped w = wrap_prepare(server->port, server->cafile);
	struct early early = { .relay = &relay, .fd = w.end[0] };
	struct xs_wire verdict;
	pthread_t thread;

	pthread_create(&thread, NULL, ask_early, &early);
	usleep(100000);
	wrap_send(&w, &relay);
	cr_assert_eq(wrap_verdict(&w, &verdict), 0);
	pthread_join(thread, NULL);
	cr_assert_eq(early.error, 0);
	cr_assert_eq(early.value, SOCK_STREAM);
	wrap_close(&w);
	cr_assert_eq(relay_wait(&relay, 20), 0);
	server_end(server);
}

/* -1 where /proc does not let us count. */
static int count_descriptors(pid_t pid)
{
	char path[64];
	int count = 0;
	DIR *folder;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	folder = opendir(path);
	if (!folder)
		return -1;
	while (readdir(folder))
		count++;
	closedir(folder);
	return count;
}

/* Says that nothing more comes, and waits until the relay has closed, too. */
static void end_control(int control)
{
	char byte;

	shutdown(control, SHUT_WR);
	cr_assert_leq(recv(control, &byte, 1, 0), 0);
	close(control);
}

/* How many the relay keeps: what its workers still have in their hands goes in
 * a moment. */
static int settled_descriptors(pid_t pid)
{
	int count = count_descriptors(pid);

	for (int same = 0; same < 30; same++) {
		int now;

		usleep(10000);
		now = count_descriptors(pid);
		if (now != count)
			same = -1;
		count = now;
	}
	return count;
}

/* Waits until the relay has this many descriptors; how many it has then. */
static int wait_for_descriptors(pid_t pid, int wanted)
{
	int count;

	for (int i = 0; i < 2000; i++) {
		count = count_descriptors(pid);
		if (count == wanted)
			break;
		usleep(10000);
	}
	return count;
}

static void send_raw(struct relay *relay, const void *data, size_t len)
{
	int control = relay_connect(relay);

	cr_assert(control >= 0);
	cr_assert(send(control, data, len, MSG_NOSIGNAL) == (ssize_t)len);
	close(control);
}

static void send_with(struct relay *relay, const struct xs_wire *message,
		      const int *fds, size_t nfds)
{
	static char buffer[XS_WIRE_MESSAGE_MAX];
	int control = relay_connect(relay);
	struct xs_wire answer;

	cr_assert(control >= 0);
	cr_assert_eq(xs_wire_send(control, message, fds, nfds), 0);
	cr_assert_not(wire_answer(control, buffer, &answer));
	close(control);
}

/* Wrong descriptors in every place, and wrong numbers of them. */
static void send_wrong_descriptors(struct relay *relay, struct server *server)
{
	struct wrapped w = wrap_prepare(server->port, server->cafile);
	const int right[] = { w.tcp, w.end[1], w.end[0], w.log[1] };
	struct xs_wire option;

	for (size_t count = 0; count < 3; count++)
		send_with(relay, &w.request, right, count);
	for (size_t wrong = 0; wrong < 3; wrong++) {
		int fds[] = { w.tcp, w.end[1], w.end[0], w.log[1] };

		fds[wrong] = w.log[0];
		send_with(relay, &w.request, fds, 4);
	}
	w.request.head.id++;
	send_with(relay, &w.request, right, 4);
	xs_wire_init(&option, XS_WIRE_GETOPT);
	send_with(relay, &option, NULL, 0);
	send_with(relay, &option, right, 3);
	xs_wire_init(&option, XS_WIRE_VERDICT);
	send_with(relay, &option, right, 4);
	wrap_close(&w);
}

Test(relay_control, hostile_clients, .timeout = 60)
{
	struct server *server = server_start("DNS:localhost", serve_echo);
	struct relay relay = relay_start("0");
	static char noise[XS_WIRE_MESSAGE_MAX];
	int silent[50], before, after;
	struct xs_wire_head head = { .magic = XS_WIRE_MAGIC,
				     .version = XS_WIRE_VERSION };
	struct wrapped w;
	double start;

	open_to(&w, &relay, server);
	end_control(w.control);
	w.control = -1;
	before = settled_descriptors(relay.pid);
	for (int i = 0; i < 200; i++) {
		for (size_t at = 0; at < 2000; at++)
			noise[at] = (char)rand();
		send_raw(&relay, noise, (size_t)(rand() % 2000 + 1));
		head.type = (uint16_t)(i % 8);
		memcpy(noise, &head, sizeof(head));
		send_raw(&relay, noise, 2000);
	}
	send_raw(&relay, noise, sizeof(noise));
	send_wrong_descriptors(&relay, server);
	start = seconds_now();
	for (int i = 0; i < 50; i++)
		silent[i] = relay_connect(&relay);
	for (int i = 0; i < 50; i++) {
		struct pollfd ready = { .fd = silent[i], .events = POLLIN };

		cr_assert_eq(poll(&ready, 1, 30000), 1);
		close(silent[i]);
	}
	/* All in the same five seconds, not one after the other. */
	cr_assert(seconds_now() - start < 30);
	after = wait_for_descriptors(relay.pid, before);
	cr_assert_eq(before, after, "descriptors: %d, then %d", before, after);
	/* And it still works. */
	cr_assert_eq(send(w.end[0], "x", 1, 0), 1);
	cr_assert_eq(recv(w.end[0], noise, 1, 0), 1);
	wrap_close(&w);
	cr_assert_eq(relay_wait(&relay, 20), 0);
	server_end(server);
}

/* An application that is gone before its connect has ended, in each way. */
Test(relay_control, clients_that_leave, .timeout = 60)
{
	struct server *server = server_start("DNS:localhost", serve_echo);
	struct relay relay = relay_start("2");

	for (int i = 0; i < 50; i++) {
		struct wrapped w = wrap_prepare(server->port, server->cafile);

		if (i % 2)
			w.request.head.filler = xs_pair_shut_gate(w.end[0]);
		wrap_send(&w, &relay);
		wrap_close(&w);
	}
	cr_assert_eq(relay_wait(&relay, 20), 0);
	server_end(server);
}

/* A connect that hangs is given up soon after nobody holds its socket any
 * more, and not before: a child that inherited it counts. */
Test(relay_control, connect_that_nobody_waits_for, .timeout = 60)
{
	struct server *server = server_start(NULL, serve_nothing);
	struct relay relay = relay_start("0");
	struct wrapped w = wrap_prepare(server->port, "timeout=50");
	double start = seconds_now();
	pid_t child;

	w.request.head.app_fd = w.end[0];
	wrap_send(&w, &relay);
	child = fork();
	if (child == 0) {
		int copy = dup(w.end[0]);

		close(w.end[0]);
		usleep(2500000);
		_exit(copy < 0);
	}
	wrap_close(&w);
	/* Not the 50 seconds of its timeout. */
	cr_assert_eq(relay_wait(&relay, 20), 0);
	cr_assert(seconds_now() - start > 2.4);
	waitpid(child, NULL, 0);
}

/* idle=0 leaves all the time, while clients come: whoever gets to connect is
 * served, whoever does not is refused. */
Test(relay_control, leaving_loses_nobody, .timeout = 120)
{
	struct server *server = server_start("DNS:localhost", serve_echo);
	struct relay relay = relay_start("0");
	double end = seconds_now() + 3;
	struct xs_wire verdict;
	int left = 0;

	/* On a busy machine it takes longer until it has left once. */
	while (seconds_now() < end || left == 0) {
		int control = relay_connect(&relay);
		struct wrapped w;
		int fds[4];

		if (control < 0) {
			cr_assert_eq(errno, ECONNREFUSED);
			cr_assert_eq(relay_wait(&relay, 20), 0);
			relay = relay_start("0");
			left++;
			continue;
		}
		w = wrap_prepare(server->port, server->cafile);
		memcpy(fds, (int[]){ w.tcp, w.end[1], w.end[0], w.log[1] },
		       sizeof(fds));
		w.control = control;
		cr_assert_eq(xs_wire_send(control, &w.request, fds, 4), 0);
		cr_assert_eq(wrap_verdict(&w, &verdict), 0);
		wrap_close(&w);
		usleep((useconds_t)(rand() % 3000));
	}
	cr_assert_eq(relay_wait(&relay, 20), 0);
	server_end(server);
}

/* The request's wish replaces what the relay was started with. */
Test(relay_control, idle_time, .timeout = 60)
{
	struct server *server = server_start("DNS:localhost", serve_echo);
	struct relay relay = relay_start("1000");
	struct wrapped w = wrap_prepare(server->port, server->cafile);
	struct xs_wire verdict;
	double start;

	w.request.head.idle = 1;
	wrap_send(&w, &relay);
	cr_assert_eq(wrap_verdict(&w, &verdict), 0);
	start = seconds_now();
	wrap_close(&w);
	cr_assert_eq(relay_wait(&relay, 20), 0);
	cr_assert(seconds_now() - start > 0.5);
	server_end(server);
}

/* Before the first client a relay waits for ten seconds.  They end when it
 * comes: from then on it is the idle time that counts. */
Test(relay_control, idle_time_of_the_first_client, .timeout = 100)
{
	struct server *server = server_start("DNS:localhost", serve_echo);
	struct xs_wire verdict;
	double took = 10;

	/* A busy machine may take that long once. */
	for (int i = 0; i < 4 && took >= 8; i++) {
		struct relay relay = relay_start("1");
		double start = seconds_now();
		struct wrapped w = wrap_prepare(server->port, server->cafile);

		usleep(300 * 1000); /* it sleeps now */
		wrap_send(&w, &relay);
		cr_assert_eq(wrap_verdict(&w, &verdict), 0);
		wrap_close(&w);
		cr_assert_eq(relay_wait(&relay, 20), 0);
		took = seconds_now() - start;
	}
	cr_assert_lt(took, 8);
	server_end(server);
}
