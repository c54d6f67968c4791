/* Starting another program; see exec.h. */
#include "exec/exec.h"

#include "base/hash.h"
#include "base/mapping.h"
#include "base/program_path.h"
#include "base/trace.h"
#include "connect/config.h"
#include "connect/environment.h"
#include "connect/report.h"
#include "connect/traced.h"
#include "exec/image.h"
#include "exec/variables.h"
#include "rules/names_hand_on.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MFD_CLOEXEC
#define MFD_CLOEXEC 1U
#endif

/* An environment lies on the stack of who starts a program; one above this is
 * refused as execve(2) refuses one above its own limit. */
enum { ROOM_MAX = 1024 * 1024 };

/* What this process was started with. */
static struct xs_variables variables;

/* --- what has been told --------------------------------------------------- */

/* Hashes of the sentences that were written, by this process and those that it
 * has forked, with where they went.  A full table means that a sentence may
 * come twice.  NULL: memory was short. */
enum { TOLD_MAX = 512, TOLD_SIZE = TOLD_MAX * sizeof(uint64_t) };
static uint64_t *told;

static bool is_new(const char *sentence, bool to_syslog)
{
	uint64_t place = xs_hash(XS_HASH_START, &to_syslog, sizeof(to_syslog));
	uint64_t hash = xs_hash(place, sentence, strlen(sentence)) | 1;

	for (size_t i = 0; told && i < TOLD_MAX; i++) {
		uint64_t *slot = &told[(hash + i) % TOLD_MAX], none = 0;

		if (__atomic_compare_exchange_n(slot, &none, hash, false,
						__ATOMIC_RELAXED,
						__ATOMIC_RELAXED))
			return true;
		if (none == hash)
			return false;
	}
	return true;
}

/* Memory that children share, however they are made.  NULL: none. */
static void *map_shared(size_t size, int protection, int fd)
{
	void *memory = mmap(NULL, size, protection,
			    MAP_SHARED | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

/* Makes an empty file longer.  Beyond RLIMIT_FSIZE the kernel would send
 * SIGXFSZ. */
static bool lengthen(int fd, size_t size)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur >= size &&
	       ftruncate(fd, (off_t)size) == 0;
}

/* Maps a file under the name that "xsock status" looks for in /proc/PID/maps,
 * until the process ends, unless memfd_create(2) is forbidden.  Its first page
 * is for the name, and what has been told is behind it: one file costs a start
 * less than two.  Later the program may have forbidden itself to map anything,
 * or have made children that libc does not know of. */
static void map_name_and_told(void)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	int fd = (int)syscall(SYS_memfd_create, XS_MAPPING, MFD_CLOEXEC);
	char *memory = NULL;

	if (fd >= 0 && lengthen(fd, page + TOLD_SIZE))
		memory = map_shared(page + TOLD_SIZE, PROT_READ | PROT_WRITE,
				    fd);
	else if (fd >= 0)
		map_shared(1, PROT_NONE, fd);
	if (fd >= 0)
		close(fd);
	told = memory ? (uint64_t *)(void *)(memory + page)
		      : map_shared(TOLD_SIZE, PROT_READ | PROT_WRITE, -1);
}

void xs_exec_prepare(void)
{
	if (xs_environment.preload &&
	    xs_variables_names_library(xs_environment.preload))
		variables.preload = xs_environment.preload;
	variables.others = xs_environment.own;
	map_name_and_told();
}

void xs_exec_follow_user(void)
{
	int saved = errno;

	if (!told)
		return;
	/* In the same place: another thread may be reading.  If it fails, a
	 * line may be missing.
	 * NOLINTNEXTLINE(leakReturnValNotUsed,bugprone-unused-return-value) */
	mmap(told, TOLD_SIZE, PROT_READ | PROT_WRITE,
	     MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	errno = saved;
}

/* --- judging ------------------------------------------------------------ */

static void tell(enum xs_log_level level, const char *program, const char *what,
		 const char *meaning)
{
	char sentence[XS_ERROR_TEXT_MAX], unseen[XS_ERROR_TEXT_MAX];

	if (xs_trace_is_on()) {
		snprintf(unseen, sizeof(unseen), "%.100s %s", program, what);
		xs_traced_unseen(unseen);
	}
	snprintf(sentence, sizeof(sentence), "%.200s %s: %s", program, what,
		 meaning);
	xs_config_rules(); /* which sets where lines go */
	/* Syslog may not be there (where a daemon has closed its standard
	 * error): then another child may say it. */
	if (xs_report_wants(level) &&
	    is_new(sentence, xs_report_is_by_syslog()))
		xs_report_process(level, sentence);
}

static int refuse(void)
{
	errno = EACCES;
	return -1;
}

/* What the file does not load, no variable brings back. */
static int judge_image(const char *program, enum xs_image image)
{
	/* It loses nothing then. */
	if (xs_config_supervised())
		return 0;
	if (xs_config_exec() == XS_EXEC_REFUSE) {
		tell(XS_LOG_ERROR, program, xs_image_sentence(image),
		     "it is not started (XSOCK_EXEC=refuse)");
		return refuse();
	}
	tell(XS_LOG_WARNING, program, xs_image_sentence(image),
	     "its connections follow no rule (XSOCK_EXEC=refuse would not let "
	     "it start)");
	return 0;
}

/* Pointers lie behind it. */
enum { NAMES_ROOM = XS_NAMES_TEXT_MAX };
_Static_assert(NAMES_ROOM % sizeof(char *) == 0, "a list begins behind it");

/* Is the variable of the names put into an environment?  There is always one
 * but where memory was short; a list that is very long is left alone. */
static bool is_handing_on(char *const envp[])
{
	return xs_names_variable() &&
	       xs_variables_room_for_one(envp) <= ROOM_MAX / 2;
}

/* Has it lost what XSOCK_EXEC=keep puts back? */
static bool is_kept(char *const envp[])
{
	return xs_config_exec() == XS_EXEC_KEEP &&
	       xs_variables_missing(&variables, envp);
}

static size_t room_for_names(char *const envp[])
{
	return is_handing_on(envp)
		       ? NAMES_ROOM + xs_variables_room_for_one(envp)
		       : 0;
}

static ssize_t room_for(char *const envp[])
{
	/* One more pointer: that of the names. */
	size_t room = xs_variables_room(&variables, envp) + sizeof(char *);

	if (room <= ROOM_MAX)
		return (ssize_t)room;
	errno = E2BIG;
	return -1;
}

static ssize_t judge_variables(const char *program, const char *missing,
			       char *const envp[])
{
	char what[64];

	if (xs_config_supervised() && xs_config_exec() != XS_EXEC_KEEP)
		return 0;
	snprintf(what, sizeof(what), "is started without %s", missing);
	switch (xs_config_exec()) {
	case XS_EXEC_KEEP:
		return room_for(envp);
	case XS_EXEC_WARN:
		tell(XS_LOG_WARNING, program, what,
		     "its connections follow no rule (XSOCK_EXEC=keep would "
		     "put the variable back, XSOCK_EXEC=refuse not let it "
		     "start)");
		return 0;
	case XS_EXEC_REFUSE:
		tell(XS_LOG_ERROR, program, what,
		     "it is not started (XSOCK_EXEC=refuse; keep would put "
		     "the variable back)");
		break;
	}
	return refuse();
}

/* Does the loader of each ABI find a library of its own in LD_PRELOAD ("$LIB",
 * "$PLATFORM")?  If it has none, it says so itself (ld.so(8)). */
static bool is_for_several(char *const envp[])
{
	const char *value = xs_variables_value(envp, "LD_PRELOAD=");

	return value && strchr(value, '$');
}

/* The library that this program would be given. */
static enum xs_image judge_library(char *const envp[])
{
	char path[PATH_MAX];

	return xs_variables_library(envp, path, sizeof(path))
		       ? xs_image_judge_library(path)
		       : XS_IMAGE_LOADS;
}

static ssize_t judge(const char *program, enum xs_image image,
		     char *const envp[])
{
	const char *missing = xs_variables_missing(&variables, envp);

	if (image == XS_IMAGE_OTHER_ABI && is_for_several(envp))
		image = XS_IMAGE_LOADS;
	if (image == XS_IMAGE_LOADS)
		image = judge_library(envp);
	if (image != XS_IMAGE_LOADS) {
		if (judge_image(program, image) < 0)
			return -1;
		/* What such a program starts in its turn may load it. */
		return missing && xs_config_exec() == XS_EXEC_KEEP
			       ? room_for(envp)
			       : 0;
	}
	return missing ? judge_variables(program, missing, envp) : 0;
}

/* open(2) is a cancellation point, and execve(2) and posix_spawn(3) are none.
 * Returns what is to be restored. */
static int hold_cancel(void)
{
	int was = PTHREAD_CANCEL_ENABLE;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &was);
	return was;
}

static ssize_t restore_cancel(int was, ssize_t room)
{
	pthread_setcancelstate(was, NULL);
	return room;
}

/* What is not there, or must not be executed, execve(2) refuses with its own
 * errno.  Where something else is the matter (a filter of system calls) the
 * answer is yes. */
static bool is_executable(int dirfd, const char *path)
{
	int saved = errno;
	bool is = faccessat(dirfd, path, X_OK, AT_EACCESS) == 0 ||
		  errno == EPERM || errno == ENOSYS;

	errno = saved;
	return is;
}

static ssize_t judge_path(int dirfd, const char *path, char *const envp[])
{
	if (!is_executable(dirfd, path))
		return 0;
	return judge(path, xs_image_judge(dirfd, path), envp);
}

static ssize_t judge_fd(int fd, char *const envp[])
{
	char link[32], path[PATH_MAX];
	int saved = errno, flags = fcntl(fd, F_GETFD);
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof(path) - 1);
	path[len > 0 ? len : 0] = '\0';
	errno = saved;
	if (flags < 0)
		return 0;
	return judge(len > 0 ? path : link, xs_image_judge_fd(fd), envp);
}

static ssize_t judge_command(const char *name, char *const envp[])
{
	char path[PATH_MAX];
	int saved = errno;
	int failed = xs_program_path(name, xs_variables_value(environ, "PATH="),
				     path);

	errno = saved;
	return failed ? 0 : judge_path(AT_FDCWD, path, envp);
}

/* Has this process ever made a file action that changes the folder?  Which
 * actions one has is libc's secret. */
static bool may_move;

void xs_exec_note_move(void)
{
	__atomic_store_n(&may_move, true, __ATOMIC_RELAXED);
}

/* A child that changes its folder first finds another file by this path, or
 * one where none is found from here. */
static ssize_t judge_moved(const char *path, char *const envp[])
{
	if (path[0] == '/' || !__atomic_load_n(&may_move, __ATOMIC_RELAXED))
		return judge_path(AT_FDCWD, path, envp);
	return judge(path, XS_IMAGE_ELSEWHERE, envp);
}

static ssize_t add_names(ssize_t room, char *const envp[])
{
	return room < 0 ? room : room + (ssize_t)room_for_names(envp);
}

ssize_t xs_exec_judge(int dirfd, const char *path, char *const envp[])
{
	int was = hold_cancel();

	return restore_cancel(was,
			      add_names(judge_path(dirfd, path, envp), envp));
}

ssize_t xs_exec_judge_fd(int fd, char *const envp[])
{
	int was = hold_cancel();

	return restore_cancel(was, add_names(judge_fd(fd, envp), envp));
}

ssize_t xs_exec_judge_command(const char *name, char *const envp[])
{
	int was = hold_cancel();

	return restore_cancel(was, add_names(judge_command(name, envp), envp));
}

ssize_t xs_exec_judge_moved(const char *path, char *const envp[])
{
	int was = hold_cancel();

	return restore_cancel(was, add_names(judge_moved(path, envp), envp));
}

/* Sets the variable of this process that begins with "NAME=" as it is in
 * list. */
static int set_own(char *const list[], const char *variable)
{
	char name[32];

	snprintf(name, sizeof(name), "%.*s",
		 (int)(strchrnul(variable, '=') - variable), variable);
	return setenv(name, xs_variables_value(list, variable), 1);
}

int xs_exec_restore_own(void)
{
	size_t room;
	char **list;

	if (!is_kept(environ))
		return 0;
	room = xs_variables_room(&variables, environ);
	list = xs_variables_restore(&variables, __builtin_alloca(room),
				    environ);
	if (variables.preload && set_own(list, variables.preload) < 0)
		return -1;
	for (size_t i = 0; variables.others[i]; i++)
		if (set_own(list, variables.others[i]) < 0)
			return -1;
	return 0;
}

/* What is handed on of the names lies first in the room, then the environment
 * with it, then what is put back; each is read by the next. */
char **xs_exec_restore(void *room, char *const envp[])
{
	char *text = room, **list = (char **)(void *)(text + NAMES_ROOM);

	if (!is_handing_on(envp))
		return xs_variables_restore(&variables, room, envp);
	xs_names_tell(text);
	xs_variables_put(list, envp, text);
	if (!is_kept(envp))
		return list;
	text = (char *)list + xs_variables_room_for_one(envp);
	return xs_variables_restore(&variables, text, list);
}

void xs_exec_judge_own(void)
{
	enum xs_image image = xs_image_own();

	if (image != XS_IMAGE_LOADS && !xs_config_supervised())
		tell(XS_LOG_WARNING, "this program", xs_image_sentence(image),
		     "what it connects by itself follows no rule");
}
