/* Datagrams between a program and a server; see association.h.
 *
 * One function per step.  Whatever fails ends in fail(), whatever ends in good
 * order in rest() or finish().
 */
#include "relay/association/association.h"

#include "base/address.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/descriptor.h"
#include "base/option.h"
#include "base/scheme.h"
#include "relay/association/state.h"
#include "relay/association/waiting.h"
#include "relay/connection/connect_error.h"
#include "relay/connection/dial.h"
#include "relay/connection/failures.h"
#include "relay/connection/late_log.h"
#include "relay/connection/list.h"
#include "relay/connection/loader.h"
#include "relay/connection/totals.h"
#include "relay/loop/lifetime.h"
#include "relay/loop/resolver.h"
#include "relay/tls/tls_dtls.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/errqueue.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
	/* A standard error that is kept open for the first line, where no
	 * datagram comes. */
	LOG_MS = 5000,
	/* A server that has answered before, and has not answered so many
	 * datagrams for so long, may have been started anew. */
	DOUBT_MS = 10000,
	DOUBT_DATAGRAMS = 2,
	/* One turn reads so many, or a few more. */
	TURN = 32,
	/* What a record of DTLS adds to a datagram, and more. */
	RECORD_EXTRA = 512,
	DAY_S = 86400,
};

struct xs_association {
	struct xs_worker *worker;
	struct xs_request *request;
	struct xs_log_words *log_words;
	struct xs_late_log late_log;
	int log_fd; /* until the first outcome; or -1 */
	int udp_fd;
	int own_fd;	/* the application's, while udp_fd is another; or -1 */
	bool watched;	/* udp_fd is */
	bool connected; /* udp_fd is, so that no address is to be found */
	bool finishing;
	bool collects; /* what dtls sends is collected */
	bool segments; /* UDP_SEGMENT, as far as is known */
	bool in_full;  /* a resumption has failed: not again */
	bool told_full, told_long, told_empty; /* of what was dropped */
	enum xs_association_state state;
	struct xs_source source;
	struct xs_timer timer;
	struct xs_task task;
	struct xs_waiting waiting;
	struct xs_load *load;	  /* under way; else NULL */
	struct xs_lookup *lookup; /* the same */
	struct xs_tls_context *context;
	struct xs_dtls *dtls;
	size_t asked;	/* of the datagram under way, without DTLS */
	int send_error; /* what UDP has said in a call of dtls */
	int timeout_ms, idle_ms;
	int mtu;	     /* of the rule; 0: what the path takes */
	struct xs_dial dial; /* the addresses of the rule's name */
	int64_t deadline;    /* of a handshake, by xs_now_ms */
	int64_t due;	     /* of this address, if there is another one */
	int64_t opened_ms;
	uint64_t sent, received; /* datagrams */
	struct xs_registered *registered;
	struct xs_shown shown;
	struct xs_shown_datagrams datagrams;
	const struct xs_association_side *functions;
	void *side;
};

static void set_state(struct xs_association *a, enum xs_association_state state)
{
	a->state = state;
	atomic_store_explicit(&a->shown.state, (uint8_t)state,
			      memory_order_relaxed);
}

/* --- lines ------------------------------------------------------------ */

static int open_log(const struct xs_association *a)
{
	return a->log_fd >= 0 ? a->log_fd : xs_late_log_open(&a->late_log);
}

static void close_log(const struct xs_association *a, int fd)
{
	if (a->log_fd < 0)
		xs_late_log_close(&a->late_log, fd);
}

static void log_at(struct xs_association *a, enum xs_log_level level,
		   const char *sentence)
{
	int fd = open_log(a);

	xs_log_words_log(a->log_words, fd, level, sentence);
	close_log(a, fd);
}

/* The program's standard error must not be kept open for long: somebody may
 * wait for its end. */
static void let_log_go(struct xs_association *a)
{
	if (a->log_fd < 0)
		return;
	close(a->log_fd);
	a->log_fd = -1;
}

/* summary is NULL where there is no DTLS. */
static void tell_opened(struct xs_association *a,
			const struct xs_tls_summary *summary)
{
	int fd = open_log(a);

	if (summary)
		xs_log_words_log_success(a->log_words, fd, summary);
	else
		xs_log_words_log(a->log_words, fd, XS_LOG_INFO,
				 "datagrams go as they are, without DTLS");
	close_log(a, fd);
	let_log_go(a);
}

static void tell_end(struct xs_association *a, const char *why)
{
	char sentence[XS_ERROR_TEXT_MAX];

	snprintf(sentence, sizeof(sentence),
		 "the association has ended, %s: %llu datagrams sent, %llu "
		 "received",
		 why, (unsigned long long)a->sent,
		 (unsigned long long)a->received);
	log_at(a, XS_LOG_INFO, sentence);
}

/* --- the socket ------------------------------------------------------- */

static bool is_ipv6(const struct xs_association *a)
{
	return xs_socket_int(a->udp_fd, SOL_SOCKET, SO_DOMAIN) == AF_INET6;
}

static void peer_of(const struct xs_association *a, struct xs_address *peer)
{
	peer->len = sizeof(peer->v6);
	if (getpeername(a->udp_fd, &peer->any, &peer->len) == 0)
		return;
	*peer = a->request->wire.head.to;
	if (!peer->len)
		*peer = (struct xs_address){ .v4.sin_family = AF_INET,
					     .len = sizeof(peer->v4) };
}

/* What fits one datagram. */
static size_t payload_of(const struct xs_association *a)
{
	bool ipv6 = is_ipv6(a);
	int path = xs_socket_int(a->udp_fd, ipv6 ? IPPROTO_IPV6 : IPPROTO_IP,
				 ipv6 ? IPV6_MTU : IP_MTU);
	int payload = path > 0 ? XS_DTLS_PAYLOAD(path, ipv6) : 0;

	if (!payload || (a->mtu && a->mtu < payload))
		payload = a->mtu ? a->mtu : XS_DTLS_PAYLOAD(1280, true);
	if (payload < XS_DTLS_PAYLOAD_MIN)
		payload = XS_DTLS_PAYLOAD_MIN;
	return (size_t)payload;
}

/* A record goes in one packet, or not at all. */
static void forbid_fragments(const struct xs_association *a)
{
	const int on = IP_PMTUDISC_DO, on6 = IPV6_PMTUDISC_DO;

	setsockopt(a->udp_fd, IPPROTO_IP, IP_MTU_DISCOVER, &on, sizeof(on));
	if (is_ipv6(a))
		setsockopt(a->udp_fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &on6,
			   sizeof(on6));
}

/* The program may have had its datagrams joined or cut, before its socket
 * became the relay's (udp(7)). */
static void keep_boundaries(const struct xs_association *a)
{
	static const int options[] = { UDP_GRO, UDP_SEGMENT, UDP_CORK };
	const int off = 0;

	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++)
		setsockopt(a->udp_fd, IPPROTO_UDP, options[i], &off,
			   sizeof(off));
}

static bool watch(struct xs_association *a)
{
	if (!a->watched)
		a->watched = xs_worker_watch(a->worker, a->udp_fd, EPOLLIN,
					     &a->source) == 0;
	return a->watched;
}

static void unwatch(struct xs_association *a)
{
	if (a->watched)
		xs_worker_unwatch(a->worker, a->udp_fd);
	a->watched = false;
}

/* --- the end ---------------------------------------------------------- */

static void cancel(struct xs_association *a)
{
	xs_timer_cancel(&a->worker->timers, &a->timer);
	if (a->load)
		xs_loader_forget(a->load);
	if (a->lookup)
		xs_resolver_forget(a->lookup);
	a->load = NULL;
	a->lookup = NULL;
	unwatch(a);
}

static struct xs_outgoing *down(const struct xs_association *a)
{
	return &a->worker->buffers->down;
}

static void begin_down(struct xs_association *a)
{
	struct xs_buffers *buffers = a->worker->buffers;

	xs_outgoing_begin(&buffers->down, buffers->plain,
			  sizeof(buffers->plain));
}

/* What has come so far. */
static void hand_over(struct xs_association *a)
{
	if (down(a)->count)
		a->functions->deliver(a->side, down(a));
}

static void fail(struct xs_association *a, const struct xs_error *err)
{
	int fd;

	if (a->state == XS_ASSOCIATION_OVER)
		return;
	hand_over(a);
	set_state(a, XS_ASSOCIATION_OVER);
	cancel(a);
	xs_waiting_clear(&a->waiting);
	fd = open_log(a);
	xs_log_words_log_failure(a->log_words, fd, err);
	close_log(a, fd);
	let_log_go(a);
	xs_failures_add(a->log_words, err->errnum, a->opened_ms != 0,
			err->text);
	if (a->opened_ms)
		xs_totals_broken();
	else
		xs_totals_failed(err->kind);
	a->functions->failed(a->side, err);
}

static void fail_memory(struct xs_association *a)
{
	struct xs_error err = { 0 };

	xs_error_set(&err, XS_ERR_SYSTEM, ENOMEM, "the relay is out of memory");
	fail(a, &err);
}

static void say_goodbye(struct xs_association *a)
{
	if (a->dtls)
		xs_dtls_close(a->dtls);
	xs_dtls_free(a->dtls);
	a->dtls = NULL;
}

static void connect_next(struct xs_association *a);

/* Nobody is at this address of the rule's name, as it seems.  False: it is the
 * last one, or somebody has answered. */
static bool try_next(struct xs_association *a)
{
	static const struct sockaddr nobody = { .sa_family = AF_UNSPEC };

	if (a->state != XS_ASSOCIATION_HANDSHAKE ||
	    !xs_dial_has_more(&a->dial) || xs_dtls_facts(a->dtls)->heard_ms)
		return false;
	say_goodbye(a);
	unwatch(a);
	/* With the address that it has been sent from. */
	connect(a->udp_fd, &nobody, sizeof(nobody));
	a->connected = false;
	connect_next(a);
	return true;
}

/* What UDP says of the server: that nobody listens there. */
static void fail_network(struct xs_association *a, int errnum)
{
	struct xs_error err = { 0 };
	struct xs_address peer;

	if (try_next(a))
		return;
	peer_of(a, &peer);
	xs_dial_failed(&peer, errnum, &err);
	fail(a, &err);
}

static void finish(struct xs_association *a)
{
	if (a->state == XS_ASSOCIATION_OVER)
		return;
	if (a->state == XS_ASSOCIATION_OPEN)
		tell_end(a, "because the program has closed its socket");
	hand_over(a);
	say_goodbye(a);
	set_state(a, XS_ASSOCIATION_OVER);
	cancel(a);
	a->functions->finished(a->side);
}

/* The next datagram begins a new association. */
static void rest(struct xs_association *a, const char *why)
{
	tell_end(a, why);
	say_goodbye(a);
	set_state(a, XS_ASSOCIATION_IDLE);
	a->sent = a->received = 0;
	xs_list_unsecured(a->registered);
	cancel(a);
	if (a->finishing)
		finish(a);
}

/* --- sending ---------------------------------------------------------- */

static void tell_long(struct xs_association *a, size_t len, size_t most)
{
	char sentence[XS_ERROR_TEXT_MAX];

	if (a->told_long)
		return;
	a->told_long = true;
	snprintf(sentence, sizeof(sentence),
		 "a datagram of %zu bytes is dropped: the path takes %zu with "
		 "DTLS (is the path's MTU right? mtu in the rule says "
		 "otherwise); this is told once",
		 len, most);
	log_at(a, XS_LOG_WARNING, sentence);
}

static void tell_empty(struct xs_association *a)
{
	if (a->told_empty)
		return;
	a->told_empty = true;
	log_at(a, XS_LOG_WARNING,
	       "an empty datagram is dropped: DTLS has no record without "
	       "bytes; "
	       "this is told once");
}

static void tell_full(struct xs_association *a)
{
	if (a->told_full)
		return;
	a->told_full = true;
	log_at(a, XS_LOG_WARNING,
	       "too many datagrams wait for the handshake: the newest are "
	       "dropped; this is told once");
}

/* Does this errno say something about the server, and not about this one
 * datagram? */
static bool is_of_server(int errnum)
{
	return errnum == ECONNREFUSED || errnum == EHOSTUNREACH ||
	       errnum == ENETUNREACH || errnum == EACCES || errnum == EPERM ||
	       errnum == EADDRNOTAVAIL;
}

/* A datagram of the program's, of so many bytes, has been sent, or has not.
 * False: the association has failed. */
static bool judge(struct xs_association *a, size_t len, int error)
{
	if (!error) {
		a->sent++;
		xs_list_datagram_sent(&a->shown, a->worker, len);
	} else if (error == EMSGSIZE && a->dtls) {
		xs_dtls_set_payload(a->dtls, payload_of(a));
		a->functions->sized(a->side, xs_dtls_largest(a->dtls));
		tell_long(a, len, xs_dtls_largest(a->dtls));
	} else if (error == EOPNOTSUPP && a->dtls) {
		tell_empty(a);
	} else if (is_of_server(error)) {
		fail_network(a, error);
		return false;
	}
	return true;
}

static bool sent(void *user, size_t asked, int error)
{
	return judge(user, asked, error);
}

static struct xs_outgoing *up(const struct xs_association *a)
{
	return &a->worker->buffers->up;
}

static void begin_up(struct xs_association *a)
{
	struct xs_buffers *buffers = a->worker->buffers;

	xs_outgoing_begin(&buffers->up, buffers->cipher_out,
			  sizeof(buffers->cipher_out));
}

/* Nothing is at hand. */
static void pause_dtls(struct xs_association *a)
{
	if (a->dtls)
		xs_dtls_pause(a->dtls);
}

/* Sends what is collected.  False: the association has failed. */
static bool push(struct xs_association *a)
{
	xs_outgoing_send(up(a), a->udp_fd, &a->segments, sent, a);
	pause_dtls(a);
	return a->state != XS_ASSOCIATION_OVER;
}

static int collect(struct xs_association *a, const void *datagram, size_t len)
{
	return xs_outgoing_put(up(a), datagram, len, a->asked) ? 0 : ENOBUFS;
}

/* Collects a datagram of the program's.  False: the association has failed. */
static bool transmit(struct xs_association *a, const void *data, size_t len)
{
	int error;

	if (!xs_outgoing_has_room(up(a), len + RECORD_EXTRA) && !push(a))
		return false;
	a->asked = len;
	a->collects = true;
	error = a->dtls ? xs_dtls_write(a->dtls, data, len)
			: collect(a, data, len);
	a->collects = false;
	return !error || judge(a, len, error);
}

static void flush(struct xs_association *a)
{
	const void *data;
	size_t len;

	begin_up(a);
	while (xs_waiting_first(&a->waiting, &data, &len)) {
		if (!transmit(a, data, len))
			return;
		xs_waiting_drop(&a->waiting);
	}
	if (push(a) && a->finishing)
		finish(a);
}

/* --- OPEN ------------------------------------------------------------- */

static void set_idle_timer(struct xs_association *a)
{
	xs_worker_timer(a->worker, &a->timer, a->idle_ms);
}

static bool is_silent(const struct xs_association *a)
{
	const struct xs_dtls_facts *facts = xs_dtls_facts(a->dtls);

	return facts->delivered && facts->unanswered >= DOUBT_DATAGRAMS &&
	       xs_clock_coarse_ms() - facts->asked_ms > DOUBT_MS;
}

/* The server was heard last, or verified, so long ago. */
static int64_t silent_ms(const struct xs_association *a)
{
	int64_t heard = xs_dtls_facts(a->dtls)->heard_ms;

	if (heard < a->opened_ms)
		heard = a->opened_ms;
	return xs_clock_coarse_ms() - heard;
}

static void check_idle(struct xs_association *a)
{
	int64_t left = a->idle_ms - silent_ms(a);

	if (left > 0)
		xs_worker_timer(a->worker, &a->timer, left);
	else
		rest(a, "because nothing has come from the server for the "
			"rule's idle time");
}

static void opened(struct xs_association *a)
{
	const struct xs_tls_summary *summary =
		a->dtls ? xs_dtls_summary(a->dtls) : NULL;

	set_state(a, XS_ASSOCIATION_OPEN);
	a->opened_ms = xs_clock_coarse_ms();
	a->told_full = a->told_long = a->told_empty = false;
	if (summary) {
		a->functions->sized(a->side, xs_dtls_largest(a->dtls));
		tell_opened(a, summary);
		xs_list_secured(a->registered, summary);
		xs_dtls_settle(a->dtls);
		set_idle_timer(a);
	} else {
		xs_timer_cancel(&a->worker->timers, &a->timer);
		tell_opened(a, NULL);
	}
	xs_totals_succeeded();
	flush(a);
}

/* --- HANDSHAKE -------------------------------------------------------- */

static void shake(struct xs_association *a);

/* A server may end the handshake because it cannot resume the session, instead
 * of going on without it (radsecproxy 1.9.2).  What waits is there still, so
 * the program need not know.  False: that is not why. */
static bool try_in_full(struct xs_association *a)
{
	if (a->state != XS_ASSOCIATION_HANDSHAKE || a->in_full ||
	    !xs_dtls_offers_session(a->dtls))
		return false;
	a->in_full = true;
	say_goodbye(a);
	shake(a);
	return true;
}

static void set_handshake_timer(struct xs_association *a)
{
	int wait = xs_dtls_wait(a->dtls);
	int64_t due = a->due;

	if (wait >= 0 && xs_now_ms() + wait < due)
		due = xs_now_ms() + wait;
	xs_timer_set(&a->worker->timers, &a->timer, due);
}

/* Something has happened to the DTLS of this association. */
static void after(struct xs_association *a)
{
	int error = a->send_error;

	a->send_error = 0;
	if (is_of_server(error)) {
		fail_network(a, error);
		return;
	}
	switch (xs_dtls_state(a->dtls)) {
	case XS_DTLS_NEW:
	case XS_DTLS_HANDSHAKING:
		set_handshake_timer(a);
		break;
	case XS_DTLS_OPEN:
		if (a->state == XS_ASSOCIATION_HANDSHAKE)
			opened(a);
		break;
	case XS_DTLS_ENDED:
		rest(a, "because the server said so");
		break;
	case XS_DTLS_FAILED:
		if (!try_in_full(a))
			fail(a, xs_dtls_error(a->dtls));
		break;
	}
}

static int send_record(void *user, const void *datagram, size_t len)
{
	struct xs_association *a = user;

	if (a->collects)
		return collect(a, datagram, len);
	if (send(a->udp_fd, datagram, len, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return 0;
	a->send_error = errno;
	return errno;
}

static void deliver(void *user, const void *data, size_t len)
{
	struct xs_association *a = user;

	a->received++;
	xs_list_datagram_received(&a->shown, a->worker, len);
	if (!xs_outgoing_has_room(down(a), len))
		hand_over(a);
	xs_outgoing_put(down(a), data, len, 0);
}

static void shake(struct xs_association *a)
{
	char server[XS_ADDRESS_TEXT_MAX];
	struct xs_address peer;
	struct xs_error err = { 0 };
	struct xs_dtls_setup setup = {
		.context = a->context,
		.name = xs_log_words_text(a->log_words, XS_WIRE_NAME),
		.server = server,
		.payload = payload_of(a),
		.send = send_record,
		.deliver = deliver,
		.user = a,
	};

	peer_of(a, &peer);
	xs_address_format(&peer, server, sizeof(server));
	set_state(a, XS_ASSOCIATION_HANDSHAKE);
	a->due = xs_dial_due(&a->dial, xs_now_ms(), a->deadline);
	a->dtls = xs_dtls_new(&setup, &err);
	if (!a->dtls) {
		fail(a, &err);
		return;
	}
	xs_dtls_begin(a->dtls);
	after(a);
}

/* --- RESOLVE ---------------------------------------------------------- */

/* The socket is connected to the server. */
static void begin_open(struct xs_association *a)
{
	if (!watch(a))
		fail_memory(a);
	else if (a->context)
		shake(a);
	else
		opened(a);
}

/* A socket for an address of the other family, in the place of the
 * application's, which is kept. */
static int other_socket(struct xs_association *a, int family)
{
	int own = fcntl(a->udp_fd, F_DUPFD_CLOEXEC, 0), made;

	if (own < 0)
		return -1;
	made = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* Where others look it up. */
	if (made < 0 || dup3(made, a->udp_fd, O_CLOEXEC) < 0) {
		close(own);
		if (made >= 0)
			close(made);
		return -1;
	}
	close(made);
	a->own_fd = own;
	if (a->context)
		forbid_fragments(a);
	return 0;
}

/* The application's socket is in its place again. */
static int take_own_back(struct xs_association *a)
{
	int result = dup3(a->own_fd, a->udp_fd, O_CLOEXEC);

	close(a->own_fd);
	a->own_fd = -1;
	return result;
}

/* The socket for address, which gets the form that the socket wants. */
static int choose_socket(struct xs_association *a, struct xs_address *address)
{
	int family = address->any.sa_family;

	if (family == (is_ipv6(a) ? AF_INET6 : AF_INET))
		return 0;
	if (a->own_fd >= 0 && take_own_back(a) < 0)
		return -1;
	if (xs_address_to_family(address, is_ipv6(a) ? AF_INET6 : AF_INET))
		return 0;
	return other_socket(a, family);
}

static int connect_to(struct xs_association *a, struct xs_address address)
{
	if (choose_socket(a, &address) < 0)
		return -1;
	return connect(a->udp_fd, &address.any, address.len);
}

/* To the next of the rule's addresses to which there is a way. */
static void connect_next(struct xs_association *a)
{
	struct xs_error err = { 0 };

	while (xs_dial_has_more(&a->dial)) {
		const struct xs_address *address =
			&a->dial.address[a->dial.at++];

		if (connect_to(a, *address) == 0) {
			a->connected = true;
			begin_open(a);
			return;
		}
		xs_dial_failed(address, errno, &err);
	}
	fail(a, &err);
}

static void connect_only(struct xs_association *a, struct xs_address address)
{
	struct xs_error err = { 0 };

	a->connected = connect_to(a, address) == 0;
	if (a->connected) {
		begin_open(a);
		return;
	}
	xs_dial_failed(&address, errno, &err);
	fail(a, &err);
}

static void resolved(void *owner, struct xs_lookup_result *result)
{
	struct xs_association *a = owner;
	struct xs_error err = { 0 };

	a->lookup = NULL;
	if (result->count) {
		a->dial.address = result->address;
		a->dial.count = result->count;
		result->address = NULL;
		connect_next(a);
		return;
	}
	xs_connect_error_unresolved(&err, a->request->wire.string[XS_WIRE_HOST],
				    result->error, result->errnum);
	fail(a, &err);
}

static void resolve(struct xs_association *a)
{
	const struct xs_wire *wire = &a->request->wire;
	const char *host = wire->string[XS_WIRE_HOST];
	struct xs_address address;

	if (a->connected) {
		begin_open(a);
		return;
	}
	set_state(a, XS_ASSOCIATION_RESOLVE);
	if (xs_address_parse(&address, host)) {
		xs_address_set_port(&address, wire->head.port);
		connect_only(a, address);
		return;
	}
	xs_timer_set(&a->worker->timers, &a->timer, a->deadline);
	a->lookup =
		xs_resolver_ask(a->worker, host, wire->head.port, a, resolved);
	if (!a->lookup)
		fail_memory(a);
}

/* --- LOAD ------------------------------------------------------------- */

static struct xs_tls_policy policy_of(const struct xs_association *a)
{
	const char *const *string = a->request->wire.string;

	return (struct xs_tls_policy){
		.scheme = string[XS_WIRE_SCHEME],
		.options = string[XS_WIRE_OPTIONS],
		.cert_file = string[XS_WIRE_CERT_FILE],
		.cert_dir = string[XS_WIRE_CERT_DIR],
		.keylog_file = string[XS_WIRE_KEYLOG_FILE],
		.openssl_conf = string[XS_WIRE_OPENSSL_CONF],
	};
}

static void loaded(void *owner, struct xs_tls_context *context,
		   struct xs_error *err)
{
	struct xs_association *a = owner;

	a->load = NULL;
	a->context = context;
	if (context)
		resolve(a);
	else
		fail(a, err);
}

/* The files may have changed since the last time. */
static void load(struct xs_association *a)
{
	const struct xs_tls_policy policy = policy_of(a);

	xs_tls_context_put(a->context);
	a->context = xs_tls_context_find(&policy);
	if (a->context) {
		resolve(a);
		return;
	}
	set_state(a, XS_ASSOCIATION_LOAD);
	xs_timer_set(&a->worker->timers, &a->timer, a->deadline);
	a->load = xs_loader_ask(a->worker, &policy, a, loaded);
	if (!a->load)
		fail_memory(a);
}

/* --- the beginning ---------------------------------------------------- */

static bool has_dtls(const struct xs_association *a)
{
	const struct xs_scheme *scheme =
		xs_scheme_find(a->request->wire.string[XS_WIRE_SCHEME]);

	/* What is not known gets DTLS, and fails. */
	return !scheme || scheme->kind != XS_SCHEME_UDP;
}

static void begin(struct xs_association *a)
{
	a->in_full = false;
	a->deadline = xs_now_ms() + a->timeout_ms;
	if (has_dtls(a))
		load(a);
	else
		resolve(a);
}

static void wait_for_open(struct xs_association *a, const void *data,
			  size_t len)
{
	if (!xs_waiting_put(&a->waiting, data, len))
		tell_full(a);
}

static void send_one(struct xs_association *a, const void *data, size_t len)
{
	switch (a->state) {
	case XS_ASSOCIATION_OPEN:
		if (!a->dtls || !is_silent(a)) {
			transmit(a, data, len);
			return;
		}
		if (!push(a))
			return;
		rest(a, "because the server does not answer any more");
		/* fall through */
	case XS_ASSOCIATION_IDLE:
		wait_for_open(a, data, len);
		if (a->state == XS_ASSOCIATION_IDLE)
			begin(a);
		break;
	case XS_ASSOCIATION_LOAD:
	case XS_ASSOCIATION_RESOLVE:
	case XS_ASSOCIATION_HANDSHAKE:
		wait_for_open(a, data, len);
		break;
	case XS_ASSOCIATION_OVER:
		break;
	}
}

void xs_association_send(struct xs_association *a,
			 const struct xs_incoming *datagrams, int count)
{
	a->worker->soon = true;
	begin_up(a);
	for (int i = 0; i < count; i++)
		send_one(a, xs_incoming_data(datagrams, i),
			 xs_incoming_len(datagrams, i));
	if (a->state != XS_ASSOCIATION_OVER)
		push(a);
}

void xs_association_finish(struct xs_association *a)
{
	a->finishing = true;
	if (a->state == XS_ASSOCIATION_IDLE ||
	    a->state == XS_ASSOCIATION_OPEN || !a->waiting.count)
		finish(a);
}

/* --- events ----------------------------------------------------------- */

static void fail_timeout(struct xs_association *a)
{
	const char *host = a->request->wire.string[XS_WIRE_HOST];
	double seconds = a->timeout_ms / 1000.0;
	struct xs_error err = { 0 };
	struct xs_address peer;

	if (a->state == XS_ASSOCIATION_LOAD) {
		xs_loader_late(a->load, seconds, &err);
	} else if (a->state == XS_ASSOCIATION_RESOLVE) {
		xs_connect_error_timeout(&err, XS_CONNECT_ERROR_RESOLVE, host,
					 NULL, seconds);
	} else {
		peer_of(a, &peer);
		xs_dtls_explain_key(a->dtls, &err);
		xs_connect_error_dtls_timeout(&err, &peer, seconds);
		xs_dtls_explain_silence(a->dtls, &err);
	}
	fail(a, &err);
}

static void step_handshake(struct xs_association *a)
{
	if (xs_now_ms() >= a->deadline) {
		fail_timeout(a);
		return;
	}
	if (xs_now_ms() >= a->due) {
		if (try_next(a))
			return;
		a->due = a->deadline;
	}
	xs_dtls_timeout(a->dtls);
	after(a);
}

static void timer_expired(struct xs_timer *timer)
{
	struct xs_association *a =
		xs_container(timer, struct xs_association, timer);

	switch (a->state) {
	case XS_ASSOCIATION_IDLE:
		let_log_go(a);
		break;
	case XS_ASSOCIATION_LOAD:
	case XS_ASSOCIATION_RESOLVE:
		fail_timeout(a);
		break;
	case XS_ASSOCIATION_HANDSHAKE:
		step_handshake(a);
		break;
	case XS_ASSOCIATION_OPEN:
		check_idle(a);
		break;
	case XS_ASSOCIATION_OVER:
		break;
	}
}

/* The errno that stands beside what the error queue gave; 0: there is none, or
 * it is a time that a datagram was sent (SO_TIMESTAMPING). */
static int read_error(struct msghdr *msg)
{
	struct sock_extended_err error;
	struct cmsghdr *part;

	for (part = CMSG_FIRSTHDR(msg); part; part = CMSG_NXTHDR(msg, part)) {
		if (!(part->cmsg_level == IPPROTO_IP &&
		      part->cmsg_type == IP_RECVERR) &&
		    !(part->cmsg_level == IPPROTO_IPV6 &&
		      part->cmsg_type == IPV6_RECVERR))
			continue;
		memcpy(&error, CMSG_DATA(part), sizeof(error));
		if (error.ee_origin != SO_EE_ORIGIN_TIMESTAMPING)
			return (int)error.ee_errno;
	}
	return 0;
}

/* Reads what an application has asked for by IP_RECVERR.  The kernel forgets
 * the socket's error with the last one of the queue (sock_dequeue_err_skb in
 * net/core/skbuff.c).  Returns what it says of the server, or 0. */
static int drain_errors(struct xs_association *a)
{
	char room[256];
	struct msghdr msg = { .msg_control = room };
	int error = 0, told;

	for (int i = 0; i < TURN; i++) {
		msg.msg_controllen = sizeof(room);
		if (recvmsg(a->udp_fd, &msg, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
			break;
		told = read_error(&msg);
		if (is_of_server(told))
			error = told;
	}
	return error;
}

static void take(struct xs_association *a, const void *data, size_t len)
{
	if (a->dtls) {
		xs_dtls_receive(a->dtls, data, len);
		after(a);
	} else {
		deliver(a, data, len);
	}
}

/* Reads once.  Returns how many datagrams, or -1: there is none. */
static int take_some(struct xs_association *a)
{
	struct xs_incoming *incoming = &a->worker->buffers->incoming;
	int got = xs_incoming_read(incoming, a->udp_fd);
	size_t server = a->dial.at;

	if (got < 0) {
		if (!is_of_server(errno))
			return -1;
		fail_network(a, errno);
		return 0;
	}
	/* What is left when another address is tried is not that one's. */
	for (int i = 0; i < got && a->watched && a->dial.at == server; i++)
		take(a, xs_incoming_data(incoming, i),
		     xs_incoming_len(incoming, i));
	return got;
}

static void udp_event(struct xs_source *source, uint32_t events)
{
	struct xs_association *a =
		xs_container(source, struct xs_association, source);
	int error = events & EPOLLERR ? drain_errors(a) : 0;
	int most = xs_incoming_most(), got = most;

	if (error)
		fail_network(a, error);
	begin_down(a);
	for (int i = 0; i < TURN && got == most && a->watched; i += got)
		got = take_some(a);
	hand_over(a);
	pause_dtls(a);
	a->worker->soon = true;
}

/* --- making and freeing ----------------------------------------------- */

static void free_association(struct xs_task *task)
{
	struct xs_association *a =
		xs_container(task, struct xs_association, task);
	struct xs_worker *worker = a->worker;

	xs_dtls_free(a->dtls);
	xs_dial_free(&a->dial);
	xs_tls_context_put(a->context);
	xs_list_end(&a->shown);
	xs_request_free(a->request);
	free(a);
	atomic_fetch_sub(&worker->load, 1);
	xs_lifetime_leave();
}

void xs_association_free(struct xs_association *a)
{
	set_state(a, XS_ASSOCIATION_OVER);
	cancel(a);
	xs_waiting_clear(&a->waiting);
	let_log_go(a);
	xs_late_log_forget(&a->late_log);
	close(a->udp_fd);
	if (a->own_fd >= 0)
		close(a->own_fd);
	xs_totals_end();
	a->task.run = free_association;
	xs_worker_later(a->worker, &a->task);
}

/* Of the rule only what is needed without a context. */
static void read_rule(struct xs_association *a)
{
	const char *text = a->request->wire.string[XS_WIRE_OPTIONS];
	struct xs_arena arena = { 0 };
	struct xs_options options;
	struct xs_error err = { 0 };
	size_t at;

	xs_options_default(&options);
	xs_options_parse(&options, text, strlen(text), NULL, false, &arena, &at,
			 &err);
	a->timeout_ms =
		(int)((options.timeout < DAY_S ? options.timeout : DAY_S) *
		      1000);
	a->idle_ms =
		(int)((options.idle < DAY_S ? options.idle : DAY_S) * 1000);
	a->mtu = options.mtu;
	xs_arena_free(&arena);
}

static void run_first(struct xs_task *task)
{
	struct xs_association *a =
		xs_container(task, struct xs_association, task);

	if (a->state == XS_ASSOCIATION_IDLE)
		begin(a);
}

struct xs_association *
xs_association_new(const struct xs_association_setup *setup)
{
	struct xs_association *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->worker = setup->worker;
	a->request = setup->request;
	a->log_words = a->request->log_words;
	a->udp_fd = setup->udp_fd;
	a->own_fd = -1;
	a->log_fd = setup->log_fd;
	a->functions = setup->functions;
	a->side = setup->side;
	a->connected = a->request->wire.head.started;
	a->registered = setup->registered;
	a->source.event = udp_event;
	a->timer.expire = timer_expired;
	a->segments = true;
	xs_waiting_init(&a->waiting);
	xs_late_log_remember(&a->late_log, setup->pid, setup->log_fd);
	read_rule(a);
	xs_lifetime_enter();
	xs_lifetime_set_idle(a->request->wire.head.idle);
	atomic_fetch_add(&a->worker->load, 1);
	xs_list_begin(setup->registered, &a->shown, a->log_words,
		      &a->datagrams);
	xs_totals_begin();
	xs_log_words_log_walls(a->log_words, a->log_fd);
	keep_boundaries(a);
	if (has_dtls(a)) {
		forbid_fragments(a);
		xs_worker_timer(a->worker, &a->timer, LOG_MS);
		return a;
	}
	/* The server may be the first to send. */
	a->task.run = run_first;
	xs_worker_later(a->worker, &a->task);
	return a;
}

int xs_association_socket(const struct xs_association *a)
{
	return a->udp_fd;
}
