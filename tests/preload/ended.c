/* A connection that has ended, both ways: what its descriptor still answers. */
#include "victim.h"

static void wait_for_hangup(int fd)
{
	struct pollfd end = { .fd = fd };

	for (int tries = 0; tries < 1000; tries++) {
		if (poll(&end, 1, 10) == 1 && (end.revents & POLLHUP))
			return;
	}
	say_text("hang-up", "none");
}

static void say_peer(const char *key, int fd)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);

	say(key, getpeername(fd, (struct sockaddr *)&peer, &len));
}

static void ended(const char *ip)
{
	int on = 1, fd = connected(ip, "ECHO");
	struct tcp_info info = { .tcpi_state = 0 };
	socklen_t len = sizeof(info);
	char byte;

	say_text(ip, "as follows");
	say_peer("  peer", fd);
	say("  shutdown", shutdown(fd, SHUT_WR));
	say("  end", recv(fd, &byte, 1, 0));
	wait_for_hangup(fd);
	say_peer("  peer of an ended connection", fd);
	say("  set TCP_NODELAY",
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)));
	say("  set SO_KEEPALIVE",
	    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)));
	say("  set with no room",
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, 1));
	say("  TCP_INFO", getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len));
	say_text("  state", "%s",
		 info.tcpi_state == TCP_CLOSE ? "CLOSE" : "another");
	say("  close", close(fd));
}

/* A shutdown of one way does not end the connection. */
static void shut_only(void)
{
	int fd = connected("127.0.0.1", "SOURCE");

	say("shutdown of reading", shutdown(fd, SHUT_RD));
	say_peer("its peer", fd);
	close(fd);
}

int main(void)
{
	ended("127.0.0.1");
	ended("::1");
	shut_only();
	return 0;
}
