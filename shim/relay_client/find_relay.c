/* Finding or starting the relay; see find_relay.h. */
#include "relay_client/find_relay.h"

#include "base/descriptor.h"
#include "base/hash.h"
#include "base/ids.h"
#include "base/peer.h"
#include "relay_client/identity.h"
#include "relay_client/start_relay.h"
#include "relay_client/verify_relay.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* How long to wait for a relay that is being started, or is leaving. */
enum { TRIES = 2000, TRY_NANOSECONDS = 1000000 };

/* How often a relay is started that ends before it can be asked.  One of ours
 * does so when somebody stops it at that moment, another program always. */
enum { STARTS = 2 };

/* Until a relay that takes no connection counts as dead. */
enum { PATIENCE_MICROSECONDS = 300000 };

struct xs_relay_settings xs_relay_settings;

socklen_t xs_find_relay_name(struct sockaddr_un *name, const char *key)
{
	int len;

	memset(name, 0, sizeof(*name));
	name->sun_family = AF_UNIX;
	len = snprintf(name->sun_path + 1, sizeof(name->sun_path) - 1,
		       "xsock-relay/%s", key);
	return (socklen_t)offsetof(struct sockaddr_un, sun_path) + 1 +
	       (socklen_t)len;
}

/* Connects by the name.  Returns the control socket, or -1 with errno. */
static int reach(const char *key)
{
	const struct timeval patience = { .tv_usec = PATIENCE_MICROSECONDS };
	struct sockaddr_un name;
	socklen_t len = xs_find_relay_name(&name, key);
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

int xs_find_relay_by_key(const char *key)
{
	int fd = reach(key);

	if (fd < 0 || xs_verify_relay_inherited(fd, key))
		return fd;
	close(fd);
	errno = ECONNREFUSED;
	return -1;
}

/* Which process must have a relay of its own: it has found somebody else on the
 * name, or was not let in.  What it has forked begins anew. */
static pid_t alone;

/* What no other process knows. */
static uint64_t secret(void)
{
	static uint64_t known;
	uint64_t none = 0, made = 0;

	if (__atomic_load_n(&known, __ATOMIC_RELAXED))
		return known;
	if (getrandom(&made, sizeof(made), 0) != sizeof(made))
		return 0;
	__atomic_compare_exchange_n(&known, &none, made, false,
				    __ATOMIC_RELAXED, __ATOMIC_RELAXED);
	return known;
}

/* A private key is one for this process as it is now. */
static bool make_private(char key[XS_PAIR_KEY_LEN + 1])
{
	struct {
		uint64_t secret, pid;
		char key[XS_PAIR_KEY_LEN + 1];
	} id;

	memset(&id, 0, sizeof(id));
	id.secret = secret();
	id.pid = (uint64_t)getpid();
	memcpy(id.key, key, sizeof(id.key));
	if (!id.secret)
		return false;
	snprintf(key, XS_PAIR_KEY_LEN + 1, "%016llx",
		 (unsigned long long)xs_hash(XS_HASH_START, &id, sizeof(id)));
	return true;
}

/* What this process is to look for. */
struct wanted {
	const char *path; /* of the relay */
	char *key;
	bool private; /* nobody else is served by it */
};

static bool be_alone(struct wanted *wanted)
{
	__atomic_store_n(&alone, getpid(), __ATOMIC_RELAXED);
	wanted->private = true;
	return make_private(wanted->key);
}

/* The key of a process that is alone is made of what it would have been. */
static bool choose(struct wanted *wanted, const struct stat *file)
{
	bool known =
		xs_identity_key(file, xs_relay_settings.variables, wanted->key);

	if (!known)
		snprintf(wanted->key, XS_PAIR_KEY_LEN + 1, "%016x",
			 (unsigned)xs_ids_own_user());
	if (known && __atomic_load_n(&alone, __ATOMIC_RELAXED) != getpid())
		return true;
	return be_alone(wanted);
}

/* What came of one try to get at the relay with a key. */
enum reached {
	REACHED,      /* *fd is the control socket */
	NOT_YET,      /* the name may be free or answer in a moment */
	JUST_STARTED, /* a relay of ours listens, unless it has ended already */
	ENDED,	      /* one was started, and ended at once; *err says why */
	NOT_OURS,     /* what sits on the name is no relay of ours */
	IN_VAIN,      /* *err says why */
};

static enum reached run(const struct wanted *wanted, int fd,
			struct xs_error *err)
{
	pid_t pid;

	switch (xs_start_relay(wanted->path, fd, wanted->private, &pid, err)) {
	case XS_STARTED:
		xs_verify_relay_started(wanted->key, pid);
		return JUST_STARTED;
	case XS_START_ENDED:
		return ENDED;
	case XS_START_FAILED:
		break;
	}
	return IN_VAIN;
}

/* May this process make no socket of AF_UNIX, of which errnum has come?
 * RestrictAddressFamilies= of systemd.exec(5) says EAFNOSUPPORT, other filters
 * EPERM or EACCES.  errno is errnum afterwards. */
static bool is_family_forbidden(int errnum)
{
	bool may_be =
		errnum == EAFNOSUPPORT || errnum == EPERM || errnum == EACCES;
	int fd =
		may_be ? socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0) : -1;

	if (fd >= 0)
		close(fd);
	errno = errnum;
	return may_be && fd < 0;
}

static enum reached fail_socket(struct xs_error *err)
{
	if (is_family_forbidden(errno))
		xs_error_set(
			err, XS_ERR_RELAY, errno,
			"this process may make no AF_UNIX socket, by which "
			"the relay is reached: %s "
			"(RestrictAddressFamilies= of a systemd unit must "
			"have AF_UNIX, and a seccomp filter let it pass)",
			xs_error_name(errno));
	else
		xs_error_set(err, XS_ERR_SYSTEM, errno,
			     "no socket for the relay: %s",
			     xs_error_name(errno));
	return IN_VAIN;
}

/* Binds the name and starts a relay that listens on it. */
static enum reached start(const struct wanted *wanted, struct xs_error *err)
{
	struct sockaddr_un name;
	socklen_t len = xs_find_relay_name(&name, wanted->key);
	int fd = xs_above_stdio(
		socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
	enum reached reached = IN_VAIN;

	if (fd < 0)
		return fail_socket(err);
	if (bind(fd, (struct sockaddr *)&name, len) == 0 &&
	    listen(fd, SOMAXCONN) == 0)
		reached = run(wanted, fd, err);
	else if (errno == EADDRINUSE)
		reached = NOT_YET;
	else
		xs_error_set(err, XS_ERR_RELAY, errno,
			     "cannot listen on @%s: %s", name.sun_path + 1,
			     xs_error_name(errno));
	close(fd);
	return reached;
}

static enum reached fail_reach(struct xs_error *err)
{
	xs_error_set(err, XS_ERR_SYSTEM, errno, "cannot reach the relay: %s",
		     xs_error_name(errno));
	return IN_VAIN;
}

static enum reached look_at(int fd, const char *key, struct xs_error *err)
{
	switch (xs_verify_relay(fd, key)) {
	case XS_LISTENER_OURS:
		return xs_verify_relay_introduce(fd) ? REACHED
						     : fail_reach(err);
	case XS_LISTENER_STRANGE:
		return NOT_OURS;
	case XS_LISTENER_UNKNOWN:
		return fail_reach(err);
	case XS_LISTENER_GONE:
		break;
	}
	return NOT_YET;
}

static enum reached try_key(const struct wanted *wanted, int *fd,
			    struct xs_error *err)
{
	enum reached reached;

	*fd = reach(wanted->key);
	if (*fd >= 0) {
		reached = look_at(*fd, wanted->key, err);
		if (reached != REACHED)
			close(*fd);
		return reached;
	}
	if (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
		return fail_reach(err);
	if (is_family_forbidden(errno))
		return fail_socket(err);
	if (errno != ECONNREFUSED)
		return NOT_OURS;
	return start(wanted, err);
}

/* The relay of the last connection that may announce others: when the relay's
 * program has been replaced since, or this process has other rights, another
 * one would be looked for. */
static char noted_key[XS_PAIR_KEY_LEN + 1];

void xs_find_relay_note(const char *key)
{
	if (memcmp(noted_key, key, sizeof(noted_key)) != 0)
		memcpy(noted_key, key, sizeof(noted_key));
}

/* What came of looking for a relay without starting one. */
enum found {
	FOUND,	   /* *fd is the control socket */
	NONE,	   /* nobody listens */
	ANOTHERS,  /* whoever listens is no relay of ours */
	NO_ANSWER, /* it cannot be told; errno says why */
};

/* Looks for the relay with this key. */
static enum found find_key(const char *key, int *fd)
{
	int saved;

	*fd = reach(key);
	if (*fd < 0)
		return errno == ECONNREFUSED ? NONE : NO_ANSWER;
	switch (xs_verify_relay(*fd, key)) {
	case XS_LISTENER_OURS:
		if (!xs_verify_relay_introduce(*fd))
			break;
		return FOUND;
	case XS_LISTENER_GONE:
		close(*fd);
		return NONE;
	case XS_LISTENER_STRANGE:
		close(*fd);
		return ANOTHERS;
	case XS_LISTENER_UNKNOWN:
		break;
	}
	saved = errno;
	close(*fd);
	errno = saved;
	return NO_ANSWER;
}

static int fail_find(const char *key, const char *why, struct xs_error *err)
{
	return xs_error_set(err, XS_ERR_RELAY, EACCES,
			    "the relay @xsock-relay/%s cannot be asked whether "
			    "this is an FTP data connection: %s",
			    key, why);
}

/* The relay that a new connection would go to.  Returns as
 * xs_find_relay_noted. */
static int find_usual(int *control, struct xs_error *err)
{
	char key[XS_PAIR_KEY_LEN + 1];
	struct wanted wanted = { .key = key };
	struct stat file;

	if (stat(xs_relay_settings.path, &file) < 0 || !choose(&wanted, &file))
		return 0;
	switch (find_key(key, control)) {
	case FOUND:
		return 1;
	case NONE:
	case ANOTHERS: /* which has nothing of ours */
		return 0;
	case NO_ANSWER:
		break;
	}
	return fail_find(key, xs_error_name(errno), err);
}

int xs_find_relay_noted(int *control, struct xs_error *err)
{
	if (!noted_key[0])
		return find_usual(control, err);
	switch (find_key(noted_key, control)) {
	case FOUND:
		return 1;
	case NONE:
		return find_usual(control, err);
	case ANOTHERS:
		return fail_find(noted_key,
				 "it is not for this process any more, which "
				 "was another user, or elsewhere, when it made "
				 "the control connection",
				 err);
	case NO_ANSWER:
		break;
	}
	return fail_find(noted_key, xs_error_name(errno), err);
}

static int fail_open(const struct wanted *wanted, struct xs_error *err)
{
	return xs_error_set(err, XS_ERR_RELAY, EACCES,
			    "the relay @xsock-relay/%s neither answers nor "
			    "leaves its name",
			    wanted->key);
}

/* Tries until there is one, or no more can be tried. */
static enum reached search(struct wanted *wanted, int *fd, struct xs_error *err)
{
	const struct timespec pause = { .tv_nsec = TRY_NANOSECONDS };
	int starts = 0;

	for (int i = 0; i < 2 * TRIES; i++) {
		enum reached reached = try_key(wanted, fd, err);
		bool stuck = reached == NOT_OURS || i == TRIES;

		if (reached == REACHED || reached == IN_VAIN)
			return reached;
		if (reached == JUST_STARTED || reached == ENDED) {
			if (++starts < STARTS + (reached == JUST_STARTED))
				continue;
			return reached;
		}
		if (stuck && (wanted->private || !be_alone(wanted)))
			break;
		if (!stuck)
			nanosleep(&pause, NULL);
	}
	return NOT_YET;
}

int xs_find_relay(char key[XS_PAIR_KEY_LEN + 1], struct xs_error *err)
{
	struct wanted wanted = { .path = xs_relay_settings.path, .key = key };
	struct stat file;
	int fd;

	if (xs_start_relay_check(wanted.path, &file, err) < 0)
		return -1;
	if (!choose(&wanted, &file))
		return fail_open(&wanted, err);
	switch (search(&wanted, &fd, err)) {
	case REACHED:
		return fd;
	case ENDED:
	case IN_VAIN:
		return -1;
	case JUST_STARTED:
	case NOT_YET:
	case NOT_OURS:
		break;
	}
	return fail_open(&wanted, err);
}
