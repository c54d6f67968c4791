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

#ifdef __GLIBC__
/* Exported, and in no header. */
int __dup2(int fd, int to);
int __fcntl(int fd, int command, ...);

static void by_other_names(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	through("__dup2", fd, __dup2(fd, 77));
	fd = socket(AF_INET, SOCK_STREAM, 0);
	through("__fcntl", fd, __fcntl(fd, F_DUPFD, 77));
}
#else
static void by_other_names(void)
{
}
#endif

static void *with_own_table(void *argument)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	(void)argument;
	say("thread with descriptors of its own", unshare(CLONE_FILES));
	through("its own number", fd, dup2(fd, 77));
	return NULL;
}

/* Whether the main thread has ended: its entry stays as a zombie's. */
static bool main_has_ended(void)
{
	char path[64], state = '?';
	FILE *stat;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", getpid());
	stat = fopen(path, "r");
	if (!stat || fscanf(stat, "%*d (%*[^)]) %c", &state) != 1)
		exit(1);
	fclose(stat);
	return state == 'Z';
}

/* pthread_join(3) would wait for it, too.  But the libasan of gcc 14 knows no
 * thread that pthread_create(3) has not made, and ends the program. */
static void *without_main(void *argument)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	(void)argument;
	while (!main_has_ended())
		usleep(1000);
	through("after the main thread", fd, dup(fd));
	exit(0);
}

int main(void)
{
	pthread_t thread;

	by_other_names();
	many_others(0);
	many_others(1023);
	many_others(1025);
	many_others(5000);
	pthread_create(&thread, NULL, with_own_table, NULL);
	pthread_join(thread, NULL);
	pthread_create(&thread, NULL, without_main, NULL);
	pthread_exit(NULL);
}
