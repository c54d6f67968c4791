/* No way there: run in a network namespace of its own, where not even the
 * loopback interface is up. */
#include "victim.h"

static void one(const char *key, const char *ip, int type)
{
	struct place p = place(ip, "ECHO");
	int fd = socket(p.any.sa_family, SOCK_STREAM | type, 0);

	printf("%s\n", key);
	say("  connect", connect(fd, &p.any, p.len));
	say_so_error("  SO_ERROR", fd);
	say_names(" ", fd);
	say_poll("  poll", fd, POLLIN | POLLOUT, 0);
	say("  connect again", connect(fd, &p.any, p.len));
	close(fd);
}

int main(void)
{
	one("IPv4", "198.51.100.1", 0);
	one("IPv4, non-blocking", "198.51.100.1", SOCK_NONBLOCK);
	one("IPv6", "100::1", 0);
	one("IPv6, non-blocking", "100::1", SOCK_NONBLOCK);
	one("loopback", "127.0.0.1", 0);
	say("descriptors", open_descriptors());
	return 0;
}
