/* The keeper of the relay; see keep.h.
 *
 * It is a copy of the application (fork(2) without handlers and without a
 * signal at the end), for it must not call execve(2).  So it drops what it does
 * not need: descriptors, session, folder, and all large memory, which the
 * application would otherwise have to copy when it writes to it.
 */
#include "keep.h"

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

/* Memory that application and keeper share. */
struct outcome {
	int known; /* a futex */
	int failed;
};

/* The latest one; it is reaped before the next. */
static pid_t keeper;

bool xs_keep_needed(void)
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

	if (end <= start || end - start < SMALL || strncmp(at, " rw-p ", 6) != 0)
		return;
	/* " rw-p OFFSET DEVICE INODE" */
	for (int field = 0; field < 4 && inode; field++)
		inode = strchr(inode + 1, ' ');
	if (!inode || strtoul(inode, NULL, 10) != 0 ||
	    has(start, end, &at) || has(start, end, &errno) ||
	    has(start, end, line))
		return;
	munmap((void *)start, end - start);
}

static void drop_memory(void)
{
	char text[4096];
	size_t have = 0;
	ssize_t got;
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);

	while (fd >= 0 && (got = read(fd, text + have,
				      sizeof(text) - 1 - have)) > 0) {
		char *line = text, *next;

		text[have + (size_t)got] = '\0';
		for (; (next = strchr(line, '\n')); line = next + 1) {
			*next = '\0';
			drop_mapping(line);
		}
		have = strlen(line);
		if (have == sizeof(text) - 1)
			break;
		memmove(text, line, have);
	}
	if (fd >= 0)
		close(fd);
}

_Noreturn static void keep(int (*start)(void *with), void *with,
			   struct outcome *outcome)
{
	int pid;

	setsid();
	if (chdir("/") < 0)
		pid = -errno;
	else
		pid = start(with);
	outcome->failed = pid < 0 ? -pid : 0;
	__atomic_store_n(&outcome->known, 1, __ATOMIC_RELEASE);
	syscall(SYS_futex, &outcome->known, FUTEX_WAKE, 1, NULL, NULL, 0);
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
static int await(struct outcome *outcome)
{
	const struct timespec pause = { .tv_nsec = 100000000 };

	while (!__atomic_load_n(&outcome->known, __ATOMIC_ACQUIRE)) {
		syscall(SYS_futex, &outcome->known, FUTEX_WAIT, 0, &pause, NULL,
			0);
		if (waitpid(keeper, NULL, __WCLONE | WNOHANG) == keeper &&
		    !__atomic_load_n(&outcome->known, __ATOMIC_ACQUIRE))
			return ECHILD;
	}
	return outcome->failed;
}

int xs_keep(int (*start)(void *with), void *with)
{
	struct outcome *outcome =
		mmap(NULL, sizeof(*outcome), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int failed;
	long pid;

	if (outcome == MAP_FAILED)
		return ENOMEM;
	if (keeper > 0)
		waitpid(keeper, NULL, __WCLONE | WNOHANG);
	pid = syscall(SYS_clone, CLONE_UNTRACED, NULL, NULL, NULL, NULL);
	if (pid == 0)
		keep(start, with, outcome);
	keeper = (pid_t)pid;
	failed = pid < 0 ? errno : await(outcome);
	munmap(outcome, sizeof(*outcome));
	return failed;
}
