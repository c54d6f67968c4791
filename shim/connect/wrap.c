/* The steps of wrapping one connect; see wrap.h. */
#include "connect/wrap.h"

#include "base/descriptor.h"
#include "base/option.h"
#include "base/pair.h"
#include "base/wire.h"
#include "connect/behalf.h"
#include "connect/clone_socket.h"
#include "connect/config.h"
#include "connect/datagram_option.h"
#include "connect/environment.h"
#include "connect/report.h"
#include "connect/swap.h"
#include "connect/undisturbed.h"
#include "connect/wait.h"
#include "relay_client/find_relay.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static const struct xs_rule *rule_of(const struct xs_destination *where)
{
	return where->decision->rule;
}

static bool is_of_datagrams(const struct xs_destination *where)
{
	return !where->ftp_data &&
	       xs_scheme_is_datagram(rule_of(where)->target.scheme);
}

/* One connect that is being wrapped: all that the steps below hand on. */
struct wrapping {
	struct xs_swap swap;
	int tcp;     /* the socket that connects: one like swap.own, or that;
			where the swap is of datagrams, a UDP socket */
	int control; /* to the relay */
	char key[XS_PAIR_KEY_LEN + 1]; /* the relay's */
	uint32_t id;		       /* the pair's */
	bool begun;		       /* tcp is no longer unconnected */
	bool settled; /* what comes now does not wait for the network */
};

static void release(struct wrapping *w)
{
	int saved = errno;

	xs_swap_close_ends(&w->swap);
	if (w->control >= 0)
		close(w->control);
	if (w->tcp >= 0 && w->tcp != w->swap.own)
		close(w->tcp);
	if (w->swap.own >= 0)
		close(w->swap.own);
	errno = saved;
}

/* Nothing may be written to what is connected still: it is shut down, and where
 * it is the application's own, a new one takes its place. */
static void abandon_tcp(struct wrapping *w)
{
	int made;

	shutdown(w->tcp, SHUT_RDWR);
	if (w->tcp != w->swap.own)
		return;
	made = xs_above_stdio(socket(
		xs_socket_int(w->swap.own, SOL_SOCKET, SO_DOMAIN),
		(w->swap.datagrams ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC,
		0));
	if (made < 0)
		return;
	close(w->swap.own);
	w->swap.own = w->tcp = made;
}

/* The socket that the application gets back.  After a connect that failed, the
 * one that tried: its local port is what getsockname(2) tells then. */
static int to_give_back(struct wrapping *w)
{
	const struct sockaddr nowhere = { .sa_family = AF_UNSPEC };
	bool gone =
		!w->begun || connect(w->tcp, &nowhere, sizeof(nowhere)) == 0;

	/* A seccomp filter may forbid it. */
	if (!gone)
		abandon_tcp(w);
	if (w->begun && gone && w->tcp != w->swap.own &&
	    xs_flags_carry(w->swap.own, w->tcp, &w->swap.flags) == 0 &&
	    fcntl(w->tcp, F_SETFL, w->swap.flags.status & ~O_ASYNC) == 0)
		return w->tcp;
	if (w->tcp == w->swap.own)
		fcntl(w->swap.own, F_SETFL, w->swap.flags.status & ~O_ASYNC);
	return w->swap.own;
}

/* Gives the application its socket back, unconnected. */
static void give_back(struct wrapping *w)
{
	int saved = errno;

	xs_swap_back(&w->swap, to_give_back(w));
	errno = saved;
}

/* A program that cannot close keeps the relay's end of the pair open, and would
 * never learn that the connect has failed.  close(2) of a number that no
 * descriptor has is EBADF, unless a seccomp filter answers. */
static int check_close(struct xs_error *err)
{
	/* No descriptor is meant.  NOLINTNEXTLINE(invalidFunctionArg) */
	if (close(-1) == 0 || errno == EBADF)
		return 0;
	return xs_error_set(err, XS_ERR_SYSTEM, errno,
			    "nothing can be closed: close(2): %s (does a "
			    "seccomp filter forbid it?)",
			    xs_error_name(errno));
}

static int prepare_pair(struct wrapping *w, int fd, bool datagrams,
			struct xs_error *err)
{
	if (xs_swap_begin(&w->swap, fd, err) < 0 || check_close(err) < 0)
		return -1;
	w->control = xs_find_relay(w->key, err);
	if (w->control < 0)
		return -1;
	return xs_swap_make_pair(&w->swap, datagrams, err);
}

/* Another process that has the socket, too, could write plaintext to the
 * server, and nobody can tell whether there is one: a descriptor may be in
 * flight, or in a process that cannot be looked at.  A rule may say that there
 * is none. */
static bool may_use_own(const struct xs_destination *where)
{
	const struct xs_rule *rule = rule_of(where);

	return rule && (rule->options.own_socket ||
			rule->target.scheme->kind == XS_SCHEME_TCP ||
			rule->target.scheme->kind == XS_SCHEME_UDP);
}

static int use_own(struct wrapping *w, struct xs_error *err)
{
	/* Its signals would be about what the relay does. */
	if (fcntl(w->swap.own, F_SETFL,
		  (w->swap.flags.status & ~O_ASYNC) | O_NONBLOCK) < 0)
		return xs_error_set(err, XS_ERR_SYSTEM, errno,
				    "cannot make the socket non-blocking: %s",
				    xs_error_name(errno));
	w->tcp = w->swap.own;
	return 0;
}

/* The socket that connects: not the application's own, if the rule does not
 * allow it (clone_socket.h). */
static int choose_tcp(struct wrapping *w, const struct xs_destination *where,
		      struct xs_error *err)
{
	char why[XS_CLONE_WHY_MAX];

	w->tcp = xs_clone_socket(w->swap.own, why);
	if (w->tcp >= 0)
		return 0;
	if (errno)
		return xs_error_set(err, XS_ERR_SYSTEM, errno,
				    "cannot make a %s socket: %s",
				    w->swap.datagrams ? "UDP" : "TCP",
				    xs_error_name(errno));
	if (may_use_own(where))
		return use_own(w, err);
	return xs_error_set(err, XS_ERR_RULES, EACCES,
			    "no new socket can be like the program's, because "
			    "%s, and another process that shares the program's "
			    "own could write plaintext to the server%s",
			    why,
			    w->swap.datagrams
				    ? ""
				    : " (if no other process has it, "
				      "own_socket=1 in the rule lets it "
				      "connect)");
}

/* Programs set it before they connect, or right behind. */
static void carry_nodelay(const struct wrapping *w)
{
	if (xs_socket_int(w->tcp, IPPROTO_TCP, TCP_NODELAY) > 0)
		xs_pair_set_nodelay(w->swap.end[0], true);
}

/* The relay connects by itself; to a socket that is connected already, which
 * libc would refuse, nothing may happen. */
static int leave_tcp_to_relay(struct wrapping *w, struct xs_error *err)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);

	if (!w->swap.datagrams &&
	    getpeername(w->tcp, (struct sockaddr *)&peer, &len) == 0)
		return xs_error_set(err, XS_ERR_NETWORK, EISCONN,
				    "the socket is connected already");
	w->begun = true;
	return 0;
}

/* True when the connect has come to its end already, as it has on loopback, and
 * there is no handshake to follow. */
static bool is_settled(const struct wrapping *w,
		       const struct xs_destination *where)
{
	struct pollfd tcp = { .fd = w->tcp, .events = POLLOUT };

	if (poll(&tcp, 1, 0) != 1)
		return false;
	return (tcp.revents & (POLLERR | POLLHUP)) || where->ftp_data ||
	       rule_of(where)->options.connect_early ||
	       !xs_scheme_has_tls(rule_of(where)->target.scheme);
}

/* Starts the TCP connect.  Returns 0 when it is under way or done. */
static int start_tcp(struct wrapping *w, const struct xs_destination *where,
		     struct xs_error *err)
{
	char text[XS_ADDRESS_TEXT_MAX];
	const int off = 0;

	/* It would wait for the first byte, which is the relay's
	 * ClientHello.  A new socket does not have it. */
	if (!w->swap.datagrams && w->tcp == w->swap.own)
		setsockopt(w->tcp, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &off,
			   sizeof(off));
	if (w->swap.datagrams)
		xs_datagram_option_to_pair(w->swap.own, w->swap.end[0]);
	else
		carry_nodelay(w);
	if (!where->to.len)
		return leave_tcp_to_relay(w, err);
	if (connect(w->tcp, &where->to.any, where->to.len) == 0 ||
	    errno == EINPROGRESS) {
		w->begun = true;
		w->settled = !w->swap.datagrams &&
			     (w->swap.flags.status & O_NONBLOCK) &&
			     is_settled(w, where);
		return 0;
	}
	return xs_error_set(err, XS_ERR_NETWORK, errno,
			    "cannot connect to %s: %s",
			    xs_address_format(&where->to, text, sizeof(text)),
			    xs_error_name(errno));
}

/* By its name the pair is known later, also where this is not waited for. */
static int check_name(const struct wrapping *w, struct xs_error *err)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);

	if (getpeername(w->swap.end[0], (struct sockaddr *)&peer, &len) == 0)
		return 0;
	return xs_error_set(err, XS_ERR_SYSTEM, errno,
			    "the name of a socket pair cannot be read: "
			    "getpeername(2): %s (does a seccomp filter forbid "
			    "it?)",
			    xs_error_name(errno));
}

/* The most bytes that a datagram may have: what the path takes now, or the rule
 * wants, without the headers and the record. */
static uint32_t limit_of(const struct wrapping *w,
			 const struct xs_destination *where)
{
	const struct xs_rule *rule = rule_of(where);
	int family = xs_socket_int(w->tcp, SOL_SOCKET, SO_DOMAIN);
	bool ipv6 = family == AF_INET6;
	int most = ipv6 && where->asked.any.sa_family == AF_INET6
			   ? XS_PAIR_MOST_UDP6
			   : XS_PAIR_MOST_UDP4;
	int path;

	if (rule->target.scheme->kind == XS_SCHEME_UDP)
		return (uint32_t)most;
	path = xs_socket_int(w->tcp, ipv6 ? IPPROTO_IPV6 : IPPROTO_IP,
			     ipv6 ? IPV6_MTU : IP_MTU);
	if (path > 0)
		most = path - (ipv6 ? 48 : 28);
	if (rule->options.mtu)
		most = rule->options.mtu;
	if (most > XS_OPTION_MTU_MOST)
		most = XS_OPTION_MTU_MOST;
	return most > XS_PAIR_RECORD ? (uint32_t)(most - XS_PAIR_RECORD) : 0;
}

static int name_pair(struct wrapping *w, const struct xs_destination *where,
		     struct xs_error *err)
{
	struct xs_pair_info info = { .asked = where->asked,
				     .local.len = sizeof(info.local.v6) };

	if (!where->to.len ||
	    getsockname(w->tcp, &info.local.any, &info.local.len) < 0)
		info.local.len = 0;
	memcpy(info.key, w->key, sizeof(info.key));
	if (w->swap.datagrams) {
		info.kind =
			rule_of(where)->target.scheme->kind == XS_SCHEME_DTLS
				? XS_PAIR_DTLS
				: XS_PAIR_UDP;
		info.limit = limit_of(w, where);
	}
	if (xs_pair_name_app(w->swap.end[0], &info) == 0) {
		w->id = info.id;
		xs_swap_named(&w->swap);
		return check_name(w, err);
	}
	return xs_error_set(err, XS_ERR_SYSTEM, errno,
			    "cannot name the socket pair: %s",
			    xs_error_name(errno));
}

static void fill_request(struct xs_wire *m, const struct wrapping *w,
			 const struct xs_destination *where)
{
	xs_wire_init(m, XS_WIRE_CONNECT);
	m->head.id = w->id;
	m->head.pid = xs_report_pid();
	m->head.app_fd = xs_behalf ? xs_behalf->fd : w->swap.fd;
	m->head.log_level = (int)xs_config_log.level |
			    (xs_config_log.pairs ? XS_WIRE_LOG_PAIRS : 0);
	m->head.idle = xs_relay_settings.idle;
	m->head.filler = w->swap.filler;
	m->head.port = where->port;
	m->head.family = (uint16_t)where->family;
	m->head.started = where->to.len > 0;
	m->head.to = where->to;
	m->string[XS_WIRE_PROGRAM] = xs_report_program();
	m->string[XS_WIRE_LOG_DEST] = xs_config_log.dest;
	m->string[XS_WIRE_CERT_FILE] = xs_environment.cert_file;
	m->string[XS_WIRE_CERT_DIR] = xs_environment.cert_dir;
	m->string[XS_WIRE_KEYLOG_FILE] = xs_environment.keylog_file;
	m->string[XS_WIRE_OPENSSL_CONF] = xs_environment.openssl_conf;
}

/* What is to be done with the connection: as its token says, or the rule.  The
 * texts are room for strings of *m. */
static void fill_policy(struct xs_wire *m, const struct xs_destination *where,
			char peer[XS_ADDRESS_TEXT_MAX],
			char text[XS_REPORT_RULE_MAX])
{
	const struct xs_rule *rule = rule_of(where);

	if (where->ftp_data) {
		const struct xs_wire *from = &where->ftp_data->wire;

		memcpy(m->head.token, from->head.token, sizeof(m->head.token));
		m->string[XS_WIRE_SCHEME] = from->string[XS_WIRE_SCHEME];
		m->string[XS_WIRE_NAME] = from->string[XS_WIRE_NAME];
		m->string[XS_WIRE_RULE] = from->string[XS_WIRE_RULE];
		return;
	}
	m->string[XS_WIRE_SCHEME] = rule->target.scheme->name;
	m->string[XS_WIRE_OPTIONS] = rule->options_text;
	m->string[XS_WIRE_NAME] = xs_destination_peer(where, peer);
	m->string[XS_WIRE_RULE] = xs_report_rule(text, rule);
}

/* (Its texts are not on the stack while a relay is found, which may take 8
 * KiB.) */
__attribute__((noinline)) static int
send_request(struct wrapping *w, const struct xs_destination *where,
	     struct xs_error *err)
{
	char host[XS_ADDRESS_TEXT_MAX], peer[XS_ADDRESS_TEXT_MAX];
	char asked[XS_REPORT_ASKED_MAX], rule[XS_REPORT_RULE_MAX];
	int log = xs_report_descriptor();
	int fds[XS_WIRE_FDS] = { [XS_WIRE_FD_TCP] = w->tcp,
				 [XS_WIRE_FD_RELAY] = w->swap.end[1],
				 [XS_WIRE_FD_APP] = w->swap.end[0],
				 [XS_WIRE_FD_LOG] = log };
	struct xs_wire m;

	fill_request(&m, w, where);
	fill_policy(&m, where, peer, rule);
	m.string[XS_WIRE_HOST] = xs_destination_host(where, host);
	m.string[XS_WIRE_ASKED] =
		xs_report_asked(asked, &where->asked, where->decision->name);
	if (!where->ftp_data &&
	    xs_scheme_announces(rule_of(where)->target.scheme))
		xs_find_relay_note(w->key);
	if (xs_wire_send(w->control, &m, fds,
			 log < 0 ? XS_WIRE_FD_LOG : XS_WIRE_FDS) == 0)
		return 0;
	if (errno == ECONNRESET || errno == EPIPE)
		return xs_error_set(err, XS_ERR_RELAY, 0, "%s", XS_REPORT_LOST);
	return xs_error_set(err, XS_ERR_RELAY, errno,
			    "the relay does not take the connection: %s",
			    xs_error_name(errno));
}

/* --- a non-blocking connect that has ended already ------------------------ */

/* How long a non-blocking connect waits for a relay that has all it needs. */
enum { SETTLE_MS = 100 };

/* A non-blocking connect on loopback has ended when connect(2) returns, though
 * it says EINPROGRESS; programs find their socket writable, or the error, with
 * the next call.  So the relay gets the time to say so, which is a matter of
 * microseconds.  Its verdict is in the pair.  (A signal is not waited with.) */
static void settle(const struct wrapping *w,
		   const struct xs_undisturbed *before)
{
	struct pollfd pair = { .fd = w->swap.fd, .events = POLLOUT };

	if (w->settled)
		xs_undisturbed_poll(before, &pair, SETTLE_MS);
	errno = EINPROGRESS;
}

/* --- a blocking connect --------------------------------------------------- */

/* The relay's process; 0 where it cannot be told. */
static pid_t relay_of(const struct wrapping *w)
{
	struct ucred relay;
	socklen_t len = sizeof(relay);

	return getsockopt(w->control, SOL_SOCKET, SO_PEERCRED, &relay, &len) ==
			       0
		       ? relay.pid
		       : 0;
}

/* What the wait needs to know: when it begins, all of it is closed. */
static void prepare_wait(struct wrapping *w, struct xs_wait *wait,
			 const struct xs_destination *where)
{
	socklen_t len = sizeof(wait->limit);

	*wait = (struct xs_wait){
		.swap = &w->swap,
		.id = w->id,
		.family = where->family,
		.timeout = where->ftp_data ? XS_OPTION_TIMEOUT_DEFAULT
					   : rule_of(where)->options.timeout,
		.relay = relay_of(w),
		.key = w->key,
	};
	if (getsockopt(w->swap.own, SOL_SOCKET, SO_SNDTIMEO, &wait->limit,
		       &len) < 0)
		wait->limit = (struct timeval){ .tv_sec = 0 };
}

/* --- datagrams ------------------------------------------------------------ */

/* A relay takes a request at once; one that does not is stopped. */
enum { TAKEN_S = 5 };

/* Waits until the relay has taken the socket over.  It looks who asks, so a
 * program that sends a datagram and ends must not be gone by then. */
__attribute__((noinline)) static int await_taken(const struct wrapping *w,
						 struct xs_error *err)
{
	const struct timeval patience = { .tv_sec = TAKEN_S };
	char datagram[1024];
	struct xs_wire answer;
	ssize_t got;
	size_t nfds;

	setsockopt(w->control, SOL_SOCKET, SO_RCVTIMEO, &patience,
		   sizeof(patience));
	do
		got = xs_wire_receive(w->control, datagram, sizeof(datagram),
				      NULL, 0, &nfds, 0);
	while (got < 0 && errno == EINTR);
	if (got > 0 &&
	    xs_wire_decode(&answer, datagram, (size_t)got, NULL) == 0 &&
	    answer.head.type == XS_WIRE_VERDICT)
		return !answer.head.errnum
			       ? 0
			       : xs_error_set(err, XS_ERR_SYSTEM,
					      answer.head.errnum, "%s",
					      answer.string[XS_WIRE_SENTENCE]);
	if (got < 0 && errno == EAGAIN)
		return xs_error_set(err, XS_ERR_TIMEOUT, 0, XS_REPORT_SILENT,
				    w->key, (int)relay_of(w), (double)TAKEN_S);
	return xs_error_set(err, XS_ERR_RELAY, 0, "%s", XS_REPORT_LOST);
}

/* --- the whole ------------------------------------------------------------ */

/* (Not on the stack of everybody.) */
__attribute__((noinline)) static void
trace_handed_over(const struct wrapping *w, const struct xs_destination *where)
{
	char address[XS_ADDRESS_TEXT_MAX], host[XS_ADDRESS_TEXT_MAX];
	char sentence[XS_REPORT_ASKED_MAX + 128];

	if (where->to.len)
		xs_address_format(&where->to, address, sizeof(address));
	snprintf(sentence, sizeof(sentence),
		 "pair %08x is descriptor %d, and the relay @xsock-relay/%s "
		 "%s %s",
		 w->id, w->swap.fd, w->key,
		 !where->to.len	     ? "looks up"
		 : w->swap.datagrams ? "sends datagrams to"
				     : "goes on with TCP to",
		 where->to.len ? address : xs_destination_host(where, host));
	xs_report_connect(XS_LOG_DEBUG, &where->asked, where->decision,
			  sentence);
}

static int hand_over(struct wrapping *w, int fd,
		     const struct xs_destination *where, struct xs_error *err)
{
	if (prepare_pair(w, fd, is_of_datagrams(where), err) < 0 ||
	    xs_swap_in(&w->swap, err) < 0 || choose_tcp(w, where, err) < 0 ||
	    start_tcp(w, where, err) < 0 || name_pair(w, where, err) < 0)
		return -1;
	if (!w->swap.datagrams)
		xs_pair_set_asker(w->swap.end[0],
				  w->swap.flags.status & O_NONBLOCK
					  ? XS_PAIR_UNCOLLECTED
					  : XS_PAIR_AWAITED);
	if (xs_report_wants(XS_LOG_DEBUG))
		trace_handed_over(w, where);
	if (send_request(w, where, err) < 0)
		return -1;
	return w->swap.datagrams ? await_taken(w, err) : 0;
}

static int take_back(struct wrapping *w, const struct xs_error *err)
{
	if (w->swap.own >= 0)
		give_back(w);
	xs_swap_named(&w->swap);
	release(w);
	errno = err->errnum;
	return -1;
}

static int wrap(int fd, const struct xs_destination *where,
		const struct xs_undisturbed *before, struct xs_error *err)
{
	struct wrapping w = { .tcp = -1, .control = -1 };
	struct xs_wait wait;

	if (hand_over(&w, fd, where, err) < 0)
		return take_back(&w, err);
	prepare_wait(&w, &wait, where);
	wait.before = before;
	/* The relay has its own.  While ours were open, nobody would see the
	 * relay close, and, if a signal handler jumps out of here, nor the
	 * application. */
	release(&w);
	if (w.swap.datagrams)
		return 0;
	if (!(w.swap.flags.status & O_NONBLOCK))
		return xs_wait(&wait, err);
	settle(&w, before);
	return -1;
}

int xs_wrap(int fd, const struct xs_destination *where, struct xs_error *err)
{
	struct xs_undisturbed before;
	int result;

	xs_undisturbed_begin(&before);
	result = wrap(fd, where, &before, err);
	xs_undisturbed_end(&before);
	return result;
}
