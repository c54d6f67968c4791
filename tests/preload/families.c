/* Sockets that are none of the library's business, and connects that are no
 * TCP connects: all as libc has it, whatever the rules say. */
#include "victim.h"
#include <linux/netlink.h>

static void unix_sockets(int type, const char *key)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	socklen_t len;
	int server = socket(AF_UNIX, type, 0);
	int client = socket(AF_UNIX, type, 0);

	printf("%s\n", key);
	snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1,
		 "xsock-victim-%d", getpid());
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
			  strlen(name.sun_path + 1));
	say("  connect to nobody",
	    connect(client, (struct sockaddr *)&name, len));
	say("  bind", bind(server, (struct sockaddr *)&name, len));
	if (type != SOCK_DGRAM)
		say("  listen", listen(server, 1));
	say("  connect", connect(client, (struct sockaddr *)&name, len));
	say("  write", write(client, "x", 1));
	say_text("  name is kept", "%s",
		 getpeername(client, (struct sockaddr *)&name, &len) == 0 &&
				 name.sun_path[0] == '\0' &&
				 strncmp(name.sun_path + 1, "xsock-victim",
					 12) == 0
			 ? "yes"
			 : "no");
	close(client);
	close(server);
}

static void pair_options(void)
{
	int fd[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd) < 0)
		exit(1);
	say_number("pair SO_DOMAIN", fd[0], SOL_SOCKET, SO_DOMAIN);
	say_number("pair SO_PROTOCOL", fd[0], SOL_SOCKET, SO_PROTOCOL);
	say_number("pair TCP_NODELAY", fd[0], IPPROTO_TCP, TCP_NODELAY);
	say_number("pair IP_TOS", fd[0], IPPROTO_IP, IP_TOS);
	say_so_error("pair SO_ERROR", fd[0]);
	say_names("pair", fd[0]);
	close(fd[0]);
	close(fd[1]);
}

static void netlink(void)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);

	say("netlink", connect(fd, (struct sockaddr *)&kernel, sizeof(kernel)));
	close(fd);
}

static void udp(const char *key, const char *ip)
{
	struct place p = place(ip, "ECHO");
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	int fd = socket(p.any.sa_family, SOCK_DGRAM, 0);

	printf("%s\n", key);
	say("  connect", connect(fd, &p.any, p.len));
	say_names(" ", fd);
	say_number("  SO_TYPE", fd, SOL_SOCKET, SO_TYPE);
	say_number("  SO_PROTOCOL", fd, SOL_SOCKET, SO_PROTOCOL);
	say("  connect again", connect(fd, &p.any, p.len));
	say("  disconnect", connect(fd, &none, sizeof(none)));
	say_names("  disconnected", fd);
	close(fd);
}

/* AF_UNSPEC on TCP: never connected, connected. */
static void unspec(void)
{
	struct place p = place("127.0.0.1", "ECHO");
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	say("AF_UNSPEC, fresh", connect(fd, &none, sizeof(none)));
	say("AF_UNSPEC, fresh, then connect", connect(fd, &p.any, p.len));
	say_echo("AF_UNSPEC, fresh, then echo", fd, "specified\n");
	close(fd);
}

/* Address 0.0.0.0 means this machine. */
static void any_address(void)
{
	struct place p = place("0.0.0.0", "CLOSED");
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	say("0.0.0.0, closed port", connect(fd, &p.any, p.len));
	close(fd);
	p = place("127.0.0.1", NULL);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	say("port 0", connect(fd, &p.any, p.len));
	close(fd);
}

static void v6_only(void)
{
	struct place p = place("::ffff:127.0.0.1", "ECHO");
	const int on = 1;
	int fd = socket(AF_INET6, SOCK_STREAM, 0);

	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	say("IPv4-mapped on an IPv6-only socket", connect(fd, &p.any, p.len));
	close(fd);
}

/* Accepted and listening sockets are the application's own. */
static void as_server(void)
{
	struct place p = place("127.0.0.1", NULL);
	int listening = socket(AF_INET, SOCK_STREAM, 0);
	int fd, accepted;

	say("server bind", bind(listening, &p.any, p.len));
	say("server listen", listen(listening, 5));
	getsockname(listening, &p.any, &p.len);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	say("server's client", connect(fd, &p.any, p.len));
	say_poll("poll", listening, POLLIN, 5000);
	set_nonblocking(listening);
	accepted = (int)say_ok("accept", accept(listening, NULL, NULL));
	say_names("accepted", accepted);
	say_number("accepted SO_DOMAIN", accepted, SOL_SOCKET, SO_DOMAIN);
	say("accepted write", write(accepted, "x", 1));
	close(fd);
	close(accepted);
	close(listening);
}

int main(void)
{
	unix_sockets(SOCK_STREAM, "unix stream");
	unix_sockets(SOCK_SEQPACKET, "unix seqpacket");
	unix_sockets(SOCK_DGRAM, "unix datagram");
	pair_options();
	netlink();
	udp("UDP, IPv4", "127.0.0.1");
	udp("UDP, IPv6", "::1");
	unspec();
	any_address();
	v6_only();
	as_server();
	return 0;
}
