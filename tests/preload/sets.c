/* epoll sets that knew the socket before it connected: each sees the
 * connection, whatever became of the set in between. */
#include "victim.h"

#define ALL  (EPOLLIN | EPOLLOUT | EPOLLRDHUP)
#define DATA 0xfedcba9876543210

static void say_events(const char *key, int n, const struct epoll_event *e)
{
	if (n < 0) {
		say(key, n);
		return;
	}
	say_text(key, "%s%s%s%s%s%s%s", n ? "events" : "nothing",
		 n && e->events & EPOLLIN ? " IN" : "",
		 n && e->events & EPOLLOUT ? " OUT" : "",
		 n && e->events & EPOLLERR ? " ERR" : "",
		 n && e->events & EPOLLHUP ? " HUP" : "",
		 n && e->events & EPOLLRDHUP ? " RDHUP" : "",
		 n && e->data.u64 != DATA ? " WRONG DATA" : "");
}

static void say_wait(const char *key, int set, int timeout)
{
	struct epoll_event e = { .events = 0 };
	int n = epoll_wait(set, &e, 1, timeout);

	say_events(key, n, &e);
}

static int watch(int set, int fd, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.u64 = DATA };

	return epoll_ctl(set, EPOLL_CTL_ADD, fd, &e);
}

static int change(int set, int fd, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.u64 = DATA };

	return epoll_ctl(set, EPOLL_CTL_MOD, fd, &e);
}

static int begin(int fd)
{
	struct place p = place("127.0.0.1", "ECHO");

	return connect(fd, &p.any, p.len);
}

static int fresh(void)
{
	return socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
}

/* Waits until there is something to read; a set may say more before. */
static void say_readable(const char *key, int set)
{
	struct epoll_event e = { .events = 0 };
	double limit = now() + 10;
	int n = 0;

	while (now() < limit && !(e.events & EPOLLIN))
		n = epoll_wait(set, &e, 1, 1000);
	say_text(key, "%s%s", n == 1 && e.events & EPOLLIN ? "yes" : "no",
		 e.data.u64 == DATA ? "" : ", WRONG DATA");
}

/* The events of a whole connection. */
static void go_through(int set, int fd, uint32_t mode)
{
	char c;

	say_wait("  connected", set, 10000);
	if (mode & (EPOLLET | EPOLLONESHOT)) {
		usleep(20000);
		say_wait("  not again", set, 0);
	}
	say_so_error("  SO_ERROR", fd);
	say("  write", write(fd, "x", 1));
	if (mode & EPOLLONESHOT)
		say("  armed again", change(set, fd, EPOLLIN | mode));
	say_readable("  readable", set);
	say("  read", read(fd, &c, 1));
	if (mode & EPOLLONESHOT) {
		write(fd, "y", 1);
		say_poll("  more to read", fd, POLLIN, 10000);
		say_wait("  but not armed", set, 50);
	}
	say("  delete", epoll_ctl(set, EPOLL_CTL_DEL, fd, NULL));
}

static void simple(const char *key, uint32_t mode)
{
	int set = epoll_create1(0), fd = fresh();
	uint32_t events = mode & EPOLLEXCLUSIVE ? EPOLLIN | EPOLLOUT : ALL;

	printf("%s\n", key);
	say("  add", watch(set, fd, events | mode));
	say("  connect", begin(fd));
	go_through(set, fd, mode);
	close(fd);
	close(set);
}

/* An unconnected socket is reported once; one shot is then over until it is
 * armed again, connect or not. */
static void fired_before(void)
{
	int set = epoll_create1(0), fd = fresh();

	printf("one shot, fired before connect\n");
	say("  add", watch(set, fd, ALL | EPOLLONESHOT));
	say_wait("  unconnected", set, 0);
	say_wait("  over", set, 0);
	say("  connect", begin(fd));
	say_poll("  poll", fd, POLLOUT, 10000);
	say_wait("  still over", set, 50);
	say("  arm", change(set, fd, ALL | EPOLLONESHOT));
	say_wait("  connected", set, 1000);
	close(fd);
	close(set);
}

/* What an unconnected socket says is forgotten when it connects. */
static void pending_before(void)
{
	struct place p = place("127.0.0.1", "PENDING");
	int set = epoll_create1(0), fd = fresh();

	printf("edge, not asked before connect\n");
	say("  add", watch(set, fd, ALL | EPOLLET));
	say("  connect", connect(fd, &p.any, p.len));
	say_wait("  nothing yet", set, 100);
	close(fd);
	close(set);
}

static void through_copy(void)
{
	int set = epoll_create1(0), fd = fresh(), copy = dup(fd);

	printf("the copy is watched\n");
	say("  add", watch(set, copy, ALL));
	say("  connect", begin(fd));
	go_through(set, copy, 0);
	close(fd);
	close(copy);
	close(set);
}

static void both_watched(void)
{
	int set = epoll_create1(0), fd = fresh(), copy = dup(fd);
	struct epoll_event e[4];

	printf("the copy is watched, too\n");
	say("  add", watch(set, fd, EPOLLOUT));
	say("  add the copy", watch(set, copy, EPOLLOUT));
	say("  connect", begin(copy));
	say_poll("  poll", fd, POLLOUT, 10000);
	say("  both tell", epoll_wait(set, e, 4, 1000));
	close(fd);
	close(copy);
	say("  none is left", epoll_wait(set, e, 4, 0));
	close(set);
}

/* The set has another number by then; its old one is something else. */
static void moved_set(const char *key, bool taken)
{
	int first = epoll_create1(0), fd = fresh(), set, other = -1;

	printf("%s\n", key);
	say("  add", watch(first, fd, ALL));
	set = fcntl(first, F_DUPFD, 50);
	close(first);
	if (taken)
		other = open("/dev/null", O_RDONLY);
	say("  connect", begin(fd));
	go_through(set, fd, 0);
	close(fd);
	close(set);
	close(other);
}

static void many_sets(void)
{
	enum { SETS = 12 };
	int set[SETS], fd = fresh(), told = 0;

	printf("many sets\n");
	for (int i = 0; i < SETS; i++) {
		set[i] = epoll_create1(0);
		watch(set[i], fd, EPOLLOUT);
	}
	say("  connect", begin(fd));
	say_poll("  poll", fd, POLLOUT, 10000);
	for (int i = 0; i < SETS; i++) {
		struct epoll_event e = { .events = 0 };

		told += epoll_wait(set[i], &e, 1, 1000) == 1 &&
			e.data.u64 == DATA && e.events == EPOLLOUT;
	}
	say("  told", told);
	for (int i = 0; i < SETS; i++)
		close(set[i]);
	close(fd);
}

static void nested(void)
{
	int inner = epoll_create1(0), outer = epoll_create1(0), fd = fresh();
	char c;

	printf("nested\n");
	say("  add", watch(inner, fd, ALL));
	say("  add the set", watch(outer, inner, EPOLLIN));
	say("  connect", begin(fd));
	say_wait("  outer", outer, 10000);
	say_wait("  inner", inner, 0);
	say("  change", change(inner, fd, EPOLLIN));
	say_wait("  outer, nothing", outer, 0);
	write(fd, "x", 1);
	say_wait("  outer, readable", outer, 10000);
	say_wait("  inner, readable", inner, 0);
	say("  read", read(fd, &c, 1));
	say_wait("  outer, read", outer, 0);
	close(fd);
	say_wait("  outer, closed", outer, 0);
	close(inner);
	close(outer);
}

/* The child has the set and the socket from its parent, and connects. */
static void in_child(void)
{
	int set = epoll_create1(0), fd = fresh(), status;
	pid_t child;

	printf("in a child\n");
	say("  add", watch(set, fd, ALL));
	fflush(stdout);
	child = fork();
	if (child == 0) {
		say("  connect", begin(fd));
		go_through(set, fd, 0);
		_exit(0);
	}
	waitpid(child, &status, 0);
	say("  status", status);
	close(fd);
	close(set);
}

/* A number that was watched once, as another socket. */
static void used_again(void)
{
	int set = epoll_create1(0), fd = fresh(), second;

	printf("a number that is used again\n");
	say("  add", watch(set, fd, ALL));
	close(fd);
	second = fresh();
	say("  the same number", second == fd);
	say("  connect", begin(second));
	say_poll("  poll", second, POLLOUT, 10000);
	say_wait("  not watched", set, 0);
	say("  cannot be deleted", epoll_ctl(set, EPOLL_CTL_DEL, second, NULL));
	say("  can be added", watch(set, second, ALL));
	close(second);
	close(set);
}

int main(void)
{
	simple("level", 0);
	simple("edge", EPOLLET);
	simple("one shot", EPOLLONESHOT);
	simple("edge, one shot", EPOLLET | EPOLLONESHOT);
	simple("exclusive", EPOLLEXCLUSIVE);
	simple("edge, exclusive", EPOLLET | EPOLLEXCLUSIVE);
	fired_before();
	pending_before();
	through_copy();
	both_watched();
	moved_set("another number of the set", false);
	moved_set("another number of the set, the old one taken", true);
	many_sets();
	nested();
	in_child();
	used_again();
	return 0;
}
