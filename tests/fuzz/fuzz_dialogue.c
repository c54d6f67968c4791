/* Any bytes of both sides in every STARTTLS dialogue.
 *
 * An input is a transcript (tests/unit/test_dialogue.c), read without mercy:
 * "scheme", "optional", what the sides say, "secured"; all else is skipped.  It
 * is played in the pieces of the file and one byte at a time, and must come to
 * the same end with the same bytes.  In between must be true:
 *
 * - an end has one printable sentence and an errno
 * - TLS is never wanted with bytes of the server's unread
 * - before TLS the application gets nothing where it takes no part yet
 * - where SASL mechanisms are taken out behind TLS, the application gets no
 *   more than the server said, and the server what the application said
 * - in protocols of lines the server gets, before TLS, lines that are harmless
 */
#include "relay/starttls/table.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#ifndef XS_LIBFUZZER
static const char *const words[] = { "\n< ",
				     "\n{ ",
				     "\nsecured\n",
				     "\nended\n",
				     "\noptional\n",
				     "\\r\\n",
				     "\\x00",
				     "\\\n",
				     "scheme smtp+starttls\n",
				     "scheme imap+starttls\n",
				     "scheme pop3+starttls\n",
				     "scheme nntp+starttls\n",
				     "scheme sieve+starttls\n",
				     "scheme irc+starttls\n",
				     "scheme ftp+starttls\n",
				     "scheme ldap+starttls\n",
				     "scheme xmpp+starttls\n",
				     "scheme postgres+starttls\n",
				     "scheme mysql+starttls\n",
				     "scheme nats+starttls\n",
				     "scheme nats+tls\n",
				     "scheme starttls\n",
				     "scheme ftp+tls\n",
				     "scheme xmpp+tls\n",
				     "scheme postgres+tls\n",
				     "scheme smtp+tls\n",
				     "scheme imap+tls\n",
				     "scheme pop3+tls\n",
				     "scheme nntp+tls\n",
				     "scheme ldap+tls\n",
				     "-PLUS",
				     "250-AUTH ",
				     "* CAPABILITY ",
				     " OK [CAPABILITY ",
				     "AUTH=",
				     "SASL ",
				     "\"SASL\" \"",
				     "<mechanism>",
				     "-PLUS</mechanism>",
				     "<success/>",
				     "STARTTLS",
				     "STLS",
				     "AUTH TLS",
				     "CAPABILITY",
				     "* OK ",
				     "* PREAUTH ",
				     "* BYE ",
				     "+OK",
				     "-ERR",
				     "220 ",
				     "220-",
				     "250 STARTTLS",
				     "382 ",
				     "234 ",
				     "{5}",
				     "{5+}",
				     "{99999999999999999999}",
				     "\"STARTTLS\"",
				     "INFO {\"a\":1}",
				     "\"tls_required\":true",
				     "\"connect_urls\":[\"a\"]",
				     ":a 670 b",
				     ":a 421 b STARTTLS",
				     "a1 ",
				     "xs OK",
				     "xc OK",
				     ".",
				     "AUTH PLAIN c2VjcmV0",
				     "LOGIN me secret",
				     "USER me",
				     "PASS secret",
				     NULL };
#endif

/* What may be said in plaintext, once more, and by hand. */
static const char *const harmless[] = { "EHLO",
					"HELO",
					"LHLO",
					"NOOP",
					"RSET",
					"HELP",
					"QUIT",
					"FEAT",
					"SYST",
					"HOST",
					"OPTS",
					"CLNT",
					"AUTH TLS",
					"AUTH TLS-C",
					"AUTH SSL",
					"AUTH TLS-P",
					"DATE",
					"CAPABILITIES",
					"LIST EXTENSIONS",
					"MODE READER",
					"STARTTLS",
					"STLS",
					"CAPA",
					"CAPABILITY",
					"ID",
					"LOGOUT",
					"CAP",
					"NICK",
					"USER",
					"PING",
					"PONG",
					"JOIN :",
					NULL };

struct side {
	uint8_t *byte;
	size_t len;
};

struct play {
	bool bytes; /* one at a time */
	struct xs_dialogue *dialogue;
	struct xs_dialogue_setup setup;
	char scheme[64];
	enum xs_dialogue_result wants;
	struct xs_error err;
	struct side side[2]; /* what the server and the application got */
	struct side waits;   /* what the application said, still unread */
	size_t said[2];	     /* by the application, by the server */
};

/* What is played, to be shown. */
static const char *played;

static void must(bool condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "not true: %s\n%s\n", what, played);
	abort();
}

static void check_error(const struct xs_error *err)
{
	size_t len = strlen(err->text);

	must(err->kind != XS_ERR_NONE && err->errnum != 0,
	     "an end has an errno");
	must(len > 0 && len < sizeof(err->text), "an end has a sentence");
	for (size_t i = 0; i < len; i++)
		must(err->text[i] >= ' ' && err->text[i] <= '~',
		     "a sentence is printable");
}

/* Is it one of the protocols of lines, under starttls://? */
static bool is_watched_text(const struct play *play)
{
	static const char *const titles[] = { "SMTP", "LMTP", "IMAP",
					      "POP3", "NNTP", "ManageSieve",
					      "IRC",  "FTP",  NULL };

	for (const char *const *title = titles; *title; title++)
		if (strcmp(play->dialogue->protocol->title, *title) == 0)
			return strcmp(play->scheme, "starttls") == 0;
	return false;
}

static bool begins(const char *line, size_t len, const char *word)
{
	size_t want = strlen(word);

	return len >= want && strncasecmp(line, word, want) == 0 &&
	       (len == want || strchr(" \r\n", line[want]));
}

static void check_line(const struct play *play, const char *line, size_t len)
{
	bool tagged = strcmp(play->dialogue->protocol->title, "IMAP") == 0;
	size_t at = 0;

	while (tagged && at < len && line[at] != ' ')
		at++;
	while (tagged && at < len && line[at] == ' ')
		at++;
	for (const char *const *word = harmless; *word; word++)
		if (begins(line + at, len - at, *word))
			return;
	/* The server's first line may be yet to tell which it is. */
	must(begins(line, len, "STARTTLS"), "only harmless lines leave");
}

static void check_plaintext(const struct play *play,
			    const struct xs_queue *queue)
{
	const char *line = (const char *)queue->data + queue->start;
	const char *end = (const char *)queue->data + queue->end;

	if (play->dialogue->tls || play->setup.optional ||
	    !is_watched_text(play))
		return;
	while (line < end) {
		const char *next = memchr(line, '\n', (size_t)(end - line));

		must(next, "whole lines leave");
		check_line(play, line, (size_t)(next - line));
		line = next + 1;
	}
}

static void append(struct side *side, const uint8_t *data, size_t len)
{
	side->byte = realloc(side->byte, side->len + len);
	must(side->byte, "memory");
	memcpy(side->byte + side->len, data, len);
	side->len += len;
}

static void collect(struct side *side, struct xs_queue *queue)
{
	if (!xs_queue_len(queue))
		return;
	append(side, queue->data + queue->start, xs_queue_len(queue));
	xs_queue_free(queue);
}

/* After every call. */
static void check(struct play *play)
{
	struct xs_dialogue *dialogue = play->dialogue;
	struct xs_queue *up = xs_dialogue_to_server(dialogue);
	struct xs_queue *down = xs_dialogue_to_app(dialogue);

	switch (play->wants) {
	case XS_DIALOGUE_REFUSED:
	case XS_DIALOGUE_BROKEN:
		check_error(&play->err);
		break;
	case XS_DIALOGUE_TLS:
	case XS_DIALOGUE_AGREED:
		must(!dialogue->tls, "TLS is wanted once");
		must(!xs_queue_len(&dialogue->server.in),
		     "no TLS with bytes of the server's unread");
		break;
	case XS_DIALOGUE_PASS:
		must(!xs_queue_len(&dialogue->server.in) &&
			     !xs_queue_len(&dialogue->app.in),
		     "nothing stays behind");
		break;
	case XS_DIALOGUE_MORE:
	case XS_DIALOGUE_OPEN:
		break;
	}
	if (!dialogue->opened && !dialogue->tls &&
	    play->wants != XS_DIALOGUE_OPEN)
		must(!xs_queue_len(down), "nothing to who takes no part");
	if (xs_queue_len(up) && play->wants != XS_DIALOGUE_PASS)
		check_plaintext(play, up);
	collect(&play->side[0], up);
	collect(&play->side[1], down);
}

/* PROTOCOL+tls:// with nothing behind it but the filter. */
static void check_filter(const struct play *play)
{
	const struct xs_dialogue *dialogue = play->dialogue;

	if (!dialogue->tls || !dialogue->protocol->passes_end ||
	    strcmp(play->scheme, dialogue->protocol->name) != 0)
		return;
	must(play->side[1].len <= play->said[1], "nothing is added");
	must(play->side[0].len <= play->said[0] &&
		     (play->wants != XS_DIALOGUE_PASS ||
		      play->side[0].len == play->said[0]),
	     "what the application says passes");
}

static void hear(struct play *play, bool app, const uint8_t *data, size_t len)
{
	play->said[!app] += len;
	play->wants = (app ? xs_dialogue_app : xs_dialogue_server)(
		play->dialogue, data, len, &play->err);
	check(play);
	check_filter(play);
}

/* What the relay does of its own accord. */
static void go_on(struct play *play)
{
	if (play->wants == XS_DIALOGUE_OPEN)
		play->wants = XS_DIALOGUE_MORE;
	if (play->wants == XS_DIALOGUE_MORE)
		hear(play, false, NULL, 0);
	if (play->wants == XS_DIALOGUE_MORE && play->dialogue->opened)
		hear(play, true, NULL, 0);
}

/* The application's words wait with the kernel until it takes part, and while
 * there is a handshake to come. */
static bool must_wait(const struct play *play)
{
	return !play->dialogue->opened || play->wants == XS_DIALOGUE_TLS ||
	       play->wants == XS_DIALOGUE_AGREED;
}

static void say(struct play *play, bool app, const uint8_t *data, size_t len)
{
	while (len) {
		size_t piece = play->bytes ? 1 : len;

		if (app && must_wait(play)) {
			append(&play->waits, data, len);
			return;
		}
		if (!app && (play->wants == XS_DIALOGUE_TLS ||
			     play->wants == XS_DIALOGUE_AGREED)) {
			xs_dialogue_injected(play->dialogue, &play->err);
			play->wants = XS_DIALOGUE_BROKEN;
		}
		if (play->wants == XS_DIALOGUE_PASS)
			append(&play->side[!app], data, len);
		if (play->wants != XS_DIALOGUE_MORE)
			return;
		hear(play, app, data, piece);
		if (play->wants == XS_DIALOGUE_OPEN)
			go_on(play);
		data += piece;
		len -= piece;
	}
}

static void hear_what_waits(struct play *play)
{
	struct side waits = play->waits;

	if (!waits.len || must_wait(play))
		return;
	play->waits = (struct side){ .len = 0 };
	say(play, true, waits.byte, waits.len);
	free(waits.byte);
}

static void secured(struct play *play)
{
	if (play->wants != XS_DIALOGUE_TLS && play->wants != XS_DIALOGUE_AGREED)
		return;
	play->wants = xs_dialogue_secured(play->dialogue, &play->err);
	check(play);
	go_on(play);
}

static void ended(struct play *play)
{
	if (play->wants != XS_DIALOGUE_MORE)
		return;
	play->wants = xs_dialogue_end(play->dialogue, &play->err);
	check(play);
}

/* --- transcripts ---------------------------------------------------------- */

/* Reads \-escapes; returns the length. */
static size_t unescape(const char *text, size_t len, uint8_t *to)
{
	uint8_t *start = to;
	bool end = len && text[len - 1] == '\\';

	for (size_t i = 0; i < len - end; i++) {
		char next = i + 1 < len - end ? text[i + 1] : '\0';
		char hex[3] = "";

		if (text[i] != '\\' || !next) {
			*to++ = (uint8_t)text[i];
		} else if (next == 'x') {
			memcpy(hex, text + i + 2, len - i > 3 ? 2 : 0);
			*to++ = (uint8_t)strtoul(hex, NULL, 16);
			i += len - i > 3 ? 3 : 1;
		} else {
			*to++ = next == 'r'   ? '\r'
				: next == 'n' ? '\n'
					      : (uint8_t)next;
			i++;
		}
	}
	if (!end) {
		*to++ = '\r';
		*to++ = '\n';
	}
	return (size_t)(to - start);
}

static void step(struct play *play, const char *line, size_t len)
{
	static uint8_t bytes[1 << 20];

	hear_what_waits(play);
	if (len == 7 && memcmp(line, "secured", 7) == 0)
		secured(play);
	else if (len == 5 && memcmp(line, "ended", 5) == 0)
		ended(play);
	else if (len > 2 && len < sizeof(bytes) && line[1] == ' ' &&
		 (*line == '<' || *line == '{'))
		say(play, *line == '{', bytes,
		    unescape(line + 2, len - 2, bytes));
}

/* MySQL's RSA key, without RSA. */
static const char *password_key(size_t *len)
{
	static const char key[] = "-----BEGIN PUBLIC KEY-----";

	*len = sizeof(key) - 1;
	return key;
}

static bool password_decrypt(const uint8_t *data, size_t len,
			     uint8_t plain[XS_DIALOGUE_PASSWORD_MAX],
			     size_t *plain_len)
{
	if (len > XS_DIALOGUE_PASSWORD_MAX)
		return false;
	memcpy(plain, data, len);
	*plain_len = len;
	return true;
}

static const struct xs_dialogue_password password = {
	.key = password_key,
	.decrypt = password_decrypt,
};

/* Before the first word of either side: the setup. */
static void set_up(struct play *play, const char *text)
{
	const char *at = strstr(text, "scheme ");
	size_t len = at ? strcspn(at + 7, "\r\n") : 0;

	snprintf(play->scheme, sizeof(play->scheme), "%.*s",
		 (int)(len < 63 ? len : 63), at ? at + 7 : "");
	play->setup.domain = "example.com";
	play->setup.password = &password;
	play->setup.optional = strstr(text, "\noptional") != NULL;
}

static bool play_text(struct play *play, const char *text)
{
	set_up(play, text);
	play->dialogue =
		xs_dialogue_new(xs_protocol_find(play->scheme), &play->setup);
	if (!play->dialogue)
		return false;
	play->wants = xs_dialogue_begin(play->dialogue, &play->err);
	check(play);
	go_on(play);
	while (*text) {
		size_t len = strcspn(text, "\n");

		step(play, text, len);
		text += len + (text[len] == '\n');
	}
	hear_what_waits(play);
	xs_dialogue_free(play->dialogue);
	return true;
}

static void free_play(struct play *play)
{
	free(play->side[0].byte);
	free(play->side[1].byte);
	free(play->waits.byte);
}

static bool is_end(enum xs_dialogue_result result)
{
	return result == XS_DIALOGUE_REFUSED || result == XS_DIALOGUE_BROKEN;
}

static void compare(const struct play *one, const struct play *other)
{
	must(one->wants == other->wants ||
		     (is_end(one->wants) && is_end(other->wants)),
	     "pieces make no difference to the end");
	for (int i = 0; i < 2; i++)
		must(one->side[i].len == other->side[i].len &&
			     (!one->side[i].len ||
			      memcmp(one->side[i].byte, other->side[i].byte,
				     one->side[i].len) == 0),
		     "pieces make no difference to what is said");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct play whole = { .bytes = false };
	struct play bytes = { .bytes = true };
	char *text = malloc(size + 1);

	must(text, "memory");
	memcpy(text, data, size);
	text[size] = '\0';
	played = text;
	if (play_text(&whole, text) && play_text(&bytes, text))
		compare(&whole, &bytes);
	free_play(&whole);
	free_play(&bytes);
	free(text);
	return 0;
}

#ifndef XS_LIBFUZZER
#define SEEDS_MAX 1024
#endif
#include "driver.h"
