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
static void nearly_full(int room, int type)
{
	struct rlimit limit, old;
	struct place p = place("127.0.0.1", "ECHO");
	int fd = socket(AF_INET, SOCK_STREAM | type, 0);
	struct pollfd out = { .fd = fd, .events = POLLOUT };
	int highest = dup(fd), before = open_descriptors();
	char name[32], key[64];
	long result;

	close(highest);
	snprintf(name, sizeof(name), "room for %d%s", room,
		 type ? ", non-blocking" : "");
	getrlimit(RLIMIT_NOFILE, &old);
	limit = old;
	limit.rlim_cur = (rlim_t)(highest + room);
	setrlimit(RLIMIT_NOFILE, &limit);
	result = connect(fd, &p.any, p.len);
	say(name, result);
	setrlimit(RLIMIT_NOFILE, &old);
	snprintf(key, sizeof(key), "%s, descriptors left behind", name);
	say(key, open_descriptors() - before + 1);
	if (result < 0 && errno != EINPROGRESS)
		result = connect(fd, &p.any, p.len);
	if (type)
		poll(&out, 1, 10000);
	snprintf(key, sizeof(key), "%s, echo in the end", name);
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
	for (int room = 0; room <= 6; room++)
		nearly_full(room, 0);
	nearly_full(20, 0);
	for (int room = 0; room <= 6; room++)
		nearly_full(room, SOCK_NONBLOCK);
	return 0;
}
