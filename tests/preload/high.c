/* Numbers of descriptors that an fd_set or a table of 65536 does not hold.
 * Where the system does not give so many, F_DUPFD says so, and run.sh. */
#include "victim.h"
#include <sys/resource.h>

static void high(int number)
{
	struct place p = place("127.0.0.1", "GREET");
	struct epoll_event e = { .events = EPOLLIN, .data.u64 = 7 };
	int low = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	int fd = fcntl(low, F_DUPFD, number), set = epoll_create1(0);
	char line[64];

	printf("above %d\n", number);
	say("  number", fd);
	close(low);
	if (fd < 0)
		return;
	say("  watched", epoll_ctl(set, EPOLL_CTL_ADD, fd, &e));
	say("  connect", connect(fd, &p.any, p.len));
	say_poll("  poll", fd, POLLOUT, 10000);
	say_so_error("  SO_ERROR", fd);
	memset(&e, 0, sizeof(e));
	say("  wait", epoll_wait(set, &e, 1, 10000));
	say("  data", (long)e.data.u64);
	say("  read", read(fd, line, sizeof(line)));
	say_names(" ", fd);
	say_echo("  echo", fd, "high\n");
	close(fd);
	close(set);
}

int main(void)
{
	struct rlimit limit;

	limit.rlim_cur = limit.rlim_max = 120000;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0) {
		getrlimit(RLIMIT_NOFILE, &limit);
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	high(1023);
	high(1024);
	high(65535);
	high(65536);
	high(100000);
	return 0;
}
