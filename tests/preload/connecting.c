/* Ways to connect that few programs use. */
#include "victim.h"
#include <pthread.h>

/* AF_UNSPEC dissolves a connection; the socket can connect again. */
static void dissolved(const char *key, const char *ip)
{
	struct place p = place(ip, "ECHO");
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	int fd = connected(ip, "ECHO");

	printf("%s\n", key);
	say_echo("  first, echo", fd, "first\n");
	say("  AF_UNSPEC", connect(fd, &none, sizeof(none)));
	say("  write", write(fd, "x", 1));
	say("  read", read(fd, &(char){ 0 }, 1));
	say("  AF_UNSPEC again", connect(fd, &none, sizeof(none)));
	say("  connect", connect(fd, &p.any, p.len));
	say_names("  second", fd);
	say_echo("  second, echo", fd, "second\n");
	close(fd);
}

/* … also one that is still under way. */
static void given_up(void)
{
	struct place pending = place("127.0.0.1", "PENDING");
	struct place p = place("127.0.0.1", "ECHO");
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	say("given up, connect", connect(fd, &pending.any, pending.len));
	say("given up, AF_UNSPEC", connect(fd, &none, sizeof(none)));
	fcntl(fd, F_SETFL, 0);
	say("given up, connect elsewhere", connect(fd, &p.any, p.len));
	say_echo("given up, echo", fd, "elsewhere\n");
	close(fd);
}

static void by_sendmmsg(void)
{
	struct place p = place("127.0.0.1", "ECHO");
	struct iovec part[3] = { { (char *)"one", 3 },
				 { (char *)"two", 3 },
				 { (char *)"three", 5 } };
	struct mmsghdr list[3] = {
		{ .msg_hdr = { .msg_name = &p.any,
			       .msg_namelen = p.len,
			       .msg_iov = &part[0],
			       .msg_iovlen = 1 } },
		{ .msg_hdr = { .msg_iov = &part[1], .msg_iovlen = 1 } },
		{ .msg_hdr = { .msg_iov = &part[2], .msg_iovlen = 1 } },
	};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	char back[16] = "";

	say("sendmmsg", sendmmsg(fd, list, 3, MSG_FASTOPEN));
	say("sendmmsg, lengths",
	    list[0].msg_len + list[1].msg_len + list[2].msg_len);
	say("sendmmsg, the rest", sendmmsg(fd, list + 1, 2, 0));
	say("sendmmsg, back", recv(fd, back, 11, MSG_WAITALL));
	say_text("sendmmsg, text", "%s", back);
	close(fd);
}

/* Several threads connect one descriptor; whoever comes second finds it
 * connected, or waits with the first. */
enum { THREADS = 8, ROUNDS = 40 };

static struct {
	pthread_barrier_t start, end;
	int fd;
	int good, odd;
} same;

static void *one_of_many(void *unused)
{
	struct place p = place("127.0.0.1", "ECHO");

	for (int i = 0; i < ROUNDS; i++) {
		int result;

		pthread_barrier_wait(&same.start);
		result = connect(same.fd, &p.any, p.len);
		if (result == 0)
			__atomic_add_fetch(&same.good, 1, __ATOMIC_RELAXED);
		else if (errno != EISCONN)
			__atomic_store_n(&same.odd, errno, __ATOMIC_RELAXED);
		pthread_barrier_wait(&same.end);
	}
	return unused;
}

static void one_descriptor(void)
{
	pthread_t thread[THREADS];
	int connections = 0, echoes = 0;

	pthread_barrier_init(&same.start, NULL, THREADS + 1);
	pthread_barrier_init(&same.end, NULL, THREADS + 1);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&thread[i], NULL, one_of_many, NULL);
	for (int i = 0; i < ROUNDS; i++) {
		char back[8];

		same.fd = socket(AF_INET, SOCK_STREAM, 0);
		same.good = 0;
		pthread_barrier_wait(&same.start);
		pthread_barrier_wait(&same.end);
		connections += same.good > 0;
		echoes += write(same.fd, "same", 4) == 4 &&
			  recv(same.fd, back, 4, MSG_WAITALL) == 4;
		close(same.fd);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	say("one descriptor, connected", connections);
	say("one descriptor, echoed", echoes);
	say_text("one descriptor, other errors", "%s",
		 same.odd ? strerrorname_np(same.odd) : "none");
}

int main(void)
{
	dissolved("dissolved, IPv4", "127.0.0.1");
	dissolved("dissolved, IPv6", "::1");
	given_up();
	by_sendmmsg();
	one_descriptor();
	return 0;
}
