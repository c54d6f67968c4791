/* What the program and the server of fuzz_connection.c do: the functions of its
 * steps.  Only fuzz_connection.c includes this.
 */
#ifndef XS_FUZZ_CONNECTION_SIDES_H
#define XS_FUZZ_CONNECTION_SIDES_H

#include "connection_stage.h"

/* Reads \-escapes; CRLF follows, unless a \ is at the end. */
static size_t unescape(const char *text, uint8_t *to, size_t room)
{
	uint8_t *start = to;

	while (*text && (size_t)(to - start) + 3 < room) {
		char hex[3] = "";

		if (*text != '\\') {
			*to++ = (uint8_t)*text++;
			continue;
		}
		if (!*++text)
			return (size_t)(to - start);
		if (*text != 'x') {
			*to++ = *text == 'r'   ? '\r'
				: *text == 'n' ? '\n'
					       : (uint8_t)*text;
			text++;
			continue;
		}
		text++;
		for (int i = 0; i < 2 && *text; i++)
			hex[i] = *text++;
		*to++ = (uint8_t)strtoul(hex, NULL, 16);
	}
	*to++ = '\r';
	*to++ = '\n';
	return (size_t)(to - start);
}

/* --- the program ---------------------------------------------------------- */

static void app_write(const void *data, size_t len)
{
	struct xs_pair_info info;
	ssize_t put;

	if (play.app < 0 || play.app_ended)
		return;
	must(xs_pair_read(play.app, &info), "the end of a pair");
	put = write(play.app, data, len);
	must(put <= 0 || info.state != XS_PAIR_CONNECTING,
	     "nothing can be written before the verdict");
	if (put > 0)
		append(&play.up, data, (size_t)put);
}

static void do_send(const char *rest)
{
	static char many[64 * 1024];
	size_t len = strtoul(rest, NULL, 10) % (sizeof(many) + 1);

	if (!*many)
		for (size_t i = 0; i < sizeof(many); i++)
			many[i] = secret[i % SECRET];
	app_write(many, len);
}

static void do_read(const char *rest)
{
	static uint8_t room[64 * 1024];
	ssize_t got;

	(void)rest;
	if (play.app < 0)
		return;
	while ((got = read(play.app, room, sizeof(room))) > 0)
		append(&play.sent_down, room, (size_t)got);
	if (got < 0)
		return;
	play.app_eof = true;
	if (play.rule->strict && !play.spoiled)
		must(play.said_bye || play.server < 0 || play.server_eof,
		     "an end is the server's");
}

static void do_end(const char *rest)
{
	(void)rest;
	if (play.app >= 0)
		shutdown(play.app, SHUT_WR);
	play.app_ended = true;
}

static void do_leave(const char *rest)
{
	(void)rest;
	if (play.app >= 0)
		close(play.app);
	play.app = -1;
	play.spoiled = true;
}

static void do_forget(const char *rest)
{
	(void)rest;
	if (play.control.connection)
		xs_connection_connector.client_left(play.control.connection);
	play.control.connection = NULL;
	play.spoiled = true;
}

/* --- the server ----------------------------------------------------------- */

static SSL_CTX *right, *stranger;

/* What came over TCP, to TLS if it is that. */
static void take(void)
{
	static uint8_t room[64 * 1024];
	ssize_t got;

	if (play.server < 0)
		return;
	while ((got = read(play.server, room, sizeof(room))) > 0) {
		append(&play.wire, room, (size_t)got);
		play.shaking |= room[0] == SSL3_RT_HANDSHAKE;
		if (play.shaking)
			BIO_write(SSL_get_rbio(play.ssl), room, (int)got);
	}
	play.server_eof |= got == 0;
}

/* What TLS has to say, perhaps not as it says it. */
static void give(void)
{
	static uint8_t room[256 * 1024];
	int len = BIO_read(SSL_get_wbio(play.ssl), room, sizeof(room));
	int sent;

	if (len <= 0)
		return;
	if (play.flip)
		room[play.flip % (unsigned)len] ^= 0x10;
	if (play.drop)
		len -= (int)(play.drop % (unsigned)len);
	play.flip = play.drop = 0;
	if (play.server < 0)
		return;
	sent = (int)write(play.server, room, (size_t)len);
	play.spoiled |= sent != len;
}

static void do_serve(const char *rest)
{
	static uint8_t room[64 * 1024];
	int got;

	(void)rest;
	take();
	if (!play.shaking)
		return;
	while ((got = SSL_read(play.ssl, room, sizeof(room))) > 0)
		append(&play.sent_up, room, (size_t)got);
	play.heard_bye |= SSL_get_shutdown(play.ssl) & SSL_RECEIVED_SHUTDOWN;
	ERR_clear_error();
	give();
}

static void do_write(const char *rest)
{
	static const char answer[] = "The server's answer, again and again. ";
	static char many[64 * 1024];
	size_t len = strtoul(rest, NULL, 10) % sizeof(many) + 1;

	if (!*many)
		for (size_t i = 0; i < sizeof(many); i++)
			many[i] = answer[i % (sizeof(answer) - 1)];
	if (!play.shaking || play.said_bye || play.server < 0 ||
	    SSL_write(play.ssl, many, (int)len) != (int)len)
		return;
	append(&play.down, many, len);
	give();
}

static void do_bye(const char *rest)
{
	(void)rest;
	if (!play.shaking || !SSL_is_init_finished(play.ssl))
		return;
	SSL_shutdown(play.ssl);
	play.said_bye = true;
	give();
}

static void do_finish(const char *rest)
{
	(void)rest;
	if (play.server >= 0)
		shutdown(play.server, SHUT_WR);
	play.spoiled |= !play.said_bye;
}

static void end_server(void)
{
	if (play.server >= 0)
		close(play.server);
	play.server = -1;
	play.spoiled = true;
}

static void do_reset(const char *rest)
{
	const struct linger now = { 1, 0 };

	(void)rest;
	if (play.server >= 0)
		setsockopt(play.server, SOL_SOCKET, SO_LINGER, &now,
			   sizeof(now));
	end_server();
}

static void do_update(const char *rest)
{
	(void)rest;
	if (!play.shaking || !SSL_is_init_finished(play.ssl) || play.said_bye)
		return;
	SSL_key_update(play.ssl, SSL_KEY_UPDATE_REQUESTED);
	SSL_do_handshake(play.ssl);
	give();
}

static void do_ticket(const char *rest)
{
	(void)rest;
	if (!play.shaking || !SSL_is_init_finished(play.ssl) || play.said_bye)
		return;
	SSL_new_session_ticket(play.ssl);
	SSL_do_handshake(play.ssl);
	give();
}

static void do_renegotiate(const char *rest)
{
	(void)rest;
	play.spoiled = true;
	if (!play.shaking || !SSL_is_init_finished(play.ssl) || play.said_bye)
		return;
	SSL_renegotiate(play.ssl);
	SSL_do_handshake(play.ssl);
	give();
}

static void do_flip(const char *rest)
{
	play.flip = (unsigned)strtoul(rest, NULL, 10);
	play.spoiled = true;
}

static void do_drop(const char *rest)
{
	play.drop = (unsigned)strtoul(rest, NULL, 10);
	play.spoiled = true;
}

static void server_says(const char *rest)
{
	uint8_t room[4096];
	size_t len = unescape(rest, room, sizeof(room));

	take();
	play.spoiled = true;
	/* Nor does the server know it, and the log may say what it said. */
	if (memmem(room, len, secret, SECRET))
		return;
	if (play.server >= 0 && write(play.server, room, len) < 0)
		end_server();
}

static void app_says(const char *rest)
{
	uint8_t room[4096];

	app_write(room, unescape(rest, room, sizeof(room)));
}

#endif
