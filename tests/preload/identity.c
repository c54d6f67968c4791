/* Who am I, whom do I talk to: names and options of the socket before and
 * after connect, on a copy, in a child, and in another program. */
#include "victim.h"
#include <netinet/ip.h>
#include <sys/resource.h>
#include <sys/time.h>

struct option {
	const char *name;
	int level, option;
	int set; /* a value to set and read back; -1: read only */
};

#define SOCK(o, v)                                                             \
	{                                                                      \
#o, SOL_SOCKET, o, v                                           \
	}
#define TCP(o, v)                                                              \
	{                                                                      \
#o, IPPROTO_TCP, o, v                                          \
	}
#define IP4(o, v)                                                              \
	{                                                                      \
#o, IPPROTO_IP, o, v                                           \
	}
#define IP6(o, v)                                                              \
	{                                                                      \
#o, IPPROTO_IPV6, o, v                                         \
	}

static const struct option options[] = {
	SOCK(SO_DOMAIN, -1),
	SOCK(SO_PROTOCOL, -1),
	SOCK(SO_TYPE, -1),
	SOCK(SO_ACCEPTCONN, -1),
	SOCK(SO_PASSCRED, 1),
	SOCK(SO_PEERCRED, -1),
	SOCK(SO_ERROR, -1),
	SOCK(SO_KEEPALIVE, 1),
	SOCK(SO_RCVBUF, 30000),
	SOCK(SO_SNDBUF, 40000),
	SOCK(SO_REUSEADDR, 1),
	SOCK(SO_REUSEPORT, 1),
	SOCK(SO_BROADCAST, 1),
	SOCK(SO_OOBINLINE, 1),
	SOCK(SO_PRIORITY, 3),
	SOCK(SO_MARK, 7),
	SOCK(SO_RCVLOWAT, 2),
	SOCK(SO_DONTROUTE, 1),
	TCP(TCP_NODELAY, 1),
	TCP(TCP_KEEPIDLE, 77),
	TCP(TCP_KEEPINTVL, 33),
	TCP(TCP_KEEPCNT, 5),
	TCP(TCP_SYNCNT, 4),
	TCP(TCP_LINGER2, 9),
	TCP(TCP_USER_TIMEOUT, 999),
	TCP(TCP_CORK, 0),
	TCP(TCP_NOTSENT_LOWAT, 16384),
	IP4(IP_TOS, IPTOS_LOWDELAY),
	IP4(IP_TTL, 55),
	IP4(IP_RECVERR, 1),
	IP4(IP_MTU_DISCOVER, 1),
};

static const struct option options_v6[] = {
	IP6(IPV6_V6ONLY, -1),
	IP6(IPV6_TCLASS, 16),
	IP6(IPV6_UNICAST_HOPS, 44),
	IP6(IPV6_RECVERR, 1),
};

enum {
	NOPTIONS = sizeof(options) / sizeof(*options),
	NOPTIONS_V6 = sizeof(options_v6) / sizeof(*options_v6)
};

/* "WHEN OPTION: VALUE (LENGTH)" */
static void say_option(const char *when, const struct option *o, int fd)
{
	int value = 0;
	socklen_t len = sizeof(value);
	char key[128];

	snprintf(key, sizeof(key), "  %s%s", when, o->name);
	if (getsockopt(fd, o->level, o->option, &value, &len) < 0)
		say(key, -1);
	else
		say_text(key, "%d (%u)", value, len);
}

static void set_option(const struct option *o, int fd)
{
	char key[128];

	if (o->set < 0)
		return;
	snprintf(key, sizeof(key), "  set %s", o->name);
	say(key, setsockopt(fd, o->level, o->option, &o->set, sizeof(o->set)));
}

static void say_structures(int fd)
{
	struct linger linger = { 0 };
	struct timeval t = { 0 };
	struct tcp_info info;
	char congestion[16] = "";
	socklen_t len = sizeof(linger);

	say("  get SO_LINGER",
	    getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &len));
	say_text("  SO_LINGER", "%d %d (%u)", linger.l_onoff, linger.l_linger,
		 len);
	len = sizeof(t);
	getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, &len);
	say_text("  SO_RCVTIMEO", "%ld.%06ld (%u)", (long)t.tv_sec,
		 (long)t.tv_usec, len);
	len = sizeof(t);
	getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, &len);
	say_text("  SO_SNDTIMEO", "%ld.%06ld (%u)", (long)t.tv_sec,
		 (long)t.tv_usec, len);
	memset(&info, 0, sizeof(info));
	len = sizeof(info);
	say("  get TCP_INFO",
	    getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len));
	say_text("  TCP_INFO", "state %d (%u)", info.tcpi_state, len);
	len = sizeof(congestion);
	say("  get TCP_CONGESTION",
	    getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, congestion, &len));
	say_text("  TCP_CONGESTION", "%s", congestion);
}

static void say_all(const char *heading, int fd, bool v6)
{
	printf("%s\n", heading);
	say_names(" ", fd);
	for (int i = 0; i < NOPTIONS; i++)
		say_option("", &options[i], fd);
	for (int i = 0; v6 && i < NOPTIONS_V6; i++)
		say_option("", &options_v6[i], fd);
	say_structures(fd);
}

static void set_all(const char *heading, int fd, bool v6)
{
	const struct linger linger = { 1, 0 };
	const struct timeval receive = { 7, 500000 }, send = { 8, 250000 };

	printf("%s\n", heading);
	for (int i = 0; i < NOPTIONS; i++)
		set_option(&options[i], fd);
	for (int i = 0; v6 && i < NOPTIONS_V6; i++)
		set_option(&options_v6[i], fd);
	say("  set SO_LINGER",
	    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
	say("  set SO_RCVTIMEO",
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &receive, sizeof(receive)));
	say("  set SO_SNDTIMEO",
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &send, sizeof(send)));
}

/* A wrapper of the sanitizer would follow these itself. */
static void bad_pointers(int fd)
{
	void *bad = bad_pointer();
	struct place p;
	int buffer = 0;
	socklen_t len;

	len = sizeof(p.storage);
	say("  peer to NULL", getpeername(fd, NULL, &len));
	say("  peer to 1", getpeername(fd, bad, &len));
	say("  peer, length at NULL", getpeername(fd, &p.any, NULL));
	say("  peer, length at 1", getpeername(fd, &p.any, bad));
	len = (socklen_t)-1;
	say("  peer, length -1", getpeername(fd, &p.any, &len));
	len = sizeof(p.storage);
	say("  self to NULL", getsockname(fd, NULL, &len));
	say("  self, length at 1", getsockname(fd, &p.any, bad));
	len = sizeof(int);
	say("  option to 1",
	    getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, bad, &len));
	say("  option, length at 1",
	    getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &buffer, bad));
	len = (socklen_t)-1;
	say("  option, length -1",
	    getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &buffer, &len));
	len = sizeof(int);
	say("  SO_KEEPALIVE to 1",
	    getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, bad, &len));
	say("  SO_DOMAIN to 1",
	    getsockopt(fd, SOL_SOCKET, SO_DOMAIN, bad, &len));
	say("  set from 1",
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, bad, sizeof(int)));
	say("  set SO_KEEPALIVE from 1",
	    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, bad, sizeof(int)));
}

/* Short and odd buffers. */
static void hostile(int fd)
{
	char buffer[64];
	const int on = 1;
	socklen_t len;

	printf("hostile\n");
	for (socklen_t room = 0; room <= 20; room += 4) {
		char key[32];

		memset(buffer, 0x55, sizeof(buffer));
		len = room;
		snprintf(key, sizeof(key), "  peer in %u", room);
		say(key, getpeername(fd, (struct sockaddr *)buffer, &len));
		snprintf(key, sizeof(key), "  peer in %u gives", room);
		say_text(key, "(%u) beyond %02x", len,
			 (unsigned char)buffer[room]);
		len = room;
		snprintf(key, sizeof(key), "  self in %u", room);
		say(key, getsockname(fd, (struct sockaddr *)buffer, &len));
		snprintf(key, sizeof(key), "  option in %u", room);
		memset(buffer, 0x55, sizeof(buffer));
		len = room;
		say(key,
		    getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, buffer, &len));
		snprintf(key, sizeof(key), "  option in %u gives", room);
		say_text(key, "%02x (%u)", (unsigned char)buffer[0], len);
	}
	len = 1;
	say("  SO_KEEPALIVE in 1",
	    getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, buffer, &len));
	say_text("  SO_KEEPALIVE in 1 gives", "%d (%u)", buffer[0], len);
	say("  set TCP_NODELAY, 1 byte",
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, 1));
	say("  set TCP_NODELAY, 0 bytes",
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, 0));
	say("  set SO_KEEPALIVE, 1 byte",
	    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, 1));
	say("  set an unknown TCP option",
	    setsockopt(fd, IPPROTO_TCP, 9999, &on, sizeof(on)));
	len = sizeof(buffer);
	say("  get an unknown TCP option",
	    getsockopt(fd, IPPROTO_TCP, 9999, buffer, &len));
	len = sizeof(buffer);
	say("  get an unknown SOL_SOCKET option",
	    getsockopt(fd, SOL_SOCKET, 9999, buffer, &len));
	len = sizeof(buffer);
	say("  get of an unknown level", getsockopt(fd, 9999, 1, buffer, &len));
	if (!sanitized())
		bad_pointers(fd);
}

static int option_of(int fd, int level, int option)
{
	int value = -1;
	socklen_t len = sizeof(value);

	return getsockopt(fd, level, option, &value, &len) == 0 ? value : -1;
}

static int set_to(int fd, int level, int option, long value)
{
	const long values[] = { value, value };

	errno = 0;
	return setsockopt(fd, level, option, values, sizeof(values));
}

/* Nobody needs to be asked, nor anything to be opened. */
static void nodelay_without_descriptors(int fd)
{
	struct rlimit old, none;

	getrlimit(RLIMIT_NOFILE, &old);
	none = old;
	none.rlim_cur = 3;
	setrlimit(RLIMIT_NOFILE, &none);
	say("  no descriptor left, set",
	    set_to(fd, IPPROTO_TCP, TCP_NODELAY, 0));
	say("  no descriptor left, get",
	    option_of(fd, IPPROTO_TCP, TCP_NODELAY));
	setrlimit(RLIMIT_NOFILE, &old);
}

/* TCP_NODELAY is set by nearly everybody, right behind connect. */
static void nodelay(void)
{
	int fd = connected("127.0.0.1", "ECHO"), copy = dup(fd);
	static const long values[] = { 1, 0, 2, -1 };

	printf("== TCP_NODELAY\n");
	for (int i = 0; i < 4; i++) {
		char key[32];

		snprintf(key, sizeof(key), "  set %ld", values[i]);
		say(key, set_to(fd, IPPROTO_TCP, TCP_NODELAY, values[i]));
		snprintf(key, sizeof(key), "  errno behind %ld", values[i]);
		say_text(key, "%d", errno);
		snprintf(key, sizeof(key), "  a copy behind %ld", values[i]);
		say(key, option_of(copy, IPPROTO_TCP, TCP_NODELAY));
	}
	say("  SO_NO_CHECK", option_of(fd, SOL_SOCKET, SO_NO_CHECK));
	say("  set SO_NO_CHECK to 0", set_to(fd, SOL_SOCKET, SO_NO_CHECK, 0));
	say("  then", option_of(fd, IPPROTO_TCP, TCP_NODELAY));
	nodelay_without_descriptors(fd);
	say("  set SO_NO_CHECK to 1", set_to(fd, SOL_SOCKET, SO_NO_CHECK, 1));
	say("  then TCP_NODELAY", option_of(fd, IPPROTO_TCP, TCP_NODELAY));
	say("  and SO_NO_CHECK", option_of(fd, SOL_SOCKET, SO_NO_CHECK));
	say_echo("  echo", fd, "without delay\n");
	close(copy);
	close(fd);
}

/* What was set before a connect, behind one that succeeds and one that fails;
 * and what another process sets. */
static void nodelay_before(const char *port, int on)
{
	struct place p = place("127.0.0.1", port);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	pid_t child;

	printf("== TCP_NODELAY %d before a connect to %s\n", on, port);
	set_to(fd, IPPROTO_TCP, TCP_NODELAY, on);
	say("  connect", connect(fd, &p.any, p.len));
	say("  TCP_NODELAY", option_of(fd, IPPROTO_TCP, TCP_NODELAY));
	fflush(stdout);
	child = fork();
	if (child == 0)
		_exit(set_to(fd, IPPROTO_TCP, TCP_NODELAY, !on) != 0);
	waitpid(child, NULL, 0);
	say("  behind another process",
	    option_of(fd, IPPROTO_TCP, TCP_NODELAY));
	close(fd);
}

static void in_child(int fd)
{
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		const int value = 66;

		say_names("child", fd);
		say("child sets TCP_KEEPIDLE",
		    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &value,
			       sizeof(value)));
		exit(0);
	}
	waitpid(child, NULL, 0);
	say_option("parent sees ", &(struct option)TCP(TCP_KEEPIDLE, 0), fd);
}

static void at_family(const char *heading, const char *ip)
{
	struct place p = place(ip, "ECHO");
	bool v6 = p.any.sa_family == AF_INET6;
	int fd = socket(p.any.sa_family, SOCK_STREAM, 0), copy;

	printf("== %s, set before\n", heading);
	say_all("new", fd, v6);
	set_all("set before connect", fd, v6);
	say("connect", connect(fd, &p.any, p.len));
	say_all("connected", fd, v6);
	close(fd);

	printf("== %s, set after\n", heading);
	fd = connected(ip, "ECHO");
	set_all("set when connected", fd, v6);
	say_all("afterwards", fd, v6);
	copy = dup(fd);
	close(fd);
	say_all("a copy", copy, v6);
	hostile(copy);
	in_child(copy);
	say_echo("echo in the end", copy, "still there\n");
	close(copy);
}

int main(int argc, char **argv)
{
	char number[16];
	int fd;

	if (argc > 1) {
		fd = (int)strtol(argv[1], NULL, 10);
		say_all("another program", fd, false);
		say_echo("another program, echo", fd, "exec\n");
		return 0;
	}
	at_family("IPv4", "127.0.0.1");
	at_family("IPv6", "::1");
	at_family("IPv4-mapped", "::ffff:127.0.0.1");
	nodelay();
	for (int on = 0; on <= 1; on++) {
		nodelay_before("ECHO", on);
		nodelay_before("CLOSED", on);
	}
	fd = connected("127.0.0.1", "ECHO");
	set_to(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	snprintf(number, sizeof(number), "%d", fd);
	execl("/proc/self/exe", argv[0], number, (char *)NULL);
	return 1;
}
