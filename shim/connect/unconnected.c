/* Datagrams with an address; see unconnected.h.
 *
 * In the order of what it costs: most ports have no rule.
 */
#include "connect/unconnected.h"

#include "base/clock.h"
#include "base/descriptor.h"
#include "base/hash.h"
#include "base/readable.h"
#include "connect/config.h"
#include "connect/datagram.h"
#include "connect/decide.h"
#include "connect/late_error.h"
#include "connect/report.h"
#include "rules/names_memory.h"

#include <errno.h>
#include <string.h>

enum kind {
	OTHER, /* libc's business */
	UDP,
	PAIR,	/* of datagrams, as it seems */
	HIDDEN, /* a socket, but the kernel does not say which: a seccomp
		   filter */
};

static enum kind kind_by(int family, int type)
{
	if (family == AF_UNIX)
		return type == SOCK_SEQPACKET ? PAIR : OTHER;
	if (family != AF_INET && family != AF_INET6)
		return OTHER;
	return type == SOCK_DGRAM ? UDP : OTHER;
}

/* Another thread that connects or disconnects the descriptor may put another
 * socket there between two looks; so OTHER is what two looks agree on. */
static enum kind kind_of(int fd)
{
	int before[2] = { -1, -1 };

	for (;;) {
		int family = xs_socket_int(fd, SOL_SOCKET, SO_DOMAIN);
		int type = family < 0 ? -1
				      : xs_socket_int(fd, SOL_SOCKET, SO_TYPE);
		enum kind kind = kind_by(family, type);

		if (type < 0)
			return errno == EBADF || errno == ENOTSOCK ? OTHER
								   : HIDDEN;
		/* One of ICMP has datagrams, too. */
		if (kind == UDP && !xs_socket_has_udp(fd))
			kind = OTHER;
		if (kind != OTHER || (family == before[0] && type == before[1]))
			return kind;
		before[0] = family;
		before[1] = type;
	}
}

/* A rule is told once, until another one is. */
static bool is_told(const struct xs_decision *decision)
{
	static const struct xs_rule *told;
	const struct xs_rule *rule =
		decision->rule ? decision->rule : decision->unknown;

	return rule &&
	       __atomic_exchange_n(&told, rule, __ATOMIC_RELAXED) == rule;
}

static bool tell(const struct xs_address *asked,
		 const struct xs_decision *decision, const struct xs_error *err)
{
	if (!is_told(decision))
		xs_report_failure(asked, decision, err);
	errno = err->errnum;
	return false;
}

/* (Not on the stack of everybody.) */
__attribute__((noinline)) static bool refuse(const struct xs_address *asked,
					     const struct xs_decision *decision)
{
	struct xs_error err = { .kind = XS_ERR_NONE };

	if (decision->unknown)
		xs_error_set(&err, XS_ERR_RULES, EACCES,
			     "the name of this rule cannot be looked up now, "
			     "so nobody knows whether the rule is about this "
			     "address (does the name server answer?)");
	else if (decision->unreachable)
		xs_error_set(&err, XS_ERR_RULES, EACCES,
			     "only a rule for other ports knows this name (add "
			     "port %u to its pattern)",
			     xs_address_port(asked));
	else if (decision->rule->target.scheme->kind == XS_SCHEME_DENY)
		xs_error_set(&err, XS_ERR_DENIED, EACCES,
			     "denied by this rule");
	else
		xs_error_set(&err, XS_ERR_RULES, EACCES,
			     "a datagram with an address has no way to the "
			     "relay under a supervisor (a program that "
			     "connects its socket has one)");
	return tell(asked, decision, &err);
}

/* (Not on the stack of everybody.) */
__attribute__((noinline)) static bool
distrust(const struct xs_address *asked, const struct xs_decision *decision)
{
	struct xs_error err = { .kind = XS_ERR_NONE };

	xs_error_set(&err, XS_ERR_SYSTEM, EACCES,
		     "the kernel does not tell what kind of socket this is, so "
		     "the rule cannot be followed (does a seccomp filter, such "
		     "as SystemCallFilter= of a systemd unit, forbid "
		     "getsockopt(2)?)");
	return tell(asked, decision, &err);
}

static bool is_exemption(const struct xs_rule *rule)
{
	return rule->target.scheme->kind == XS_SCHEME_UDP &&
	       !rule->options.relay && !rule->target.host &&
	       !rule->target.address.len && !rule->target.port;
}

/* --- what no rule is about ------------------------------------------------ */

/* To decide costs a microsecond where rules are about the port, because an
 * address may have many names.  So an address that no rule is about is
 * remembered, until a name is looked up, or for a moment. */
enum { UNMATCHED = 64, UNMATCHED_MS = 1000 };

struct unmatched {
	uint32_t sequence; /* odd: being written */
	int64_t until_ms;
	uint64_t names; /* what has been looked up by then */
	struct xs_address asked;
};

static struct unmatched unmatched[UNMATCHED];

static struct unmatched *slot_of(const struct xs_address *asked)
{
	return &unmatched[xs_hash(XS_HASH_START, &asked->any, asked->len) %
			  UNMATCHED];
}

static uint64_t names_now(void)
{
	return xs_names_table ? __atomic_load_n(&xs_names_table->clock,
						__ATOMIC_ACQUIRE)
			      : 0;
}

static bool is_same(const struct xs_address *a, const struct xs_address *b)
{
	return a->len == b->len && memcmp(&a->any, &b->any, a->len) == 0;
}

static bool is_unmatched(const struct xs_address *asked)
{
	const struct unmatched *slot = slot_of(asked);
	uint32_t before = __atomic_load_n(&slot->sequence, __ATOMIC_ACQUIRE);
	bool is = !(before & 1) && is_same(&slot->asked, asked) &&
		  slot->names == names_now() &&
		  slot->until_ms > xs_clock_coarse_ms();

	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return is &&
	       __atomic_load_n(&slot->sequence, __ATOMIC_RELAXED) == before;
}

/* names: from before it was decided. */
static void remember_unmatched(const struct xs_address *asked, uint64_t names)
{
	struct unmatched *slot = slot_of(asked);
	uint32_t before = __atomic_load_n(&slot->sequence, __ATOMIC_RELAXED);

	/* Somebody else is writing: then it is not remembered. */
	if ((before & 1) || !__atomic_compare_exchange_n(
				    &slot->sequence, &before, before + 1, false,
				    __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return;
	/* Nobody sees what follows and not that it is being written. */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	slot->asked = *asked;
	slot->names = names;
	slot->until_ms = xs_clock_coarse_ms() + UNMATCHED_MS;
	__atomic_store_n(&slot->sequence, before + 2, __ATOMIC_RELEASE);
}

/* --- deciding ------------------------------------------------------------- */

/* A pair sends to its peer whatever the address says. */
static bool may_by_pair(const struct xs_pair_info *pair,
			const struct xs_address *asked, struct xs_peer *peer)
{
	if (xs_address_same_ip(&pair->asked, asked) &&
	    xs_address_port(&pair->asked) == xs_address_port(asked)) {
		/* Another thread may disconnect it, and with the address the
		 * datagram would leave in plaintext then. */
		if (peer)
			peer->connected = true;
		return true;
	}
	errno = EISCONN;
	return false;
}

/* Where it has just become one, or is none any more, nothing is sent. */
static bool may_by_new_pair(int fd, const struct xs_address *asked,
			    struct xs_peer *peer)
{
	struct xs_pair_info pair;

	if (xs_datagram_is(fd, &pair))
		return may_by_pair(&pair, asked, peer);
	errno = EISCONN;
	return false;
}

/* (Not on the stack of everybody.) */
__attribute__((noinline)) static bool
may_by_rules(int fd, const struct xs_rules *rules,
	     const struct xs_address *asked, struct xs_peer *peer)
{
	struct xs_error err = { .kind = XS_ERR_NONE };
	struct xs_decision decision;
	uint64_t names = names_now();
	int saved = errno;
	enum kind kind = kind_of(fd);

	if (kind == OTHER) {
		errno = saved;
		return true;
	}
	if (kind == PAIR)
		return may_by_new_pair(fd, asked, peer);
	xs_decide(rules, true, asked, &decision, &err);
	errno = saved;
	if (!decision.rule && !decision.unknown && !decision.unreachable) {
		remember_unmatched(asked, names);
		return true;
	}
	if (decision.unknown || decision.unreachable ||
	    decision.rule->target.scheme->kind == XS_SCHEME_DENY)
		return refuse(asked, &decision);
	if (is_exemption(decision.rule))
		return true;
	if (kind == HIDDEN)
		return distrust(asked, &decision);
	if (!peer)
		return refuse(asked, &decision);
	xs_error_clear(&err);
	if (xs_peers_find(fd, asked, peer, &err) == 0) {
		errno = saved;
		return true;
	}
	return xs_error_is_set(&err) ? tell(asked, &decision, &err) : false;
}

/* The rules are broken: as with a connect, nothing of the Internet is
 * reached. */
static bool may_without_rules(int fd)
{
	int saved = errno;
	enum kind kind = kind_of(fd);
	bool may = kind == OTHER || kind == PAIR;

	errno = may ? saved : EACCES;
	return may;
}

/* As the kernel reads it: sendmsg(2) looks at no more than its room
 * (copy_msghdr_from_user in net/socket.c), and for a socket of IPv4 an address
 * of no family is one of IPv4 (udp_sendmsg in net/ipv4/udp.c). */
static bool read_asked(int fd, const struct sockaddr *to, socklen_t len,
		       struct xs_address *asked)
{
	struct sockaddr_storage room;
	int saved = errno, family;

	if (len > sizeof(room))
		len = sizeof(room);
	if (len < sizeof(to->sa_family) || !xs_readable(to, len))
		return false;
	memcpy(&room, to, len);
	if (room.ss_family == AF_UNSPEC) {
		family = xs_socket_int(fd, SOL_SOCKET, SO_DOMAIN);
		errno = saved;
		if (family < 0 || family == AF_INET)
			room.ss_family = AF_INET;
	}
	return xs_address_from(asked, (const struct sockaddr *)&room, len);
}

bool xs_unconnected_may(int fd, const struct sockaddr *to, socklen_t len,
			struct xs_peer *peer)
{
	const struct xs_rules *rules;
	struct xs_pair_info pair;
	struct xs_address asked;
	bool has_rule;

	if (peer) {
		peer->stand_in.len = 0;
		peer->connected = false;
	}
	/* What the kernel refuses, or what is no Internet address. */
	if (!read_asked(fd, to, len, &asked))
		return true;
	rules = xs_config_rules();
	if (!rules)
		return may_without_rules(fd);
	has_rule = xs_match_has_port(rules, true, xs_address_port(&asked)) &&
		   !is_unmatched(&asked);
	/* A pair that came by exec(2) or SCM_RIGHTS has no hint. */
	if ((has_rule || xs_late_error_may(fd)) && xs_datagram_is(fd, &pair))
		return may_by_pair(&pair, &asked, peer);
	return !has_rule || may_by_rules(fd, rules, &asked, peer);
}
