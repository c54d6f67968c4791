/* Lines that must not wait; see log_put.h. */
#include "relay/connection/log_put.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file that did not take a line. */
struct deaf {
	dev_t device;
	ino_t inode;
	unsigned long lost; /* 0: this one is free */
	char program[32];   /* whose line was the last */
};

/* Of more at a time, the first ones are told by syslog. */
enum { DEAF_MAX = 32 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct deaf deaf[DEAF_MAX];
static unsigned next; /* whose turn it is to make room */

static size_t write_notice(char line[XS_LOG_LINE_MAX], unsigned long lost,
			   const char *program)
{
	char sentence[300];
	const struct xs_log_subject nobody = { .level = XS_LOG_WARNING };

	snprintf(sentence, sizeof(sentence),
		 "%lu line%s before this one %s lost, because standard error "
		 "did not take %s at once (the last was of %.32s; "
		 "XSOCK_LOG=LEVEL:FILE or LEVEL:syslog loses none)",
		 lost, lost == 1 ? "" : "s", lost == 1 ? "was" : "were",
		 lost == 1 ? "it" : "them", program);
	return xs_log_format(line, &nobody, sentence);
}

static void tell_syslog(struct deaf *at)
{
	char line[XS_LOG_LINE_MAX];
	size_t len;

	if (!at->lost)
		return;
	len = write_notice(line, at->lost, at->program);
	xs_log_write("syslog", -1, XS_LOG_WARNING, line, len);
	at->lost = 0;
}

/* The entry of this file; with the lock. */
static struct deaf *find(const struct stat *file)
{
	for (int i = 0; i < DEAF_MAX; i++)
		if (deaf[i].lost && deaf[i].device == file->st_dev &&
		    deaf[i].inode == file->st_ino)
			return &deaf[i];
	return NULL;
}

static void count_lost(const struct stat *file, const char *program)
{
	struct deaf *at;

	pthread_mutex_lock(&lock);
	at = find(file);
	if (!at) {
		at = &deaf[next++ % DEAF_MAX];
		tell_syslog(at);
		at->device = file->st_dev;
		at->inode = file->st_ino;
	}
	at->lost++;
	snprintf(at->program, sizeof(at->program), "%s", program);
	pthread_mutex_unlock(&lock);
}

/* What was lost there until now, which the caller is about to tell; 0: nothing,
 * as nearly always. */
static unsigned long take_lost(const struct stat *file, char program[32])
{
	struct deaf *at;
	unsigned long lost = 0;

	pthread_mutex_lock(&lock);
	at = find(file);
	if (at) {
		lost = at->lost;
		memcpy(program, at->program, sizeof(at->program));
		at->lost = 0;
	}
	pthread_mutex_unlock(&lock);
	return lost;
}

static void put_back(const struct stat *file, unsigned long lost,
		     const char *program)
{
	while (lost-- > 0)
		count_lost(file, program);
}

/* False: it is not taken. */
static bool tell_lost(int fd, const struct stat *file)
{
	char line[XS_LOG_LINE_MAX], program[32];
	unsigned long lost = take_lost(file, program);
	size_t len;

	if (!lost)
		return true;
	len = write_notice(line, lost, program);
	if (xs_log_write("", fd, XS_LOG_WARNING, line, len) != XS_LOG_FULL)
		return true;
	put_back(file, lost, program);
	return false;
}

/* A descriptor of the same file that does not block: fd itself, or one to be
 * closed.  -1 with errno. */
static int without_waiting(int fd, const struct stat *file)
{
	char path[40];

	if (S_ISREG(file->st_mode) || S_ISSOCK(file->st_mode))
		return fd;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

void xs_log_put(const char *dest, int fd, enum xs_log_level level,
		const char *program, const char *line, size_t len)
{
	int saved = errno, safe;
	struct stat file;

	if (fd < 0 || fstat(fd, &file) < 0) {
		xs_log_write(dest, -1, level, line, len);
		errno = saved;
		return;
	}
	safe = without_waiting(fd, &file);
	/* A pipe that nobody reads any more.  Anything else (a terminal that is
	 * another user's, no /proc) leaves syslog. */
	if (safe >= 0 || errno != ENXIO)
		if ((!*dest && safe >= 0 && !tell_lost(safe, &file)) ||
		    xs_log_write(dest, safe, level, line, len) == XS_LOG_FULL)
			count_lost(&file, program);
	if (safe >= 0 && safe != fd)
		close(safe);
	errno = saved;
}

void xs_log_put_end(void)
{
	pthread_mutex_lock(&lock);
	for (int i = 0; i < DEAF_MAX; i++)
		tell_syslog(&deaf[i]);
	pthread_mutex_unlock(&lock);
}
