/* ManageSieve (RFC 5804): capabilities, STARTTLS.
 *
 *   state      server says            we say
 *   GREETING   "STARTTLS" …
 *   OFFERED    OK                     STARTTLS
 *   GO         OK                     (TLS)
 *
 * Behind TLS the server tells its capabilities again by itself (RFC 5804, 2.2),
 * and that is the greeting which the application gets.
 */
#include "relay/starttls/sieve.h"

#include "relay/starttls/reply.h"
#include "relay/starttls/sasl.h"
#include "relay/starttls/table.h"

#include <string.h>
#include <strings.h>

enum sieve_state { GREETING, OFFERED, GO };

/* --- responses --------------------------------------------------------- */

/* The bytes of a literal whose head the line ends with, {n} or {n+}; -1: no
 * literal. */
static ssize_t sieve_literal(const uint8_t *line, size_t len)
{
	size_t at = len, digits = 1, n = 0;

	while (at && (line[at - 1] == '\n' || line[at - 1] == '\r'))
		at--;
	if (!at || line[--at] != '}')
		return -1;
	if (at && line[at - 1] == '+')
		at--;
	for (; at && line[at - 1] >= '0' && line[at - 1] <= '9'; at--) {
		if (digits > XS_LINE_MAX)
			n = XS_LINE_MAX; /* too long in any case */
		else
			n += (size_t)(line[at - 1] - '0') * digits;
		digits *= digits > XS_LINE_MAX ? 1 : 10;
	}
	return at && line[at - 1] == '{' ? (ssize_t)n : -1;
}

size_t xs_sieve_frame(struct xs_dialogue *dialogue, bool from_app,
		      const uint8_t *data, size_t size, struct xs_error *err)
{
	size_t len = 0;

	if (from_app)
		return xs_dialogue_frame_line(data, size);
	for (;;) {
		const uint8_t *start = data + len;
		const uint8_t *end = memchr(start, '\n', size - len);
		ssize_t more;

		if (!end)
			return 0;
		more = sieve_literal(start, (size_t)(end - start) + 1);
		len += (size_t)(end - start) + 1;
		if (more < 0)
			break;
		/* The engine refuses what is longer than a line may be. */
		if ((size_t)more >= XS_LINE_MAX)
			return XS_LINE_MAX + 1;
		if ((size_t)more > size - len)
			return 0;
		len += (size_t)more;
	}
	if (memchr(data, '\0', len)) {
		xs_dialogue_broken(dialogue, err,
				   "the server sent a string that is not text");
		return XS_FRAME_BROKEN;
	}
	return len;
}

/* Is the string that raw begins with this one? */
static bool is_string(struct xs_unit unit, const char *word)
{
	size_t len = strlen(word);
	const uint8_t *start = unit.raw, *end;

	if (*start == '"') {
		start++;
		return unit.len > len + 2 && start[len] == '"' &&
		       strncasecmp((const char *)start, word, len) == 0;
	}
	end = memchr(start, '\n', unit.len);
	return end &&
	       sieve_literal(start, (size_t)(end - start) + 1) ==
		       (ssize_t)len &&
	       strncasecmp((const char *)end + 1, word, len) == 0;
}

static bool is_word(struct xs_unit unit, const char *word)
{
	return xs_reply_word(unit.text, word) ||
	       (strncasecmp(unit.text, word, strlen(word)) == 0 &&
		unit.text[strlen(word)] == '(');
}

enum xs_sieve_kind xs_sieve_read(struct xs_unit unit, const char *capability,
				 bool *is)
{
	*is = false;
	if (*unit.raw == '"' || *unit.raw == '{') {
		*is = is_string(unit, capability);
		return XS_SIEVE_CAPABILITY;
	}
	if (is_word(unit, "OK"))
		return XS_SIEVE_OK;
	if (is_word(unit, "NO"))
		return XS_SIEVE_NO;
	return is_word(unit, "BYE") ? XS_SIEVE_BYE : XS_SIEVE_WRONG;
}

/* --- the dialogue ------------------------------------------------------- */

static enum xs_dialogue_result sieve_server(struct xs_dialogue *dialogue,
					    struct xs_unit unit,
					    struct xs_error *err)
{
	bool starttls;

	switch (xs_sieve_read(unit, "STARTTLS", &starttls)) {
	case XS_SIEVE_CAPABILITY:
		if (dialogue->state == GO)
			break;
		if (starttls)
			dialogue->state = OFFERED;
		return XS_DIALOGUE_MORE;
	case XS_SIEVE_OK:
		if (dialogue->state == GO)
			return XS_DIALOGUE_TLS;
		if (dialogue->state != OFFERED)
			return xs_dialogue_missing(dialogue, err);
		xs_dialogue_send_line(dialogue, "STARTTLS");
		dialogue->asked = true;
		dialogue->state = GO;
		return XS_DIALOGUE_MORE;
	case XS_SIEVE_NO:
	case XS_SIEVE_BYE:
		return xs_dialogue_refused(dialogue, unit.text, err);
	case XS_SIEVE_WRONG:
		break;
	}
	return xs_dialogue_broken(dialogue, err, "the server said %s",
				  xs_said(unit.text, strlen(unit.text)).text);
}

const struct xs_protocol xs_protocol_sieve = {
	.name = "sieve",
	.title = "ManageSieve",
	.asks = "STARTTLS",
	.frame = xs_sieve_frame,
	.lines = true,
	.server = sieve_server,
	.secured = xs_sasl_filter,
};
