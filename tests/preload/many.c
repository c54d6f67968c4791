/* 1,000 connections at once from one thread: non-blocking, one epoll set, each
 * with data of its own that must come back intact. */
#include "victim.h"
#include <sys/resource.h>

enum { MANY = 1000, BYTES = 5000 };

struct one {
	int fd;
	int number, sent, received;
	bool connected, wrong;
};

static struct one all[MANY];

static unsigned char byte_of(const struct one *o, int at)
{
	return (unsigned char)(o->number * 7 + at * 13 + at / 251);
}

static void begin(int set, int number)
{
	struct place p = place(number % 2 ? "127.0.0.1" : "::1", "ECHO");
	struct one *o = &all[number];
	struct epoll_event e = { .events = EPOLLOUT | EPOLLIN, .data.ptr = o };

	o->number = number;
	o->fd = socket(p.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (o->fd < 0 ||
	    (connect(o->fd, &p.any, p.len) < 0 && errno != EINPROGRESS)) {
		say("begin", -1);
		exit(1);
	}
	epoll_ctl(set, EPOLL_CTL_ADD, o->fd, &e);
}

static void check_connected(struct one *o)
{
	int error = 0;
	socklen_t len = sizeof(error);

	getsockopt(o->fd, SOL_SOCKET, SO_ERROR, &error, &len);
	if (error) {
		errno = error;
		say("connect", -1);
		exit(1);
	}
	o->connected = true;
}

static void send_some(int set, struct one *o)
{
	unsigned char buffer[BYTES];
	ssize_t put;

	for (int i = o->sent; i < BYTES; i++)
		buffer[i - o->sent] = byte_of(o, i);
	put = write(o->fd, buffer, (size_t)(BYTES - o->sent));
	if (put > 0)
		o->sent += (int)put;
	if (o->sent == BYTES) {
		struct epoll_event e = { .events = EPOLLIN, .data.ptr = o };

		epoll_ctl(set, EPOLL_CTL_MOD, o->fd, &e);
	}
}

static void receive_some(struct one *o)
{
	unsigned char buffer[BYTES];
	ssize_t got = read(o->fd, buffer, sizeof(buffer));

	if (got == 0 || (got < 0 && errno != EAGAIN)) {
		say("read", got);
		exit(1);
	}
	for (ssize_t i = 0; i < got; i++)
		o->wrong |= buffer[i] != byte_of(o, o->received + (int)i);
	if (got > 0)
		o->received += (int)got;
}

int main(void)
{
	struct rlimit limit;
	int set = epoll_create1(0), done = 0, wrong = 0, named = 0;
	double deadline;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	for (int i = 0; i < MANY; i++)
		begin(set, i);
	deadline = now() + 60;
	while (done < MANY && now() < deadline) {
		struct epoll_event events[64];
		int n = epoll_wait(set, events, 64, 1000);

		for (int i = 0; i < n; i++) {
			struct one *o = events[i].data.ptr;

			if (!o->connected)
				check_connected(o);
			if (events[i].events & EPOLLOUT)
				send_some(set, o);
			if (events[i].events & EPOLLIN)
				receive_some(o);
			if (o->received == BYTES) {
				epoll_ctl(set, EPOLL_CTL_DEL, o->fd, NULL);
				done++;
			}
		}
	}
	for (int i = 0; i < MANY; i++) {
		struct place p = { .len = sizeof(p.storage) };

		wrong += all[i].wrong;
		named += getpeername(all[i].fd, &p.any, &p.len) == 0 &&
			 ntohs(p.v4.sin_port) == port_of("ECHO");
		close(all[i].fd);
	}
	say_text("connections", "%d done, %d wrong, %d with their name", done,
		 wrong, named);
	return 0;
}
