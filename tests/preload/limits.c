/* Descriptors: none is left behind, and running out of them is said. */
#include "victim.h"
#include <sys/resource.h>

static void connect_all(const char *port, int type, int times)
{
	struct place p = place("127.0.0.1", port);

	for (int i = 0; i < times; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | type, 0);
		struct pollfd out = { .fd = fd, .events = POLLOUT };

		if (connect(fd, &p.any, p.len) < 0 && errno == EINPROGRESS)
			poll(&out, 1, strcmp(port, "PENDING") ? 10000 : 0);
		close(fd);
	}
}

static void leaks(const char *port, int type, const char *key)
{
	int before;

	connect_all(port, type, 1);
	before = open_descriptors();
	connect_all(port, type, 20);
	say(key, open_descriptors() - before);
}

/* The numbers that the application sees are as ever: the lowest free one. */
static void numbers(void)
{
	int first = socket(AF_INET, SOCK_STREAM, 0), fd, second;
	struct place p = place("127.0.0.1", "ECHO");

	connect(first, &p.any, p.len);
	second = socket(AF_INET, SOCK_STREAM, 0);
	say("the next number", second - first);
	close(first);
	fd = open("/dev/null", O_RDONLY);
	say("a freed number is used again", fd == first);
	close(fd);
	close(second);
}

/* With room for `room` more descriptors. */
static void nearly_full(int room)
{
	struct rlimit limit, old;
	struct place p = place("127.0.0.1", "ECHO");
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int highest = dup(fd), before = open_descriptors();
	char key[64];
	long result;

	close(highest);
	getrlimit(RLIMIT_NOFILE, &old);
	limit = old;
	limit.rlim_cur = (rlim_t)(highest + room);
	setrlimit(RLIMIT_NOFILE, &limit);
	result = connect(fd, &p.any, p.len);
	snprintf(key, sizeof(key), "room for %d", room);
	say(key, result);
	setrlimit(RLIMIT_NOFILE, &old);
	snprintf(key, sizeof(key), "room for %d, descriptors left behind",
		 room);
	say(key, open_descriptors() - before + 1);
	if (result < 0)
		connect(fd, &p.any, p.len);
	snprintf(key, sizeof(key), "room for %d, echo in the end", room);
	say_echo(key, fd, "room\n");
	close(fd);
}

int main(void)
{
	leaks("ECHO", 0, "left by good connects");
	leaks("ECHO", SOCK_NONBLOCK, "left by good connects, non-blocking");
	leaks("CLOSED", 0, "left by refused connects");
	leaks("CLOSED", SOCK_NONBLOCK, "left by refused, non-blocking");
	leaks("PENDING", SOCK_NONBLOCK, "left by abandoned connects");
	numbers();
	nearly_full(0);
	nearly_full(1);
	nearly_full(2);
	nearly_full(20);
	return 0;
}
