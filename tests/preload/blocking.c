/* connect(2) on a blocking socket: what it returns, good and bad. */
#include "victim.h"

static void good(const char *key, const char *ip)
{
	struct place p = place(ip, "ECHO");
	int fd = socket(p.any.sa_family, SOCK_STREAM, 0);

	printf("%s\n", key);
	say("  connect", connect(fd, &p.any, p.len));
	say("  connect again", connect(fd, &p.any, p.len));
	say_so_error("  SO_ERROR", fd);
	say_names(" ", fd);
	say_poll("  poll", fd, POLLIN | POLLOUT | POLLRDHUP, 0);
	say_echo("  echo", fd, "from a blocking socket\n");
	say("  close", close(fd));
}

/* errno is not touched by success. */
static void keeps_errno(void)
{
	struct place p = place("127.0.0.1", "ECHO");
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	errno = ERANGE;
	connect(fd, &p.any, p.len);
	say_text("errno after success", "%s", strerrorname_np(errno));
	close(fd);
}

/* A socket that was refused can be used again. */
static void refused(const char *key, const char *ip)
{
	struct place closed = place(ip, "CLOSED"), open = place(ip, "ECHO");
	int fd = socket(closed.any.sa_family, SOCK_STREAM, 0);

	printf("%s\n", key);
	say("  refused", connect(fd, &closed.any, closed.len));
	say_so_error("  refused SO_ERROR", fd);
	say_names("  refused", fd);
	say_poll("  refused poll", fd, POLLIN | POLLOUT, 0);
	say("  refused write", send(fd, "x", 1, MSG_NOSIGNAL));
	say("  refused, then good", connect(fd, &open.any, open.len));
	say_echo("  refused, then good, echo", fd, "second try\n");
	close(fd);
}

/* getsockname(2) tells the port of a connect that was refused, but the socket
 * has it no more: another may take it. */
static void port_taken(const char *ip)
{
	struct place closed = place(ip, "CLOSED"), open = place(ip, "ECHO");
	int fd = socket(closed.any.sa_family, SOCK_STREAM, 0);
	int other = socket(closed.any.sa_family, SOCK_STREAM, 0);
	struct place taken = { .len = sizeof(taken.v6) };

	say("a port that is refused", connect(fd, &closed.any, closed.len));
	getsockname(fd, &taken.any, &taken.len);
	say("  taken by another", bind(other, &taken.any, taken.len));
	say("  another connect", connect(fd, &open.any, open.len));
	say_echo("  another connect, echo", fd, "third try\n");
	close(other);
	close(fd);
}

static void bad_pointers(void)
{
	struct place p = place("127.0.0.1", "ECHO");
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *edge = page + 4096 - 8;

	mprotect(page + 4096, 4096, PROT_NONE);
	memcpy(edge, &p.v4, 8);
	say("NULL", connect(fd, NULL, p.len));
	say("NULL, no length", connect(fd, NULL, 0));
	say("(void *)1", connect(fd, bad_pointer(), p.len));
	say("PROT_NONE", connect(fd, (void *)(page + 4096), p.len));
	say("half in PROT_NONE", connect(fd, (void *)edge, p.len));
	say("length 0", connect(fd, &p.any, 0));
	say("length 1", connect(fd, &p.any, 1));
	say("length 2", connect(fd, &p.any, 2));
	say("length 8 of readable 8", connect(fd, (void *)edge, 8));
	say("length 15", connect(fd, &p.any, 15));
	say("length -1", connect(fd, &p.any, (socklen_t)-1));
	say("length 129", connect(fd, &p.any, 129));
	say("length 128", connect(fd, &p.any, 128));
	say_echo("length 128, echo", fd, "storage\n");
	close(fd);
	munmap(page, 8192);
}

static void wrong_family(void)
{
	struct place v4 = place("127.0.0.1", "ECHO");
	struct place v6 = place("::1", "ECHO");
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	say("IPv6 address on IPv4", connect(fd, &v6.any, v6.len));
	v4.any.sa_family = 77;
	say("family 77", connect(fd, &v4.any, v4.len));
	close(fd);
	fd = socket(AF_INET6, SOCK_STREAM, 0);
	v4.any.sa_family = AF_INET;
	say("IPv4 address on IPv6", connect(fd, &v4.any, v4.len));
	say("IPv6, length 24", connect(fd, &v6.any, 24));
	say_echo("IPv6, length 24, echo", fd, "RFC 2133\n");
	close(fd);
	fd = socket(AF_INET6, SOCK_STREAM, 0);
	say("IPv6, length 23", connect(fd, &v6.any, 23));
	close(fd);
}

static void wrong_descriptor(void)
{
	struct place p = place("127.0.0.1", "ECHO");
	int fd = dup(1), ends[2];

	close(fd);
	say("closed descriptor", connect(fd, &p.any, p.len));
	say("descriptor -1", connect(-1, &p.any, p.len));
	fd = open("/dev/null", O_RDWR);
	say("/dev/null", connect(fd, &p.any, p.len));
	close(fd);
	if (pipe(ends) < 0)
		exit(1);
	say("pipe", connect(ends[0], &p.any, p.len));
	close(ends[0]);
	close(ends[1]);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	p.v4.sin_port = 0;
	say("listen", listen(fd, 1));
	p = place("127.0.0.1", "ECHO");
	say("listening socket", connect(fd, &p.any, p.len));
	close(fd);
	fd = open("/dev/null", O_PATH);
	say("O_PATH", connect(fd, &p.any, p.len));
	close(fd);
}

int main(void)
{
	good("IPv4", "127.0.0.1");
	good("IPv6", "::1");
	good("IPv4-mapped", "::ffff:127.0.0.1");
	keeps_errno();
	refused("IPv4", "127.0.0.1");
	refused("IPv6", "::1");
	port_taken("127.0.0.1");
	port_taken("::1");
	bad_pointers();
	wrong_family();
	wrong_descriptor();
	return 0;
}
