/* Hooks: rcmd, rcmd_af, rexec, rexec_af.
 *
 * libc looks up the host and connects inside of them, where no hook sees it,
 * and rexec sends a password.  So the host is looked up here first, and where a
 * rule is about one of its addresses, the function is refused.
 */
#include "connect/config.h"
#include "connect/inside.h"
#include "hooks/libc.h"

#include <errno.h>

#ifdef __GLIBC__

static bool may_reach(const struct addrinfo *list, const char *function)
{
	for (; list; list = list->ai_next) {
		struct xs_address to;

		if (xs_address_from(&to, list->ai_addr, list->ai_addrlen) &&
		    !xs_inside_may(&to, function))
			return false;
	}
	return true;
}

/* May function() connect there?  port is in network byte order.  Else false
 * with EACCES. */
static bool may_connect(const char *host, unsigned short port, int family,
			const char *function)
{
	const struct addrinfo hints = { .ai_family = family,
					.ai_socktype = SOCK_STREAM };
	int saved = errno;
	struct addrinfo *list;
	char service[8];
	bool may;

	/* A supervisor sees the connect inside. */
	if (!xs_config_active() || xs_config_supervised())
		return true;
	snprintf(service, sizeof(service), "%u", ntohs(port));
	/* The hook: what is looked up is remembered. */
	if (getaddrinfo(host, service, &hints, &list) != 0)
		return xs_inside_unknown(host ? host : "", function);
	may = may_reach(list, function);
	freeaddrinfo(list);
	errno = may ? saved : EACCES;
	return may;
}

XS_EXPORT int rcmd(char **host, unsigned short port, const char *local,
		   const char *remote, const char *command, int *error)
{
	xs_libc_need();
	if (!may_connect(*host, port, AF_INET, "rcmd"))
		return -1;
	return xs_libc.rcmd(host, port, local, remote, command, error);
}

XS_EXPORT int rcmd_af(char **host, unsigned short port, const char *local,
		      const char *remote, const char *command, int *error,
		      sa_family_t family)
{
	xs_libc_need();
	if (!may_connect(*host, port, family, "rcmd_af"))
		return -1;
	return xs_libc.rcmd_af(host, port, local, remote, command, error,
			       family);
}

XS_EXPORT int rexec(char **host, int port, const char *user,
		    const char *password, const char *command, int *error)
{
	xs_libc_need();
	if (!may_connect(*host, (unsigned short)port, AF_INET, "rexec"))
		return -1;
	return xs_libc.rexec(host, port, user, password, command, error);
}

XS_EXPORT int rexec_af(char **host, int port, const char *user,
		       const char *password, const char *command, int *error,
		       sa_family_t family)
{
	xs_libc_need();
	if (!may_connect(*host, (unsigned short)port, family, "rexec_af"))
		return -1;
	return xs_libc.rexec_af(host, port, user, password, command, error,
				family);
}

#endif
