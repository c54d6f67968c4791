/* Datagrams with an address; see unconnected.h.
 *
 * In the order of what it costs: most ports have no rule.
 */
#include "connect/unconnected.h"

#include "base/descriptor.h"
#include "base/readable.h"
#include "connect/config.h"
#include "connect/datagram.h"
#include "connect/decide.h"
#include "connect/late_error.h"
#include "connect/report.h"

#include <errno.h>

static bool is_udp(int fd)
{
	int family = xs_socket_int(fd, SOL_SOCKET, SO_DOMAIN);

	return (family == AF_INET || family == AF_INET6) &&
	       xs_socket_int(fd, SOL_SOCKET, SO_TYPE) == SOCK_DGRAM;
}

/* A rule is told once, until another one is. */
static bool is_told(const struct xs_rule *rule)
{
	static const struct xs_rule *told;

	return __atomic_exchange_n(&told, rule, __ATOMIC_RELAXED) == rule;
}

/* (Not on the stack of everybody.) */
__attribute__((noinline)) static bool refuse(const struct xs_address *asked,
					     const struct xs_decision *decision)
{
	const struct xs_rule *rule =
		decision->rule ? decision->rule : decision->unknown;
	struct xs_error err = { .kind = XS_ERR_NONE };

	if (decision->unknown)
		xs_error_set(&err, XS_ERR_RULES, EACCES,
			     "the name of this rule cannot be looked up now, "
			     "so nobody knows whether the rule is about this "
			     "address (does the name server answer?)");
	else if (decision->rule &&
		 decision->rule->target.scheme->kind == XS_SCHEME_DENY)
		xs_error_set(&err, XS_ERR_DENIED, EACCES,
			     "denied by this rule");
	else
		xs_error_set(&err, XS_ERR_RULES, EACCES,
			     "a datagram with an address, from a socket that "
			     "is not connected to it, has no way to the relay "
			     "(a program that connects its socket has one)");
	if (!is_told(rule))
		xs_report_failure(asked, decision, &err);
	errno = EACCES;
	return false;
}

static bool is_exemption(const struct xs_rule *rule)
{
	return rule->target.scheme->kind == XS_SCHEME_UDP &&
	       !rule->options.relay && !rule->target.host &&
	       !rule->target.address.len && !rule->target.port;
}

/* (Not on the stack of everybody.) */
__attribute__((noinline)) static bool
may_by_rules(int fd, const struct xs_rules *rules,
	     const struct xs_address *asked)
{
	struct xs_error err = { .kind = XS_ERR_NONE };
	struct xs_decision decision;
	int saved = errno;

	if (!is_udp(fd)) {
		errno = saved;
		return true;
	}
	xs_decide(rules, true, asked, &decision, &err);
	errno = saved;
	if (!decision.rule && !decision.unknown && !decision.unreachable)
		return true;
	if (decision.rule && !decision.unknown && is_exemption(decision.rule))
		return true;
	return refuse(asked, &decision);
}

/* A pair sends to its peer whatever the address says. */
static bool may_by_pair(const struct xs_pair_info *pair,
			const struct xs_address *asked)
{
	if (xs_address_same_ip(&pair->asked, asked) &&
	    xs_address_port(&pair->asked) == xs_address_port(asked))
		return true;
	errno = EISCONN;
	return false;
}

/* The rules are broken: as with a connect, nothing of the Internet is
 * reached. */
static bool may_without_rules(int fd)
{
	int saved = errno;
	bool may = !is_udp(fd);

	errno = may ? saved : EACCES;
	return may;
}

bool xs_unconnected_may(int fd, const struct sockaddr *to, socklen_t len)
{
	const struct xs_rules *rules;
	struct xs_pair_info pair;
	struct xs_address asked;
	bool has_rule;

	/* What the kernel refuses, or what is no Internet address. */
	if (len < sizeof(to->sa_family) ||
	    len > sizeof(struct sockaddr_storage) || !xs_readable(to, len) ||
	    !xs_address_from(&asked, to, len))
		return true;
	rules = xs_config_rules();
	if (!rules)
		return may_without_rules(fd);
	has_rule = xs_match_has_port(rules, true, xs_address_port(&asked));
	/* A pair that came by exec(2) or SCM_RIGHTS has no hint. */
	if ((has_rule || xs_late_error_may(fd)) && xs_datagram_is(fd, &pair))
		return may_by_pair(&pair, &asked);
	return !has_rule || may_by_rules(fd, rules, &asked);
}
