/* What is small, closed, or wrong in the program itself: a thread with the
 * smallest stack, standard descriptors that are closed, pointers to nowhere. */
#include "victim.h"
#include <limits.h>
#include <pthread.h>
#include <sys/stat.h>

static volatile bool stop;

static void *connect_small(void *argument)
{
	struct place p = place("127.0.0.1", "ECHO");
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	(void)argument;
	if (connect(fd, &p.any, p.len) < 0)
		return "refused";
	close(fd);
	return "connected";
}

/* The least that glibc gives a thread; musl would give 2 KiB, where a connect
 * that does more than a system call has no room. */
enum { SMALLEST = 16384 };

/* A sanitizer needs a stack of its own. */
static void small_stack(void)
{
	pthread_attr_t attr;
	pthread_t thread;
	void *result;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, sanitized() ? 1 << 20 : SMALLEST);
	say("thread with a small stack",
	    pthread_create(&thread, &attr, connect_small, NULL));
	pthread_join(thread, &result);
	say_text("its connect", "%s", (const char *)result);
}

/* Looks whether somebody keeps a descriptor where none was.  The kernel hands
 * out the lowest number, so for an instant there may be one. */
static void *watch(void *argument)
{
	bool *kept = argument;
	struct stat first, second;

	while (!stop)
		for (int fd = 0; fd <= 2; fd++) {
			if (fstat(fd, &first) < 0)
				continue;
			usleep(40000);
			if (!stop && fstat(fd, &second) == 0 &&
			    first.st_ino == second.st_ino)
				*kept = true;
		}
	return NULL;
}

static void closed_stdio(const char *key, const char *port, int type)
{
	struct place p = place("127.0.0.1", port);
	int saved[3], fd = socket(AF_INET, SOCK_STREAM | type, 0);
	struct pollfd out = { .fd = fd, .events = POLLOUT };
	bool echoed = false, kept = false;
	char back[8] = "";
	pthread_t thread;

	for (int i = 0; i <= 2; i++) {
		saved[i] = fcntl(i, F_DUPFD_CLOEXEC, 10);
		close(i);
	}
	stop = false;
	pthread_create(&thread, NULL, watch, &kept);
	if (connect(fd, &p.any, p.len) < 0 && errno == EINPROGRESS)
		poll(&out, 1, 10000);
	stop = true;
	pthread_join(thread, NULL);
	out.events = POLLIN;
	if (send(fd, "corner", 6, 0) == 6 && poll(&out, 1, 10000) == 1 &&
	    recv(fd, back, 6, 0) == 6)
		echoed = memcmp(back, "corner", 6) == 0;
	for (int i = 0; i <= 2; i++) {
		dup2(saved[i], i);
		close(saved[i]);
	}
	close(fd);
	say_text(key, "%s, %s", kept ? "taken" : "free",
		 echoed ? "echoed" : "nothing");
}

/* A wrapper of the sanitizer would follow these itself. */
static void bad_length(void)
{
	struct sockaddr_storage from;
	socklen_t *nowhere = bad_pointer();
	char buffer[8];
	int fd[2];

	socketpair(AF_UNIX, SOCK_DGRAM, 0, fd);
	send(fd[0], "x", 1, 0);
	say("recvfrom, length at 1, AF_UNIX",
	    recvfrom(fd[1], buffer, sizeof(buffer), 0, (struct sockaddr *)&from,
		     nowhere));
	fd[0] = connected("127.0.0.1", "ECHO");
	send(fd[0], "x", 1, 0);
	say("recvfrom, length at 1, connected",
	    recvfrom(fd[0], buffer, sizeof(buffer), 0, (struct sockaddr *)&from,
		     nowhere));
	close(fd[0]);
}

int main(void)
{
	small_stack();
	for (int i = 0; i < 3; i++) {
		char key[64];

		snprintf(key, sizeof(key), "closed 0 to 2, blocking, %d", i);
		closed_stdio(key, "ECHO", 0);
		snprintf(key, sizeof(key), "closed 0 to 2, %d", i);
		closed_stdio(key, "ECHO", SOCK_NONBLOCK);
	}
	closed_stdio("closed 0 to 2, refused", "CLOSED", 0);
	if (!sanitized())
		bad_length();
	return 0;
}
