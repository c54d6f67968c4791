/* UDP sockets that are not connected: one socket with several peers, of which
 * some match a rule, and every call that sends to an address or tells one.
 *
 * Ports: UDP_ECHO sends every datagram back.  The other peers are here: each
 * sends back what it gets, with its own name in front. */
#include "victim.h"
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>

enum { PATIENCE_MS = 10000 };

/* --- peers that no rule is about ------------------------------------------ */

static struct place other[2];

static void serve_forever(int fd, char name)
{
	char data[2048];

	for (;;) {
		struct place from = { .len = sizeof(from.storage) };
		ssize_t got = recvfrom(fd, data + 1, sizeof(data) - 1, 0,
				       &from.any, &from.len);

		data[0] = name;
		/* Not by libc: a rule may be about who asked. */
		if (got >= 0)
			syscall(SYS_sendto, fd, data, (size_t)got + 1, 0,
				&from.any, from.len);
	}
}

static void *serve_first(void *arg)
{
	serve_forever(*(int *)arg, 'a');
	return NULL;
}

static void *serve_second(void *arg)
{
	serve_forever(*(int *)arg, 'b');
	return NULL;
}

static void start_others(void)
{
	static int fd[2];
	pthread_t thread;

	for (int i = 0; i < 2; i++) {
		other[i] = place(i ? "127.0.0.3" : "127.0.0.2", NULL);
		fd[i] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		bind(fd[i], &other[i].any, other[i].len);
		getsockname(fd[i], &other[i].any, &other[i].len);
	}
	pthread_create(&thread, NULL, serve_first, &fd[0]);
	pthread_create(&thread, NULL, serve_second, &fd[1]);
}

static struct place echo(void)
{
	return place("127.0.0.1", "UDP_ECHO");
}

/* --- telling who it was --------------------------------------------------- */

static const char *who(const struct place *p)
{
	struct place four = *p;

	if (p->len == sizeof(p->v6) && p->any.sa_family == AF_INET6 &&
	    IN6_IS_ADDR_V4MAPPED(&p->v6.sin6_addr)) {
		four.v4.sin_family = AF_INET;
		four.v4.sin_port = p->v6.sin6_port;
		memcpy(&four.v4.sin_addr, p->v6.sin6_addr.s6_addr + 12, 4);
		four.len = sizeof(four.v4);
	}
	if (four.len != sizeof(four.v4))
		return "nobody";
	for (int i = 0; i < 3; i++) {
		struct place known = i < 2 ? other[i] : echo();

		if (four.v4.sin_port == known.v4.sin_port &&
		    four.v4.sin_addr.s_addr == known.v4.sin_addr.s_addr)
			return i == 0 ? "a" : i == 1 ? "b" : "ECHO";
	}
	return "a stranger";
}

static void await(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	if (poll(&p, 1, PATIENCE_MS) != 1)
		puts("nothing comes");
}

static void say_next(const char *key, int fd)
{
	struct place from = { .len = sizeof(from.storage) };
	char data[2048] = "";
	ssize_t got;

	await(fd);
	got = recvfrom(fd, data, sizeof(data) - 1, MSG_DONTWAIT, &from.any,
		       &from.len);
	if (got < 0)
		say(key, got);
	else
		say_text(key, "%zd %.20s from %s (%d, %u)", got, data,
			 who(&from), from.any.sa_family, from.len);
}

static long send_to(int fd, const char *text, const struct place *to)
{
	return sendto(fd, text, strlen(text), 0, &to->any, to->len);
}

static int udp(void)
{
	return socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

/* --- the calls ------------------------------------------------------------ */

static void names(void)
{
	struct place to = echo(), p = { .len = sizeof(p.storage) };
	int fd = udp();

	puts("names");
	say("  sendto", send_to(fd, "first", &to));
	say("  getsockname", getsockname(fd, &p.any, &p.len));
	say_text("  local", "%s %s", inet_ntoa(p.v4.sin_addr),
		 p.v4.sin_port ? "a port" : "no port");
	say("  getpeername", getpeername(fd, &p.any, &p.len));
	say_next("  back", fd);
	close(fd);
}

static void mixed(void)
{
	struct place to[] = { echo(), other[0], other[1] };
	char key[32];
	int fd = udp();

	puts("mixed");
	for (int i = 0; i < 9; i++) {
		snprintf(key, sizeof(key), "  sendto %d", i);
		say(key, send_to(fd, "turn", &to[i % 3]));
		snprintf(key, sizeof(key), "  back %d", i);
		say_next(key, fd);
	}
	close(fd);
}

static void parts(void)
{
	struct place to = echo();
	struct iovec part[2] = { { (char *)"one", 3 }, { (char *)"two", 3 } };
	struct msghdr msg = { .msg_name = &to.any,
			      .msg_namelen = to.len,
			      .msg_iov = part,
			      .msg_iovlen = 2 };
	int fd = udp();

	puts("parts");
	say("  sendmsg", sendmsg(fd, &msg, 0));
	say_next("  back", fd);
	msg.msg_iovlen = 0;
	say("  without parts", sendmsg(fd, &msg, 0));
	close(fd);
}

static void lists(void)
{
	static const char *const text[] = { "1", "22", "333", "4444", "55555" };
	struct place to[] = { other[0], echo(), echo(), other[1], echo() };
	struct place from[5];
	struct mmsghdr list[5] = { 0 };
	struct iovec part[5];
	char data[5][64];
	bool seen[3] = { false };
	int fd = udp(), all = 0;

	puts("lists");
	for (int i = 0; i < 5; i++) {
		part[i] = (struct iovec){ (char *)text[i], strlen(text[i]) };
		list[i].msg_hdr = (struct msghdr){ .msg_name = &to[i].any,
						   .msg_namelen = to[i].len,
						   .msg_iov = &part[i],
						   .msg_iovlen = 1 };
	}
	say("  sendmmsg", sendmmsg(fd, list, 5, 0));
	for (int i = 0; i < 5; i++)
		all += (int)list[i].msg_len;
	say("  bytes", all);
	all = 0;
	for (int count = 0; count < 5;) {
		int got;

		for (int i = 0; i < 5; i++) {
			part[i] = (struct iovec){ data[i], sizeof(data[i]) };
			from[i].len = sizeof(from[i].storage);
			list[i].msg_hdr =
				(struct msghdr){ .msg_name = &from[i].any,
						 .msg_namelen = from[i].len,
						 .msg_iov = &part[i],
						 .msg_iovlen = 1 };
		}
		await(fd);
		got = recvmmsg(fd, list, 5, MSG_DONTWAIT, NULL);
		if (got <= 0) {
			say("  recvmmsg", got);
			break;
		}
		for (int i = 0; i < got; i++) {
			from[i].len = list[i].msg_hdr.msg_namelen;
			all += (int)list[i].msg_len;
			seen[0] |= strcmp(who(&from[i]), "a") == 0;
			seen[1] |= strcmp(who(&from[i]), "b") == 0;
			seen[2] |= strcmp(who(&from[i]), "ECHO") == 0;
		}
		count += got;
	}
	say("  bytes back", all);
	say_text("  from", "%d %d %d", seen[0], seen[1], seen[2]);
	close(fd);
}

/* --- what a receive can tell ---------------------------------------------- */

static void looks(void)
{
	struct place to = echo(), from = { .len = 0 };
	struct timeval limit = { .tv_usec = 100000 };
	char data[8] = "";
	int fd = udp(), there = 0;
	union {
		struct sockaddr any;
		char bytes[4];
	} little;
	socklen_t room = sizeof(little.bytes);

	puts("looks");
	say("  sendto", send_to(fd, "ten bytes!", &to));
	await(fd);
	say("  FIONREAD", ioctl(fd, FIONREAD, &there));
	say("  there", there);
	from.len = sizeof(from.storage);
	say("  peek", recvfrom(fd, data, 4, MSG_PEEK, &from.any, &from.len));
	say_text("  peeked", "%.4s from %s", data, who(&from));
	say("  peek, cut", recv(fd, data, 4, MSG_PEEK | MSG_TRUNC));
	from.len = sizeof(from.storage);
	say("  cut", recvfrom(fd, data, 4, MSG_TRUNC, &from.any, &from.len));
	say_text("  of", "%s", who(&from));
	say("  sendto again", send_to(fd, "short", &to));
	await(fd);
	say("  little room",
	    recvfrom(fd, data, sizeof(data), 0, &little.any, &room));
	say("  needed", room);
	say("  read, sent", send_to(fd, "read", &to));
	await(fd);
	say("  read", read(fd, data, sizeof(data)));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	say("  nothing", recv(fd, data, sizeof(data), 0));
	say("  empty", sendto(fd, "", 0, 0, &other[0].any, other[0].len));
	say_next("  empty, back", fd);
	close(fd);
}

/* The local address, as a server on several would want it. */
static void local_address(void)
{
	char space[256], data[64];
	struct iovec part = { data, sizeof(data) };
	struct place from, to = echo();
	struct msghdr msg = { .msg_name = &from.any,
			      .msg_namelen = sizeof(from.storage),
			      .msg_iov = &part,
			      .msg_iovlen = 1,
			      .msg_control = space,
			      .msg_controllen = sizeof(space) };
	struct in_pktinfo info = { .ipi_ifindex = -1 };
	struct cmsghdr *c;
	int fd = udp(), one = 1;

	puts("local address");
	setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &one, sizeof(one));
	say("  sendto", send_to(fd, "where", &to));
	await(fd);
	say("  recvmsg", recvmsg(fd, &msg, 0));
	for (c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c))
		if (c->cmsg_type == IP_PKTINFO)
			memcpy(&info, CMSG_DATA(c), sizeof(info));
	say_text("  to", "%s", inet_ntoa(info.ipi_addr));
	/* And back, from there. */
	from.len = msg.msg_namelen;
	say_text("  from", "%s", who(&from));
	part.iov_len = 3;
	memcpy(data, "and", 3);
	say("  sendmsg", sendmsg(fd, &msg, 0));
	say_next("  back", fd);
	close(fd);
}

static void segments(void)
{
	struct place to = echo();
	char space[CMSG_SPACE(sizeof(uint16_t))] = "";
	struct iovec part = { (char *)"123412341", 9 };
	struct msghdr msg = { .msg_name = &to.any,
			      .msg_namelen = to.len,
			      .msg_iov = &part,
			      .msg_iovlen = 1,
			      .msg_control = space,
			      .msg_controllen = sizeof(space) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	const uint16_t size = 4;
	int fd = udp();

	c->cmsg_level = IPPROTO_UDP;
	c->cmsg_type = UDP_SEGMENT;
	c->cmsg_len = CMSG_LEN(sizeof(size));
	memcpy(CMSG_DATA(c), &size, sizeof(size));
	puts("segments");
	say("  sendmsg", sendmsg(fd, &msg, 0));
	say_next("  first", fd);
	say_next("  second", fd);
	say_next("  third", fd);
	close(fd);
}

static void sizes(void)
{
	static char data[70000];
	struct place to = echo();
	int fd = udp();

	puts("sizes");
	say("  1200", sendto(fd, data, 1200, 0, &to.any, to.len));
	await(fd);
	say("  back", recv(fd, data, sizeof(data), MSG_DONTWAIT));
	say("  65508", sendto(fd, data, 65508, 0, &to.any, to.len));
	close(fd);
}

static void mapped(void)
{
	struct place to = place("::ffff:127.0.0.1", "UDP_ECHO");
	struct place four = echo();
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	puts("mapped");
	say("  sendto", send_to(fd, "six", &to));
	say_next("  back", fd);
	say("  four", send_to(fd, "four", &four));
	say_next("  four, back", fd);
	close(fd);
}

/* What the kernel takes for the address of the peer, too: one of no family, and
 * one with more room than any address has. */
static void odd_names(void)
{
	struct iovec part = { .iov_base = "odd", .iov_len = 3 };
	struct place to = echo();
	char room[256] = "";
	struct msghdr msg = {
		.msg_name = room,
		.msg_namelen = sizeof(room),
		.msg_iov = &part,
		.msg_iovlen = 1,
	};
	struct mmsghdr list = { .msg_hdr = msg };
	int fd = udp();

	puts("odd names");
	memcpy(room, &to.any, to.len);
	say("  much room", sendmsg(fd, &msg, 0));
	say_next("  back", fd);
	say("  list", sendmmsg(fd, &list, 1, 0));
	say_next("  list, back", fd);
	to.any.sa_family = AF_UNSPEC;
	say("  no family", send_to(fd, "none", &to));
	say_next("  no family, back", fd);
	close(fd);
}

static void pointers(void)
{
	struct place to = echo();
	int fd = udp();

	puts("pointers");
	say("  address", sendto(fd, "x", 1, 0, (void *)8, to.len));
	say("  data", sendto(fd, (void *)8, 1, 0, &to.any, to.len));
	say("  length", sendto(fd, "x", 1, 0, &to.any, 3));
	say("  message", sendmsg(fd, (void *)8, 0));
	say("  list", sendmmsg(fd, (void *)8, 1, 0));
	say("  not open", sendto(-1, "x", 1, 0, &to.any, to.len));
	close(fd);
}

/* --- copies and processes ------------------------------------------------- */

static void copies(void)
{
	struct place to = echo();
	int fd = udp(), copy;

	puts("copies");
	say("  sendto", send_to(fd, "first", &to));
	say_next("  back", fd);
	copy = dup(fd);
	close(fd);
	say("  by dup", send_to(copy, "second", &to));
	say_next("  by dup, back", copy);
	fflush(stdout);
	if (fork() == 0) {
		say("  child", send_to(copy, "third", &to));
		say_next("  child, back", copy);
		_exit(0);
	}
	wait(NULL);
	say("  parent", send_to(copy, "fourth", &to));
	say_next("  parent, back", copy);
	close(copy);
}

static void executed(const char *own)
{
	struct place to = echo();
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	char number[16];

	puts("executed");
	say("  sendto", send_to(fd, "before", &to));
	snprintf(number, sizeof(number), "%d", fd);
	fflush(stdout);
	if (fork() == 0) {
		execl(own, own, number, NULL);
		_exit(1);
	}
	wait(NULL);
	close(fd);
}

/* What was sent before the exec is received behind it, and told to be of its
 * peer. */
static int behind_exec(int fd)
{
	struct place to = echo();

	say_next("  from before", fd);
	say("  sendto behind", send_to(fd, "behind", &to));
	say_next("  back", fd);
	return 0;
}

enum { THREADS = 8, ROUNDS = 40 };

static void *talk(void *arg)
{
	struct place to[] = { echo(), other[0] };
	int fd = udp();
	long right = 0;

	for (int i = 0; i < ROUNDS; i++) {
		struct place from = { .len = sizeof(from.storage) };
		char data[64];

		send_to(fd, "thread", &to[i % 2]);
		await(fd);
		right += recvfrom(fd, data, sizeof(data), MSG_DONTWAIT,
				  &from.any, &from.len) == 6 + i % 2 &&
			 strcmp(who(&from), i % 2 ? "a" : "ECHO") == 0;
	}
	close(fd);
	*(long *)arg = right;
	return NULL;
}

static void threads(void)
{
	pthread_t thread[THREADS];
	long right[THREADS], all = 0;

	for (int i = 0; i < THREADS; i++)
		pthread_create(&thread[i], NULL, talk, &right[i]);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(thread[i], NULL);
		all += right[i];
	}
	say("threads", all);
}

/* One socket, and all threads of the process begin at once. */
static struct {
	pthread_barrier_t barrier;
	int fd;
} at_once;

static void *begin(void *arg)
{
	struct place to = echo();

	pthread_barrier_wait(&at_once.barrier);
	*(long *)arg = send_to(at_once.fd, "once", &to);
	return NULL;
}

/* How many of them have an answer.  The kernel gives the socket its port when
 * the first of them sends. */
static long together_once(void)
{
	pthread_t thread[THREADS];
	long sent[THREADS], right = 0;

	at_once.fd = udp();
	pthread_barrier_init(&at_once.barrier, NULL, THREADS);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&thread[i], NULL, begin, &sent[i]);
	for (int i = 0; i < THREADS; i++) {
		struct place from = { .len = sizeof(from.storage) };
		struct pollfd answer = { .fd = at_once.fd, .events = POLLIN };
		char data[64];

		pthread_join(thread[i], NULL);
		poll(&answer, 1, PATIENCE_MS);
		right += sent[i] == 4 &&
			 recvfrom(at_once.fd, data, sizeof(data), MSG_DONTWAIT,
				  &from.any, &from.len) == 4 &&
			 strcmp(who(&from), "ECHO") == 0;
	}
	close(at_once.fd);
	return right;
}

/* A thread that sends while another one's send gives the socket its port sends
 * from port 0 now and then, and has no answer: Linux sets the number before the
 * header's copy of it (inet_autobind).  That is once in a thousand times. */
static void together(void)
{
	long right = 0;

	for (int i = 0; i < 5 && right < THREADS; i++)
		right = together_once();
	say("together", right);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return behind_exec(atoi(argv[1]));
	start_others();
	names();
	mixed();
	parts();
	lists();
	looks();
	local_address();
	segments();
	sizes();
	mapped();
	odd_names();
	pointers();
	copies();
	executed(argv[0]);
	threads();
	together();
	return 0;
}
