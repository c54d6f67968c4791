/* A CONNECT request; see request.h. */
#include "request.h"

#include <stdlib.h>
#include <string.h>

struct xs_request *xs_request_copy(const void *datagram, size_t len)
{
	struct xs_request *request = malloc(sizeof(*request) + len);
	struct xs_error err = { 0 };

	if (!request)
		return NULL;
	request->words = NULL;
	memcpy(request->datagram, datagram, len);
	if (xs_wire_decode(&request->wire, request->datagram, len, &err) == 0)
		request->words = xs_words_get(&request->wire);
	if (request->words)
		return request;
	free(request);
	return NULL;
}

void xs_request_free(struct xs_request *request)
{
	if (!request)
		return;
	xs_words_put(request->words);
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
