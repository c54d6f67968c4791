/* Who is at the other end; see peer.h. */
#include "base/peer.h"

#include "base/descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

#define PIDFS_MAGIC 0x50494446

bool xs_peer_has_proc(void)
{
	char text[16];
	ssize_t len = readlink("/proc/self", text, sizeof(text) - 1);

	if (len <= 0)
		return false;
	text[len] = '\0';
	return strtol(text, NULL, 10) == getpid();
}

ssize_t xs_peer_read(pid_t pid, const char *file, char *text, size_t size)
{
	char path[48];
	ssize_t len;
	int fd;

	if (pid)
		snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	else
		snprintf(path, sizeof(path), "/proc/thread-self/%s", file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	len = read(fd, text, size - 1);
	close(fd);
	if (len < 0)
		return -1;
	while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\0'))
		len--;
	text[len] = '\0';
	return len;
}

/* Field 22 of /proc/PID/stat.  The name of the program, in brackets, may hold
 * anything. */
static uint64_t started(pid_t pid)
{
	char text[1024];
	const char *at;

	if (xs_peer_read(pid, "stat", text, sizeof(text)) <= 0)
		return 0;
	at = strrchr(text, ')');
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	return at ? strtoull(at, NULL, 10) : 0;
}

/* 1: *pidfd is the process; 0: the kernel has no such option; -1 with errno:
 * ESRCH, it has ended.  Of an ended process, kernels give no descriptor (each
 * with its own errno), or one that is readable. */
static int process_of(int fd, int *pidfd)
{
	socklen_t len = sizeof(*pidfd);
	struct pollfd ended;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, pidfd, &len) < 0) {
		if (errno == ENOPROTOOPT)
			return 0;
		if (errno != EMFILE && errno != ENFILE && errno != ENOMEM)
			errno = ESRCH;
		return -1;
	}
	ended = (struct pollfd){ .fd = *pidfd, .events = POLLIN };
	if (poll(&ended, 1, 0) == 0)
		return 1;
	close(*pidfd);
	errno = ESRCH;
	return -1;
}

static bool process_lives(int fd)
{
	int pidfd;

	if (process_of(fd, &pidfd) != 1)
		return false;
	close(pidfd);
	return true;
}

/* Before Linux 6.9 all pidfds have one inode, and it is the time that counts:
 * that of the process which the PID means while the pidfd says that it lives.
 */
static bool find_life(int fd, struct xs_peer *peer)
{
	struct statfs system;
	struct stat file;
	int pidfd, found = process_of(fd, &pidfd);

	if (found < 0)
		return false;
	if (found) {
		if (fstatfs(pidfd, &system) == 0 &&
		    system.f_type == PIDFS_MAGIC && fstat(pidfd, &file) == 0)
			peer->life = file.st_ino;
		close(pidfd);
	}
	if (peer->life)
		return true;
	if (xs_peer_has_proc())
		peer->life = peer->started = started(peer->pid);
	return !found || process_lives(fd);
}

bool xs_peer_of(int fd, struct xs_peer *peer)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	memset(peer, 0, sizeof(*peer));
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return false;
	peer->user = cred.uid;
	peer->pid = cred.pid;
	return peer->pid <= 0 || find_life(fd, peer);
}

bool xs_peer_lives(int fd, const struct xs_peer *peer)
{
	struct xs_peer now;

	return xs_peer_of(fd, &now) && now.pid == peer->pid &&
	       now.life == peer->life;
}
