/* A CONNECT request; see request.h. */
#include "relay/connection/request.h"

#include "relay/base/forget.h"

#include <stdlib.h>
#include <string.h>

struct xs_request *xs_request_copy(const void *datagram, size_t len)
{
	struct xs_request *request = malloc(sizeof(*request) + len);
	struct xs_error err = { 0 };

	if (!request)
		return NULL;
	request->log_words = NULL;
	request->len = len;
	memcpy(request->datagram, datagram, len);
	if (xs_wire_decode(&request->wire, request->datagram, len, &err) == 0)
		request->log_words = xs_log_words_get(&request->wire);
	if (request->log_words)
		return request;
	xs_request_free(request);
	return NULL;
}

void xs_request_free(struct xs_request *request)
{
	if (!request)
		return;
	xs_log_words_put(request->log_words);
	xs_forget_options(request->datagram, request->len);
	free(request);
}

void xs_request_verdict(const struct xs_request *request,
			struct xs_wire *verdict, const struct xs_error *err,
			const struct xs_tls_summary *summary)
{
	xs_wire_init(verdict, XS_WIRE_VERDICT);
	verdict->head.id = request->wire.head.id;
	if (err) {
		verdict->head.errnum = err->errnum;
		verdict->string[XS_WIRE_SENTENCE] = err->text;
	}
	if (summary) {
		verdict->string[XS_WIRE_VERSION_NAME] = summary->version;
		verdict->string[XS_WIRE_CIPHER] = summary->cipher;
		verdict->string[XS_WIRE_VERIFIED] = summary->verified;
	}
}
