/* The benchmark's process in the middle: what a relay of datagrams costs at
 * least.
 *
 *     middle PORT PROGRAM…
 *
 * The program has one end of a pair as its descriptor 3, as an application
 * under the library has one.  What comes from there goes to the server of
 * datagrams at PORT of 127.0.0.1, and the answers come back, as they are: DTLS
 * is the program's, and there are no rules, and nothing is counted.  Ends with
 * the program, and with its exit status.
 *
 * It waits as the relay does: awake, and giving the processor to whoever wants
 * it (sched_yield), for a while; then in poll(2).  It reads without asking
 * first whether there is something, and nothing bounds the processor time that
 * it wastes.  So no relay that is to be a good neighbour can be faster.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	PROGRAMS = 3,	 /* the program's descriptor */
	MANY = 16,	 /* that are moved at once, */
	ROOM = 2048,	 /* none of which is longer */
	AWAKE = 1000000, /* nanoseconds */
};

static void die(const char *what)
{
	fprintf(stderr, "middle: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* How many; 0: nothing is there, or, with *ended, nothing will be. */
static int move(int from, int to, bool *ended)
{
	static char room[MANY][ROOM];
	struct mmsghdr list[MANY];
	struct iovec part[MANY];
	int count;

	for (int i = 0; i < MANY; i++) {
		part[i] = (struct iovec){ room[i], ROOM };
		list[i].msg_hdr =
			(struct msghdr){ .msg_iov = &part[i], .msg_iovlen = 1 };
	}
	count = recvmmsg(from, list, MANY, MSG_DONTWAIT, NULL);
	if (count <= 0)
		return 0;
	/* No datagram here is empty: that is the end. */
	*ended = !list[count - 1].msg_len;
	for (int i = 0; i < count; i++)
		part[i].iov_len = list[i].msg_len;
	sendmmsg(to, list, (unsigned)count, MSG_DONTWAIT | MSG_NOSIGNAL);
	return count;
}

/* Until the program closes its end. */
static void serve(int pair, int server)
{
	struct pollfd at[] = { { .fd = pair, .events = POLLIN },
			       { .fd = server, .events = POLLIN } };
	int64_t moved = now_ns();
	bool ended = false, unused;

	while (!ended) {
		if (move(pair, server, &ended) + move(server, pair, &unused))
			moved = now_ns();
		else if (now_ns() - moved < AWAKE)
			sched_yield();
		else if (poll(at, 2, -1) < 0)
			die("poll");
		else
			moved = now_ns();
	}
}

static int connect_to(unsigned port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		die("connect");
	return fd;
}

/* Returns the other end of its pair. */
static int start(char **program, pid_t *pid)
{
	int pair[2], end;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		die("socketpair");
	*pid = fork();
	if (*pid < 0)
		die("fork");
	if (*pid) {
		close(pair[1]);
		return pair[0];
	}
	/* Of itself, dup2 makes no copy that is open in the program. */
	end = fcntl(pair[1], F_DUPFD_CLOEXEC, PROGRAMS + 1);
	if (end < 0 || dup2(end, PROGRAMS) < 0)
		die("dup2");
	execv(*program, program);
	die(*program);
	return -1;
}

int main(int argc, char **argv)
{
	pid_t pid;
	int pair, server, status;

	if (argc < 3)
		return 2;
	pair = start(argv + 2, &pid);
	server = connect_to((unsigned)strtoul(argv[1], NULL, 10));
	serve(pair, server);
	if (waitpid(pid, &status, 0) < 0)
		die("waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
