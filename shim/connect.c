/* connect(2) under rules; see connect.h. */
#include "connect.h"

#include "again.h"
#include "ask.h"
#include "config.h"
#include "decide.h"
#include "expected.h"
#include "report.h"
#include "wrap.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* --- what kind of socket is it ----------------------------------------- */

enum socket_kind {
	OTHER,	  /* AF_UNIX, SCTP, not a socket …: libc's business */
	STREAM,	  /* TCP or MPTCP */
	DATAGRAM, /* UDP */
	WRAPPED,  /* one of ours */
};

static int option_of(int fd, int option)
{
	int value = -1;
	socklen_t len = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, option, &value, &len) == 0 ? value :
								       -1;
}

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

static enum socket_kind kind_of(int fd, int *family, struct xs_pair_info *pair)
{
	int type, protocol;

	*family = option_of(fd, SO_DOMAIN);
	if (*family == AF_UNIX)
		return xs_pair_read(fd, pair) ? WRAPPED : OTHER;
	if (*family != AF_INET && *family != AF_INET6)
		return OTHER;
	type = option_of(fd, SO_TYPE);
	protocol = option_of(fd, SO_PROTOCOL);
	if (type == SOCK_STREAM &&
	    (protocol == IPPROTO_TCP || protocol == IPPROTO_MPTCP))
		return STREAM;
	return type == SOCK_DGRAM ? DATAGRAM : OTHER;
}

bool xs_readable(const void *at, size_t len)
{
	uintptr_t first = (uintptr_t)at & ~(uintptr_t)7;
	uintptr_t last = ((uintptr_t)at + len - 1) & ~(uintptr_t)7;
	int saved = errno;
	bool ok;

	/* An invalid "how" makes the kernel read eight bytes, then complain.
	 * Aligned ones never reach into another page.  NULL is "no set". */
	if (!first)
		return false;
	syscall(SYS_rt_sigprocmask, -1, first, NULL, 8);
	ok = errno == EINVAL;
	if (ok && (first ^ last) >> 12) {
		syscall(SYS_rt_sigprocmask, -1, last, NULL, 8);
		ok = errno == EINVAL;
	}
	errno = saved;
	return ok;
}

/* What the name of a rule's target was resolved to. */
struct found {
	struct xs_address address[16];
	size_t count;
};

static void keep(void *with, size_t index, const struct xs_address *address)
{
	struct found *found = with;

	(void)index;
	if (found->count < sizeof(found->address) / sizeof(*found->address))
		found->address[found->count++] = *address;
}

/* Has the target's host looked up.  Returns 0, or -1 with errno. */
static int resolve_target(const struct xs_destination *where,
			  struct found *found, struct xs_error *err)
{
	char text[XS_ADDRESS_TEXT_MAX];
	const char *host = xs_destination_host(where, text);
	struct xs_ask ask;

	found->count = 0;
	xs_ask_init(&ask);
	if (!xs_ask_add(&ask, host) ||
	    xs_ask_run(&ask, XS_ASK_SECONDS, keep, found, err) < 0 ||
	    !found->count) {
		xs_error_set(err, XS_ERR_NETWORK, EHOSTUNREACH,
			     "cannot resolve the rule's host %s", host);
		errno = EHOSTUNREACH;
		return -1;
	}
	return 0;
}

/* Plain TCP to another host or port: libc's connect with another address.  Each
 * address of a name is tried in turn.  (Not on the stack of everybody.) */
__attribute__((noinline)) static int redirect(int fd, const struct xs_destination *where,
		    struct xs_error *err)
{
	struct found found;
	int failed = -1;

	if (where->to.len)
		return connect(fd, &where->to.any, where->to.len);
	if (resolve_target(where, &found, err) < 0)
		return -1;
	errno = EAFNOSUPPORT;
	for (size_t i = 0; i < found.count; i++) {
		struct xs_address *to = &found.address[i];

		if (!xs_address_to_family(to, where->family))
			continue;
		xs_address_set_port(to, where->port);
		failed = connect(fd, &to->any, to->len);
		if (failed == 0 || errno == EINPROGRESS || errno == EINTR ||
		    errno == EISCONN || errno == EALREADY)
			break;
	}
	return failed;
}

/* Misuse of the call is the application's affair; a connection that fails is
 * the user's. */
static bool is_worth_a_line(int errnum)
{
	return errnum != EISCONN && errnum != EALREADY && errnum != EBADF &&
	       errnum != XS_WRAP_LOST && errnum != EINPROGRESS && errnum != EINTR;
}

/* The rule's name could not be looked up; *err may say why. */
__attribute__((noinline)) static void
refuse_unknown(const struct xs_destination *where, const struct xs_error *why)
{
	struct xs_error err = { .kind = XS_ERR_NONE };

	xs_error_set(&err, XS_ERR_RULES, 0,
		     "the name of this rule cannot be looked up now, so nobody "
		     "knows whether the rule is about this address (%s; or put "
		     "a rule for the address above)",
		     xs_error_is_set(why) ? why->text :
					    "does the name server answer?");
	xs_report_failure(&where->asked, where->decision, &err);
	errno = EACCES;
}

static int carry_out(int fd, struct xs_destination *where, struct xs_error *err)
{
	const struct xs_rule *rule = where->decision->rule;
	int result = -1;

	if (where->decision->unknown) {
		refuse_unknown(where, err);
		return -1;
	}
	xs_error_clear(err);
	if (where->decision->unreachable) {
		xs_error_set(err, XS_ERR_RULES, 0,
			     "only a rule for other ports knows this name (add "
			     "port %u to its pattern)",
			     xs_address_port(&where->asked));
		errno = EACCES;
	} else if (rule->target.scheme->kind == XS_SCHEME_DENY) {
		xs_error_set(err, XS_ERR_DENIED, 0, "denied by this rule");
		errno = EACCES;
	} else {
		xs_destination_aim(where);
		result = rule->target.scheme->kind == XS_SCHEME_TCP &&
					 !rule->options.relay ?
				 redirect(fd, where, err) :
				 xs_wrap(fd, where, err);
	}
	if (result < 0 && xs_error_is_set(err) && is_worth_a_line(errno))
		xs_report_failure(&where->asked, where->decision, err);
	return result;
}

/* Perhaps it has been announced.  True when that is settled, one way or the
 * other, and *result is connect's; false: the decision counts.  (Not on the
 * stack of everybody.) */
__attribute__((noinline)) static bool
connect_expected(int fd, const struct xs_rules *rules,
		 struct xs_destination *where, int *result)
{
	struct xs_error err = { .kind = XS_ERR_NONE };
	struct xs_expected expected;
	int asked = xs_expected_ask(rules, where->decision, &where->asked,
				    &expected, &err);

	if (asked == 0)
		return false;
	*result = -1;
	if (asked < 0) {
		errno = EACCES;
	} else {
		where->expected = &expected;
		xs_destination_aim(where);
		*result = xs_wrap(fd, where, &err);
		where->expected = NULL;
	}
	if (*result < 0 && xs_error_is_set(&err) && is_worth_a_line(errno))
		xs_report_failure(&where->asked, where->decision, &err);
	return true;
}

/* Broken rules: nothing of the Internet is reached, the rest is libc's. */
static int refuse(int fd, const struct sockaddr *to, socklen_t len)
{
	struct xs_pair_info pair;
	int family;
	enum socket_kind kind = kind_of(fd, &family, &pair);

	if (kind != STREAM && kind != DATAGRAM)
		return connect(fd, to, len);
	errno = EACCES;
	return -1;
}

/* libc's connect; an AF_UNIX socket that answers EINVAL to an Internet
 * address may be a pair. */
static int pass(int fd, const struct sockaddr *to, socklen_t len)
{
	struct xs_pair_info pair;
	int result = connect(fd, to, len);

	if (result == 0 || errno != EINVAL || !xs_pair_read(fd, &pair))
		return result;
	if (to->sa_family == AF_UNSPEC)
		return xs_again_disconnect(fd, &pair);
	return xs_again_connect(fd, &pair);
}

/* Is there anything to do but to pass? */
static bool is_about(const struct xs_decision *decision)
{
	return decision->rule || decision->unreachable || decision->unknown;
}

/* Does the kernel look at the address at all?  UDP sockets of IPv6 take IPv4
 * addresses, too (__ip6_datagram_connect in net/ipv6/datagram.c). */
static bool takes_family(enum socket_kind kind, int family, int asked)
{
	return family == asked ||
	       (kind == DATAGRAM && family == AF_INET6 && asked == AF_INET);
}

/* Has a rule an exact name for this port, so that to decide may mean to ask the
 * relay? */
static bool may_ask(const struct xs_rules *rules, uint16_t port)
{
	return xs_match_has_named(rules, false, port) ||
	       xs_match_has_named(rules, true, port);
}

static int decide_and_connect(int fd, const struct sockaddr *to, socklen_t len)
{
	struct xs_decision tcp = { .rule = NULL }, udp = { .rule = NULL };
	struct xs_destination where = { .port = 0 };
	struct xs_pair_info pair;
	const struct xs_rules *rules;
	struct xs_error err = { .kind = XS_ERR_NONE };
	bool asks, known;
	enum socket_kind kind = OTHER;
	int result;

	if (len < sizeof(to->sa_family) || len > sizeof(struct sockaddr_storage) ||
	    !xs_readable(to, len))
		return connect(fd, to, len);
	if (!xs_address_from(&where.asked, to, len))
		return pass(fd, to, len);
	rules = xs_config_rules();
	if (!rules)
		return refuse(fd, to, len);
	/* What the socket is costs less than the relay's answer, and more than to
	 * decide without. */
	known = may_ask(rules, xs_address_port(&where.asked));
	if (known)
		kind = kind_of(fd, &where.family, &pair);
	if (!known || kind == STREAM)
		xs_decide(rules, false, &where.asked, &tcp, &err);
	if (!known || kind == DATAGRAM)
		xs_decide(rules, true, &where.asked, &udp, &err);
	asks = xs_expected_applies(rules, &tcp);
	if (!asks && !is_about(&tcp) && !is_about(&udp))
		return pass(fd, to, len);
	if (!known)
		kind = kind_of(fd, &where.family, &pair);
	switch (kind) {
	case WRAPPED:
		return xs_again_connect(fd, &pair);
	case STREAM:
		where.decision = &tcp;
		break;
	case DATAGRAM:
		where.decision = &udp;
		break;
	case OTHER:
		return connect(fd, to, len);
	}
	/* A socket of the other family: libc says what it says. */
	if (!takes_family(kind, where.family, where.asked.any.sa_family))
		return connect(fd, to, len);
	if (asks && where.decision == &tcp &&
	    connect_expected(fd, rules, &where, &result))
		return result;
	if (!is_about(where.decision))
		return connect(fd, to, len);
	return carry_out(fd, &where, &err);
}

/* True when another thread has just put a pair behind fd, so that the answer is
 * not what a TCP socket would have said. */
static bool has_lost_race(int fd, int errnum)
{
	struct xs_pair_info pair;
	bool lost = false;

	/* AF_UNIX says EINVAL to an Internet address. */
	if (errnum == XS_WRAP_LOST || (errnum == EINVAL &&
				       option_of(fd, SO_DOMAIN) == AF_UNIX))
		lost = xs_wrap_wait(fd) && (xs_pair_read(fd, &pair) ||
					    option_of(fd, SO_DOMAIN) != AF_UNIX);
	errno = errnum == XS_WRAP_LOST ? EALREADY : errnum;
	return lost;
}

int xs_connect(int fd, const struct sockaddr *to, socklen_t len)
{
	int saved = errno;
	int result = decide_and_connect(fd, to, len);

	if (result < 0 && has_lost_race(fd, errno))
		result = decide_and_connect(fd, to, len);
	if (result == 0)
		errno = saved;
	return result;
}
