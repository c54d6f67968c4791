/* What a connection needs until it is open; see opening.h.
 *
 * Here a request is looked at with suspicion: numbers, strings and descriptors
 * come from another process, which may be any program of the same user.
 */
#include "opening.h"

#include "arena.h"
#include "option.h"
#include "pair.h"
#include "scheme.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int get_int(int fd, int option)
{
	int value = -1;
	socklen_t len = sizeof(value);

	getsockopt(fd, SOL_SOCKET, option, &value, &len);
	return value;
}

static bool is_tcp(int fd)
{
	int domain = get_int(fd, SO_DOMAIN);

	return (domain == AF_INET || domain == AF_INET6) &&
	       get_int(fd, SO_TYPE) == SOCK_STREAM &&
	       (get_int(fd, SO_PROTOCOL) == IPPROTO_TCP ||
		get_int(fd, SO_PROTOCOL) == IPPROTO_MPTCP);
}

static bool is_pair_end(int fd)
{
	return get_int(fd, SO_DOMAIN) == AF_UNIX &&
	       get_int(fd, SO_TYPE) == SOCK_STREAM;
}

static bool are_right(uint32_t id, const int *fds, size_t nfds)
{
	uint32_t named;

	return (nfds == XS_WIRE_FDS || nfds == XS_WIRE_FDS - 1) &&
	       is_tcp(fds[XS_WIRE_FD_TCP]) &&
	       is_pair_end(fds[XS_WIRE_FD_RELAY]) &&
	       is_pair_end(fds[XS_WIRE_FD_APP]) &&
	       xs_pair_read_id(fds[XS_WIRE_FD_APP], &named) && named == id;
}

struct xs_opening *xs_opening_make(const void *datagram, size_t len,
				   const int *fds, size_t nfds, int *pair_fd)
{
	struct xs_opening *opening = calloc(1, sizeof(*opening));

	if (!opening)
		goto fail;
	opening->request = xs_request_copy(datagram, len);
	if (!opening->request ||
	    !are_right(opening->request->wire.head.id, fds, nfds))
		goto fail;
	opening->app_tcp = fds[XS_WIRE_FD_TCP];
	opening->app_end = fds[XS_WIRE_FD_APP];
	opening->log_fd = nfds == XS_WIRE_FDS ? fds[XS_WIRE_FD_LOG] : -1;
	*pair_fd = fds[XS_WIRE_FD_RELAY];
	return opening;
fail:
	for (size_t i = 0; i < nfds; i++)
		close(fds[i]);
	if (opening)
		xs_request_free(opening->request);
	free(opening);
	return NULL;
}

/* Only the time limit matters to a connection without TLS. */
static int read_plain_rule(const char *text, double *timeout,
			   struct xs_error *err)
{
	struct xs_arena arena = { 0 };
	struct xs_options options;
	size_t at;
	int result;

	xs_options_default(&options);
	result = xs_options_parse(&options, text, strlen(text), NULL, false,
				  &arena, &at, err);
	*timeout = options.timeout;
	xs_arena_free(&arena);
	return result;
}

/* A data connection has the TLS of its control connection. */
static int redeem_token(struct xs_opening *opening, double *timeout,
			struct xs_error *err)
{
	const struct xs_wire_head *head = &opening->request->wire.head;

	opening->expect = xs_expect_take(head->token, head->port);
	if (!opening->expect)
		return xs_error_set(err, XS_ERR_RELAY, 0,
				    "the data connection is not expected any "
				    "more");
	opening->context = xs_expect_context(opening->expect);
	xs_tls_context_keep(opening->context);
	*timeout = xs_tls_context_options(opening->context)->timeout;
	return 0;
}

static int read_rule(struct xs_opening *opening, double *timeout,
		     struct xs_error *err)
{
	const uint32_t *token = opening->request->wire.head.token;
	const char *const *string = opening->request->wire.string;
	const struct xs_scheme *scheme = xs_scheme_find(string[XS_WIRE_SCHEME]);
	const struct xs_tls_policy policy = {
		.scheme = string[XS_WIRE_SCHEME],
		.options = string[XS_WIRE_OPTIONS],
		.cert_file = string[XS_WIRE_CERT_FILE],
		.cert_dir = string[XS_WIRE_CERT_DIR],
		.keylog_file = string[XS_WIRE_KEYLOG_FILE],
		.openssl_conf = string[XS_WIRE_OPENSSL_CONF],
	};

	if (token[0] || token[1])
		return redeem_token(opening, timeout, err);
	if (scheme && scheme->kind == XS_SCHEME_TCP)
		return read_plain_rule(string[XS_WIRE_OPTIONS], timeout, err);
	opening->context = xs_tls_context_get(&policy, err);
	if (!opening->context)
		return -1;
	*timeout = xs_tls_context_options(opening->context)->timeout;
	return 0;
}

int xs_opening_read_rule(struct xs_opening *opening, struct xs_error *err)
{
	double timeout = XS_OPTION_TIMEOUT_DEFAULT;
	int result = read_rule(opening, &timeout, err);

	/* A day is for ever, and fits. */
	if (!(timeout < 86400))
		timeout = 86400;
	opening->timeout_ms = (int)(timeout * 1000);
	opening->deadline = xs_now_ms() + opening->timeout_ms;
	return result;
}

bool xs_opening_begins_with_tls(const struct xs_opening *opening)
{
	const char *name = opening->request->wire.string[XS_WIRE_SCHEME];
	const struct xs_scheme *scheme = xs_scheme_find(name);

	return scheme && scheme->kind == XS_SCHEME_TLS;
}

int xs_opening_addresses(struct xs_opening *opening, struct xs_error *err)
{
	const struct xs_wire *wire = &opening->request->wire;
	const char *host = wire->string[XS_WIRE_HOST];
	struct xs_address address = wire->head.to;

	opening->dial.app_socket = opening->app_tcp;
	if (!wire->head.started) {
		if (!*host)
			return xs_error_set(err, XS_ERR_RELAY, 0,
					    "the request names no host");
		if (!xs_address_parse(&address, host))
			return 0;
		xs_address_set_port(&address, wire->head.port);
	} else if (!xs_address_from(&address, &wire->head.to.any,
				    wire->head.to.len)) {
		return xs_error_set(err, XS_ERR_RELAY, 0,
				    "the request has no proper address");
	}
	opening->dial.address = malloc(sizeof(address));
	if (!opening->dial.address)
		return xs_error_set(err, XS_ERR_SYSTEM, ENOMEM,
				    "the relay is out of memory");
	*opening->dial.address = address;
	opening->dial.count = 1;
	opening->dial.at = wire->head.started ? 1 : 0;
	return 1;
}

void xs_opening_answer(struct xs_opening *opening, const struct xs_error *err,
		       const struct xs_tls_summary *summary)
{
	struct xs_control *control = opening->control;
	struct xs_wire verdict;

	if (!control)
		return;
	opening->control = NULL;
	xs_request_verdict(opening->request, &verdict, err, summary);
	xs_control_answer(control, &verdict);
}

void xs_opening_close_app(struct xs_opening *opening)
{
	if (opening->app_end >= 0)
		close(opening->app_end);
	opening->app_end = -1;
}

void xs_opening_free(struct xs_opening *opening, int tcp_fd)
{
	if (opening->control)
		xs_control_attach(opening->control, NULL);
	if (opening->lookup)
		xs_resolver_forget(opening->lookup);
	if (opening->app_tcp != tcp_fd)
		close(opening->app_tcp);
	xs_opening_close_app(opening);
	if (opening->log_fd >= 0)
		close(opening->log_fd);
	xs_tls_context_put(opening->context);
	xs_expect_put(opening->expect);
	xs_dial_free(&opening->dial);
	xs_request_free(opening->request);
	free(opening);
}
