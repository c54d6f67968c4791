/* Finding or starting the relay; see handoff.h. */
#include "handoff.h"

#include "config.h"
#include "hash.h"
#include "launch.h"
#include "replace.h"
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* How long to wait for a relay that is being started, or is leaving. */
enum { TRIES = 2000, TRY_NANOSECONDS = 1000000 };

/* Until a relay that takes no connection counts as dead. */
enum { PATIENCE_MICROSECONDS = 300000 };

/* What must agree.  Compared as a hash, so the padding must be zero. */
struct identity {
	uint64_t version, user, group, groups, capabilities;
	uint64_t files_limit, memory_limit;
	uint64_t control_group;
	uint64_t resolver;
	uint64_t users, processes; /* namespaces */
	uint64_t mounts, root_device, root_inode;
	uint64_t relay_device, relay_inode, relay_seconds, relay_nanoseconds;
	uint64_t relay_size;
};
_Static_assert(sizeof(ino_t) == 8 && sizeof(rlim_t) == 8,
	       "programs of every ABI find the same relay");

/* The control group does not change while a process runs, as a rule; and a
 * relay found by an old one is still a relay of this user. */
static uint64_t control_group(void)
{
	static uint64_t known;
	char text[1024];
	ssize_t len;
	int fd;

	if (known)
		return known;
	fd = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 1;
	len = read(fd, text, sizeof(text));
	close(fd);
	known = xs_hash(XS_HASH_START, text, len > 0 ? (size_t)len : 0) | 1;
	return known;
}

/* A relay acts with the rights and within the limits of whoever started it. */
static void identify_rights(struct identity *id)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct rights[2] = { { .effective = 0 } };
	gid_t groups[256];
	struct rlimit limit;
	int count = getgroups(256, groups);

	id->user = geteuid();
	id->group = getegid();
	id->groups = xs_hash(XS_HASH_START, groups,
			     count > 0 ? (size_t)count * sizeof(*groups) : 0);
	if (syscall(SYS_capget, &head, rights) == 0)
		id->capabilities = (uint64_t)rights[1].effective << 32 |
				   rights[0].effective;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
		id->files_limit = limit.rlim_max;
	if (getrlimit(RLIMIT_AS, &limit) == 0)
		id->memory_limit = limit.rlim_cur;
}

/* The inode of a namespace of this process; 0 without /proc. */
static uint64_t namespace(const char *kind)
{
	char path[32];
	struct stat file;

	snprintf(path, sizeof(path), "/proc/self/ns/%s", kind);
	return stat(path, &file) == 0 ? file.st_ino : 0;
}

static void identify(const struct stat *relay, char key[XS_PAIR_KEY_LEN + 1])
{
	struct identity id = { .version = XS_WIRE_VERSION };
	struct stat file;

	identify_rights(&id);
	id.control_group = control_group();
	id.resolver = XS_HASH_START;
	for (size_t i = 0; xs_config.resolver[i]; i++)
		id.resolver = xs_hash(id.resolver, xs_config.resolver[i],
				      strlen(xs_config.resolver[i]) + 1);
	/* A relay ends with its PID namespace, and reads files as its user
	 * namespace may.  (Network namespaces have abstract names of their
	 * own.) */
	id.users = namespace("user");
	id.processes = namespace("pid");
	id.mounts = namespace("mnt");
	if (stat("/", &file) == 0) {
		id.root_device = file.st_dev;
		id.root_inode = file.st_ino;
	}
	id.relay_device = relay->st_dev;
	id.relay_inode = relay->st_ino;
	id.relay_seconds = (uint64_t)relay->st_mtim.tv_sec;
	id.relay_nanoseconds = (uint64_t)relay->st_mtim.tv_nsec;
	id.relay_size = (uint64_t)relay->st_size;
	snprintf(key, XS_PAIR_KEY_LEN + 1, "%016llx",
		 (unsigned long long)xs_hash(XS_HASH_START, &id, sizeof(id)));
}

static socklen_t control_name(struct sockaddr_un *name, const char *key)
{
	int len;

	memset(name, 0, sizeof(*name));
	name->sun_family = AF_UNIX;
	len = snprintf(name->sun_path + 1, sizeof(name->sun_path) - 1,
		       "xsock-relay/%s", key);
	return (socklen_t)offsetof(struct sockaddr_un, sun_path) + 1 +
	       (socklen_t)len;
}

int xs_handoff_reach(const char *key)
{
	const struct timeval patience = { .tv_usec = PATIENCE_MICROSECONDS };
	struct sockaddr_un name;
	socklen_t len = control_name(&name, key);
	int fd = xs_above_stdio(
		socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
	int done, saved;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	do
		done = connect(fd, (struct sockaddr *)&name, len);
	while (done < 0 && errno == EINTR);
	if (done == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static bool is_of_this_user(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
	       peer.uid == geteuid();
}

/* Binds the name and starts a relay that listens on it.  Returns 1 when it
 * runs, 0 when the name is taken, -1 with *err set. */
static int start(const char *key, const char *path, struct xs_error *err)
{
	struct sockaddr_un name;
	socklen_t len = control_name(&name, key);
	int fd = xs_above_stdio(
		socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
	int result = 1;

	if (fd < 0)
		return xs_error_set(err, XS_ERR_SYSTEM, errno,
				    "no socket for the relay: %s",
				    xs_error_name(errno));
	if (bind(fd, (struct sockaddr *)&name, len) < 0)
		result = errno == EADDRINUSE
				 ? 0
				 : xs_error_set(err, XS_ERR_RELAY, errno,
						"cannot bind @%s: %s",
						name.sun_path + 1,
						xs_error_name(errno));
	else if (listen(fd, SOMAXCONN) < 0)
		result = xs_error_set(err, XS_ERR_RELAY, errno,
				      "cannot listen on @%s: %s",
				      name.sun_path + 1, xs_error_name(errno));
	else if (xs_launch(path, fd, xs_config.idle, xs_config.resolver,
			   err) < 0)
		result = -1;
	close(fd);
	return result;
}

/* A name that another user squats is not ours: a relay of this process alone,
 * under a random name, which its children inherit. */
static char private_key[XS_PAIR_KEY_LEN + 1];

static bool make_private(char key[XS_PAIR_KEY_LEN + 1])
{
	uint64_t random;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return false;
	snprintf(private_key, sizeof(private_key), "%016llx",
		 (unsigned long long)random);
	memcpy(key, private_key, sizeof(private_key));
	return true;
}

/* One try.  Returns the control socket; -1 with *err set when it is in vain to
 * go on; -2 when the name may be free or answer in a moment; -3 when somebody
 * sits on it who is no relay of ours. */
static int try_key(const char *key, const char *path, struct xs_error *err)
{
	int fd = xs_handoff_reach(key);
	int started;

	if (fd >= 0 && is_of_this_user(fd))
		return fd;
	if (fd >= 0) {
		close(fd);
		return -3;
	}
	if (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
		return xs_error_set(err, XS_ERR_SYSTEM, errno,
				    "cannot reach the relay: %s",
				    xs_error_name(errno));
	if (errno != ECONNREFUSED)
		return -3;
	started = start(key, path, err);
	return started < 0 ? -1 : -2;
}

/* The relay of the last connection that may announce others: when the relay's
 * program has been replaced since, or this process has other rights, another
 * one would be looked for. */
static char noted_key[XS_PAIR_KEY_LEN + 1];

void xs_handoff_note(const char *key)
{
	if (memcmp(noted_key, key, sizeof(noted_key)) != 0)
		memcpy(noted_key, key, sizeof(noted_key));
}

/* The control socket of the relay with this key; -1 with errno: it cannot be
 * told; -2: there is none; -3: it is another user's. */
static int find_key(const char *key)
{
	int fd = xs_handoff_reach(key);

	if (fd < 0)
		return errno == ECONNREFUSED ? -2 : -1;
	if (is_of_this_user(fd))
		return fd;
	close(fd);
	return -3;
}

static int fail_find(const char *key, const char *why, struct xs_error *err)
{
	return xs_error_set(err, XS_ERR_RELAY, EACCES,
			    "the relay @xsock-relay/%s cannot be asked whether "
			    "this is an FTP data connection: %s",
			    key, why);
}

/* The relay that a new connection would go to. */
static int find_usual(struct xs_error *err)
{
	char key[XS_PAIR_KEY_LEN + 1];
	struct stat file;
	int fd;

	if (private_key[0])
		memcpy(key, private_key, sizeof(key));
	else if (stat(xs_config.relay_path, &file) == 0)
		identify(&file, key);
	else
		return -2;
	fd = find_key(key);
	if (fd == -1)
		return fail_find(key, xs_error_name(errno), err);
	/* Another user's has nothing of ours. */
	return fd == -3 ? -2 : fd;
}

int xs_handoff_find(struct xs_error *err)
{
	int fd = noted_key[0] ? find_key(noted_key) : -2;

	if (fd == -1)
		return fail_find(noted_key, xs_error_name(errno), err);
	if (fd == -3)
		return fail_find(noted_key,
				 "it is that of another user, who this process "
				 "was when it made the control connection",
				 err);
	return fd == -2 ? find_usual(err) : fd;
}

int xs_handoff_open(char key[XS_PAIR_KEY_LEN + 1], struct xs_error *err)
{
	const struct timespec pause = { .tv_nsec = TRY_NANOSECONDS };
	const char *path = xs_config.relay_path;
	struct stat file;

	if (xs_launch_check(path, &file, err) < 0)
		return -1;
	if (private_key[0])
		memcpy(key, private_key, sizeof(private_key));
	else
		identify(&file, key);
	for (int i = 0; i < 2 * TRIES; i++) {
		int fd = try_key(key, path, err);

		if (fd >= -1)
			return fd;
		if (fd == -3 || i == TRIES) {
			if (!make_private(key))
				break;
		} else if (i > 0) {
			nanosleep(&pause, NULL);
		}
	}
	return xs_error_set(err, XS_ERR_RELAY, EACCES,
			    "the relay @xsock-relay/%s neither answers nor "
			    "leaves its name",
			    key);
}
