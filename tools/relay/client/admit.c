/* Who is let in; see admit.h. */
#include "relay/client/admit.h"

#include "base/ids.h"
#include "base/peer.h"
#include "base/rights.h"

#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <unistd.h>

static struct {
	bool known; /* rights and spaces are */
	struct xs_rights rights;
	struct xs_spaces spaces;
	bool shows; /* descriptors are open */
	int proof[XS_SPACES];
	bool alone;
	struct xs_peer starter; /* where alone */
	char label[256];	/* "": nothing to compare */
} own;

static void note_label(const char *label)
{
	size_t len = label ? strlen(label) : 0;

	if (len < sizeof(own.label))
		memcpy(own.label, label ? label : "", len + 1);
}

void xs_admit_prepare(pid_t starter, bool alone, const char *label)
{
	own.known =
		xs_rights_of(0, &own.rights) && xs_spaces_of(0, &own.spaces);
	own.shows = xs_spaces_open(own.proof);
	own.alone = alone;
	own.starter.pid = starter;
	note_label(label);
}

void xs_admit_keep(uint64_t capabilities)
{
	own.rights.capabilities &= capabilities;
}

const int *xs_admit_proof(void)
{
	return own.shows ? own.proof : NULL;
}

/* The first process with the starter's PID that comes is the starter: it waits
 * for this relay. */
static const char *judge_alone(const struct xs_peer *peer)
{
	static uint64_t life;
	uint64_t known = 0;

	if (peer->pid != own.starter.pid)
		return "this relay is for the process alone that started it";
	if (__atomic_compare_exchange_n(&life, &known, peer->life, false,
					__ATOMIC_RELAXED, __ATOMIC_RELAXED) ||
	    known == peer->life)
		return NULL;
	return "this relay is for another process that had its PID";
}

static const char *judge_label(const struct xs_peer *peer)
{
	char label[sizeof(own.label)];

	if (!own.label[0] ||
	    xs_peer_read(peer->pid, "attr/current", label, sizeof(label)) <= 0)
		return NULL;
	return strcmp(label, own.label) == 0 ? NULL
					     : "it has another security label";
}

static const char *const elsewhere[XS_SPACES + 1] = {
	[XS_SPACE_USER] = "it is in another user namespace",
	[XS_SPACE_MOUNT] = "it is in another mount namespace",
	[XS_SPACE_PID] = "it is in another PID namespace",
	[XS_SPACE_ROOT] = "it has another root directory",
};

static const char *judge_spaces(const struct xs_peer *peer,
				const struct xs_spaces *shown)
{
	struct xs_spaces spaces;

	if (xs_spaces_of(peer->pid, &spaces))
		shown = &spaces;
	else if (!shown)
		return "nobody may look into it, and it does not show where it "
		       "lives";
	return elsewhere[xs_spaces_difference(shown, &own.spaces)];
}

/* Where only the time tells two processes of one PID apart, one that started
 * after the connect is not the one that connected. */
static bool is_too_young(const struct xs_peer *peer, int64_t accepted_ms)
{
	int64_t ticks = sysconf(_SC_CLK_TCK);

	return peer->started && ticks > 0 &&
	       (int64_t)peer->started > (accepted_ms * ticks + 999) / 1000;
}

const char *xs_admit_refuse(int control, int64_t accepted_ms,
			    const struct xs_spaces *shown)
{
	const char *why = NULL;
	struct xs_rights rights;
	struct xs_peer peer;

	if (!xs_peer_of(control, &peer) || peer.pid <= 0)
		return "it cannot be told who it is";
	if (peer.user != xs_ids_own_user())
		return "it is another user";
	if (own.alone)
		return judge_alone(&peer);
	if (!own.known || !peer.life || !xs_rights_of(peer.pid, &rights))
		return "/proc does not tell who it is";
	why = xs_rights_lack(&rights, &own.rights);
	if (!why)
		why = judge_spaces(&peer, shown);
	if (!why)
		why = judge_label(&peer);
	if (!why && (is_too_young(&peer, accepted_ms) ||
		     !xs_peer_lives(control, &peer)))
		why = "it has ended";
	return why;
}

/* Has it the users of this relay's user namespace?  Of a namespace below, the
 * map says which users of this one it has; to look into the process itself is
 * not for the relay of another user than root. */
static bool has_same_users(pid_t pid)
{
	char own_map[512], map[512];
	ssize_t len = xs_peer_read(0, "uid_map", own_map, sizeof(own_map));

	return len > 0 && len < (ssize_t)sizeof(own_map) - 1 &&
	       xs_peer_read(pid, "uid_map", map, sizeof(map)) == len &&
	       memcmp(own_map, map, (size_t)len) == 0;
}

/* Root with CAP_SYS_PTRACE, in the user and PID namespace of this relay and not
 * confined by seccomp: it can read this relay's memory.  What a container calls
 * root lacks one of these, or is no root here. */
static bool may_trace(const struct xs_peer *peer)
{
	struct xs_rights rights;

	return peer->user == 0 && peer->life && own.known &&
	       xs_rights_of(peer->pid, &rights) && !rights.nested &&
	       rights.capabilities >> CAP_SYS_PTRACE & 1 &&
	       rights.seccomp <= own.rights.seccomp &&
	       rights.filters <= own.rights.filters &&
	       has_same_users(peer->pid);
}

const char *xs_admit_refuse_look(int control, int64_t accepted_ms,
				 const struct xs_spaces *shown)
{
	struct xs_peer peer;

	if (xs_peer_of(control, &peer) && peer.pid > 0 && may_trace(&peer) &&
	    !is_too_young(&peer, accepted_ms) && xs_peer_lives(control, &peer))
		return NULL;
	return xs_admit_refuse(control, accepted_ms, shown);
}
