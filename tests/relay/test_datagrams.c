/* Tests: tools/relay/association, over the control socket: what a relay does
 * with pairs of datagrams, and with requests that are none.
 */
#include "datagrams.h"
#include "forbidden.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/udp.h>
#include <sys/syscall.h>

static int count_descriptors(pid_t pid)
{
	char path[64];
	int count = 0;
	DIR *folder;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	folder = opendir(path);
	while (folder && readdir(folder))
		count++;
	if (folder)
		closedir(folder);
	return count;
}

static int wait_for_descriptors(pid_t pid, int wanted)
{
	int count = 0;

	for (int i = 0; i < 2000; i++) {
		count = count_descriptors(pid);
		if (count <= wanted)
			break;
		usleep(10000);
	}
	return count;
}

Test(relay_datagrams, both_ways, .timeout = 60)
{
	struct xs_address own, from;
	int server = udp_socket(&own);
	struct relay relay = relay_start("0");
	struct datagrams d = opened(&relay, &own, "udp", "relay=1");
	char data[64];

	cr_assert_eq(send(d.end[0], "one", 3, 0), 3);
	cr_assert_eq(send(d.end[0], "", 0, 0), 0);
	cr_assert_eq(send(d.end[0], "three", 5, 0), 5);
	cr_assert_eq(serve_datagram(server, data, sizeof(data), &from), 3);
	cr_assert_eq(serve_datagram(server, data, sizeof(data), &from), 0);
	cr_assert_eq(serve_datagram(server, data, sizeof(data), &from), 5);
	sendto(server, "", 0, 0, &from.any, from.len);
	sendto(server, "back", 4, 0, &from.any, from.len);
	cr_assert_eq(receive(d.end[0], data, sizeof(data)), 0);
	cr_assert_eq(receive(d.end[0], data, sizeof(data)), 4);
	forget(&d);
	cr_assert_eq(relay_wait(&relay, 20), 0);
	close(server);
}

/* Of many lengths, so that some share a system call. */
static size_t len_of(int number)
{
	static const size_t len[] = { 90, 90, 90, 12, 700, 700, 3, 0, 1300 };

	return len[number % (int)(sizeof(len) / sizeof(*len))];
}

static void expect_number(const char *data, ssize_t len, int number)
{
	cr_assert_eq(len, (ssize_t)len_of(number), "datagram %d has %zd",
		     number, len);
	for (ssize_t at = 0; at < len; at++)
		cr_assert_eq(data[at], (char)number);
}

/* More at once than one turn of the relay takes. */
static void carry_bursts(void)
{
	enum { BURST = 100 };
	struct xs_address own, from;
	int server = udp_socket(&own), large = 1 << 20;
	struct relay relay = relay_start("0");
	struct datagrams d = prepare(&own, "udp", "relay=1");
	char data[2000];

	setsockopt(server, SOL_SOCKET, SO_RCVBUF, &large, sizeof(large));
	setsockopt(d.udp, SOL_SOCKET, SO_RCVBUF, &large, sizeof(large));
	/* They are there before the relay is. */
	for (int i = 0; i < BURST; i++) {
		memset(data, i, sizeof(data));
		cr_assert_eq(send(d.end[0], data, len_of(i), 0),
			     (ssize_t)len_of(i));
	}
	cr_assert(hand_over(&d, &relay));
	for (int i = 0; i < BURST; i++)
		expect_number(data,
			      serve_datagram(server, data, sizeof(data), &from),
			      i);
	cr_assert_eq(kill(relay.pid, SIGSTOP), 0);
	for (int i = 0; i < BURST; i++) {
		memset(data, i, sizeof(data));
		sendto(server, data, len_of(i), 0, &from.any, from.len);
	}
	cr_assert_eq(kill(relay.pid, SIGCONT), 0);
	for (int i = 0; i < BURST; i++)
		expect_number(data, receive(d.end[0], data, sizeof(data)), i);
	forget(&d);
	cr_assert_eq(relay_wait(&relay, 20), 0);
	close(server);
}

Test(relay_datagrams, bursts, .timeout = 60)
{
	carry_bursts();
}

/* A program of plain sends and reads may have a filter that knows no other
 * calls; its relay has the same. */
Test(relay_datagrams, bursts_behind_a_filter, .timeout = 120)
{
	static const int calls[] = { SYS_recvmmsg, SYS_sendmmsg };
	static const unsigned how[] = { SECCOMP_RET_KILL_PROCESS,
					SECCOMP_RET_ERRNO | EPERM };

	relay_before = install_filter;
	for (size_t i = 0; i < 4; i++) {
		forbidden = calls[i / 2];
		punishment = how[i % 2];
		carry_bursts();
	}
}

/* The server of a plain association may be the first to send; who is not the
 * server is not heard. */
Test(relay_datagrams, only_of_the_peer, .timeout = 60)
{
	struct xs_address own, from, other;
	int server = udp_socket(&own), stranger = udp_socket(&other);
	struct relay relay = relay_start("0");
	struct datagrams d = prepare(&own, "udp", "relay=1");
	char data[64];

	from.len = sizeof(from.v6);
	cr_assert_eq(getsockname(d.udp, &from.any, &from.len), 0);
	cr_assert(hand_over(&d, &relay));
	sendto(stranger, "stranger", 8, 0, &from.any, from.len);
	sendto(server, "first", 5, 0, &from.any, from.len);
	cr_assert_eq(receive(d.end[0], data, sizeof(data)), 5);
	cr_assert_lt(recv(d.end[0], data, sizeof(data), MSG_DONTWAIT), 0);
	forget(&d);
	cr_assert_eq(relay_wait(&relay, 20), 0);
	close(server);
	close(stranger);
}

/* Who closes a pair in which something waits has its end told as an error
 * (ECONNRESET), in front of what was sent before. */
Test(relay_datagrams, sent_beside_unread_answers, .timeout = 60)
{
	struct xs_address own, from;
	int server = udp_socket(&own);
	struct relay relay = relay_start("0");
	struct datagrams d = opened(&relay, &own, "udp", "relay=1");
	struct pollfd answered = { .fd = d.end[0], .events = POLLIN };
	char data[64];

	cr_assert_eq(send(d.end[0], "ask", 3, 0), 3);
	cr_assert_eq(serve_datagram(server, data, sizeof(data), &from), 3);
	sendto(server, "answer", 6, 0, &from.any, from.len);
	cr_assert_eq(poll(&answered, 1, 20000), 1);
	cr_assert_eq(kill(relay.pid, SIGSTOP), 0);
	for (int i = 1; i <= 40; i++)
		cr_assert_eq(send(d.end[0], data, (size_t)i, 0), i);
	forget(&d);
	cr_assert_eq(kill(relay.pid, SIGCONT), 0);
	for (int i = 1; i <= 40; i++)
		cr_assert_eq(serve_datagram(server, data, sizeof(data), &from),
			     i);
	cr_assert_eq(relay_wait(&relay, 20), 0);
	close(server);
}

/* What the program has set before its socket became the relay's must not join
 * or cut the relay's datagrams. */
Test(relay_datagrams, options_that_join_and_cut, .timeout = 60)
{
	static const struct {
		int option, value;
	} set[] = { { UDP_GRO, 1 }, { UDP_SEGMENT, 100 }, { UDP_CORK, 1 } };
	const int cut = 20;
	struct xs_address own, from;
	int server = udp_socket(&own);
	struct relay relay = relay_start("0");
	struct datagrams d = prepare(&own, "udp", "relay=1");
	char data[250] = { 0 };

	for (size_t i = 0; i < sizeof(set) / sizeof(*set); i++)
		cr_assert_eq(setsockopt(d.udp, IPPROTO_UDP, set[i].option,
					&set[i].value, sizeof(set[i].value)),
			     0);
	cr_assert(hand_over(&d, &relay));
	cr_assert_eq(send(d.end[0], data, sizeof(data), 0), sizeof(data));
	cr_assert_eq(serve_datagram(server, data, sizeof(data), &from),
		     sizeof(data));
	cr_assert_eq(
		setsockopt(server, IPPROTO_UDP, UDP_SEGMENT, &cut, sizeof(cut)),
		0);
	sendto(server, data, 60, 0, &from.any, from.len);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(receive(d.end[0], data, sizeof(data)), 20);
	forget(&d);
	cr_assert_eq(relay_wait(&relay, 20), 0);
	close(server);
}

/* The name of the relay's end says why it is closed. */
static void expect_failed(struct datagrams *d, int errnum, const char *line)
{
	struct pollfd ended = { .fd = d->end[0] };
	struct xs_pair_info info;
	char text[4096] = "";
	ssize_t got;

	cr_assert_eq(poll(&ended, 1, 20000), 1);
	cr_assert(ended.revents & POLLHUP);
	cr_assert(xs_pair_read(d->end[0], &info));
	cr_assert_eq(info.state, XS_PAIR_FAILED);
	cr_assert_eq(info.errnum, errnum, "%s", strerror(info.errnum));
	for (size_t len = 0;
	     (got = read(d->log[0], text + len, sizeof(text) - 1 - len)) > 0;)
		len += (size_t)got;
	cr_assert(strstr(text, line), "%s", text);
}

Test(relay_datagrams, failures_have_a_name_and_a_line, .timeout = 60)
{
	static const struct {
		const char *scheme, *options;
		int errnum;
		const char *line;
	} cases[] = {
		/* Open at once: what comes later goes to standard error. */
		{ "udp", "relay=1", ECONNREFUSED, "datagrams go as they are" },
		{ "dtls", "", ECONNREFUSED, "Connection refused by" },
		{ "dtls", "cafile=/nonexistent", EACCES, "/nonexistent" },
		{ "dtls", "ciphers=NONSENSE", EACCES, "NONSENSE" },
	};
	struct relay relay = relay_start("2");
	struct xs_address nobody;

	close(udp_socket(&nobody));
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct datagrams d = opened(&relay, &nobody, cases[i].scheme,
					    cases[i].options);

		cr_assert_eq(send(d.end[0], "x", 1, MSG_NOSIGNAL), 1);
		expect_failed(&d, cases[i].errnum, cases[i].line);
		forget(&d);
	}
	cr_assert_eq(relay_wait(&relay, 20), 0);
}

/* A server that says nothing gets a ClientHello, again and again, and nothing
 * of the program's. */
Test(relay_datagrams, nothing_before_the_handshake, .timeout = 60)
{
	struct xs_address own, from;
	int server = udp_socket(&own);
	struct relay relay = relay_start("0");
	struct datagrams d = opened(&relay, &own, "dtls", "timeout=5");
	unsigned char data[2048];
	int hellos = 0;

	for (int i = 0; i < 300; i++)
		send(d.end[0], "secret", 6, MSG_NOSIGNAL);
	expect_failed(&d, ETIMEDOUT, "too many datagrams wait");
	while (from.len = sizeof(from.v6),
	       recvfrom(server, data, sizeof(data), MSG_DONTWAIT, &from.any,
			&from.len) > 0) {
		/* A record of the handshake: a ClientHello (RFC 6347, 4.1). */
		cr_assert_eq(data[0], 22);
		cr_assert_eq(data[13], 1);
		cr_assert_null(memmem(data, sizeof(data), "secret", 6));
		memset(data, 0, sizeof(data));
		hellos++;
	}
	cr_assert_geq(hellos, 2);
	forget(&d);
	cr_assert_eq(relay_wait(&relay, 20), 0);
	close(server);
}

/* Who asks about its socket gets that of the UDP socket. */
Test(relay_datagrams, options, .timeout = 60)
{
	struct xs_address own;
	int server = udp_socket(&own), value = -1;
	struct relay relay = relay_start("0");
	struct datagrams d = opened(&relay, &own, "dtls", "");

	cr_assert_eq(ask_option(&relay, XS_WIRE_GETOPT, d.end[0], SOL_SOCKET,
				SO_TYPE, &value),
		     0);
	cr_assert_eq(value, SOCK_DGRAM);
	cr_assert_eq(ask_option(&relay, XS_WIRE_GETOPT, d.end[0], IPPROTO_IP,
				IP_MTU, &value),
		     0);
	cr_assert_gt(value, 1000);
	forget(&d);
	cr_assert_eq(relay_wait(&relay, 20), 0);
	close(server);
}

/* Each must be dropped, and leave nothing behind. */
Test(relay_datagrams, hostile_requests, .timeout = 60)
{
	struct xs_address own;
	int server = udp_socket(&own), before, tcp, stream[2];
	struct relay relay = relay_start("2");
	struct datagrams kept = opened(&relay, &own, "udp", "relay=1");
	char data[16];

	usleep(200000);
	before = count_descriptors(relay.pid);
	for (int wrong = 0; wrong < 9; wrong++) {
		struct datagrams d = prepare(&own, "dtls", "");

		tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, stream), 0);
		switch (wrong) {
		case 0:
			dup2(tcp, d.udp);
			break;
		case 1:
			dup2(stream[0], d.end[1]);
			break;
		case 2:
			dup2(stream[0], d.end[0]);
			break;
		case 3:
			dup2(d.log[0], d.udp);
			break;
		case 4:
			d.request.head.id++;
			break;
		case 5:
			d.request.head.started = 0; /* and no host */
			break;
		case 6:
			dup2(d.udp, d.end[0]);
			break;
		case 7:
			/* That of a stream, by its name. */
			d.request.string[XS_WIRE_SCHEME] = "tls";
			break;
		case 8:
			d.request.string[XS_WIRE_SCHEME] = "nosuch";
			break;
		}
		cr_assert_not(hand_over(&d, &relay), "%d", wrong);
		forget(&d);
		close(tcp);
		close(stream[0]);
		close(stream[1]);
	}
	cr_assert_leq(wait_for_descriptors(relay.pid, before), before);
	cr_assert_eq(send(kept.end[0], "still", 5, 0), 5);
	cr_assert_eq(recv(server, data, sizeof(data), 0), 5);
	forget(&kept);
	cr_assert_eq(relay_wait(&relay, 20), 0);
	close(server);
}

/* --- bridges ---------------------------------------------------------- */

static int unbound(int type)
{
	const struct sockaddr_in any = { .sin_family = AF_INET };
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	cr_assert_eq(bind(fd, (const struct sockaddr *)&any, sizeof(any)), 0);
	return fd;
}

/* The errno of the answer; -1: the relay has closed the connection. */
static int ask_bridge(const struct relay *relay, const int *fds, size_t nfds)
{
	static char buffer[XS_WIRE_MESSAGE_MAX];
	struct xs_wire question, answer;
	int control = relay_connect(relay), result = -1;

	xs_wire_init(&question, XS_WIRE_BRIDGE);
	question.head.idle = -1;
	cr_assert_geq(control, 0);
	cr_assert_eq(xs_wire_send(control, &question, fds, nfds), 0);
	if (wire_answer(control, buffer, &answer)) {
		cr_assert_eq(answer.head.type, XS_WIRE_BRIDGED);
		cr_assert(*answer.string[XS_WIRE_SENTENCE]);
		result = answer.head.errnum;
	}
	close(control);
	return result;
}

/* Descriptors that are none of a bridge are refused, and closed; those of one
 * are given back when the program has closed its socket. */
Test(relay_datagrams, hostile_bridges, .timeout = 60)
{
	struct xs_address own;
	int server = udp_socket(&own), before, stream[2];
	struct relay relay = relay_start("2");
	struct datagrams kept = opened(&relay, &own, "udp", "relay=1");
	struct datagrams other = opened(&relay, &own, "dtls", "");
	int udp = unbound(SOCK_DGRAM), tcp = unbound(SOCK_STREAM);
	int connected = unbound(SOCK_DGRAM);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	const int right = other.end[0];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, stream), 0);
	cr_assert_eq(connect(connected, &own.any, own.len), 0);
	/* The table and the log's end come first. */
	cr_assert_eq(ask_bridge(&relay, &udp, 1), 0);
	close(other.log[0]);
	usleep(200000);
	before = count_descriptors(relay.pid);
	for (int turn = 0; turn < 20; turn++) {
		const struct {
			int fds[3];
			size_t count;
			int errnum;
		} wrong[] = {
			{ { 0 }, 0, -1 },
			{ { udp, right, right }, 3, -1 },
			{ { null, right }, 2, EACCES },
			{ { tcp, right }, 2, EACCES },
			{ { connected, right }, 2, EACCES },
			{ { right, right }, 2, EACCES },
			{ { udp, udp }, 2, EACCES },
			{ { udp, null }, 2, EACCES },
			{ { udp, stream[0] }, 2, EACCES },
			{ { null }, 1, 0 },
		};

		for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
			cr_assert_eq(ask_bridge(&relay, wrong[i].fds,
						wrong[i].count),
				     wrong[i].errnum, "%zu", i);
	}
	cr_assert_leq(wait_for_descriptors(relay.pid, before), before);
	for (int turn = 0; turn < 3; turn++) {
		const int fds[] = { udp, right };

		cr_assert_eq(ask_bridge(&relay, fds, 2), 0);
	}
	cr_assert_gt(count_descriptors(relay.pid), before);
	close(udp);
	close(right);
	cr_assert_lt(wait_for_descriptors(relay.pid, before - 1), before);
	cr_assert_eq(send(kept.end[0], "still", 5, 0), 5);
	forget(&kept);
	cr_assert_eq(relay_wait(&relay, 20), 0);
	close(server);
	close(tcp);
	close(connected);
	close(null);
	close(stream[0]);
	close(stream[1]);
}

/* A pair that is larger than any datagram of UDP, and garbage from the server's
 * address. */
Test(relay_datagrams, odd_datagrams, .timeout = 60)
{
	static char data[100000];
	struct xs_address own, from;
	int server = udp_socket(&own), large = 1 << 20;
	struct relay relay = relay_start("0");
	struct datagrams d = opened(&relay, &own, "dtls", "timeout=2");
	struct pollfd ended = { .fd = d.end[0] };

	setsockopt(d.end[0], SOL_SOCKET, SO_SNDBUF, &large, sizeof(large));
	cr_assert_eq(send(d.end[0], data, sizeof(data), 0), sizeof(data));
	for (int i = 0; i < 100; i++) {
		if (i == 0)
			serve_datagram(server, data, sizeof(data), &from);
		for (size_t at = 0; at < 500; at++)
			data[at] = (char)rand();
		data[0] = (char)(20 + i % 7);
		sendto(server, data, (size_t)(rand() % 500), 0, &from.any,
		       from.len);
	}
	/* It fails in one way or the other, and says so. */
	cr_assert_eq(poll(&ended, 1, 20000), 1);
	cr_assert(ended.revents & POLLHUP);
	forget(&d);
	cr_assert_eq(relay_wait(&relay, 20), 0);
	close(server);
}

Test(relay_datagrams, many, .timeout = 60)
{
	enum { MANY = 200 };
	static struct datagrams d[MANY];
	struct xs_address own, from;
	int server = udp_socket(&own), before;
	struct relay relay = relay_start("5");
	char data[64];

	/* It has all that it keeps when it has had one. */
	d[0] = opened(&relay, &own, "udp", "relay=1");
	forget(&d[0]);
	usleep(200000);
	before = count_descriptors(relay.pid);
	for (int i = 0; i < MANY; i++)
		d[i] = opened(&relay, &own, "udp", "relay=1");
	for (int i = 0; i < MANY; i++) {
		int len = snprintf(data, sizeof(data), "%d", i);

		cr_assert_eq(send(d[i].end[0], data, (size_t)len, 0), len);
		cr_assert_eq(serve_datagram(server, data, sizeof(data), &from),
			     len);
		sendto(server, data, (size_t)len, 0, &from.any, from.len);
	}
	for (int i = 0; i < MANY; i++) {
		memset(data, 0, sizeof(data));
		cr_assert_gt(receive(d[i].end[0], data, sizeof(data)), 0);
		cr_assert_eq(atoi(data), i);
		forget(&d[i]);
	}
	cr_assert_leq(wait_for_descriptors(relay.pid, before), before);
	cr_assert_eq(relay_wait(&relay, 20), 0);
	close(server);
}
