/* A pair of datagrams; see connected.h. */
#include "relay/association/connected.h"

#include "base/descriptor.h"
#include "base/pair.h"
#include "base/scheme.h"
#include "relay/association/association.h"
#include "relay/base/shortage.h"
#include "relay/client/registry.h"
#include "relay/connection/failures.h"
#include "relay/connection/totals.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

/* One turn reads so many. */
enum { TURN = 32 };

struct connected {
	struct xs_worker *worker;
	struct xs_association *association;
	struct xs_source source;
	struct xs_task task;
	struct xs_registered registered;
	int pair_fd; /* -1: it is over */
	atomic_uint largest;
};

/* --- the end ---------------------------------------------------------- */

static void free_connected(struct xs_task *task)
{
	free(xs_container(task, struct connected, task));
}

static void end(struct connected *connected)
{
	if (connected->pair_fd < 0)
		return;
	xs_registry_remove(&connected->registered);
	xs_worker_unwatch(connected->worker, connected->pair_fd);
	close(connected->pair_fd);
	connected->pair_fd = -1;
	xs_association_free(connected->association);
	connected->task.run = free_connected;
	xs_worker_later(connected->worker, &connected->task);
}

static void failed(void *side, const struct xs_error *err)
{
	struct connected *connected = side;

	xs_pair_name_failed(connected->pair_fd, connected->registered.id,
			    err->errnum);
	end(connected);
}

static void finished(void *side)
{
	end(side);
}

/* --- datagrams -------------------------------------------------------- */

static void deliver(void *side, struct xs_outgoing *datagrams)
{
	struct connected *connected = side;
	bool segments = false; /* a pair has none */

	/* Where the program does not read, one is dropped, as by UDP. */
	xs_outgoing_send(datagrams, connected->pair_fd, &segments,
			 xs_outgoing_drop, NULL);
}

static void sized(void *side, size_t largest)
{
	struct connected *connected = side;

	atomic_store(&connected->largest, (unsigned)largest);
}

static const struct xs_association_side functions = {
	.deliver = deliver,
	.sized = sized,
	.failed = failed,
	.finished = finished,
};

/* The program has closed its end, or shut one direction down: then it may still
 * receive. */
static void program_ended(struct connected *connected)
{
	struct pollfd pair = { .fd = connected->pair_fd };

	if (poll(&pair, 1, 0) == 1 && (pair.revents & POLLHUP)) {
		xs_worker_unwatch(connected->worker, connected->pair_fd);
		xs_association_finish(connected->association);
	} else {
		/* What is left is the hang-up. */
		xs_worker_rewatch(connected->worker, connected->pair_fd, 0,
				  &connected->source);
	}
}

/* How many of so many datagrams are in front of the end. */
static int before_end(const struct xs_incoming *incoming, int count)
{
	int at = 0;

	while (at < count && !xs_incoming_is_end(incoming, at))
		at++;
	return at;
}

/* Reads once.  False: that was all for now. */
static bool read_some(struct connected *connected)
{
	struct xs_incoming *incoming = &connected->worker->buffers->incoming;
	int got = xs_incoming_read(incoming, connected->pair_fd), count;

	if (got < 0 && errno == EAGAIN)
		return false;
	/* The other end was closed with datagrams in it that nobody has read.
	 * The kernel tells that first (unix_release_sock in
	 * net/unix/af_unix.c); what was sent here is still to be read. */
	if (got < 0 && errno == ECONNRESET)
		return true;
	count = before_end(incoming, got);
	if (count > 0)
		xs_association_send(connected->association, incoming, count);
	if (connected->pair_fd >= 0 && (got < 0 || count < got)) {
		program_ended(connected);
		return false;
	}
	return got == xs_incoming_most();
}

static void pair_event(struct xs_source *source, uint32_t events)
{
	struct connected *connected =
		xs_container(source, struct connected, source);

	(void)events;
	for (int i = 0; i < TURN && connected->pair_fd >= 0;
	     i += xs_incoming_most())
		if (!read_some(connected))
			return;
}

/* --- the beginning ---------------------------------------------------- */

/* Numbers, strings and descriptors come from another process, which may be any
 * program of the same user. */

static bool is_udp(int fd)
{
	int domain = xs_socket_int(fd, SOL_SOCKET, SO_DOMAIN);

	return (domain == AF_INET || domain == AF_INET6) &&
	       xs_socket_int(fd, SOL_SOCKET, SO_TYPE) == SOCK_DGRAM &&
	       xs_socket_int(fd, SOL_SOCKET, SO_PROTOCOL) == IPPROTO_UDP;
}

static bool is_end(int fd)
{
	return xs_socket_int(fd, SOL_SOCKET, SO_DOMAIN) == AF_UNIX &&
	       xs_socket_int(fd, SOL_SOCKET, SO_TYPE) == SOCK_SEQPACKET;
}

static bool are_right(const struct xs_wire *wire, const int *fds, size_t nfds)
{
	struct xs_pair_info pair;

	return (nfds == XS_WIRE_FDS || nfds == XS_WIRE_FDS - 1) &&
	       is_udp(fds[XS_WIRE_FD_TCP]) && is_end(fds[XS_WIRE_FD_RELAY]) &&
	       is_end(fds[XS_WIRE_FD_APP]) &&
	       xs_pair_read(fds[XS_WIRE_FD_APP], &pair) &&
	       pair.kind != XS_PAIR_TCP && pair.id == wire->head.id &&
	       (wire->head.started || *wire->string[XS_WIRE_HOST]);
}

static void register_pair(struct connected *connected, int app_end,
			  const struct xs_wire *wire)
{
	static const atomic_bool no_mark;
	struct xs_registered *registered = &connected->registered;
	struct stat file = { 0 };

	fstat(app_end, &file);
	registered->id = wire->head.id;
	registered->device = file.st_dev;
	registered->inode = file.st_ino;
	registered->tcp_fd = xs_association_socket(connected->association);
	registered->pair_fd = connected->pair_fd;
	registered->worker = connected->worker;
	registered->mark = &no_mark;
	registered->largest = &connected->largest;
	xs_registry_add(registered);
}

/* What waits for the program waits in the pair: as much as its socket would
 * hold, where it has asked for more than is usual.  (The kernel doubles what it
 * is told, socket(7).) */
static void make_room(int pair_fd, int udp_fd)
{
	int room = xs_socket_int(udp_fd, SOL_SOCKET, SO_RCVBUF) / 2;

	if (2 * room > xs_socket_int(pair_fd, SOL_SOCKET, SO_SNDBUF))
		setsockopt(pair_fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
}

/* Takes the UDP socket, the relay's end and the log over.  False: memory is
 * short. */
static bool make(struct xs_worker *worker, struct xs_request *request,
		 const int *fds, int log_fd, pid_t pid)
{
	struct connected *connected = calloc(1, sizeof(*connected));
	const struct xs_association_setup setup = {
		.worker = worker,
		.request = request,
		.udp_fd = fds[XS_WIRE_FD_TCP],
		.log_fd = log_fd,
		.pid = pid,
		.registered = &connected->registered,
		.functions = &functions,
		.side = connected,
	};

	if (!connected)
		return false;
	connected->worker = worker;
	connected->pair_fd = fds[XS_WIRE_FD_RELAY];
	connected->source.event = pair_event;
	connected->association = xs_association_new(&setup);
	if (!connected->association) {
		free(connected);
		return false;
	}
	make_room(connected->pair_fd, fds[XS_WIRE_FD_TCP]);
	register_pair(connected, fds[XS_WIRE_FD_APP], &request->wire);
	if (xs_worker_watch(worker, connected->pair_fd, EPOLLIN,
			    &connected->source) < 0)
		end(connected);
	return true;
}

static void close_all(const int *fds, size_t nfds)
{
	for (size_t i = 0; i < nfds; i++)
		close(fds[i]);
}

bool xs_connected_is(const void *datagram, size_t len)
{
	const struct xs_scheme *scheme;
	struct xs_error err = { 0 };
	struct xs_wire wire;

	if (xs_wire_decode(&wire, datagram, len, &err) < 0)
		return false;
	scheme = xs_scheme_find(wire.string[XS_WIRE_SCHEME]);
	return scheme && xs_scheme_is_datagram(scheme);
}

/* The library tells its user.  Frees the request. */
static void refuse(struct xs_control *control, struct xs_request *request,
		   const struct xs_error *err)
{
	struct xs_wire answer;

	xs_failures_add(request->log_words, err->errnum, false, err->text);
	xs_totals_failed(err->kind);
	xs_request_verdict(request, &answer, err, NULL);
	xs_control_answer(control, &answer);
	xs_request_free(request);
}

int xs_connected_begin(struct xs_worker *worker, struct xs_control *control,
		       const void *datagram, size_t len, const int *fds,
		       size_t nfds)
{
	struct xs_request *request = xs_request_copy(datagram, len);
	int log_fd = nfds == XS_WIRE_FDS ? fds[XS_WIRE_FD_LOG] : -1;
	struct xs_error err = { 0 };
	struct xs_wire answer;
	pid_t pid = 0;

	if (!request || !are_right(&request->wire, fds, nfds)) {
		xs_request_free(request);
		close_all(fds, nfds);
		return -1;
	}
	if (xs_shortage_meets(fds, nfds, &err)) {
		refuse(control, request, &err);
		close_all(fds, nfds);
		return 0;
	}
	/* Its number is one of this PID namespace (client/admit.h). */
	if (xs_control_pid(control) > 0)
		pid = request->wire.head.pid;
	if (!make(worker, request, fds, log_fd, pid)) {
		xs_request_free(request);
		close_all(fds, nfds);
		return -1;
	}
	/* While it is open, nobody sees the program close its end. */
	close(fds[XS_WIRE_FD_APP]);
	xs_request_verdict(request, &answer, NULL, NULL);
	xs_control_answer(control, &answer);
	return 0;
}
