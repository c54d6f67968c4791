/* A CONNECT request, and what is told about it; see request.h.
 *
 * The relay is who writes the user's line, also for a blocking connect whose
 * client gets the sentence in its VERDICT: one outcome, one line.
 */
#include "request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct xs_request *xs_request_copy(const void *datagram, size_t len)
{
	struct xs_request *request = malloc(sizeof(*request) + len);
	struct xs_error err = { 0 };

	if (!request)
		return NULL;
	memcpy(request->datagram, datagram, len);
	if (xs_wire_decode(&request->wire, request->datagram, len, &err) < 0) {
		free(request);
		return NULL;
	}
	return request;
}

void xs_request_log(const struct xs_request *request, int log_fd,
		    enum xs_log_level level, const char *sentence)
{
	const char *const *string = request->wire.string;
	const struct xs_log_subject subject = {
		.program = string[XS_WIRE_PROGRAM],
		.pid = request->wire.head.pid,
		.asked = string[XS_WIRE_ASKED],
		.rule = string[XS_WIRE_RULE],
	};
	char line[XS_LOG_LINE_MAX];
	size_t len;

	if (request->wire.head.log_level < (int)level)
		return;
	len = xs_log_format(line, &subject, sentence);
	xs_log_write(string[XS_WIRE_LOG_DEST], log_fd, level, line, len);
}

void xs_request_log_failure(const struct xs_request *request, int log_fd,
			    const struct xs_error *err)
{
	xs_request_log(request, log_fd, XS_LOG_ERROR, err->text);
}

void xs_request_log_success(const struct xs_request *request, int log_fd,
			    const struct xs_tls_summary *summary)
{
	char sentence[XS_ERROR_TEXT_MAX];

	const char *scheme = request->wire.string[XS_WIRE_SCHEME];

	if (!summary) {
		xs_request_log(request, log_fd, XS_LOG_INFO,
			       strcmp(scheme, "tcp") == 0
				       ? "connected, without TLS (relay=yes)"
				       : "connected; TLS follows in the "
					 "protocol's course");
		return;
	}
	snprintf(sentence, sizeof(sentence), "%s %s, %s", summary->version,
		 summary->cipher, summary->how);
	xs_request_log(request, log_fd, XS_LOG_INFO, sentence);
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
