/* The engine of STARTTLS dialogues; see dialogue.h.
 *
 * It collects what comes until there is a unit, bounds it, gives it to the
 * protocol's judge, and holds the two rules that no protocol may forget:
 * nothing may come behind the server's go-ahead, and nothing behind the
 * application's STARTTLS.  What a judge says is in the protocol's file.
 */
#include "relay/starttls/protocol.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A password may be in it. */
static void free_own(struct xs_dialogue *dialogue)
{
	if (!dialogue->own)
		return;
	explicit_bzero(dialogue->own, dialogue->protocol->own_size);
	free(dialogue->own);
}

bool xs_dialogue_become(struct xs_dialogue *dialogue,
			const struct xs_protocol *protocol)
{
	void *own = NULL;

	if (protocol->own_size) {
		own = calloc(1, protocol->own_size);
		if (!own) {
			dialogue->no_memory = true;
			return false;
		}
	}
	free_own(dialogue);
	dialogue->own = own;
	dialogue->protocol = protocol;
	return true;
}

enum xs_dialogue_result
xs_dialogue_listen_as(struct xs_dialogue *dialogue,
		      const struct xs_protocol *protocol)
{
	if (!xs_dialogue_become(dialogue, protocol))
		return XS_DIALOGUE_BROKEN;
	return dialogue->opened ? XS_DIALOGUE_MORE : XS_DIALOGUE_OPEN;
}

enum xs_dialogue_result xs_dialogue_pass_app(struct xs_dialogue *dialogue,
					     struct xs_unit unit,
					     struct xs_error *err)
{
	(void)err;
	xs_dialogue_send(dialogue, unit.raw, unit.len);
	return XS_DIALOGUE_MORE;
}

struct xs_dialogue *xs_dialogue_new(const struct xs_protocol *protocol,
				    const struct xs_dialogue_setup *setup)
{
	struct xs_dialogue *dialogue;

	if (!protocol)
		return NULL;
	dialogue = calloc(1, sizeof(*dialogue));
	if (!dialogue)
		return NULL;
	dialogue->setup = *setup;
	if (xs_dialogue_become(dialogue, protocol))
		return dialogue;
	free(dialogue);
	return NULL;
}

void xs_dialogue_free(struct xs_dialogue *dialogue)
{
	if (!dialogue)
		return;
	free_own(dialogue);
	xs_dialogue_forget(dialogue);
	xs_queue_free(&dialogue->server.in);
	xs_queue_free(&dialogue->app.in);
	xs_queue_free(&dialogue->to_server);
	xs_queue_free(&dialogue->to_app);
	free(dialogue);
}

struct xs_queue *xs_dialogue_to_server(struct xs_dialogue *dialogue)
{
	return &dialogue->to_server;
}

struct xs_queue *xs_dialogue_to_app(struct xs_dialogue *dialogue)
{
	return &dialogue->to_app;
}

bool xs_dialogue_server_owes(const struct xs_dialogue *dialogue)
{
	return dialogue->asked && !dialogue->tls;
}

bool xs_dialogue_server_first(const struct xs_dialogue *dialogue)
{
	return dialogue->protocol->server_first;
}

bool xs_dialogue_is_hello(const uint8_t *data, size_t len)
{
	/* A record of handshake messages, of any version; its length, which is
	 * not 0; a ClientHello (RFC 8446, 5.1 and 4). */
	return data[0] == 0x16 && (len < 2 || data[1] == 0x03) &&
	       (len < 5 || data[3] || data[4]) && (len < 6 || data[5] == 0x01);
}

const void *xs_dialogue_hello(const struct xs_dialogue *dialogue, size_t *len)
{
	*len = dialogue->protocol->hello_len;
	return dialogue->protocol->hello;
}

bool xs_dialogue_skips(const struct xs_dialogue *dialogue, uint8_t byte)
{
	/* A NUL is no blank.
	 * NOLINTNEXTLINE(bugprone-not-null-terminated-result) */
	return dialogue->protocol->blanks && memchr(" \t\r\n", byte, 4) != NULL;
}

/* --- what a judge does ------------------------------------------------ */

static void dialogue_append(struct xs_dialogue *dialogue,
			    struct xs_queue *queue, const void *data,
			    size_t len)
{
	if (!xs_queue_append(queue, data, len))
		dialogue->no_memory = true;
}

void xs_dialogue_send(struct xs_dialogue *dialogue, const void *data,
		      size_t len)
{
	dialogue_append(dialogue, &dialogue->to_server, data, len);
}

void xs_dialogue_send_line(struct xs_dialogue *dialogue, const char *line)
{
	xs_dialogue_send(dialogue, line, strlen(line));
	xs_dialogue_send(dialogue, "\r\n", 2);
}

void xs_dialogue_replay(struct xs_dialogue *dialogue, const void *data,
			size_t len)
{
	dialogue_append(dialogue, &dialogue->to_app, data, len);
}

void xs_dialogue_replay_line(struct xs_dialogue *dialogue, const char *line)
{
	xs_dialogue_replay(dialogue, line, strlen(line));
	xs_dialogue_replay(dialogue, "\r\n", 2);
}

void xs_dialogue_keep(struct xs_dialogue *dialogue, const void *data,
		      size_t len)
{
	dialogue_append(dialogue, &dialogue->kept, data, len);
}

void xs_dialogue_forget(struct xs_dialogue *dialogue)
{
	struct xs_queue *kept = &dialogue->kept;

	if (kept->data)
		explicit_bzero(kept->data, kept->size);
	xs_queue_free(kept);
}

/* How TLS is asked for, for messages. */
static const char *asks_of(const struct xs_dialogue *dialogue)
{
	return dialogue->asks ? dialogue->asks : dialogue->protocol->asks;
}

/* --- sentences -------------------------------------------------------- */

struct xs_said xs_said(const char *text, size_t len)
{
	const size_t room = sizeof(((struct xs_said *)0)->text) - 6;
	struct xs_said said = { .text = "" };
	char *at = said.text;

	*at++ = '"';
	for (size_t i = 0; i < len && i < room; i++)
		*at++ = text[i] < ' ' || text[i] > '~' ? '?' : text[i];
	if (len > room)
		at = stpcpy(at, "...");
	*at++ = '"';
	*at = '\0';
	return said;
}

enum xs_dialogue_result xs_dialogue_refused(const struct xs_dialogue *dialogue,
					    const char *said,
					    struct xs_error *err)
{
	xs_error_set(err, XS_ERR_PROTOCOL, 0,
		     "the server refuses %s: %s (is TLS switched on there?)",
		     asks_of(dialogue), xs_said(said, strlen(said)).text);
	return XS_DIALOGUE_REFUSED;
}

enum xs_dialogue_result xs_dialogue_missing(const struct xs_dialogue *dialogue,
					    struct xs_error *err)
{
	xs_error_set(err, XS_ERR_PROTOCOL, 0,
		     "the server does not offer %s, or somebody between took "
		     "the offer out (is TLS switched on there? a port for TLS "
		     "from the first byte needs tls://)",
		     asks_of(dialogue));
	return XS_DIALOGUE_REFUSED;
}

enum xs_dialogue_result xs_dialogue_broken(const struct xs_dialogue *dialogue,
					   struct xs_error *err,
					   const char *format, ...)
{
	char what[256];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	xs_error_set(err, XS_ERR_PROTOCOL, 0, "%s: %s",
		     dialogue->protocol->title, what);
	return XS_DIALOGUE_BROKEN;
}

void xs_dialogue_injected(const struct xs_dialogue *dialogue,
			  struct xs_error *err)
{
	xs_dialogue_broken(dialogue, err,
			   "something came behind the server's go-ahead, "
			   "before TLS (somebody between may have put it "
			   "there; nothing of it was used)");
}

bool xs_dialogue_cut(const struct xs_dialogue *dialogue, struct xs_error *err)
{
	if (dialogue->opened && !xs_dialogue_server_owes(dialogue))
		return false;
	xs_dialogue_broken(dialogue, err,
			   "the server closed the connection before it "
			   "agreed to %s",
			   asks_of(dialogue));
	return true;
}

bool xs_dialogue_goodbye(const struct xs_dialogue *dialogue)
{
	return dialogue->goodbye && !xs_queue_len(&dialogue->server.in);
}

bool xs_dialogue_late(const struct xs_dialogue *dialogue, double seconds,
		      struct xs_error *err)
{
	if (dialogue->opened && !xs_dialogue_server_owes(dialogue))
		return false;
	xs_error_set(err, XS_ERR_TIMEOUT, 0,
		     "%s: the server did not agree to %s within %g s (is it "
		     "a server of this protocol?)",
		     dialogue->protocol->title, asks_of(dialogue), seconds);
	return true;
}

/* --- units ------------------------------------------------------------ */

static const char *who(bool from_app)
{
	return from_app ? "the application" : "the server";
}

/* A line ends with LF, most often CR LF. */
size_t xs_dialogue_frame_line(const uint8_t *data, size_t size)
{
	/* Nobody asks without bytes.  NOLINTNEXTLINE(analyzer-null-argument) */
	const uint8_t *end = memchr(data, '\n', size);

	return end ? (size_t)(end - data) + 1 : 0;
}

size_t xs_dialogue_frame(struct xs_dialogue *dialogue, bool from_app,
			 const uint8_t *data, size_t size, struct xs_error *err)
{
	const struct xs_protocol *protocol = dialogue->protocol;

	if (protocol->frame)
		return protocol->frame(dialogue, from_app, data, size, err);
	return xs_dialogue_frame_line(data, size);
}

/* CR alone ends a line for many a server (of IRC, above all): what is behind it
 * would be a command that nobody has judged. */
static bool is_text(const uint8_t *data, size_t len, bool any)
{
	for (size_t i = 0; i < len; i++)
		if (any ? !data[i] || data[i] == '\r'
			: (data[i] < ' ' && data[i] != '\t') || data[i] == 0x7f)
			return false;
	return true;
}

/* Copies a line's text, without its end, to where it is NUL-terminated. */
static bool dialogue_read_line(const uint8_t *raw, size_t len, bool any,
			       char text[XS_LINE_MAX])
{
	size_t line = xs_dialogue_frame_line(raw, len);

	len = line ? line : len;
	if (raw[len - 1] == '\n')
		len--;
	if (len && raw[len - 1] == '\r')
		len--;
	memcpy(text, raw, len);
	text[len] = '\0';
	return is_text(raw, len, any);
}

static enum xs_dialogue_result dialogue_judge(struct xs_dialogue *dialogue,
					      bool from_app, const uint8_t *raw,
					      size_t len, struct xs_error *err)
{
	const struct xs_protocol *protocol = dialogue->protocol;
	struct xs_unit unit = { .raw = raw, .len = len };
	char text[XS_LINE_MAX];

	if (!protocol->frame || protocol->lines) {
		if (!dialogue_read_line(raw, len, protocol->any_text, text))
			return xs_dialogue_broken(
				dialogue, err,
				"%s sent a line that is not text (does the "
				"port speak this protocol?)",
				who(from_app));
		unit.text = text;
	}
	return from_app ? protocol->app(dialogue, unit, err)
			: protocol->server(dialogue, unit, err);
}

/* --- the engine ------------------------------------------------------- */

static enum xs_dialogue_result out_of_memory(struct xs_error *err)
{
	xs_error_set(err, XS_ERR_SYSTEM, ENOMEM, "the relay is out of memory");
	return XS_DIALOGUE_BROKEN;
}

/* Everything that lies here passes on. */
static enum xs_dialogue_result let_pass(struct xs_dialogue *dialogue,
					struct xs_error *err)
{
	struct xs_queue *up = &dialogue->app.in;
	struct xs_queue *down = &dialogue->server.in;

	xs_dialogue_send(dialogue, xs_queue_first(up), xs_queue_len(up));
	xs_dialogue_replay(dialogue, xs_queue_first(down), xs_queue_len(down));
	xs_queue_free(up);
	xs_queue_free(down);
	return dialogue->no_memory ? out_of_memory(err) : XS_DIALOGUE_PASS;
}

/* Has the application sent anything behind what asks for TLS? */
static bool is_pipelined(struct xs_dialogue *dialogue)
{
	struct xs_queue *in = &dialogue->app.in;

	if (!xs_dialogue_server_owes(dialogue))
		return false;
	while (xs_queue_len(in) &&
	       xs_dialogue_skips(dialogue, in->data[in->start]))
		in->start++;
	return xs_queue_len(in) > 0;
}

/* Holds what must be true whatever a judge says. */
static enum xs_dialogue_result dialogue_settle(struct xs_dialogue *dialogue,
					       enum xs_dialogue_result result,
					       struct xs_error *err)
{
	if (dialogue->no_memory)
		return out_of_memory(err);
	switch (result) {
	case XS_DIALOGUE_OPEN:
		dialogue->opened = true;
		break;
	case XS_DIALOGUE_TLS:
	case XS_DIALOGUE_AGREED:
		if (xs_queue_len(&dialogue->server.in)) {
			xs_dialogue_injected(dialogue, err);
			return XS_DIALOGUE_BROKEN;
		}
		/* fall through */
	case XS_DIALOGUE_MORE:
		if (is_pipelined(dialogue))
			return xs_dialogue_broken(
				dialogue, err,
				"the application sent something behind its %s "
				"without waiting for the answer",
				asks_of(dialogue));
		break;
	case XS_DIALOGUE_PASS:
		return let_pass(dialogue, err);
	case XS_DIALOGUE_REFUSED:
	case XS_DIALOGUE_BROKEN:
		break;
	}
	return result;
}

static size_t unit_max(const struct xs_dialogue *dialogue)
{
	size_t max = dialogue->protocol->unit_max;

	return max ? max : XS_LINE_MAX;
}

static enum xs_dialogue_result too_long(const struct xs_dialogue *dialogue,
					bool from_app, struct xs_error *err)
{
	return xs_dialogue_broken(dialogue, err,
				  "%s sent more than %zu bytes without an end "
				  "(does the port speak this protocol?)",
				  who(from_app), unit_max(dialogue));
}

/* Gives unit after unit to the judge, until it wants something else. */
static enum xs_dialogue_result go_on(struct xs_dialogue *dialogue,
				     bool from_app, struct xs_error *err)
{
	struct xs_queue *in =
		from_app ? &dialogue->app.in : &dialogue->server.in;
	enum xs_dialogue_result result = XS_DIALOGUE_MORE;

	while (result == XS_DIALOGUE_MORE && xs_queue_len(in)) {
		const uint8_t *data = xs_queue_first(in);
		size_t size = xs_queue_len(in);
		size_t len =
			xs_dialogue_frame(dialogue, from_app, data, size, err);

		if (len == XS_FRAME_BROKEN)
			return dialogue_settle(dialogue, XS_DIALOGUE_BROKEN,
					       err);
		if (len > unit_max(dialogue) ||
		    (!len && size >= unit_max(dialogue)))
			return too_long(dialogue, from_app, err);
		if (!len)
			break;
		result = dialogue_judge(dialogue, from_app, data, len, err);
		/* The application has asked: what was before is forgotten. */
		if (from_app)
			dialogue->server.total = 0;
		in->start += len;
		if (!xs_queue_len(in))
			xs_queue_free(in);
		result = dialogue_settle(dialogue, result, err);
		/* It may be what the application's words waited for. */
		if (!from_app && result == XS_DIALOGUE_MORE &&
		    dialogue->opened && !xs_dialogue_server_owes(dialogue))
			result = go_on(dialogue, true, err);
	}
	return result;
}

static enum xs_dialogue_result dialogue_take(struct xs_dialogue *dialogue,
					     bool from_app, const void *data,
					     size_t len, struct xs_error *err)
{
	struct xs_queue *in =
		from_app ? &dialogue->app.in : &dialogue->server.in;
	size_t *total =
		from_app ? &dialogue->app.total : &dialogue->server.total;

	*total += len;
	if ((!dialogue->opened || xs_dialogue_server_owes(dialogue)) &&
	    *total > XS_TOTAL_MAX)
		return xs_dialogue_broken(dialogue, err,
					  "%s sent more than %d bytes and did "
					  "not agree to %s",
					  who(from_app), XS_TOTAL_MAX,
					  asks_of(dialogue));
	if (!xs_queue_append(in, data, len))
		return out_of_memory(err);
	if (from_app && xs_dialogue_server_owes(dialogue))
		return dialogue_settle(dialogue, XS_DIALOGUE_MORE, err);
	return go_on(dialogue, from_app, err);
}

enum xs_dialogue_result xs_dialogue_server(struct xs_dialogue *dialogue,
					   const void *data, size_t len,
					   struct xs_error *err)
{
	return dialogue_take(dialogue, false, data, len, err);
}

enum xs_dialogue_result xs_dialogue_app(struct xs_dialogue *dialogue,
					const void *data, size_t len,
					struct xs_error *err)
{
	return dialogue_take(dialogue, true, data, len, err);
}

enum xs_dialogue_result xs_dialogue_end(struct xs_dialogue *dialogue,
					struct xs_error *err)
{
	enum xs_dialogue_result result = dialogue->protocol->passes_end
						 ? XS_DIALOGUE_PASS
						 : XS_DIALOGUE_MORE;

	return dialogue_settle(dialogue, result, err);
}

const char *xs_dialogue_take_remark(struct xs_dialogue *dialogue)
{
	const char *remark = dialogue->remarked ? NULL : dialogue->remark;

	dialogue->remark = NULL;
	dialogue->remarked |= remark != NULL;
	return remark;
}

enum xs_dialogue_result xs_dialogue_begin(struct xs_dialogue *dialogue,
					  struct xs_error *err)
{
	xs_step *begin = dialogue->protocol->begin;

	return begin ? dialogue_settle(dialogue, begin(dialogue, err), err)
		     : XS_DIALOGUE_MORE;
}

enum xs_dialogue_result xs_dialogue_begin_with_tls(struct xs_dialogue *dialogue,
						   struct xs_error *err)
{
	(void)dialogue, (void)err;
	return XS_DIALOGUE_TLS;
}

enum xs_dialogue_result xs_dialogue_secured(struct xs_dialogue *dialogue,
					    struct xs_error *err)
{
	xs_step *secured = dialogue->protocol->secured;

	dialogue->tls = true;
	return dialogue_settle(
		dialogue, secured ? secured(dialogue, err) : XS_DIALOGUE_PASS,
		err);
}
