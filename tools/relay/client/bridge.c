/* Bridges; see bridge.h. */
#include "relay/client/bridge.h"

#include "base/descriptor.h"
#include "base/pair.h"
#include "base/peer_filter.h"
#include "base/stand_in.h"
#include "relay/client/owner.h"
#include "relay/client/registry.h"
#include "relay/client/stand_in_socket.h"
#include "relay/client/stand_ins.h"
#include "relay/loop/lifetime.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	LOOK_MS = 250, /* how often: is the application's socket there? */
	TURN = 32,     /* datagrams; then others have their turn */
	OTHERS = 4096, /* passed over at the end; no queue is longer */
};

struct xs_bridge {
	struct xs_source near, far; /* stand-in and pair */
	struct xs_timer timer;
	struct xs_task task;	   /* frees it */
	struct xs_message message; /* begins it, on its worker */
	struct xs_worker *worker;
	struct xs_bridge *before, *next; /* those of the worker */
	struct xs_owner *owner;		 /* the application's socket */
	int stand_in, pair;		 /* -1: ended */
	uint64_t taken;			 /* datagrams of the application's */
	int place;			 /* in the table */
	struct xs_stand_in entry;
};

/* Those of this thread's worker. */
static _Thread_local struct xs_bridge *first;

static void list(struct xs_bridge *bridge)
{
	bridge->next = first;
	if (first)
		first->before = bridge;
	first = bridge;
}

static void unlist(struct xs_bridge *bridge)
{
	if (bridge->before)
		bridge->before->next = bridge->next;
	else
		first = bridge->next;
	if (bridge->next)
		bridge->next->before = bridge->before;
}

static void free_bridge(struct xs_task *task)
{
	free(xs_container(task, struct xs_bridge, task));
	xs_lifetime_leave();
}

static void close_watched(struct xs_worker *worker, int *fd)
{
	if (*fd < 0)
		return;
	xs_worker_unwatch(worker, *fd);
	close(*fd);
	*fd = -1;
}

/* errnum is what the next send tells; 0: nobody is there who could send.  Then
 * the port is free before the table says so: who wants it looks there first. */
static void end(struct xs_bridge *bridge, int errnum)
{
	if (bridge->pair < 0)
		return;
	unlist(bridge);
	if (errnum)
		xs_stand_ins_end(bridge->place, errnum);
	close_watched(bridge->worker, &bridge->stand_in);
	xs_owner_put(bridge->owner);
	if (!errnum)
		xs_stand_ins_end(bridge->place, 0);
	xs_timer_cancel(&bridge->worker->timers, &bridge->timer);
	close_watched(bridge->worker, &bridge->pair);
	bridge->task.run = free_bridge;
	xs_worker_later(bridge->worker, &bridge->task);
}

/* The association has given up; the name of the other end says why. */
static void fail(struct xs_bridge *bridge)
{
	struct xs_pair_info pair;
	int errnum = ECONNREFUSED;

	if (xs_pair_read(bridge->pair, &pair) && pair.state == XS_PAIR_FAILED &&
	    pair.errnum)
		errnum = pair.errnum;
	end(bridge, errnum);
}

/* --- to the peer ---------------------------------------------------------- */

static void note_largest(struct xs_registered *registered, void *with)
{
	unsigned int *largest = with;

	if (registered->largest)
		*largest = atomic_load(registered->largest);
}

/* A datagram that the estimate has let through may be too long for the cipher:
 * from the next one on the library knows. */
static void learn_limit(struct xs_bridge *bridge, size_t len)
{
	unsigned int largest = 0;
	struct xs_pair_info pair;
	struct stat file;

	if (len + XS_PAIR_RECORD_MOST <= bridge->entry.limit + XS_PAIR_RECORD ||
	    !xs_pair_read(bridge->pair, &pair) ||
	    fstat(bridge->pair, &file) < 0)
		return;
	xs_registry_use(pair.id, file.st_dev, file.st_ino, note_largest,
			&largest);
	if (!largest || largest >= bridge->entry.limit)
		return;
	bridge->entry.limit = largest;
	xs_stand_ins_limit(bridge->place, largest);
}

/* Empty, for datagrams that are sent before the event's handler returns. */
static struct xs_outgoing *collector(const struct xs_bridge *bridge)
{
	struct xs_buffers *buffers = bridge->worker->buffers;

	xs_outgoing_begin(&buffers->down, buffers->plain,
			  sizeof(buffers->plain));
	return &buffers->down;
}

/* What does not fit is lost, as with UDP. */
static bool is_open(void *user, size_t asked, int error)
{
	bool *open = user;

	(void)asked;
	*open = error != EPIPE && error != ECONNRESET;
	return *open;
}

/* False: the bridge has ended. */
static bool push(struct xs_bridge *bridge, struct xs_outgoing *outgoing)
{
	bool segments = false; /* a pair has none */
	bool open = true;

	xs_outgoing_send(outgoing, bridge->pair, &segments, is_open, &open);
	if (!open)
		fail(bridge);
	return open;
}

/* Reads what the application has sent to the stand-in. */
static int take(struct xs_bridge *bridge)
{
	return xs_incoming_read(&bridge->worker->buffers->incoming,
				bridge->stand_in);
}

/* Of so many datagrams that were read, hands on the first *most that are the
 * application's, and takes them off *most.  False: the bridge has ended. */
static bool hand_on(struct xs_bridge *bridge, int got, uint64_t *most)
{
	const struct xs_incoming *incoming = &bridge->worker->buffers->incoming;
	struct xs_outgoing *outgoing = collector(bridge);

	for (int i = 0; i < got && *most; i++) {
		size_t len = xs_incoming_len(incoming, i);

		if (!xs_stand_in_is_from(&bridge->entry,
					 xs_incoming_from(incoming, i)))
			continue;
		--*most;
		learn_limit(bridge, len);
		if (!xs_outgoing_has_room(outgoing, len) &&
		    !push(bridge, outgoing))
			return false;
		xs_outgoing_put(outgoing, xs_incoming_data(incoming, i), len,
				0);
	}
	return push(bridge, outgoing);
}

/* How many datagrams that are not taken yet the application has sent for sure.
 * What had no room may have been its own. */
static uint64_t owed(const struct xs_bridge *bridge)
{
	uint64_t sent = xs_stand_ins_sent(bridge->place);
	uint64_t dropped = xs_stand_in_dropped(bridge->stand_in);

	if (sent < bridge->taken || sent - bridge->taken < dropped)
		return 0;
	return sent - bridge->taken - dropped;
}

/* The application's socket is gone.  What it has sent is in front of what
 * anybody may send from its port now.  got: so many datagrams have been read
 * already.  An errno that is told is of what was sent to the application, and
 * strangers' datagrams are not its own: what it has sent is behind them. */
static void finish(struct xs_bridge *bridge, int got)
{
	uint64_t left = owed(bridge);

	if (!hand_on(bridge, got, &left))
		return;
	for (int others = 0; left && others < OTHERS; others++) {
		got = take(bridge);
		if (got < 0 && errno == EAGAIN)
			break;
		if (got > 0 && !hand_on(bridge, got, &left))
			return;
	}
	end(bridge, 0);
}

/* Reads once.  False: that was all for now. */
static bool near_some(struct xs_bridge *bridge)
{
	uint64_t most = UINT64_MAX;
	int got = take(bridge);

	if (got < 0 && errno == EAGAIN)
		return false;
	/* What is read by now is of the application's, if it is there. */
	if (!xs_owner_is_there(bridge->owner)) {
		finish(bridge, got < 0 ? 0 : got);
		return false;
	}
	/* What was sent to the application found nobody. */
	if (got < 0 || !hand_on(bridge, got, &most))
		return false;
	bridge->taken += UINT64_MAX - most;
	return got == xs_incoming_most();
}

static void near_event(struct xs_source *source, uint32_t events)
{
	struct xs_bridge *bridge = xs_container(source, struct xs_bridge, near);

	(void)events;
	if (bridge->pair < 0) /* ended by an event of the same look */
		return;
	for (int i = 0; i < TURN; i += xs_incoming_most())
		if (!near_some(bridge))
			return;
}

/* --- to the application --------------------------------------------------- */

/* An end of a pair says the same of an empty datagram and of the end. */
static bool is_over(int pair)
{
	struct pollfd end = { .fd = pair, .events = POLLRDHUP };

	return poll(&end, 1, 0) == 1 && (end.revents & (POLLHUP | POLLRDHUP));
}

/* How many of so many that were read are in front of the end. */
static int before_end(const struct xs_bridge *bridge, int got)
{
	const struct xs_incoming *incoming = &bridge->worker->buffers->incoming;
	int count = got;

	while (count > 0 && !xs_incoming_len(incoming, count - 1))
		count--;
	return count < got && is_over(bridge->pair) ? count : got;
}

/* Reads once.  False: that was all for now. */
static bool far_some(struct xs_bridge *bridge)
{
	const struct xs_incoming *incoming = &bridge->worker->buffers->incoming;
	int got = xs_incoming_read(&bridge->worker->buffers->incoming,
				   bridge->pair);
	int count;

	if (got < 0 && errno == EAGAIN)
		return false;
	/* Told first, when the association has not read all. */
	if (got < 0 && errno == ECONNRESET)
		return true;
	count = got < 0 ? 0 : before_end(bridge, got);
	if (count > 0 && !xs_owner_is_there(bridge->owner)) {
		finish(bridge, 0);
		return false;
	}
	if (count > 0)
		xs_stand_in_send(bridge->stand_in, &bridge->entry, incoming,
				 count, collector(bridge));
	if (count == got)
		return got == xs_incoming_most();
	fail(bridge);
	return false;
}

static void far_event(struct xs_source *source, uint32_t events)
{
	struct xs_bridge *bridge = xs_container(source, struct xs_bridge, far);

	(void)events;
	if (bridge->pair < 0)
		return;
	for (int i = 0; i < TURN; i += xs_incoming_most())
		if (!far_some(bridge))
			return;
}

/* --- the whole ------------------------------------------------------------ */

static void look(struct xs_timer *timer)
{
	struct xs_bridge *bridge = xs_container(timer, struct xs_bridge, timer);

	if (!xs_owner_is_there(bridge->owner))
		finish(bridge, 0);
	else
		xs_worker_timer(bridge->worker, timer, LOOK_MS);
}

void xs_bridge_look(uint32_t port)
{
	struct xs_bridge *bridge = first, *next;

	for (; bridge; bridge = next) {
		next = bridge->next;
		if (bridge->entry.port == port &&
		    !xs_owner_is_there(bridge->owner))
			finish(bridge, 0);
	}
}

static int watch(struct xs_bridge *bridge)
{
	bridge->near.event = near_event;
	bridge->far.event = far_event;
	bridge->timer.expire = look;
	xs_worker_timer(bridge->worker, &bridge->timer, LOOK_MS);
	if (xs_worker_watch(bridge->worker, bridge->stand_in, EPOLLIN,
			    &bridge->near) < 0)
		return -1;
	return xs_worker_watch(bridge->worker, bridge->pair,
			       EPOLLIN | EPOLLRDHUP, &bridge->far);
}

/* On its worker. */
static void deliver(struct xs_worker *worker, struct xs_message *message)
{
	struct xs_bridge *bridge =
		xs_container(message, struct xs_bridge, message);

	(void)worker;
	list(bridge);
	if (watch(bridge) < 0)
		end(bridge, errno);
}

static void note_worker(struct xs_registered *registered, void *with)
{
	struct xs_worker **worker = with;

	if (registered->worker)
		*worker = registered->worker;
}

/* The worker of the association: to wake another one for each datagram would
 * cost more than all the rest. */
static struct xs_worker *worker_of(int pair, uint32_t id,
				   struct xs_worker *other)
{
	struct xs_worker *worker = other;
	struct stat file;

	if (fstat(pair, &file) == 0)
		xs_registry_use(id, file.st_dev, file.st_ino, note_worker,
				&worker);
	return worker;
}

static void give_up(struct xs_bridge *bridge, int socket)
{
	close(bridge->pair);
	close(socket);
	if (bridge->stand_in >= 0)
		close(bridge->stand_in);
	if (bridge->owner)
		xs_owner_put(bridge->owner);
	free(bridge);
}

/* The stand-in's socket, and the entry that is to be written. */
static int make_stand_in(struct xs_bridge *bridge, int socket,
			 const struct xs_pair_info *pair, struct xs_error *err)
{
	bridge->entry = (struct xs_stand_in){
		.cookie = xs_owner_cookie(bridge->owner),
		.asked = pair->asked,
		.local = pair->local,
		.limit = pair->limit,
	};
	bridge->stand_in =
		xs_stand_in_socket(socket, xs_owner_guard(bridge->owner),
				   bridge->place, &bridge->entry, err);
	return bridge->stand_in < 0 ? -1 : 0;
}

/* Of the peers for which there is no room, the library drops what has come past
 * the relay.  But who has a stand-in's address only a filter sees. */
static int filter_peers(const struct xs_bridge *bridge, int socket,
			struct xs_error *err)
{
	struct xs_address peers[XS_PEER_FILTER_MOST];
	size_t count = xs_stand_ins_peers(xs_owner_cookie(bridge->owner), peers,
					  XS_PEER_FILTER_MOST - 1);

	peers[count++] = bridge->entry.asked;
	if (count < XS_PEER_FILTER_MOST &&
	    xs_peer_filter_put(socket, peers, count) == 0)
		return 0;
	if (xs_peer_filter_is_there(socket))
		return 0;
	return xs_error_set(err, XS_ERR_SYSTEM, EACCES,
			    "datagrams of an unconnected socket cannot be "
			    "carried when it takes no filter "
			    "(SO_ATTACH_FILTER): %s",
			    xs_error_name(errno));
}

/* With the table locked.  1: there is a bridge already. */
static int make(struct xs_bridge *bridge, int socket, struct xs_error *err)
{
	struct xs_pair_info pair;

	if (!xs_pair_read(bridge->pair, &pair) || pair.kind == XS_PAIR_TCP)
		return xs_error_set(err, XS_ERR_RELAY, EINVAL,
				    "this is no pair of datagrams");
	bridge->owner = xs_owner_get(socket, err);
	if (!bridge->owner)
		return -1;
	bridge->place = xs_stand_ins_place(xs_owner_cookie(bridge->owner),
					   &pair.asked, err);
	if (bridge->place == XS_STAND_INS_THERE)
		return 1;
	if (bridge->place < 0 ||
	    make_stand_in(bridge, socket, &pair, err) < 0 ||
	    filter_peers(bridge, socket, err) < 0)
		return -1;
	bridge->worker = worker_of(bridge->pair, pair.id, bridge->worker);
	xs_stand_ins_begin(bridge->place, &bridge->entry);
	return 0;
}

static int begin(struct xs_worker *worker, int socket, int pair,
		 struct xs_error *err)
{
	struct xs_bridge *bridge = calloc(1, sizeof(*bridge));
	int result;

	if (!bridge) {
		close(socket);
		close(pair);
		return xs_error_set(err, XS_ERR_SYSTEM, ENOMEM,
				    "the relay is out of memory");
	}
	bridge->worker = worker;
	bridge->pair = pair;
	bridge->stand_in = -1;
	xs_stand_ins_lock();
	result = make(bridge, socket, err);
	xs_stand_ins_unlock();
	if (result != 0) {
		give_up(bridge, socket);
		return result < 0 ? -1 : 0;
	}
	close(socket);
	xs_lifetime_enter();
	bridge->message.deliver = deliver;
	xs_worker_post(bridge->worker, &bridge->message);
	return 0;
}

int xs_bridge_begin(struct xs_worker *worker, int socket, int pair,
		    char handle[XS_SEGMENT_HANDLE_MAX], struct xs_error *err)
{
	if (xs_stand_ins_handle(handle, err) < 0) {
		close(socket);
		if (pair >= 0)
			close(pair);
		return -1;
	}
	if (pair >= 0)
		return begin(worker, socket, pair, err);
	close(socket);
	return 0;
}
