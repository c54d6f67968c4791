/* Plain TCP to another address; see redirect.h. */
#include "connect/redirect.h"

#include "relay_client/ask.h"

#include <errno.h>
#include <sys/socket.h>

/* What the name of a rule's target was resolved to. */
struct found {
	struct xs_address address[16];
	size_t count;
};

static void add_found(void *with, size_t index,
		      const struct xs_address *address)
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
	    xs_ask_run(&ask, XS_ASK_SECONDS, add_found, found, err) < 0 ||
	    !found->count) {
		xs_error_set(err, XS_ERR_NETWORK, EHOSTUNREACH,
			     "cannot resolve the rule's host %s", host);
		errno = EHOSTUNREACH;
		return -1;
	}
	return 0;
}

/* (Not on the stack of everybody.) */
__attribute__((noinline)) static int
connect_to_name(int fd, const struct xs_destination *where,
		struct xs_error *err)
{
	struct found found;
	int failed = -1;

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

int xs_redirect(int fd, const struct xs_destination *where,
		struct xs_error *err)
{
	return where->to.len ? connect(fd, &where->to.any, where->to.len)
			     : connect_to_name(fd, where, err);
}
