/* The program's goodbye; see goodbye.h. */
#include "relay/connection/goodbye.h"

#include <string.h>
#include <strings.h>

struct piece {
	const char *bytes;
	size_t len;
};
#define PIECE(bytes)                                                           \
	{                                                                      \
		bytes, sizeof(bytes) - 1                                       \
	}

static const struct piece pieces[] = {
	PIECE("\x01\x00\x00\x00\x01"), /* MySQL: COM_QUIT */
	PIECE("X\x00\x00\x00\x04"),    /* PostgreSQL: Terminate */
	PIECE("</stream:stream>"),     /* XMPP */
	PIECE("*1\r\n$4\r\nQUIT\r\n"), /* Redis, which also takes a line */
	PIECE("*1\r\n$4\r\nquit\r\n"),
};

/* A line: SMTP, POP3, NNTP, FTP, IRC; Sieve; and IMAP, behind a tag. */
static bool is_line(const char *said, size_t len)
{
	const char *space;

	if (!len || said[len - 1] != '\n')
		return false;
	len -= len > 1 && said[len - 2] == '\r' ? 2 : 1;
	if (memchr(said, '\n', len) || memchr(said, '\r', len))
		return false;
	if (len >= 4 && strncasecmp(said, "QUIT", 4) == 0)
		return len == 4 || said[4] == ' ';
	space = memchr(said, ' ', len);
	if (space) {
		len -= (size_t)(space + 1 - said);
		said = space + 1;
	}
	return len == 6 && strncasecmp(said, "LOGOUT", 6) == 0;
}

/* LDAP: UnbindRequest, behind an ID of one to four bytes (RFC 4511, 4.3). */
static bool is_unbind(const uint8_t *said, size_t len)
{
	size_t id = len - 6;

	return len >= 7 && len <= 10 && said[0] == 0x30 && said[1] == id + 4 &&
	       said[2] == 0x02 && said[3] == id && said[len - 2] == 0x42 &&
	       said[len - 1] == 0x00;
}

/* The length of the MQTT packets in front that no server answers: PUBACK and
 * PUBCOMP, with 2 bytes behind the length byte, or a few more in MQTT 5
 * (MQTT 5.0, 3.4 and 3.7).  A client that leaves sends them and DISCONNECT
 * together. */
static size_t count_acknowledgements(const uint8_t *said, size_t len)
{
	size_t at = 0;

	while (len - at >= 4 && (said[at] == 0x40 || said[at] == 0x70) &&
	       said[at + 1] >= 2 && said[at + 1] <= len - at - 2)
		at += 2 + (size_t)said[at + 1];
	return at;
}

static bool is_piece(const uint8_t *said, size_t len)
{
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++)
		if (len == pieces[i].len &&
		    memcmp(said, pieces[i].bytes, len) == 0)
			return true;
	return false;
}

/* DISCONNECT has a reason and properties in MQTT 5 where they are not the usual
 * ones (MQTT 5.0, 3.14). */
static bool is_disconnect(const uint8_t *said, size_t len)
{
	size_t at = count_acknowledgements(said, len);

	return len - at >= 2 && said[at] == 0xe0 &&
	       said[at + 1] == len - at - 2;
}

static bool is_said(const struct xs_goodbye *goodbye)
{
	size_t len = goodbye->len;

	if (!len || len > XS_GOODBYE_MAX)
		return false;
	return is_piece(goodbye->said, len) ||
	       is_disconnect(goodbye->said, len) ||
	       is_line((const char *)goodbye->said, len) ||
	       is_unbind(goodbye->said, len);
}

void xs_goodbye_hear(struct xs_goodbye *goodbye, const void *data, size_t len)
{
	goodbye->answered = false;
	if (len > XS_GOODBYE_MAX || goodbye->len + len > XS_GOODBYE_MAX) {
		goodbye->len = XS_GOODBYE_MAX + 1;
		return;
	}
	memcpy(goodbye->said + goodbye->len, data, len);
	goodbye->len += (uint8_t)len;
}

void xs_goodbye_answered(struct xs_goodbye *goodbye)
{
	goodbye->answered = true;
	goodbye->left = false;
	if (goodbye->len && !is_said(goodbye))
		goodbye->len = 0;
}

void xs_goodbye_leave(struct xs_goodbye *goodbye)
{
	goodbye->left = goodbye->answered;
}

bool xs_goodbye_is(const struct xs_goodbye *goodbye)
{
	return goodbye->left || is_said(goodbye);
}
