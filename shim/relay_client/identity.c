/* The key of a relay; see identity.h. */
#include "relay_client/identity.h"

#include "base/hash.h"
#include "base/ids.h"
#include "base/peer.h"
#include "base/rights.h"
#include "base/spaces.h"
#include "base/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Limits of the starter that the relay cannot lift: the hard ones.  (The soft
 * ones it raises: tools/relay/surroundings.h.) */
static const int limits[] = {
	RLIMIT_AS,    RLIMIT_CPU,    RLIMIT_DATA,  RLIMIT_FSIZE,
	RLIMIT_NPROC, RLIMIT_NOFILE, RLIMIT_STACK, RLIMIT_MEMLOCK,
};
enum { LIMITS = sizeof(limits) / sizeof(*limits) };

/* Compared as a hash, so the padding must be zero. */
struct identity {
	uint64_t version, user, group, groups, capabilities;
	uint64_t no_new_privs, seccomp, filters, label;
	uint64_t limits[LIMITS];
	uint64_t idle, nice;
	uint64_t control_group;
	uint64_t variables;
	struct xs_spaces spaces;
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

	if (known)
		return known;
	len = xs_peer_read(0, "cgroup", text, sizeof(text));
	if (len < 0)
		return 1;
	known = xs_hash(XS_HASH_START, text, (size_t)len) | 1;
	return known;
}

uint64_t xs_identity_capabilities(int pid)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3, .pid = pid
	};
	struct __user_cap_data_struct sets[2] = { { .permitted = 0 } };

	if (syscall(SYS_capget, &head, sets) < 0)
		return 0;
	return (uint64_t)sets[1].permitted << 32 | sets[0].permitted;
}

/* Without a module, reading fails with EINVAL, now and later. */
bool xs_identity_label(char *label, size_t size)
{
	static bool none;

	if (none)
		return false;
	if (xs_peer_read(0, "attr/current", label, size) > 0)
		return true;
	none = errno == EINVAL;
	return false;
}

/* By the kernel's word, as in ids.h. */
static void identify_user(struct identity *id)
{
	gid_t groups[256], group[XS_IDS];
	long count;
#ifdef SYS_getgroups32
	count = syscall(SYS_getgroups32, 256, groups);
#else
	count = syscall(SYS_getgroups, 256, groups);
#endif
	xs_ids_group(group);
	id->group = group[XS_ID_EFFECTIVE];
	id->user = xs_ids_own_user();
	id->groups = xs_hash(XS_HASH_START, groups,
			     count > 0 ? (size_t)count * sizeof(*groups) : 0);
}

static void identify_confinement(struct identity *id)
{
	struct xs_rights rights;
	char label[256];
	int seccomp = prctl(PR_GET_SECCOMP);

	id->capabilities = xs_identity_capabilities(0);
	id->no_new_privs = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
	/* A filter may forbid to ask. */
	if (seccomp > 0 || (seccomp < 0 && errno != EINVAL)) {
		id->seccomp = 2;
		if (xs_rights_of(0, &rights))
			id->filters = rights.filters;
	}
	if (xs_identity_label(label, sizeof(label)))
		id->label = xs_hash(XS_HASH_START, label, strlen(label));
}

/* What of the starter's the relay cannot reset: see surroundings.h. */
static void identify_limits(struct identity *id)
{
	struct rlimit limit;
	int nice;

	for (int i = 0; i < LIMITS; i++)
		if (getrlimit(limits[i], &limit) == 0)
			id->limits[i] = limit.rlim_max;
	id->idle = syscall(SYS_sched_getscheduler, 0) == SCHED_IDLE;
	nice = getpriority(PRIO_PROCESS, 0);
	id->nice = nice > 0 ? (uint64_t)nice : 0;
}

bool xs_identity_key(const struct stat *relay, const char *const *variables,
		     char key[XS_PAIR_KEY_LEN + 1])
{
	struct identity id;

	memset(&id, 0, sizeof(id));
	id.version = XS_WIRE_VERSION;
	if (!xs_peer_has_proc() || !xs_spaces_of(0, &id.spaces))
		return false;
	identify_user(&id);
	identify_confinement(&id);
	identify_limits(&id);
	id.control_group = control_group();
	id.variables = XS_HASH_START;
	for (; *variables; variables++)
		id.variables = xs_hash(id.variables, *variables,
				       strlen(*variables) + 1);
	id.relay_device = relay->st_dev;
	id.relay_inode = relay->st_ino;
	id.relay_seconds = (uint64_t)relay->st_mtim.tv_sec;
	id.relay_nanoseconds = (uint64_t)relay->st_mtim.tv_nsec;
	id.relay_size = (uint64_t)relay->st_size;
	snprintf(key, XS_PAIR_KEY_LEN + 1, "%016llx",
		 (unsigned long long)xs_hash(XS_HASH_START, &id, sizeof(id)));
	return true;
}
