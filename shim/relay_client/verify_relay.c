/* Who listens; see verify_relay.h. */
#include "relay_client/verify_relay.h"

#include "base/hash.h"
#include "base/ids.h"
#include "base/peer.h"
#include "base/relay_capability.h"
#include "base/spaces.h"
#include "base/wire.h"
#include "relay_client/identity.h"

#include <errno.h>
#include <linux/capability.h>
#include <poll.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A relay under load answers between two batches of events. */
enum { ANSWER_MS = 2000 };

/* The last listener that was found good, and the last that this process has
 * started, as hashes of key and process: one word, so that any thread may write
 * it. */
static uint64_t trusted, started;

static uint64_t mark_of(const char *key, pid_t pid, uint64_t life)
{
	uint64_t number = (uint64_t)pid;
	uint64_t hash = xs_hash(XS_HASH_START, key, strlen(key));

	hash = xs_hash(hash, &number, sizeof(number));
	return xs_hash(hash, &life, sizeof(life)) | 1;
}

static uint64_t mark(const char *key, const struct xs_peer *peer)
{
	return mark_of(key, peer->pid, peer->life);
}

void xs_verify_relay_started(const char *key, pid_t pid)
{
	__atomic_store_n(&started, mark_of(key, pid, 0), __ATOMIC_RELAXED);
}

/* /proc/PID is about the main thread, of which nothing is left then. */
static bool has_lost_its_main_thread(void)
{
	return syscall(SYS_gettid) != getpid() &&
	       access("/proc/self/ns/mnt", F_OK) < 0;
}

/* A relay of another user than root has lost the capabilities by its exec(2),
 * and may not look into one with another saved ID (ptrace(2)). */
static bool has_more_than_its_relay(uint64_t capabilities)
{
	uid_t id[XS_IDS];

	xs_ids_user(id);
	return id[XS_ID_REAL] != id[XS_ID_EFFECTIVE] ||
	       id[XS_ID_SAVED] != id[XS_ID_EFFECTIVE] ||
	       (capabilities && id[XS_ID_EFFECTIVE] != 0);
}

/* The relay may look into a process whose memory could be dumped, and whose
 * capabilities are not more than its own.  To others it must be shown. */
static bool is_closed(void)
{
	uint64_t capabilities = xs_identity_capabilities(0);

	return prctl(PR_GET_DUMPABLE) != 1 || has_lost_its_main_thread() ||
	       has_more_than_its_relay(capabilities) ||
	       (capabilities && !(capabilities >> CAP_SYS_PTRACE & 1));
}

static bool send_prove(int control, bool wants_answer)
{
	struct xs_wire question;
	int fds[XS_SPACES];
	bool shows = is_closed(), sent;

	if (!shows && !wants_answer)
		return true;
	if (shows && !xs_spaces_open(fds))
		return false;
	xs_wire_init(&question, XS_WIRE_PROVE);
	question.head.more = wants_answer;
	sent = xs_wire_send(control, &question, fds, shows ? XS_SPACES : 0) ==
	       0;
	if (shows)
		xs_spaces_close(fds);
	return sent;
}

bool xs_verify_relay_introduce(int control)
{
	return send_prove(control, false);
}

static bool wait_for_answer(int control)
{
	struct pollfd ready = { .fd = control, .events = POLLIN };
	int polled;

	do
		polled = poll(&ready, 1, ANSWER_MS);
	while (polled < 0 && errno == EINTR);
	return polled == 1;
}

/* The label of the socket that listens is that of the program which made it.
 * Where no security module tells both, there is nothing to compare. */
static bool has_other_label(int control)
{
	char own[256], other[256];
	socklen_t len = sizeof(other) - 1;

	if (!xs_identity_label(own, sizeof(own)) ||
	    getsockopt(control, SOL_SOCKET, SO_PEERSEC, other, &len) < 0)
		return false;
	while (len > 0 && (other[len - 1] == '\0' || other[len - 1] == '\n'))
		len--;
	other[len] = '\0';
	return strcmp(own, other) != 0;
}

/* An impostor has been confined after it could call itself the same user. */
static bool has_rights(const struct xs_peer *peer)
{
	uint64_t needed = xs_identity_capabilities(0) & XS_RELAY_CAPABILITIES;

	return !needed || !(needed & ~xs_identity_capabilities((int)peer->pid));
}

static enum xs_listener judge(const struct xs_wire *answer, const int *fds,
			      size_t nfds)
{
	struct xs_spaces own, shown;

	if (answer->head.type != XS_WIRE_PROOF || nfds != XS_SPACES ||
	    !xs_spaces_shown(fds, &shown) || !xs_spaces_of(0, &own))
		return XS_LISTENER_STRANGE;
	return xs_spaces_difference(&own, &shown) == XS_SPACES
		       ? XS_LISTENER_OURS
		       : XS_LISTENER_STRANGE;
}

static enum xs_listener short_of(int errnum)
{
	errno = errnum;
	return XS_LISTENER_UNKNOWN;
}

static enum xs_listener take_answer(int control)
{
	char datagram[1024];
	struct xs_wire answer;
	int fds[XS_SPACES];
	size_t nfds = 0;
	ssize_t got = xs_wire_receive(control, datagram, sizeof(datagram), fds,
				      XS_SPACES, &nfds, MSG_DONTWAIT);
	enum xs_listener listener = XS_LISTENER_STRANGE;

	if (got == 0 || (got < 0 && errno == ECONNRESET))
		listener = XS_LISTENER_GONE;
	else if (got < 0 && errno == EMSGSIZE)
		/* There was no room for its descriptors. */
		listener = short_of(EMFILE);
	else if (got > 0 &&
		 xs_wire_decode(&answer, datagram, (size_t)got, NULL) == 0)
		listener = judge(&answer, fds, nfds);
	for (size_t i = 0; i < nfds; i++)
		close(fds[i]);
	return listener;
}

/* By errno. */
static enum xs_listener gone(void)
{
	return errno == EMFILE || errno == ENFILE || errno == ENOMEM
		       ? XS_LISTENER_UNKNOWN
		       : XS_LISTENER_GONE;
}

static enum xs_listener ask(int control)
{
	if (!send_prove(control, true))
		return gone();
	if (!wait_for_answer(control))
		return XS_LISTENER_STRANGE;
	return take_answer(control);
}

/* This process has bound the name, and nobody has called listen(2) since but
 * the relay that it started. */
static bool is_started(const char *key, const struct xs_peer *peer)
{
	return mark_of(key, peer->pid, 0) ==
	       __atomic_load_n(&started, __ATOMIC_RELAXED);
}

enum xs_listener xs_verify_relay(int control, const char *key)
{
	enum xs_listener listener;
	struct xs_peer peer;

	if (!xs_peer_of(control, &peer))
		return gone();
	if (peer.user != xs_ids_own_user())
		return XS_LISTENER_STRANGE;
	if (mark(key, &peer) == __atomic_load_n(&trusted, __ATOMIC_RELAXED))
		return XS_LISTENER_OURS;
	if (is_started(key, &peer)) {
		/* Once: the PID may be another's later. */
		__atomic_store_n(&started, 0, __ATOMIC_RELAXED);
	} else {
		if (has_other_label(control) || !has_rights(&peer))
			return XS_LISTENER_STRANGE;
		listener = ask(control);
		if (listener != XS_LISTENER_OURS)
			return listener;
		if (!xs_peer_lives(control, &peer))
			return XS_LISTENER_GONE;
	}
	__atomic_store_n(&trusted, mark(key, &peer), __ATOMIC_RELAXED);
	return XS_LISTENER_OURS;
}

bool xs_verify_relay_inherited(int control, const char *key)
{
	struct xs_peer peer;

	if (xs_peer_of(control, &peer) && peer.user == 0 &&
	    xs_ids_own_user() != 0)
		return true;
	return xs_verify_relay(control, key) == XS_LISTENER_OURS;
}
