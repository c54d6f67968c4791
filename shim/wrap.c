/* Handing one connect to the relay; see wrap.h. */
#include "wrap.h"

#include "again.h"
#include "config.h"
#include "fresh.h"
#include "handoff.h"
#include "pause.h"
#include "replace.h"
#include "report.h"
#include "share.h"
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

static const struct xs_rule *rule_of(const struct xs_destination *where)
{
	return where->decision->rule;
}

void xs_destination_aim(struct xs_destination *where)
{
	const struct xs_target *target;

	if (where->expected) {
		where->to = where->expected->wire.head.to;
		where->port = xs_address_port(&where->to);
		if (!xs_address_to_family(&where->to, where->family))
			where->to.len = 0;
		return;
	}
	target = &rule_of(where)->target;
	where->port = target->port ? target->port :
				     xs_address_port(&where->asked);
	where->to = where->asked;
	if (target->address.len)
		where->to = target->address;
	xs_address_set_port(&where->to, where->port);
	if (target->host || !xs_address_to_family(&where->to, where->family))
		where->to.len = 0;
}

const char *xs_destination_host(const struct xs_destination *where,
				char text[XS_ADDRESS_TEXT_MAX])
{
	const struct xs_target *target;

	if (where->to.len)
		return "";
	if (where->expected)
		return xs_address_format_ip(&where->expected->wire.head.to,
					    text, XS_ADDRESS_TEXT_MAX);
	target = &rule_of(where)->target;
	if (target->host)
		return target->host;
	return xs_address_format_ip(&target->address, text,
				    XS_ADDRESS_TEXT_MAX);
}

/* What the certificate is checked against, unless peer_name says otherwise:
 * the target's host, else the name that was asked for, else the address. */
static const char *peer_of(const struct xs_destination *where,
			   char text[XS_ADDRESS_TEXT_MAX])
{
	const struct xs_target *target = &rule_of(where)->target;
	struct xs_address address = where->asked;

	if (target->host)
		return target->host;
	if (!target->address.len && where->decision->name[0])
		return where->decision->name;
	if (target->address.len)
		address = target->address;
	/* Certificates know no scopes and no mapped addresses. */
	xs_address_to_family(&address, AF_INET);
	if (address.any.sa_family == AF_INET6)
		address.v6.sin6_scope_id = 0;
	return xs_address_format_ip(&address, text, XS_ADDRESS_TEXT_MAX);
}

/* --- the hand-off -------------------------------------------------------- */

/* One connect on its way to the relay. */
struct handoff {
	int fd;	     /* the application's descriptor */
	int own;     /* a copy of its TCP socket */
	int tcp;     /* the socket that connects: one like it, or own */
	int end[2];  /* the pair: the application's end, the relay's */
	int control; /* to the relay */
	char key[XS_PAIR_KEY_LEN + 1]; /* the relay's */
	uint32_t id, filler;
	ino_t inode; /* of the application's end */
	struct xs_flags flags;
	bool swapped; /* fd is the pair's end now */
	int shared[XS_SHARE_MAX]; /* other descriptors of the socket … */
	struct xs_flags shared_flags[XS_SHARE_MAX];
	size_t nshared; /* … that are the pair's end too, now */
	bool begun;   /* tcp is no longer unconnected */
	bool nameless; /* swapped, and the pair has no name yet */
	bool settled; /* what comes now does not wait for the network */
};

static void close_ends(struct handoff *h)
{
	for (int i = 0; i < 2; i++) {
		if (h->end[i] >= 0)
			close(h->end[i]);
		h->end[i] = -1;
	}
}

static void release(struct handoff *h)
{
	int saved = errno;

	close_ends(h);
	if (h->control >= 0)
		close(h->control);
	if (h->tcp >= 0 && h->tcp != h->own)
		close(h->tcp);
	if (h->own >= 0)
		close(h->own);
	errno = saved;
}

/* Is the pair still behind that number?  Another thread may have closed it,
 * and opened something else. */
static bool is_pair(const struct handoff *h, int fd)
{
	struct stat file;

	return fstat(fd, &file) == 0 && file.st_ino == h->inode &&
	       S_ISSOCK(file.st_mode);
}

/* The socket that the application gets back.  After a connect that failed, the
 * one that tried: its local port is what getsockname(2) tells then. */
static int to_give_back(struct handoff *h)
{
	const struct sockaddr nowhere = { .sa_family = AF_UNSPEC };

	if (h->begun)
		connect(h->tcp, &nowhere, sizeof(nowhere));
	if (h->begun && h->tcp != h->own &&
	    xs_flags_carry(h->own, h->tcp, &h->flags) == 0 &&
	    fcntl(h->tcp, F_SETFL, h->flags.status & ~O_ASYNC) == 0)
		return h->tcp;
	if (h->tcp == h->own)
		fcntl(h->own, F_SETFL, h->flags.status & ~O_ASYNC);
	return h->own;
}

/* Gives the application its socket back, unconnected. */
static void give_back(struct handoff *h)
{
	int saved = errno;
	int socket = to_give_back(h);

	if (h->swapped && is_pair(h, h->fd))
		xs_replace(h->fd, socket, &h->flags);
	for (size_t i = 0; i < h->nshared; i++)
		if (is_pair(h, h->shared[i]))
			xs_replace(h->shared[i], socket, &h->shared_flags[i]);
	h->nshared = 0;
	h->swapped = false;
	errno = saved;
}

static int make_pair(struct handoff *h)
{
	struct stat file;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, h->end) < 0) {
		h->end[0] = h->end[1] = -1;
		return -1;
	}
	h->end[0] = xs_above_stdio(h->end[0]);
	h->end[1] = xs_above_stdio(h->end[1]);
	if (h->end[0] < 0 || h->end[1] < 0 || fstat(h->end[0], &file) < 0)
		return -1;
	h->inode = file.st_ino;
	return 0;
}

static int prepare_pair(struct handoff *h, struct xs_error *err)
{
	if (xs_flags_read(h->fd, &h->flags) < 0)
		return xs_error_set(err, XS_ERR_SYSTEM, errno,
				    "cannot read the socket's flags: %s",
				    xs_error_name(errno));
	h->control = xs_handoff_open(h->key, err);
	if (h->control < 0)
		return -1;
	if (make_pair(h) < 0)
		return xs_error_set(err, XS_ERR_SYSTEM, errno,
				    "cannot make a socket pair: %s",
				    xs_error_name(errno));
	if (xs_flags_carry(h->fd, h->end[0], &h->flags) < 0 ||
	    !(h->filler = xs_pair_shut_gate(h->end[0])))
		return xs_error_set(err, XS_ERR_SYSTEM, errno,
				    "cannot prepare the socket pair: %s",
				    xs_error_name(errno));
	return 0;
}

/* Locks by descriptor, held for a few system calls that do not wait.  Whoever
 * does not get one for seconds was forked from, or interrupts, the thread that
 * holds it. */
static bool swapping[64];

static bool swap_lock(int fd)
{
	for (int tries = 0; tries < 20000; tries++) {
		if (!__atomic_exchange_n(&swapping[fd % 64], true,
					 __ATOMIC_ACQUIRE))
			return true;
		xs_pause(tries);
	}
	return false;
}

static void swap_unlock(int fd)
{
	__atomic_store_n(&swapping[fd % 64], false, __ATOMIC_RELEASE);
}

/* How many connects are between the swap and the name, by descriptor. */
static int nameless[64];

static void set_nameless(struct handoff *h, bool on)
{
	if (h->nameless == on)
		return;
	h->nameless = on;
	__atomic_add_fetch(&nameless[h->fd % 64], on ? 1 : -1,
			   __ATOMIC_ACQ_REL);
}

bool xs_wrap_wait(int fd)
{
	int *count = &nameless[(unsigned)fd % 64];
	int tries = 0;

	/* As long as for the lock, for the same reason. */
	for (; __atomic_load_n(count, __ATOMIC_ACQUIRE) && tries < 20000;
	     tries++)
		xs_pause(tries);
	return tries < 20000;
}

/* What dup(2) made of the socket before. */
static int swap_shared(struct handoff *h, struct xs_error *err)
{
	size_t count = xs_share_find(h->own, h->fd, h->shared);

	if (count > XS_SHARE_MAX)
		return xs_error_set(err, XS_ERR_SYSTEM, EMFILE,
				    "the socket has more than %d descriptors",
				    XS_SHARE_MAX);
	for (size_t i = 0; i < count; i++) {
		if (xs_flags_read(h->shared[i], &h->shared_flags[i]) < 0 ||
		    xs_replace(h->shared[i], h->end[0], &h->shared_flags[i]) <
			    0)
			return xs_error_set(err, XS_ERR_SYSTEM, errno,
					    "cannot replace the socket's copy "
					    "%d: %s", h->shared[i],
					    xs_error_name(errno));
		h->nshared = i + 1;
	}
	return 0;
}

/* Two threads that connect one descriptor must not both take its socket: the
 * one that comes second finds the pair of the first. */
static int take_socket(struct handoff *h, struct xs_error *err)
{
	int family = AF_UNIX;
	socklen_t len = sizeof(family);

	getsockopt(h->fd, SOL_SOCKET, SO_DOMAIN, &family, &len);
	if (family == AF_UNIX)
		return xs_error_set(err, XS_ERR_NETWORK, XS_WRAP_LOST,
				    "another thread connects the socket");
	h->own = fcntl(h->fd, F_DUPFD_CLOEXEC, 3);
	if (h->own < 0 || xs_replace(h->fd, h->end[0], &h->flags) < 0)
		return xs_error_set(err, XS_ERR_SYSTEM, errno,
				    "cannot replace the socket: %s",
				    xs_error_name(errno));
	h->swapped = true;
	return 0;
}

static int swap_in(struct handoff *h, struct xs_error *err)
{
	if (!swap_lock(h->fd))
		return xs_error_set(err, XS_ERR_NETWORK, EALREADY,
				    "another thread connects a socket");
	set_nameless(h, true);
	take_socket(h, err);
	set_nameless(h, h->swapped);
	swap_unlock(h->fd);
	if (!h->swapped)
		return -1;
	/* The kernel signals room to who found none: so the end of the connect
	 * gives its SIGIO. */
	if (h->flags.status & O_ASYNC)
		send(h->end[0], "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	return swap_shared(h, err);
}

/* The socket that connects: not the application's own, if that is possible
 * (fresh.h). */
static int choose_tcp(struct handoff *h, struct xs_error *err)
{
	h->tcp = xs_fresh(h->own);
	if (h->tcp >= 0)
		return 0;
	if (errno)
		return xs_error_set(err, XS_ERR_SYSTEM, errno,
				    "cannot make a TCP socket: %s",
				    xs_error_name(errno));
	/* Its signals would be about what the relay does. */
	if (fcntl(h->own, F_SETFL,
		  (h->flags.status & ~O_ASYNC) | O_NONBLOCK) < 0)
		return xs_error_set(err, XS_ERR_SYSTEM, errno,
				    "cannot make the socket non-blocking: %s",
				    xs_error_name(errno));
	h->tcp = h->own;
	return 0;
}

/* Programs set it before they connect, or right behind. */
static void carry_nodelay(const struct handoff *h)
{
	int on = 0;
	socklen_t len = sizeof(on);

	if (getsockopt(h->tcp, IPPROTO_TCP, TCP_NODELAY, &on, &len) == 0 && on)
		xs_pair_set_nodelay(h->end[0], true);
}

/* The relay connects by itself; to a socket that is connected already, which
 * libc would refuse, nothing may happen. */
static int leave_tcp_to_relay(struct handoff *h, struct xs_error *err)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);

	if (getpeername(h->tcp, (struct sockaddr *)&peer, &len) == 0)
		return xs_error_set(err, XS_ERR_NETWORK, EISCONN,
				    "the socket is connected already");
	h->begun = true;
	return 0;
}

/* True when the connect has come to its end already, as it has on loopback, and
 * there is no handshake to follow. */
static bool is_settled(const struct handoff *h,
		       const struct xs_destination *where)
{
	struct pollfd tcp = { .fd = h->tcp, .events = POLLOUT };

	if (poll(&tcp, 1, 0) != 1)
		return false;
	return (tcp.revents & (POLLERR | POLLHUP)) || where->expected ||
	       rule_of(where)->target.scheme->kind == XS_SCHEME_TCP;
}

/* Starts the TCP connect.  Returns 0 when it is under way or done. */
static int start_tcp(struct handoff *h, const struct xs_destination *where,
		     struct xs_error *err)
{
	char text[XS_ADDRESS_TEXT_MAX];
	const int off = 0;

	/* It would wait for the first byte, which is the relay's
	 * ClientHello.  A new socket does not have it. */
	if (h->tcp == h->own)
		setsockopt(h->tcp, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &off,
			   sizeof(off));
	carry_nodelay(h);
	if (!where->to.len)
		return leave_tcp_to_relay(h, err);
	if (connect(h->tcp, &where->to.any, where->to.len) == 0 ||
	    errno == EINPROGRESS) {
		h->begun = true;
		h->settled = (h->flags.status & O_NONBLOCK) &&
			     is_settled(h, where);
		return 0;
	}
	return xs_error_set(err, XS_ERR_NETWORK, errno,
			    "cannot connect to %s: %s",
			    xs_address_format(&where->to, text, sizeof(text)),
			    xs_error_name(errno));
}

static int name_pair(struct handoff *h, const struct xs_destination *where,
		     struct xs_error *err)
{
	struct xs_address local = { .len = sizeof(local.v6) };

	if (!where->to.len ||
	    getsockname(h->tcp, &local.any, &local.len) < 0)
		local.len = 0;
	if (xs_pair_name_app(h->end[0], &h->id, h->key, &where->asked,
			     &local) == 0) {
		set_nameless(h, false);
		return 0;
	}
	return xs_error_set(err, XS_ERR_SYSTEM, errno,
			    "cannot name the socket pair: %s",
			    xs_error_name(errno));
}

static void fill_request(struct xs_wire *m, const struct handoff *h,
			 const struct xs_destination *where)
{
	xs_wire_init(m, XS_WIRE_CONNECT);
	m->head.id = h->id;
	m->head.pid = getpid();
	m->head.app_fd = h->fd;
	m->head.log_level = (int)xs_config.log.level;
	m->head.idle = xs_config.idle;
	m->head.filler = h->filler;
	m->head.port = where->port;
	m->head.family = (uint16_t)where->family;
	m->head.started = where->to.len > 0;
	m->head.to = where->to;
	m->string[XS_WIRE_PROGRAM] = program_invocation_short_name;
	m->string[XS_WIRE_LOG_DEST] = xs_config.log.dest;
	m->string[XS_WIRE_CERT_FILE] = xs_config.cert_file;
	m->string[XS_WIRE_CERT_DIR] = xs_config.cert_dir;
	m->string[XS_WIRE_KEYLOG_FILE] = xs_config.keylog_file;
	m->string[XS_WIRE_OPENSSL_CONF] = xs_config.openssl_conf;
}

/* What is to be done with the connection: as its token says, or the rule.  The
 * texts are room for strings of *m. */
static void fill_policy(struct xs_wire *m, const struct xs_destination *where,
			char peer[XS_ADDRESS_TEXT_MAX],
			char text[XS_REPORT_RULE_MAX])
{
	const struct xs_rule *rule = rule_of(where);

	if (where->expected) {
		const struct xs_wire *from = &where->expected->wire;

		memcpy(m->head.token, from->head.token, sizeof(m->head.token));
		m->string[XS_WIRE_SCHEME] = from->string[XS_WIRE_SCHEME];
		m->string[XS_WIRE_NAME] = from->string[XS_WIRE_NAME];
		m->string[XS_WIRE_RULE] = from->string[XS_WIRE_RULE];
		return;
	}
	m->string[XS_WIRE_SCHEME] = rule->target.scheme->name;
	m->string[XS_WIRE_OPTIONS] = rule->options_text;
	m->string[XS_WIRE_NAME] = peer_of(where, peer);
	m->string[XS_WIRE_RULE] = xs_report_rule(text, rule);
}

static int send_request(struct handoff *h, const struct xs_destination *where,
			struct xs_error *err)
{
	char host[XS_ADDRESS_TEXT_MAX], peer[XS_ADDRESS_TEXT_MAX];
	char asked[XS_REPORT_ASKED_MAX], rule[XS_REPORT_RULE_MAX];
	int log = xs_report_descriptor();
	int fds[XS_WIRE_FDS] = { [XS_WIRE_FD_TCP] = h->tcp,
				 [XS_WIRE_FD_RELAY] = h->end[1],
				 [XS_WIRE_FD_APP] = h->end[0],
				 [XS_WIRE_FD_LOG] = log };
	struct xs_wire m;

	fill_request(&m, h, where);
	fill_policy(&m, where, peer, rule);
	m.string[XS_WIRE_HOST] = xs_destination_host(where, host);
	m.string[XS_WIRE_ASKED] = xs_report_asked(asked, &where->asked,
						  where->decision->name);
	if (!where->expected &&
	    xs_scheme_announces(rule_of(where)->target.scheme))
		xs_handoff_note(h->key);
	if (xs_wire_send(h->control, &m, fds, log < 0 ? XS_WIRE_FD_LOG :
							XS_WIRE_FDS) == 0)
		return 0;
	if (errno == ECONNRESET || errno == EPIPE)
		return xs_error_set(err, XS_ERR_RELAY, 0, "%s", XS_REPORT_LOST);
	return xs_error_set(err, XS_ERR_RELAY, errno,
			    "the relay does not take the connection: %s",
			    xs_error_name(errno));
}

/* --- waiting for the verdict -------------------------------------------- */

/* SO_SNDTIMEO bounds a blocking connect (socket(7)). */
static void carry_limit(const struct handoff *h)
{
	struct timeval limit = { .tv_sec = 0 };
	socklen_t len = sizeof(limit);

	if (getsockopt(h->own, SOL_SOCKET, SO_SNDTIMEO, &limit, &len) == 0 &&
	    (limit.tv_sec || limit.tv_usec))
		setsockopt(h->control, SOL_SOCKET, SO_RCVTIMEO, &limit,
			   sizeof(limit));
}

/* Returns 0, or an errno; *ended says whether the connect has come to its end
 * or goes on without us. */
static int receive_verdict(struct handoff *h, bool *ended,
			   struct xs_error *err)
{
	char datagram[2048];
	struct xs_wire m;
	size_t nfds;
	ssize_t got = xs_wire_receive(h->control, datagram, sizeof(datagram),
				      NULL, 0, &nfds, 0);

	*ended = false;
	if (got < 0 && errno == EINTR)
		return EINTR;
	if (got < 0 && errno == EAGAIN)
		return EINPROGRESS;
	*ended = true;
	if (got > 0 &&
	    xs_wire_decode(&m, datagram, (size_t)got, NULL) == 0 &&
	    m.head.type == XS_WIRE_VERDICT)
		return m.head.errnum;
	xs_error_set(err, XS_ERR_RELAY, 0, "%s", XS_REPORT_LOST);
	return err->errnum;
}

static int wait_for_verdict(struct handoff *h, struct xs_error *err)
{
	bool ended;
	int verdict;

	carry_limit(h);
	verdict = receive_verdict(h, &ended, err);
	if (!ended)
		xs_again_mark(h->fd);
	else if (verdict)
		give_back(h);
	if (verdict)
		errno = verdict;
	return verdict ? -1 : 0;
}

/* How long a non-blocking connect waits for a relay that has all it needs. */
enum { SETTLE_MS = 100 };

/* A non-blocking connect on loopback has ended when connect(2) returns, though
 * it says EINPROGRESS; programs find their socket writable, or the error, with
 * the next call.  So the relay gets the time to say so, which is a matter of
 * microseconds.  Its verdict is in the pair. */
static void settle(const struct handoff *h)
{
	struct pollfd verdict = { .fd = h->control, .events = POLLIN };

	if (h->settled)
		poll(&verdict, 1, SETTLE_MS);
}

/* --- the whole ------------------------------------------------------------ */

int xs_wrap(int fd, const struct xs_destination *where, struct xs_error *err)
{
	struct handoff h = { .fd = fd, .own = -1, .tcp = -1, .control = -1,
			     .end = { -1, -1 } };
	int result = -1;

	if (prepare_pair(&h, err) < 0 || swap_in(&h, err) < 0 ||
	    choose_tcp(&h, err) < 0 || start_tcp(&h, where, err) < 0 ||
	    name_pair(&h, where, err) < 0 || send_request(&h, where, err) < 0) {
		if (h.own >= 0)
			give_back(&h);
		set_nameless(&h, false);
		errno = err->errnum;
	} else if (h.flags.status & O_NONBLOCK) {
		xs_again_mark(h.end[0]);
		settle(&h);
		errno = EINPROGRESS;
	} else {
		/* The relay has its own.  While ours were open, nobody would
		 * see the relay close, and, if a signal handler jumps out of
		 * here, nor the application. */
		close_ends(&h);
		result = wait_for_verdict(&h, err);
	}
	release(&h);
	return result;
}
