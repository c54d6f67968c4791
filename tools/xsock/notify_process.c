/* A supervised process: its memory and its descriptors; see notify.h.
 *
 * A thread is looked at by its number, which may be another's by the time: so
 * whoever acts on what was read asks xs_notify_is_valid before.
 */
#include "xsock/notify.h"

#include "base/descriptor.h"
#include "base/pidfd.h"
#include "connect/report.h"
#include "connect/swap.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

bool xs_notify_is_valid(const struct xs_notify *n)
{
	uint64_t id = n->id;

	return ioctl(n->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

int xs_notify_descriptor(const struct xs_notify *n, int number)
{
	return xs_pidfd_getfd(n->process, number);
}

/* --- who ------------------------------------------------------------------ */

/* Reads a file of /proc/THREAD.  The text is empty where there is none. */
static void read_file(pid_t thread, const char *name, char *text, size_t size)
{
	char path[64];
	ssize_t len = -1;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)thread, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		len = read(fd, text, size - 1);
		close(fd);
	}
	text[len > 0 ? len : 0] = '\0';
}

static void find_process(const struct xs_notify *n, struct xs_behalf_who *who)
{
	char text[1024];
	const char *group;

	who->pid = n->thread;
	read_file(n->thread, "status", text, sizeof(text));
	group = strstr(text, "\nTgid:");
	if (group)
		who->pid = (pid_t)strtol(group + sizeof("\nTgid:"), NULL, 10);
	read_file(who->pid, "comm", who->program, sizeof(who->program));
	who->program[strcspn(who->program, "\n")] = '\0';
}

/* Nobody has seen what its descriptor 2 was when the program began.  What is
 * written only, or a terminal, is taken for its standard error; not a file that
 * it also reads, nor a connection. */
static bool is_for_lines(int fd)
{
	struct stat file;

	if (xs_report_is_standard_error(fd) || isatty(fd))
		return true;
	return fstat(fd, &file) == 0 &&
	       (S_ISREG(file.st_mode) || S_ISFIFO(file.st_mode)) &&
	       (fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY;
}

int xs_notify_command = -1;

static int log_of(const struct xs_notify *n)
{
	int fd = xs_notify_descriptor(n, STDERR_FILENO);

	if (fd < 0 && errno == EPERM)
		fd = xs_pidfd_getfd(xs_notify_command, STDERR_FILENO);
	fd = xs_above_stdio(fd);
	if (fd < 0 || is_for_lines(fd))
		return fd;
	close(fd);
	return -1;
}

static const struct xs_behalf_who *who(const struct xs_behalf *behalf)
{
	struct xs_notify *n = (struct xs_notify *)behalf;
	int saved = errno;

	if (n->who.pid)
		return &n->who;
	find_process(n, &n->who);
	n->who.log = log_of(n);
	errno = saved;
	return &n->who;
}

/* The thread whose call this worker has answered last, and a descriptor of it:
 * most programs connect by one thread.  It is of that thread, not of its
 * number: when it has ended, its descriptors are not to be had (ESRCH). */
static __thread struct {
	pid_t thread;
	int process; /* -1: none */
} last = { .process = -1 };

void xs_notify_forget_process(void)
{
	if (last.process >= 0)
		close(last.process);
	last.process = -1;
}

/* Before Linux 6.9 there is none for a thread, and the process's is as good
 * unless the thread has descriptors of its own.  But that one says nothing of
 * whose the thread's number is by now, so it is for this call only. */
static int open_process(const struct xs_notify *n)
{
	int fd = xs_pidfd_open(n->thread, PIDFD_THREAD);
	struct xs_behalf_who found;

	if (fd >= 0) {
		xs_notify_forget_process();
		last.thread = n->thread;
		last.process = fd;
	} else if (errno == EINVAL) {
		find_process(n, &found);
		fd = xs_pidfd_open(found.pid, 0);
	}
	return fd;
}

/* Fills process and fd.  fd is -1, with errno, where there is no copy. */
static void open_both(struct xs_notify *n)
{
	int number = (int)n->args[0];

	n->process = last.thread == n->thread ? last.process : -1;
	n->fd = n->process < 0 ? -1 : xs_notify_descriptor(n, number);
	if (n->process >= 0 && (n->fd >= 0 || errno != ESRCH))
		return;
	n->process = open_process(n);
	n->fd = n->process < 0 ? -1 : xs_notify_descriptor(n, number);
}

/* --- descriptors ---------------------------------------------------------- */

static int put(const struct xs_behalf *behalf, int socket);

int xs_notify_copy(struct xs_notify *n)
{
	struct stat file;

	n->behalf = (struct xs_behalf){ .fd = (int)n->args[0],
					.who = who,
					.put = put };
	xs_behalf = &n->behalf;
	open_both(n);
	if (n->fd < 0 || fstat(n->fd, &file) < 0)
		return -1;
	n->inode = file.st_ino;
	return 0;
}

void xs_notify_close(struct xs_notify *n)
{
	xs_behalf = NULL;
	if (n->fd >= 0)
		close(n->fd);
	if (n->who.pid && n->who.log >= 0)
		close(n->who.log);
	if (n->process >= 0 && n->process != last.process)
		close(n->process);
	n->who.pid = 0;
	n->fd = n->process = -1;
}

/* Two threads that connect one descriptor must not both put a pair there. */
static pthread_mutex_t putting = PTHREAD_MUTEX_INITIALIZER;

static bool is_close_on_exec(const struct xs_notify *n, int number)
{
	char name[32], text[512];
	const char *flags;

	snprintf(name, sizeof(name), "fdinfo/%d", number);
	read_file(n->thread, name, text, sizeof(text));
	flags = strstr(text, "flags:");
	return flags && (strtol(flags + sizeof("flags:"), NULL, 8) & O_CLOEXEC);
}

/* A call that nobody waits for any more is not told of. */
static int put_one(const struct xs_notify *n, int socket, int number)
{
	struct seccomp_notif_addfd add = {
		.id = n->id,
		.flags = SECCOMP_ADDFD_FLAG_SETFD,
		.srcfd = (uint32_t)socket,
		.newfd = (uint32_t)number,
		.newfd_flags = is_close_on_exec(n, number) ? O_CLOEXEC : 0,
	};

	if (ioctl(n->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add) >= 0)
		return 0;
	if (errno == ENOENT || errno == ESRCH)
		errno = EINTR;
	return -1;
}

static void read_link(int folder, const char *number, char text[64])
{
	ssize_t len = readlinkat(folder, number, text, 63);

	text[len > 0 ? len : 0] = '\0';
}

static const char epoll_link[] = "anon_inode:[eventpoll]";

/* The next number in /proc/PID/fd that is this file; -1: no more.  If set is
 * not NULL, *set tells that there is an epoll set among those before. */
static int next_number(DIR *folder, const char *link, bool *set)
{
	struct dirent *entry;
	char found[64];

	while ((entry = readdir(folder))) {
		if (entry->d_name[0] == '.')
			continue;
		read_link(dirfd(folder), entry->d_name, found);
		if (set && strcmp(found, epoll_link) == 0)
			*set = true;
		if (strcmp(found, link) == 0)
			return (int)strtol(entry->d_name, NULL, 10);
	}
	return -1;
}

/* As many copies are found. */
enum { COPIES_MAX = 64 };

/* Puts it behind args[0], and then behind its copies, all of which are in
 * numbers.  Returns how many there are, or -1 with errno; *set tells whether
 * the process has an epoll set. */
static int put_all(const struct xs_notify *n, int socket, DIR *folder,
		   int numbers[COPIES_MAX], bool *set)
{
	char link[64], own[16], found[64];
	int number, count = 0;

	snprintf(link, sizeof(link), "socket:[%llu]",
		 (unsigned long long)n->inode);
	snprintf(own, sizeof(own), "%d", (int)n->args[0]);
	read_link(dirfd(folder), own, found);
	errno = XS_SWAP_LOST;
	if (strcmp(found, link) != 0 || put_one(n, socket, (int)n->args[0]) < 0)
		return -1;
	numbers[count++] = (int)n->args[0];
	while (count < COPIES_MAX &&
	       (number = next_number(folder, link, set)) >= 0)
		if (put_one(n, socket, number) == 0)
			numbers[count++] = number;
	return count;
}

static void move_in_sets(const struct xs_notify *n, int socket, DIR *folder,
			 const int *numbers, int count)
{
	int set;

	rewinddir(folder);
	while ((set = next_number(folder, epoll_link, NULL)) >= 0)
		for (int i = 0; i < count; i++)
			xs_notify_move_in_set(n, set, numbers[i], socket);
}

static int put(const struct xs_behalf *behalf, int socket)
{
	struct xs_notify *n = (struct xs_notify *)behalf;
	int numbers[COPIES_MAX], count, saved;
	bool set = false;
	char path[64];
	struct stat file;
	DIR *folder;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)n->thread);
	folder = opendir(path);
	if (!folder)
		return -1;
	pthread_mutex_lock(&putting);
	count = put_all(n, socket, folder, numbers, &set);
	saved = errno;
	pthread_mutex_unlock(&putting);
	/* A set that another thread has made since then can have the old socket
	 * only by a copy of its number. */
	if (count > 1 || (count > 0 && set))
		move_in_sets(n, socket, folder, numbers, count);
	closedir(folder);
	if (count > 0 && fstat(socket, &file) == 0)
		n->inode = file.st_ino;
	errno = saved;
	return count > 0 ? 0 : -1;
}

/* --- memory --------------------------------------------------------------- */

int xs_notify_read(const struct xs_notify *n, uint64_t at, void *to,
		   size_t size)
{
	struct iovec here = { .iov_base = to, .iov_len = size };
	struct iovec there = { .iov_base = (void *)(uintptr_t)at,
			       .iov_len = size };

	ssize_t got = process_vm_readv(n->thread, &here, 1, &there, 1, 0);

	if (got == (ssize_t)size)
		return 0;
	if (got >= 0 || errno != EPERM)
		errno = EFAULT;
	return -1;
}

int xs_notify_write(const struct xs_notify *n, uint64_t at, const void *from,
		    size_t size)
{
	struct iovec here = { .iov_base = (void *)(uintptr_t)from,
			      .iov_len = size };
	struct iovec there = { .iov_base = (void *)(uintptr_t)at,
			       .iov_len = size };

	/* A dead thread's number may be another's by now: the relay may have
	 * been asked meanwhile. */
	if (xs_notify_is_valid(n) &&
	    process_vm_writev(n->thread, &here, 1, &there, 1, 0) ==
		    (ssize_t)size)
		return 0;
	errno = EFAULT;
	return -1;
}
