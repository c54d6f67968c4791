/* connect(2) under rules; see connect.h.
 *
 * decide_and_connect() is the whole: choose() says what is to be done with a
 * connect, in the order of what it costs to find out, and one switch does it.
 */
#include "connect/connect.h"

#include "base/descriptor.h"
#include "base/readable.h"
#include "base/scheme.h"
#include "base/trace.h"
#include "connect/announced.h"
#include "connect/behalf.h"
#include "connect/config.h"
#include "connect/decide.h"
#include "connect/destination.h"
#include "connect/reconnect.h"
#include "connect/peers.h"
#include "connect/redirect.h"
#include "connect/report.h"
#include "connect/swap.h"
#include "connect/traced.h"
#include "connect/wrap.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>

/* --- one connect ---------------------------------------------------------- */

enum socket_kind {
	UNKNOWN,  /* not looked at yet */
	OTHER,	  /* AF_UNIX, SCTP, ICMP, not a socket …: libc's business */
	STREAM,	  /* TCP or MPTCP */
	DATAGRAM, /* UDP */
	WRAPPED,  /* one of ours */
	HIDDEN, /* a socket, but the kernel does not say which: a seccomp filter
		 */
};

/* What the application asked for, and what has been found out about it. */
struct request {
	int fd;
	const struct sockaddr *to; /* as the application gave it */
	socklen_t len;
	const struct xs_rules *rules;
	struct xs_decision tcp, udp; /* what the rules say to either */
	bool may_be_announced;	     /* if it is TCP: by an FTP server */
	enum socket_kind kind;
	struct xs_pair_info pair;    /* if it is WRAPPED */
	struct xs_destination where; /* its decision: tcp or udp, by the kind */
	struct xs_error err;
};

/* What is done with a connect. */
enum course {
	LEAVE,	  /* libc's connect: the socket or the address is not ours */
	PASS,	  /* libc's connect, but fd may be a pair */
	REFUSE,	  /* the rules are broken */
	DISTRUST, /* a rule may be about it, but what the socket is is HIDDEN */
	RECONNECT, /* fd is a pair */
	FOLLOW,	   /* what a rule or an announcement says */
};

/* --- what kind of socket is it ----------------------------------------- */

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

/* What is no socket libc refuses by itself. */
static enum socket_kind kind_by_error(void)
{
	return errno == EBADF || errno == ENOTSOCK ? OTHER : HIDDEN;
}

static enum socket_kind kind_of(int fd, int *family, struct xs_pair_info *pair)
{
	int type, protocol;

	*family = xs_socket_int(fd, SOL_SOCKET, SO_DOMAIN);
	if (*family < 0)
		return kind_by_error();
	if (*family == AF_UNIX)
		return xs_pair_read(fd, pair) ? WRAPPED : OTHER;
	if (*family != AF_INET && *family != AF_INET6)
		return OTHER;
	type = xs_socket_int(fd, SOL_SOCKET, SO_TYPE);
	if (type < 0)
		return kind_by_error();
	protocol = xs_socket_int(fd, SOL_SOCKET, SO_PROTOCOL);
	if (protocol < 0)
		return kind_by_error();
	if (type == SOCK_STREAM &&
	    (protocol == IPPROTO_TCP || protocol == IPPROTO_MPTCP))
		return STREAM;
	return type == SOCK_DGRAM && protocol == IPPROTO_UDP ? DATAGRAM : OTHER;
}

static void classify(struct request *r)
{
	if (r->kind == UNKNOWN)
		r->kind = kind_of(r->fd, &r->where.family, &r->pair);
}

/* --- libc's connect ------------------------------------------------------- */

/* A UDP socket that has sent to peers of rules without being connected.
 * Connecting would give up its port on other addresses, and that is what
 * protects these peers (peers.h). */
__attribute__((noinline)) static int refuse_with_peers(struct xs_error *err)
{
	xs_error_set(err, XS_ERR_RULES, 0,
		     "a socket that has sent to peers of rules cannot be "
		     "connected, or disconnected (a second socket can)");
	errno = EACCES;
	return -1;
}

static int leave(struct request *r)
{
	static const struct xs_decision none;

	if (!xs_config_datagrams || !xs_peers_has(r->fd))
		return connect(r->fd, r->to, r->len);
	refuse_with_peers(&r->err);
	xs_report_failure(&r->where.asked, &none, &r->err);
	errno = EACCES;
	return -1;
}

/* --- following a rule ----------------------------------------------------- */

/* Misuse of the call is the application's affair; a connection that fails is
 * the user's. */
static bool is_worth_a_line(int errnum)
{
	return errnum != EISCONN && errnum != EALREADY && errnum != EBADF &&
	       errnum != XS_SWAP_LOST && errnum != EINPROGRESS &&
	       errnum != EINTR;
}

/* The end of every such connect: tells the user why it failed, if that was
 * found here. */
static int finish(const struct xs_destination *where, int result,
		  const struct xs_error *err)
{
	if (result < 0 && xs_error_is_set(err) && is_worth_a_line(errno))
		xs_report_failure(&where->asked, where->decision, err);
	return result;
}

/* The rule's name could not be looked up; *why may say the reason. */
__attribute__((noinline)) static int
refuse_unknown(const struct xs_destination *where, const struct xs_error *why)
{
	struct xs_error err = { .kind = XS_ERR_NONE };

	xs_error_set(&err, XS_ERR_RULES, 0,
		     "the name of this rule cannot be looked up now, so nobody "
		     "knows whether the rule is about this address (%s; or put "
		     "a rule for the address above)",
		     xs_error_is_set(why) ? why->text
					  : "does the name server answer?");
	xs_report_failure(&where->asked, where->decision, &err);
	errno = EACCES;
	return -1;
}

static int refuse_unreachable(const struct xs_destination *where,
			      struct xs_error *err)
{
	xs_error_set(err, XS_ERR_RULES, 0,
		     "only a rule for other ports knows this name (add "
		     "port %u to its pattern)",
		     xs_address_port(&where->asked));
	errno = EACCES;
	return -1;
}

static int deny(struct xs_error *err)
{
	xs_error_set(err, XS_ERR_DENIED, 0, "denied by this rule");
	errno = EACCES;
	return -1;
}

/* (Not on the stack of everybody.) */
__attribute__((noinline)) static void
trace_redirected(const struct xs_destination *where)
{
	char address[XS_ADDRESS_TEXT_MAX], host[XS_ADDRESS_TEXT_MAX];
	char sentence[XS_REPORT_ASKED_MAX + 64];

	if (where->to.len)
		xs_address_format(&where->to, address, sizeof(address));
	snprintf(sentence, sizeof(sentence),
		 "the rule wants no TLS: libc connects to %s",
		 where->to.len ? address : xs_destination_host(where, host));
	xs_report_connect(XS_LOG_DEBUG, &where->asked, where->decision,
			  sentence);
}

/* A rule udp:// that leads nowhere else exempts from the rules below it.  Where
 * it does lead elsewhere, the program must be told the peer that it asked for:
 * so that goes through the relay. */
static bool is_exemption(const struct xs_rule *rule)
{
	return !rule->options.relay && !rule->target.host &&
	       !rule->target.address.len && !rule->target.port;
}

/* Connects as the scheme of the rule's target says. */
static int follow_rule(int fd, struct xs_destination *where,
		       struct xs_error *err)
{
	const struct xs_rule *rule = where->decision->rule;
	bool direct = false;

	if (xs_scheme_is_datagram(rule->target.scheme) && xs_peers_has(fd))
		return refuse_with_peers(err);
	switch (rule->target.scheme->kind) {
	case XS_SCHEME_DENY:
		return deny(err);
	case XS_SCHEME_TCP:
		direct = !rule->options.relay;
		break;
	case XS_SCHEME_UDP:
		direct = is_exemption(rule);
		break;
	case XS_SCHEME_TLS:
	case XS_SCHEME_WATCH:
	case XS_SCHEME_UPGRADE:
	case XS_SCHEME_DTLS:
	case XS_SCHEME_KINDS:
		break;
	}
	xs_destination_aim(where);
	if (direct && xs_report_wants(XS_LOG_DEBUG))
		trace_redirected(where);
	return direct ? xs_redirect(fd, where, err) : xs_wrap(fd, where, err);
}

static int carry_out(int fd, struct xs_destination *where, struct xs_error *err)
{
	int result;

	if (where->decision->unknown)
		return refuse_unknown(where, err);
	xs_error_clear(err);
	result = where->decision->unreachable ? refuse_unreachable(where, err)
					      : follow_rule(fd, where, err);
	return finish(where, result, err);
}

/* Perhaps it has been announced.  True when that is settled, one way or the
 * other, and *result is connect's; false: the decision counts.  (Not on the
 * stack of everybody.) */
__attribute__((noinline)) static bool
connect_announced(int fd, const struct xs_rules *rules,
		  struct xs_destination *where, int *result)
{
	struct xs_error err = { .kind = XS_ERR_NONE };
	struct xs_ftp_data ftp_data;
	int asked = xs_announced_ask(rules, where->decision, &where->asked,
				     &ftp_data, &err);

	if (asked == 0)
		return false;
	*result = -1;
	if (asked < 0) {
		errno = EACCES;
	} else {
		where->ftp_data = &ftp_data;
		xs_destination_aim(where);
		*result = xs_wrap(fd, where, &err);
		where->ftp_data = NULL;
	}
	finish(where, *result, &err);
	return true;
}

/* --- choosing the course -------------------------------------------------- */

/* Is there anything to do but to pass? */
static bool is_about(const struct xs_decision *decision)
{
	return decision->rule || decision->unreachable || decision->unknown;
}

/* False where the kernel is the one to say what is wrong with the pointer or
 * the length.  A supervisor's pointer is its own. */
static bool is_readable(const struct request *r)
{
	return r->len >= sizeof(r->to->sa_family) &&
	       r->len <= sizeof(struct sockaddr_storage) &&
	       (xs_behalf || xs_readable(r->to, r->len));
}

/* Has a rule an exact name for this port, so that to decide may mean to ask the
 * relay? */
static bool may_ask(const struct xs_rules *rules, uint16_t port)
{
	return xs_match_has_named(rules, false, port) ||
	       xs_match_has_named(rules, true, port);
}

/* What the rules say.  To find out what the socket is costs less than the
 * relay's answer, and more than to decide without.  So where the relay may be
 * asked, only the decision that counts is made, and elsewhere both are. */
static void decide(struct request *r)
{
	bool both = !may_ask(r->rules, xs_address_port(&r->where.asked));

	if (!both)
		classify(r);
	if (both || r->kind == STREAM || r->kind == HIDDEN)
		xs_decide(r->rules, false, &r->where.asked, &r->tcp, &r->err);
	if (both || r->kind == DATAGRAM || r->kind == HIDDEN)
		xs_decide(r->rules, true, &r->where.asked, &r->udp, &r->err);
	r->may_be_announced = xs_announced_applies(r->rules, &r->tcp);
}

/* Does the kernel look at the address at all?  UDP sockets of IPv6 take IPv4
 * addresses, too (__ip6_datagram_connect in net/ipv6/datagram.c). */
static bool takes_family(enum socket_kind kind, int family, int asked)
{
	return family == asked ||
	       (kind == DATAGRAM && family == AF_INET6 && asked == AF_INET);
}

/* Something has been decided: about this kind of socket? */
static enum course choose_by_kind(struct request *r)
{
	struct xs_destination *where = &r->where;

	classify(r);
	switch (r->kind) {
	case WRAPPED:
		return RECONNECT;
	case STREAM:
		where->decision = &r->tcp;
		break;
	case DATAGRAM:
		where->decision = &r->udp;
		break;
	case HIDDEN:
		where->decision = is_about(&r->tcp) ? &r->tcp : &r->udp;
		return DISTRUST;
	case OTHER:
	case UNKNOWN:
		return LEAVE;
	}
	/* A socket of the other family: libc says what it says. */
	return takes_family(r->kind, where->family, where->asked.any.sa_family)
		       ? FOLLOW
		       : LEAVE;
}

/* (Not on the stack of everybody.) */
__attribute__((noinline)) static void trace_unmatched(const struct request *r)
{
	xs_report_connect(XS_LOG_DEBUG, &r->where.asked, &r->tcp,
			  "no rule is about this, so it is left to libc");
}

/* (Not on the stack of everybody.) */
__attribute__((noinline)) static void warn_missed(const struct request *r,
						  const struct xs_rule *rule)
{
	const struct xs_decision decision = { .rule = rule };
	char sentence[256];

	snprintf(
		sentence, sizeof(sentence),
		"the program has not looked this address up by libc, so nobody "
		"knows whether the rule is meant, and the connection is left "
		"alone (add a rule with an exact name or a network, or "
		"*:%u=deny:// behind the others); this is told once",
		xs_address_port(&r->where.asked));
	xs_report_connect(XS_LOG_WARNING, &r->where.asked, &decision, sentence);
}

/* Has this process been told? */
static bool told;

/* Tells it, or the one that this is done for: that one again where another one,
 * with a number that is 256 more or less, has come between. */
static bool is_told_before(void)
{
	enum { NUMBERS = 256 };
	static pid_t others[NUMBERS];
	pid_t pid;

	if (!xs_behalf)
		return __atomic_exchange_n(&told, true, __ATOMIC_RELAXED);
	pid = xs_report_pid();
	return __atomic_exchange_n(&others[pid % NUMBERS], pid,
				   __ATOMIC_RELAXED) == pid;
}

/* No rule is about this connect: as far as anybody knows.  Says so once per
 * process, where a rule with a glob may be about it. */
static void tell_missed(struct request *r)
{
	const struct xs_rule *rule;

	if (__atomic_load_n(&told, __ATOMIC_RELAXED) ||
	    !xs_report_wants(XS_LOG_WARNING))
		return;
	rule = xs_decide_missed(r->rules, false, &r->where.asked, &r->tcp);
	if (!rule)
		return;
	classify(r);
	if (r->kind == STREAM && !is_told_before())
		warn_missed(r, rule);
}

static enum course choose(struct request *r)
{
	if (!is_readable(r))
		return LEAVE;
	if (!xs_address_from(&r->where.asked, r->to, r->len))
		return PASS;
	r->rules = xs_config_rules();
	if (!r->rules)
		return REFUSE;
	decide(r);
	if (!is_about(&r->tcp) && !is_about(&r->udp) && !r->may_be_announced) {
		if (xs_report_wants(XS_LOG_DEBUG))
			trace_unmatched(r);
		tell_missed(r);
		return PASS;
	}
	return choose_by_kind(r);
}

/* --- the courses ---------------------------------------------------------- */

static int decide_and_connect(int fd, const struct sockaddr *to, socklen_t len);

/* fd is a pair.  A UDP socket may be connected again, to whom it likes: it
 * becomes one for that. */
static int reconnect(struct request *r)
{
	if (r->pair.kind == XS_PAIR_TCP)
		return xs_reconnect(r->fd, &r->pair);
	if (xs_disconnect(r->fd, &r->pair) < 0)
		return -1;
	return decide_and_connect(r->fd, r->to, r->len);
}

/* libc's connect; an AF_UNIX socket that answers EINVAL to an Internet
 * address may be a pair. */
static int pass(struct request *r)
{
	int result = leave(r);

	if (result == 0 || errno != EINVAL || !xs_pair_read(r->fd, &r->pair))
		return result;
	if (r->to->sa_family == AF_UNSPEC)
		return xs_disconnect(r->fd, &r->pair);
	return reconnect(r);
}

/* Broken rules: nothing of the Internet is reached, the rest is libc's. */
static int refuse(struct request *r)
{
	classify(r);
	if (r->kind != STREAM && r->kind != DATAGRAM && r->kind != HIDDEN)
		return connect(r->fd, r->to, r->len);
	errno = EACCES;
	return -1;
}

static int distrust(struct request *r)
{
	struct xs_error err = { .kind = XS_ERR_NONE };

	xs_error_set(&err, XS_ERR_SYSTEM, EACCES,
		     "the kernel does not tell what kind of socket this is, so "
		     "the rule cannot be followed (does a seccomp filter, such "
		     "as SystemCallFilter= of a systemd unit, forbid "
		     "getsockopt(2)?)");
	xs_report_failure(&r->where.asked, r->where.decision, &err);
	errno = EACCES;
	return -1;
}

static int follow(struct request *r)
{
	int result;

	if (r->may_be_announced && r->kind == STREAM &&
	    connect_announced(r->fd, r->rules, &r->where, &result))
		return result;
	if (!is_about(r->where.decision))
		return leave(r);
	return carry_out(r->fd, &r->where, &r->err);
}

static int go(struct request *r)
{
	switch (choose(r)) {
	case LEAVE:
		break;
	case PASS:
		return pass(r);
	case REFUSE:
		return refuse(r);
	case DISTRUST:
		return distrust(r);
	case RECONNECT:
		return reconnect(r);
	case FOLLOW:
		return follow(r);
	}
	return leave(r);
}

/* (Not on the stack of everybody.) */
__attribute__((noinline)) static void tell_tracer(struct request *r, int result)
{
	int errnum = result < 0 ? errno : 0;

	if (!r->where.asked.len || errnum == XS_SWAP_LOST)
		return;
	classify(r);
	errno = errnum ? errnum : errno;
	if (r->kind == OTHER)
		return;
	xs_traced_connect(r->fd, &r->where.asked, r->kind == DATAGRAM,
			  r->kind == DATAGRAM ? &r->udp : &r->tcp, errnum);
}

static int decide_and_connect(int fd, const struct sockaddr *to, socklen_t len)
{
	struct request r = { .fd = fd, .to = to, .len = len, .kind = UNKNOWN };
	int result = go(&r);

	if (xs_trace_is_on())
		tell_tracer(&r, result);
	return result;
}

/* True when another thread has just put a pair behind fd, so that the answer is
 * not what a TCP socket would have said.  Whoever connects a copy finds the
 * pair behind another number (behalf.h). */
static bool has_lost_race(int fd, int errnum)
{
	struct xs_pair_info pair;
	bool lost = false;

	if (xs_behalf)
		return false;
	/* AF_UNIX says EINVAL to an Internet address. */
	if (errnum == XS_SWAP_LOST ||
	    (errnum == EINVAL &&
	     xs_socket_int(fd, SOL_SOCKET, SO_DOMAIN) == AF_UNIX))
		lost = xs_swap_wait(fd) &&
		       (xs_pair_read(fd, &pair) ||
			xs_socket_int(fd, SOL_SOCKET, SO_DOMAIN) != AF_UNIX);
	errno = errnum == XS_SWAP_LOST ? EALREADY : errnum;
	return lost;
}

int xs_connect(int fd, const struct sockaddr *to, socklen_t len)
{
	int saved = errno;
	int result;

	if (xs_config_supervised()) {
		if (xs_trace_is_on())
			xs_traced_expect(fd);
		return connect(fd, to, len);
	}
	result = decide_and_connect(fd, to, len);
	if (result < 0 && has_lost_race(fd, errno))
		result = decide_and_connect(fd, to, len);
	if (result == 0)
		errno = saved;
	return result;
}
