/* The keeper of the relay; see relay_parent.h.
 *
 * It is a copy of the application (fork(2) without handlers and without a
 * signal at the end), for it must not call execve(2).  So it drops what it does
 * not need: descriptors, session, folder, and all large memory, which the
 * application would otherwise have to copy when it writes to it.
 */
#include "relay_client/relay_parent.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* How the start went: memory that the application and the keeper share. */
struct result {
	int known; /* a futex */
	int pid;   /* of the relay, or an errno made negative */
};

/* The latest one; it is reaped before the next. */
static pid_t keeper;

bool xs_relay_parent_needed(void)
{
	int subreaper = 0;

	prctl(PR_GET_CHILD_SUBREAPER, &subreaper);
	return subreaper || getpid() == 1;
}

/* A sanitizer's code needs the memory that it keeps its books in. */
#ifdef __SANITIZE_ADDRESS__
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

/* Smaller mappings are not worth a system call. */
enum { SMALL = 1 << 17 };

static bool has(uintptr_t start, uintptr_t end, const void *at)
{
	return (uintptr_t)at >= start && (uintptr_t)at < end;
}

/* Forgets the memory that one line of /proc/self/maps is about, if that is
 * writable, no file's, and neither this stack nor this thread's. */
static void drop_mapping(const char *line)
{
	char *at;
	uintptr_t start = (uintptr_t)strtoull(line, &at, 16);
	uintptr_t end = *at == '-' ? (uintptr_t)strtoull(at + 1, &at, 16) : 0;
	const char *inode = at;

	if (end <= start || end - start < SMALL ||
	    strncmp(at, " rw-p ", 6) != 0)
		return;
	/* " rw-p OFFSET DEVICE INODE" */
	for (int field = 0; field < 4 && inode; field++)
		inode = strchr(inode + 1, ' ');
	if (!inode || strtoul(inode, NULL, 10) != 0 || has(start, end, &at) ||
	    has(start, end, &errno) || has(start, end, line))
		return;
	munmap((void *)start, end - start);
}

static void drop_memory(void)
{
	char text[4096];
	size_t have = 0;
	ssize_t got;
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);

	while (fd >= 0 && have < sizeof(text) - 1 &&
	       (got = read(fd, text + have, sizeof(text) - 1 - have)) > 0) {
		char *line = text, *next;

		text[have + (size_t)got] = '\0';
		for (; (next = strchr(line, '\n')); line = next + 1) {
			*next = '\0';
			drop_mapping(line);
		}
		have = strlen(line);
		memmove(text, line, have);
	}
	if (fd >= 0)
		close(fd);
}

/* The keeper: starts the relay, tells how that went, and waits for its end. */
_Noreturn static void be_keeper(int (*start)(void *with), void *with,
				struct result *result)
{
	int pid;

	setsid();
	if (chdir("/") < 0)
		pid = -errno;
	else
		pid = start(with);
	result->pid = pid;
	__atomic_store_n(&result->known, 1, __ATOMIC_RELEASE);
	syscall(SYS_futex, &result->known, FUTEX_WAKE, 1, NULL, NULL, 0);
	if (pid < 0)
		_exit(1);
	prctl(PR_SET_NAME, "xsock-keeper");
	if (!SANITIZED)
		drop_memory();
	if (syscall(SYS_close_range, 0, ~0U, 0) < 0)
		for (int fd = 0; fd < 65536; fd++)
			close(fd);
	while (syscall(SYS_wait4, pid, NULL, 0, NULL) < 0 && errno == EINTR)
		;
	_exit(0);
}

/* Until the keeper knows how it went.  One that ends without a word has
 * failed. */
static int await(struct result *result)
{
	const struct timespec pause = { .tv_nsec = 100000000 };

	while (!__atomic_load_n(&result->known, __ATOMIC_ACQUIRE)) {
		syscall(SYS_futex, &result->known, FUTEX_WAIT, 0, &pause, NULL,
			0);
		if (waitpid(keeper, NULL, __WCLONE | WNOHANG) == keeper &&
		    !__atomic_load_n(&result->known, __ATOMIC_ACQUIRE))
			return -ECHILD;
	}
	return result->pid;
}

int xs_relay_parent(int (*start)(void *with), void *with)
{
	struct result *result =
		mmap(NULL, sizeof(*result), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int started;
	long pid;

	if (result == MAP_FAILED)
		return -ENOMEM;
	if (keeper > 0)
		waitpid(keeper, NULL, __WCLONE | WNOHANG);
	pid = syscall(SYS_clone, CLONE_UNTRACED, NULL, NULL, NULL, NULL);
	if (pid == 0)
		be_keeper(start, with, result);
	keeper = (pid_t)pid;
	started = pid < 0 ? -errno : await(result);
	munmap(result, sizeof(*result));
	return started;
}
