/* Hooks: getaddrinfo, getaddrinfo_a, gethostbyname, gethostbyname2 and their _r
 * forms.
 *
 * The result is libc's.  What it says is remembered (names.h), and where a
 * rule is about the name, the addresses get a tag in bytes that the kernel does
 * not read.
 * A name that libc cannot resolve, but for which a rule gives the target's
 * host, resolves to that host.
 */
#include "connect/config.h"
#include "hooks/libc.h"
#include "hooks/lookup.h"
#include "rules/names.h"

#include <errno.h>
#include <string.h>

/* --- getaddrinfo -------------------------------------------------------- */

/* A program of datagrams may compare an answer's sender with the address byte
 * by byte, and the kernel tells one without a tag.  So what no rule for
 * datagrams can be about has none; for the others see xs_stand_in_set_unread.
 */
static bool wants_tag(const struct xs_lookup *lookup,
		      const struct addrinfo *info,
		      const struct xs_address *address)
{
	uint16_t port = xs_address_port(address);

	if (!lookup->rule || info->ai_socktype != SOCK_DGRAM)
		return lookup->rule;
	return xs_config_datagrams &&
	       (!port || xs_match_has_port(lookup->rules, true, port));
}

static void remember_list(const struct xs_lookup *lookup, struct addrinfo *list,
			  bool synthetic)
{
	for (struct addrinfo *i = list; i; i = i->ai_next) {
		struct xs_address address;
		uint64_t tag;

		if (!xs_address_from(&address, i->ai_addr, i->ai_addrlen))
			continue;
		tag = xs_lookup_remember(lookup, &address, synthetic);
		if (wants_tag(lookup, i, &address))
			xs_names_write_tag(i->ai_addr, tag);
		else if (!lookup->rule && !synthetic)
			xs_lookup_remember_canonical(lookup, list->ai_canonname,
						     &address);
	}
}

static bool is_unknown_host(int failed)
{
	return failed == EAI_NONAME || failed == EAI_NODATA ||
	       failed == EAI_AGAIN || failed == EAI_FAIL;
}

XS_EXPORT int getaddrinfo(const char *node, const char *service,
			  const struct addrinfo *hints, struct addrinfo **list)
{
	struct xs_lookup lookup;
	const char *other = NULL;
	int failed;

	xs_libc_need();
	failed = xs_libc.getaddrinfo(node, service, hints, list);
	xs_lookup_begin(&lookup, node);
	if (!lookup.rules || (hints && (hints->ai_flags & AI_NUMERICHOST)))
		return failed;
	if (is_unknown_host(failed) &&
	    (other = xs_lookup_substitute(&lookup)) &&
	    xs_libc.getaddrinfo(other, service, hints, list) == 0)
		failed = 0;
	if (failed == 0) {
		int saved = errno;

		remember_list(&lookup, *list, other);
		errno = saved;
	}
	xs_lookup_end(&lookup, failed);
	return failed;
}

/* --- getaddrinfo_a ------------------------------------------------------ */

#ifdef __GLIBC__

/* libc's own threads look up, and call no hook.  But a program must ask for the
 * outcome before it may take a result. */
static void remember_request(const struct gaicb *request)
{
	struct xs_lookup lookup;
	int saved = errno;

	xs_lookup_begin(&lookup, request->ar_name);
	if (lookup.rules && !(request->ar_request &&
			      (request->ar_request->ai_flags & AI_NUMERICHOST)))
		remember_list(&lookup, request->ar_result, false);
	xs_lookup_end(&lookup, 0);
	errno = saved;
}

XS_EXPORT int gai_error(struct gaicb *request)
{
	int failed;

	xs_libc_need();
	failed = xs_libc.gai_error(request);
	if (!failed && request->ar_result)
		remember_request(request);
	return failed;
}

XS_EXPORT int getaddrinfo_a(int mode, struct gaicb *list[], int count,
			    struct sigevent *event)
{
	int failed;

	xs_libc_need();
	failed = xs_libc.getaddrinfo_a(mode, list, count, event);
	for (int i = 0; mode == GAI_WAIT && i < count; i++)
		if (list[i] && !xs_libc.gai_error(list[i]) &&
		    list[i]->ar_result)
			remember_request(list[i]);
	return failed;
}

#endif

/* --- gethostbyname ------------------------------------------------------ */

static void remember_host(const struct xs_lookup *lookup,
			  const struct hostent *host, bool synthetic)
{
	for (char **at = host->h_addr_list; *at; at++) {
		struct xs_address address = { .len = 0 };

		if (host->h_addrtype == AF_INET && host->h_length == 4) {
			address.v4.sin_family = AF_INET;
			address.len = sizeof(address.v4);
			memcpy(&address.v4.sin_addr, *at, 4);
		} else if (host->h_addrtype == AF_INET6 &&
			   host->h_length == 16) {
			address.v6.sin6_family = AF_INET6;
			address.len = sizeof(address.v6);
			memcpy(&address.v6.sin6_addr, *at, 16);
		} else {
			continue;
		}
		xs_lookup_remember(lookup, &address, synthetic);
		if (!lookup->rule && !synthetic)
			xs_lookup_remember_canonical(lookup, host->h_name,
						     &address);
	}
}

/* Remembers what was found, by the name itself or by the other that a rule
 * gives.  Looking up an address gives it as its own name: that is the one that
 * was asked for, in memory that stays, if the rule has it. */
static void remember_found(const struct xs_lookup *lookup,
			   struct hostent *found, bool synthetic)
{
	if (!found || !lookup->rules)
		return;
	remember_host(lookup, found, synthetic);
	if (synthetic && lookup->rule->target.address.len &&
	    lookup->rule->pattern.kind == XS_HOST_NAME)
		found->h_name = (char *)lookup->rule->pattern.name;
}

XS_EXPORT struct hostent *gethostbyname(const char *name)
{
	struct xs_lookup lookup;
	const char *other = NULL;
	struct hostent *found;

	xs_libc_need();
	found = xs_libc.gethostbyname(name);
	xs_lookup_begin(&lookup, name);
	if (!found && (other = xs_lookup_substitute(&lookup)))
		found = xs_libc.gethostbyname(other);
	remember_found(&lookup, found, other);
	xs_lookup_end_host(&lookup, found, h_errno);
	return found;
}

XS_EXPORT struct hostent *gethostbyname2(const char *name, int family)
{
	struct xs_lookup lookup;
	const char *other = NULL;
	struct hostent *found;

	xs_libc_need();
	found = xs_libc.gethostbyname2(name, family);
	xs_lookup_begin(&lookup, name);
	if (!found && (other = xs_lookup_substitute(&lookup)))
		found = xs_libc.gethostbyname2(other, family);
	remember_found(&lookup, found, other);
	xs_lookup_end_host(&lookup, found, h_errno);
	return found;
}

/* The _r forms return 0 with a NULL result when the name is unknown, and
 * ERANGE when the buffer is too small. */

XS_EXPORT int gethostbyname_r(const char *name, struct hostent *host,
			      char *buffer, size_t size,
			      struct hostent **result, int *reason)
{
	struct xs_lookup lookup;
	const char *other = NULL;
	int failed;

	xs_libc_need();
	failed = xs_libc.gethostbyname_r(name, host, buffer, size, result,
					 reason);
	xs_lookup_begin(&lookup, name);
	if (failed != ERANGE && !*result &&
	    (other = xs_lookup_substitute(&lookup)))
		failed = xs_libc.gethostbyname_r(other, host, buffer, size,
						 result, reason);
	remember_found(&lookup, failed ? NULL : *result, other);
	/* It comes again with a larger buffer. */
	if (failed != ERANGE)
		xs_lookup_end_host(&lookup, !failed && *result, *reason);
	return failed;
}

XS_EXPORT int gethostbyname2_r(const char *name, int family,
			       struct hostent *host, char *buffer, size_t size,
			       struct hostent **result, int *reason)
{
	struct xs_lookup lookup;
	const char *other = NULL;
	int failed;

	xs_libc_need();
	failed = xs_libc.gethostbyname2_r(name, family, host, buffer, size,
					  result, reason);
	xs_lookup_begin(&lookup, name);
	if (failed != ERANGE && !*result &&
	    (other = xs_lookup_substitute(&lookup)))
		failed = xs_libc.gethostbyname2_r(other, family, host, buffer,
						  size, result, reason);
	remember_found(&lookup, failed ? NULL : *result, other);
	/* It comes again with a larger buffer. */
	if (failed != ERANGE)
		xs_lookup_end_host(&lookup, !failed && *result, *reason);
	return failed;
}
