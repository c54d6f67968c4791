/* Epoll sets of a supervised process that watch a socket which another takes
 * the place of; see notify.h.
 *
 * A registration belongs to the open file and the number together (epoll(7)).
 * So it is moved by a process in which the file has the same number: a child of
 * the supervisor that shares its memory, and has descriptors of its own.
 */
#include "xsock/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* One registration, and what becomes of it. */
struct move {
	int set, from, to; /* descriptors of the supervisor */
	int number;	   /* in the program */
	struct epoll_event event;
};

/* Every number of the supervisor's may be the one that is needed. */
static int out_of_the_way(int fd, int number)
{
	return fcntl(fd, F_DUPFD, number + 1);
}

/* System calls only. */
static int move_child(void *with)
{
	const struct move *move = with;
	struct epoll_event event = move->event;
	int set = out_of_the_way(move->set, move->number);
	int from = out_of_the_way(move->from, move->number);
	int to = out_of_the_way(move->to, move->number);

	if (set >= 0 && dup2(from, move->number) >= 0 &&
	    epoll_ctl(set, EPOLL_CTL_DEL, move->number, &event) == 0 &&
	    dup2(to, move->number) >= 0)
		epoll_ctl(set, EPOLL_CTL_ADD, move->number, &event);
	syscall(SYS_exit_group, 0);
	return 0;
}

static void run(struct move *move)
{
	enum { STACK = 16 * 1024 };
	_Alignas(16) char stack[STACK];
	sigset_t all, before;
	int pid;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pid = clone(move_child, stack + STACK, CLONE_VM | CLONE_VFORK, move);
	if (pid >= 0)
		waitpid(pid, NULL, __WALL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* "tfd:       12 events:       19 data:                7  pos:0 ino:1d sdev:8"
 */
static bool is_registration(const char *line, int number, ino_t inode,
			    struct epoll_event *event)
{
	unsigned long long data, ino;
	int tfd;
	unsigned events;

	if (sscanf(line, "tfd: %d events: %x data: %llx pos:%*d ino:%llx", &tfd,
		   &events, &data, &ino) != 4 ||
	    tfd != number || (ino_t)ino != inode)
		return false;
	event->events = events;
	event->data.u64 = data;
	return true;
}

static bool find_registration(FILE *file, int number, ino_t inode,
			      struct epoll_event *event)
{
	char line[160];

	while (fgets(line, sizeof(line), file))
		if (is_registration(line, number, inode, event))
			return true;
	return false;
}

void xs_notify_move_in_set(const struct xs_notify *n, int set, int number,
			   int socket)
{
	struct move move = { .from = n->fd, .to = socket, .number = number };
	char path[64];
	FILE *file;
	bool found;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", (int)n->thread, set);
	file = fopen(path, "re");
	if (!file)
		return;
	found = find_registration(file, number, n->inode, &move.event);
	fclose(file);
	if (!found)
		return;
	move.set = xs_notify_descriptor(n, set);
	if (move.set < 0)
		return;
	run(&move);
	close(move.set);
}
