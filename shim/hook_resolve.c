/* Hooks: getaddrinfo, getaddrinfo_a, gethostbyname, gethostbyname2 and their _r
 * forms.
 *
 * The result is libc's.  What it says is remembered (names.h), and where a
 * rule is about the name, the addresses get a tag in bytes that nobody reads.
 * A name that libc cannot resolve, but for which a rule gives the target's
 * host, resolves to that host.
 */
#include "config.h"
#include "libc.h"
#include "match.h"
#include "names.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

/* A lookup in progress: what the rules say about the name. */
struct lookup {
	const struct xs_rules *rules; /* NULL: nothing to remember */
	const struct xs_rule *rule;   /* the first about this name, or NULL */
	char name[XS_NAME_MAX];
	char text[XS_ADDRESS_TEXT_MAX]; /* for substitute() */
};

static bool is_ascii(const char *name)
{
	for (; *name; name++)
		if ((unsigned char)*name >= 0x80)
			return false;
	return true;
}

static void begin(struct lookup *lookup, const char *node)
{
	struct in_addr unused;

	lookup->rules = NULL;
	lookup->rule = NULL;
	/* inet_aton also takes "127.1", as getaddrinfo does.  A name with other
	 * letters than ASCII (AI_IDN) counts as not known: rules have
	 * A-labels. */
	if (!node || !xs_config_active() || inet_aton(node, &unused) ||
	    !is_ascii(node) || !xs_name_normalise(node, lookup->name))
		return;
	lookup->rules = xs_config_rules();
	if (lookup->rules)
		lookup->rule = xs_match_name(lookup->rules, lookup->name);
}

/* The host that a rule puts in place of this name, or NULL. */
static const char *substitute(struct lookup *lookup)
{
	const struct xs_target *target;

	if (!lookup->rule)
		return NULL;
	target = &lookup->rule->target;
	if (target->host)
		return strcmp(target->host, lookup->name) == 0 ? NULL :
								 target->host;
	if (!target->address.len)
		return NULL;
	return xs_address_format_ip(&target->address, lookup->text,
				    sizeof(lookup->text));
}

static int worth_of(const struct xs_rule *rule)
{
	if (!rule)
		return XS_NAMES_WORTH_NONE;
	return rule->pattern.kind == XS_HOST_NAME ? XS_NAMES_WORTH_NAME :
	       rule->pattern.kind == XS_HOST_GLOB ? XS_NAMES_WORTH_GLOB :
						    XS_NAMES_WORTH_ANY;
}

static uint64_t remember(const struct lookup *lookup,
			 const struct xs_address *address, bool synthetic)
{
	return xs_names_add(address, lookup->name,
			    synthetic ? XS_NAMES_SYNTHETIC : XS_NAMES_ASKED,
			    worth_of(lookup->rule));
}

/* The canonical name, where libc told it: a rule may be about that one, and
 * the application asked for an alias. */
static void remember_canonical(const struct lookup *lookup, const char *name,
			       const struct xs_address *address)
{
	struct lookup canonical = { .rules = lookup->rules };

	if (!name || !is_ascii(name) ||
	    !xs_name_normalise(name, canonical.name))
		return;
	canonical.rule = xs_match_name(canonical.rules, canonical.name);
	if (canonical.rule && strcmp(canonical.name, lookup->name) != 0)
		remember(&canonical, address, false);
}

/* --- getaddrinfo -------------------------------------------------------- */

static void remember_list(const struct lookup *lookup, struct addrinfo *list,
			  bool synthetic)
{
	for (struct addrinfo *i = list; i; i = i->ai_next) {
		struct xs_address address;
		uint64_t tag;

		if (!xs_address_from(&address, i->ai_addr, i->ai_addrlen))
			continue;
		tag = remember(lookup, &address, synthetic);
		if (lookup->rule)
			xs_names_write_tag(i->ai_addr, tag);
		else if (!synthetic)
			remember_canonical(lookup, list->ai_canonname,
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
	struct lookup lookup;
	const char *other = NULL;
	int failed;

	xs_libc_need();
	failed = xs_libc.getaddrinfo(node, service, hints, list);
	begin(&lookup, node);
	if (!lookup.rules || (hints && (hints->ai_flags & AI_NUMERICHOST)))
		return failed;
	if (is_unknown_host(failed) && (other = substitute(&lookup)) &&
	    xs_libc.getaddrinfo(other, service, hints, list) == 0)
		failed = 0;
	if (failed == 0) {
		int saved = errno;

		remember_list(&lookup, *list, other);
		errno = saved;
	}
	return failed;
}

/* --- getaddrinfo_a ------------------------------------------------------ */

#ifdef __GLIBC__

/* libc's own threads look up, and call no hook.  But a program must ask for the
 * outcome before it may take a result. */
static void remember_request(const struct gaicb *request)
{
	struct lookup lookup;
	int saved = errno;

	begin(&lookup, request->ar_name);
	if (lookup.rules && !(request->ar_request &&
			      (request->ar_request->ai_flags & AI_NUMERICHOST)))
		remember_list(&lookup, request->ar_result, false);
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

static void remember_host(const struct lookup *lookup,
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
		remember(lookup, &address, synthetic);
		if (!lookup->rule && !synthetic)
			remember_canonical(lookup, host->h_name, &address);
	}
}

/* Remembers what was found, by the name itself or by the other that a rule
 * gives.  Looking up an address gives it as its own name: that is the one that
 * was asked for, in memory that stays, if the rule has it. */
static void remember_found(const struct lookup *lookup, struct hostent *found,
			   bool synthetic)
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
	struct lookup lookup;
	const char *other = NULL;
	struct hostent *found;

	xs_libc_need();
	found = xs_libc.gethostbyname(name);
	begin(&lookup, name);
	if (!found && (other = substitute(&lookup)))
		found = xs_libc.gethostbyname(other);
	remember_found(&lookup, found, other);
	return found;
}

XS_EXPORT struct hostent *gethostbyname2(const char *name, int family)
{
	struct lookup lookup;
	const char *other = NULL;
	struct hostent *found;

	xs_libc_need();
	found = xs_libc.gethostbyname2(name, family);
	begin(&lookup, name);
	if (!found && (other = substitute(&lookup)))
		found = xs_libc.gethostbyname2(other, family);
	remember_found(&lookup, found, other);
	return found;
}

/* The _r forms return 0 with a NULL result when the name is unknown, and
 * ERANGE when the buffer is too small. */

XS_EXPORT int gethostbyname_r(const char *name, struct hostent *host,
			      char *buffer, size_t size,
			      struct hostent **result, int *reason)
{
	struct lookup lookup;
	const char *other = NULL;
	int failed;

	xs_libc_need();
	failed = xs_libc.gethostbyname_r(name, host, buffer, size, result,
					 reason);
	begin(&lookup, name);
	if (failed != ERANGE && !*result && (other = substitute(&lookup)))
		failed = xs_libc.gethostbyname_r(other, host, buffer, size,
						 result, reason);
	remember_found(&lookup, failed ? NULL : *result, other);
	return failed;
}

XS_EXPORT int gethostbyname2_r(const char *name, int family,
			       struct hostent *host, char *buffer, size_t size,
			       struct hostent **result, int *reason)
{
	struct lookup lookup;
	const char *other = NULL;
	int failed;

	xs_libc_need();
	failed = xs_libc.gethostbyname2_r(name, family, host, buffer, size,
					  result, reason);
	begin(&lookup, name);
	if (failed != ERANGE && !*result && (other = substitute(&lookup)))
		failed = xs_libc.gethostbyname2_r(other, family, host, buffer,
						  size, result, reason);
	remember_found(&lookup, failed ? NULL : *result, other);
	return failed;
}
