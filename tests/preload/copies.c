/* Copies that dup(2) made before the connect: what is written to one goes the
 * way of the connection, never past it. */
#include "victim.h"
#include <pthread.h>
#include <sched.h>

/* Connects fd and talks through a copy of it. */
static void through(const char *key, int fd, int copy)
{
	struct place p = place("127.0.0.1", "ECHO");
	char full[128];

	snprintf(full, sizeof(full), "%s, connect", key);
	say(full, connect(fd, &p.any, p.len));
	snprintf(full, sizeof(full), "%s, copy", key);
	say_echo(full, copy, "by the copy\n");
	snprintf(full, sizeof(full), "%s, first", key);
	say_echo(full, fd, "by the first\n");
	close(copy);
	close(fd);
}

static void many_others(int others)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), copy = dup(fd);
	int other = socket(AF_INET, SOCK_STREAM, 0);
	char key[64];

	for (int i = 0; i < others; i++)
		close(dup(other));
	close(other);
	snprintf(key, sizeof(key), "%d copies of another", others);
	through(key, fd, copy);
}

static void *with_own_table(void *argument)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	(void)argument;
	say("thread with descriptors of its own", unshare(CLONE_FILES));
	through("its own number", fd, dup2(fd, 77));
	return NULL;
}

static void *without_main(void *argument)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	pthread_join(*(pthread_t *)argument, NULL);
	through("after the main thread", fd, dup(fd));
	exit(0);
}

int main(void)
{
	static pthread_t first;
	pthread_t thread;

	many_others(0);
	many_others(1023);
	many_others(1025);
	many_others(5000);
	pthread_create(&thread, NULL, with_own_table, NULL);
	pthread_join(thread, NULL);
	first = pthread_self();
	pthread_create(&thread, NULL, without_main, &first);
	pthread_exit(NULL);
}
