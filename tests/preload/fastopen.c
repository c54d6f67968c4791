/* Data in the SYN: MSG_FASTOPEN and TCP_FASTOPEN_CONNECT. */
#include "victim.h"

#ifndef TCP_FASTOPEN_CONNECT
#define TCP_FASTOPEN_CONNECT 30
#endif

static void read_back(const char *key, int fd, size_t want)
{
	char buffer[64] = "";
	size_t have = 0;
	ssize_t got;
	struct pollfd p = { .fd = fd, .events = POLLIN };

	while (have < want && poll(&p, 1, 10000) > 0 &&
	       (got = read(fd, buffer + have, want - have)) > 0)
		have += (size_t)got;
	say_text(key, "%s", buffer);
}

static void by_sendto(const char *key, const char *ip)
{
	struct place p = place(ip, "ECHO");
	int fd = socket(p.any.sa_family, SOCK_STREAM, 0);

	printf("%s\n", key);
	say("  sendto", sendto(fd, "first", 5, MSG_FASTOPEN, &p.any, p.len));
	say_names(" ", fd);
	say("  send", send(fd, "second", 6, 0));
	read_back("  back", fd, 11);
	say("  sendto again",
	    sendto(fd, "third", 5, MSG_FASTOPEN, &p.any, p.len));
	close(fd);
}

static void by_sendmsg(void)
{
	struct place p = place("127.0.0.1", "ECHO");
	struct iovec parts[2] = { { (char *)"one", 3 }, { (char *)"two", 3 } };
	struct msghdr message = { .msg_name = &p.any,
				  .msg_namelen = p.len,
				  .msg_iov = parts,
				  .msg_iovlen = 2 };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	say("sendmsg", sendmsg(fd, &message, MSG_FASTOPEN));
	read_back("sendmsg, back", fd, 6);
	close(fd);
}

static void nonblocking_sendto(void)
{
	struct place p = place("127.0.0.1", "ECHO");
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	ssize_t put = sendto(fd, "early", 5, MSG_FASTOPEN, &p.any, p.len);

	/* Without a cookie the kernel takes nothing and connects. */
	say("non-blocking sendto", put);
	say_poll("non-blocking sendto, poll", fd, POLLOUT, 10000);
	say_so_error("non-blocking sendto, SO_ERROR", fd);
	if (put < 0)
		say("non-blocking sendto, send", send(fd, "early", 5, 0));
	read_back("non-blocking sendto, back", fd, 5);
	close(fd);
}

static void refused(void)
{
	struct place p = place("127.0.0.1", "CLOSED");
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	say("refused",
	    sendto(fd, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL, &p.any, p.len));
	close(fd);
	p = place("127.0.0.1", "ECHO");
	fd = socket(AF_INET, SOCK_STREAM, 0);
	say("no MSG_FASTOPEN", sendto(fd, "x", 1, MSG_NOSIGNAL, &p.any, p.len));
	say("no address",
	    sendto(fd, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL, NULL, 0));
	close(fd);
}

static void by_option(void)
{
	struct place p = place("127.0.0.1", "ECHO");
	const int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	say("option",
	    setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof(on)));
	say("option, connect", connect(fd, &p.any, p.len));
	say("option, write", write(fd, "later", 5));
	read_back("option, back", fd, 5);
	say_names("option", fd);
	close(fd);
}

/* UDP's sendto is nobody's business. */
static void udp(void)
{
	struct place p = place("127.0.0.1", "ECHO");
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	say("UDP sendto", sendto(fd, "x", 1, 0, &p.any, p.len));
	close(fd);
}

int main(void)
{
	by_sendto("sendto, IPv4", "127.0.0.1");
	by_sendto("sendto, IPv6", "::1");
	by_sendmsg();
	nonblocking_sendto();
	refused();
	by_option();
	udp();
	return 0;
}
