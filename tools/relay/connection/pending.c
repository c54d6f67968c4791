/* What a connection needs until it is open; see pending.h.
 *
 * Here a request is looked at with suspicion: numbers, strings and descriptors
 * come from another process, which may be any program of the same user.
 */
#include "relay/connection/pending.h"

#include "base/arena.h"
#include "base/descriptor.h"
#include "base/option.h"
#include "base/pair.h"
#include "base/scheme.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_tcp(int fd)
{
	int domain = xs_socket_int(fd, SOL_SOCKET, SO_DOMAIN);

	return (domain == AF_INET || domain == AF_INET6) &&
	       xs_socket_int(fd, SOL_SOCKET, SO_TYPE) == SOCK_STREAM &&
	       (xs_socket_int(fd, SOL_SOCKET, SO_PROTOCOL) == IPPROTO_TCP ||
		xs_socket_int(fd, SOL_SOCKET, SO_PROTOCOL) == IPPROTO_MPTCP);
}

static bool is_pair_end(int fd)
{
	return xs_socket_int(fd, SOL_SOCKET, SO_DOMAIN) == AF_UNIX &&
	       xs_socket_int(fd, SOL_SOCKET, SO_TYPE) == SOCK_STREAM;
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

struct xs_pending *xs_pending_make(const void *datagram, size_t len,
				   const int *fds, size_t nfds, int *pair_fd)
{
	struct xs_pending *pending = calloc(1, sizeof(*pending));

	if (!pending)
		goto fail;
	pending->request = xs_request_copy(datagram, len);
	if (!pending->request ||
	    !are_right(pending->request->wire.head.id, fds, nfds))
		goto fail;
	pending->app_tcp = fds[XS_WIRE_FD_TCP];
	pending->app_end = fds[XS_WIRE_FD_APP];
	pending->log_fd = nfds == XS_WIRE_FDS ? fds[XS_WIRE_FD_LOG] : -1;
	*pair_fd = fds[XS_WIRE_FD_RELAY];
	return pending;
fail:
	for (size_t i = 0; i < nfds; i++)
		close(fds[i]);
	if (pending)
		xs_request_free(pending->request);
	free(pending);
	return NULL;
}

/* Only the time limit matters to a connection without TLS, and before there is
 * a context. */
static int read_timeout(const char *text, double *timeout, struct xs_error *err)
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
static int redeem_token(struct xs_pending *pending, double *timeout,
			struct xs_error *err)
{
	const struct xs_wire_head *head = &pending->request->wire.head;

	pending->ftp_data = xs_ftp_data_take(head->token, head->port);
	if (!pending->ftp_data)
		return xs_error_set(err, XS_ERR_RELAY, 0,
				    "the data connection is not expected any "
				    "more");
	pending->context = xs_ftp_data_context(pending->ftp_data);
	xs_tls_context_keep(pending->context);
	*timeout = xs_tls_context_options(pending->context)->timeout;
	return 1;
}

struct xs_tls_policy xs_pending_policy(const struct xs_pending *pending)
{
	const char *const *string = pending->request->wire.string;

	return (struct xs_tls_policy){
		.scheme = string[XS_WIRE_SCHEME],
		.options = string[XS_WIRE_OPTIONS],
		.cert_file = string[XS_WIRE_CERT_FILE],
		.cert_dir = string[XS_WIRE_CERT_DIR],
		.keylog_file = string[XS_WIRE_KEYLOG_FILE],
		.openssl_conf = string[XS_WIRE_OPENSSL_CONF],
	};
}

static int read_rule(struct xs_pending *pending, double *timeout,
		     struct xs_error *err)
{
	const uint32_t *token = pending->request->wire.head.token;
	const char *const *string = pending->request->wire.string;
	const struct xs_scheme *scheme = xs_scheme_find(string[XS_WIRE_SCHEME]);
	const struct xs_tls_policy policy = xs_pending_policy(pending);

	if (token[0] || token[1])
		return redeem_token(pending, timeout, err);
	if (scheme && scheme->kind == XS_SCHEME_TCP)
		return read_timeout(string[XS_WIRE_OPTIONS], timeout, err) < 0
			       ? -1
			       : 1;
	pending->context = xs_tls_context_find(&policy);
	if (!pending->context)
		return read_timeout(string[XS_WIRE_OPTIONS], timeout, err);
	*timeout = xs_tls_context_options(pending->context)->timeout;
	return 1;
}

int xs_pending_read_rule(struct xs_pending *pending, struct xs_error *err)
{
	double timeout = XS_OPTION_TIMEOUT_DEFAULT;
	int result = read_rule(pending, &timeout, err);

	/* A day is for ever, and fits. */
	if (!(timeout < 86400))
		timeout = 86400;
	pending->timeout_ms = (int)(timeout * 1000);
	pending->began = xs_now_ms();
	pending->deadline = pending->began + pending->timeout_ms;
	return result;
}

bool xs_pending_begins_with_tls(const struct xs_pending *pending)
{
	const char *name = pending->request->wire.string[XS_WIRE_SCHEME];
	const struct xs_scheme *scheme = xs_scheme_find(name);

	return scheme && scheme->kind == XS_SCHEME_TLS;
}

bool xs_pending_is_early(const struct xs_pending *pending)
{
	return pending->context && !pending->ftp_data &&
	       xs_tls_context_options(pending->context)->connect_early;
}

int xs_pending_addresses(struct xs_pending *pending, struct xs_error *err)
{
	const struct xs_wire *wire = &pending->request->wire;
	const char *host = wire->string[XS_WIRE_HOST];
	struct xs_address address = wire->head.to;

	pending->dial.app_socket = pending->app_tcp;
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
	pending->dial.address = malloc(sizeof(address));
	if (!pending->dial.address)
		return xs_error_set(err, XS_ERR_SYSTEM, ENOMEM,
				    "the relay is out of memory");
	*pending->dial.address = address;
	pending->dial.count = 1;
	pending->dial.at = wire->head.started ? 1 : 0;
	return 1;
}

void xs_pending_answer(struct xs_pending *pending, const struct xs_error *err,
		       const struct xs_tls_summary *summary)
{
	struct xs_control *control = pending->control;
	struct xs_wire verdict;

	if (!control)
		return;
	pending->control = NULL;
	xs_request_verdict(pending->request, &verdict, err, summary);
	xs_control_answer(control, &verdict);
}

void xs_pending_close_app(struct xs_pending *pending)
{
	if (pending->app_end >= 0)
		close(pending->app_end);
	pending->app_end = -1;
}

void xs_pending_free(struct xs_pending *pending, int tcp_fd)
{
	if (pending->control)
		xs_control_attach(pending->control, NULL);
	if (pending->load)
		xs_loader_forget(pending->load);
	if (pending->lookup)
		xs_resolver_forget(pending->lookup);
	if (pending->app_tcp != tcp_fd)
		close(pending->app_tcp);
	xs_pending_close_app(pending);
	if (pending->log_fd >= 0)
		close(pending->log_fd);
	xs_tls_context_put(pending->context);
	xs_ftp_data_put(pending->ftp_data);
	xs_dial_free(&pending->dial);
	xs_request_free(pending->request);
	free(pending);
}
