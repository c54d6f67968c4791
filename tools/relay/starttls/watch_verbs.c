/* What an application may say in plaintext under starttls://, by protocol.
 *
 * A row is harmless: it carries no credential, no address and no content, and
 * begins nothing that only makes sense behind TLS.  What is not here must wait
 * for TLS.  The order of the protocols counts where a server's first line
 * fits several (SMTP, LMTP and FTP all say 220): the first that knows the
 * application's verb is taken.
 */
#include "relay/starttls/watch_text.h"

#include "relay/starttls/ftp.h"
#include "relay/starttls/reply.h"
#include "relay/starttls/sasl.h"
#include "relay/starttls/sieve.h"

#include <string.h>

#define STARTTLS .asks = "STARTTLS"

static const struct xs_watch_verb smtp_verbs[] = {
	{ .word = "EHLO", .opens = true },
	{ .word = "HELO", .opens = true },
	{ .word = "NOOP" },
	{ .word = "RSET" },
	{ .word = "HELP" },
	{ .word = "QUIT", .ends = true },
	{ .word = "STARTTLS", STARTTLS },
	{ .word = NULL },
};

static const struct xs_watch_verb lmtp_verbs[] = {
	{ .word = "LHLO", .opens = true },
	{ .word = "NOOP" },
	{ .word = "RSET" },
	{ .word = "HELP" },
	{ .word = "QUIT", .ends = true },
	{ .word = "STARTTLS", STARTTLS },
	{ .word = NULL },
};

/* RFC 4217; AUTH SSL and TLS-P are the drafts before it. */
static const struct xs_watch_verb ftp_verbs[] = {
	{ .word = "FEAT", .opens = true },
	{ .word = "SYST" },
	{ .word = "NOOP" },
	{ .word = "HELP" },
	{ .word = "HOST", .opens = true },
	{ .word = "OPTS" },
	{ .word = "CLNT" },
	{ .word = "QUIT", .ends = true },
	{ "AUTH", "TLS", .opens = true, .asks = "AUTH TLS" },
	{ "AUTH", "TLS-C", .opens = true, .asks = "AUTH TLS-C" },
	{ "AUTH", "SSL", .opens = true, .asks = "AUTH SSL" },
	{ "AUTH", "TLS-P", .opens = true, .asks = "AUTH TLS-P" },
	{ .word = NULL },
};

static const struct xs_watch_verb nntp_verbs[] = {
	{ .word = "CAPABILITIES", .form = XS_FORM_LIST, .opens = true },
	{ "LIST", "EXTENSIONS", .form = XS_FORM_LIST },
	{ "MODE", "READER", .opens = true },
	{ .word = "DATE" },
	{ .word = "HELP", .form = XS_FORM_LIST },
	{ .word = "QUIT", .ends = true },
	{ .word = "STARTTLS", STARTTLS },
	{ .word = NULL },
};

static const struct xs_watch_verb pop3_verbs[] = {
	{ .word = "CAPA", .form = XS_FORM_LIST, .opens = true },
	{ .word = "NOOP" },
	{ .word = "QUIT", .ends = true },
	{ .word = "STLS", .opens = true, .asks = "STLS" },
	{ .word = NULL },
};

static const struct xs_watch_verb imap_verbs[] = {
	{ .word = "CAPABILITY", .opens = true },
	{ .word = "NOOP" },
	{ .word = "ID", .opens = true },
	{ .word = "LOGOUT", .ends = true },
	{ .word = "STARTTLS", .opens = true, .asks = "STARTTLS" },
	{ .word = NULL },
};

static const struct xs_watch_verb sieve_verbs[] = {
	{ .word = "CAPABILITY", .opens = true },
	{ .word = "NOOP" },
	{ .word = "LOGOUT", .ends = true },
	{ .word = "STARTTLS", STARTTLS },
	{ .word = NULL },
};

/* A name is not a secret, and registering is what a server that knows
 * STARTTLS holds back until CAP END. */
static const struct xs_watch_verb irc_verbs[] = {
	{ .word = "CAP", .form = XS_FORM_NONE, .opens = true },
	{ .word = "NICK", .form = XS_FORM_NONE, .opens = true },
	{ .word = "USER", .form = XS_FORM_NONE },
	{ .word = "PING", .form = XS_FORM_NONE },
	{ .word = "PONG", .form = XS_FORM_NONE },
	{ .word = "QUIT", .form = XS_FORM_NONE, .ends = true },
	/* irssi, which wants to hear a server without CAP complain */
	{ .word = "JOIN", .second = ":", .form = XS_FORM_NONE },
	{ .word = "STARTTLS", STARTTLS },
	{ .word = NULL },
};

static const int go_mail[] = { 220, 0 };
static const int go_file[] = { 234, 334, 0 };
static const int go_news[] = { 382, 0 };

/* Data connections need TLS, too: after PROT P, or at once (RFC 4217, 17). */
static enum xs_dialogue_result watch_observe_ftp(struct xs_dialogue *dialogue,
						 struct xs_error *err)
{
	bool at_once = strcmp(dialogue->asks, "AUTH SSL") == 0 ||
		       strcmp(dialogue->asks, "AUTH TLS-P") == 0;

	(void)err;
	return xs_ftp_observe(dialogue, at_once ? XS_FTP_DONE : XS_FTP_APP);
}

#define PROTOCOL(protocol_title, protocol_asks)                                \
	.title = (protocol_title), .asks = (protocol_asks), .name = "",        \
	.server = xs_watch_text_server, .app = xs_watch_text_app,              \
	.own_size = sizeof(struct xs_watch_text)

const struct xs_watch_dialect xs_watch_dialects[] = {
	{ .protocol = { PROTOCOL("IMAP", "STARTTLS"),
			.secured = xs_sasl_filter },
	  .greets = { "* " },
	  .tags = true,
	  .read = xs_watch_read_tagged,
	  .verbs = imap_verbs },
	{ .protocol = { PROTOCOL("POP3", "STLS"), .secured = xs_sasl_filter },
	  .greets = { "+OK", "-ERR" },
	  .read = xs_watch_read_mailbox,
	  .verbs = pop3_verbs },
	{ .protocol = { PROTOCOL("NNTP", "STARTTLS"),
			.secured = xs_sasl_filter },
	  .greets = { "200 ", "201 ", "400 ", "502 " },
	  .go = go_news,
	  .read = xs_watch_read_news,
	  .verbs = nntp_verbs },
	{ .protocol = { PROTOCOL("SMTP", "STARTTLS"),
			.secured = xs_sasl_filter },
	  .greets = { "220", "120", "4##", "5##" },
	  .go = go_mail,
	  .read = xs_watch_read_reply,
	  .verbs = smtp_verbs },
	{ .protocol = { PROTOCOL("LMTP", "STARTTLS"),
			.secured = xs_sasl_filter },
	  .greets = { "220", "120", "4##", "5##" },
	  .go = go_mail,
	  .read = xs_watch_read_reply,
	  .verbs = lmtp_verbs },
	{ .protocol = { PROTOCOL("FTP", "AUTH TLS"),
			.secured = watch_observe_ftp },
	  .greets = { "220", "120", "4##", "5##" },
	  .loose = true,
	  .ways = true,
	  .go = go_file,
	  .read = xs_watch_read_reply,
	  .verbs = ftp_verbs },
	/* Its server tells the capabilities again behind TLS, unasked. */
	{ .protocol = { PROTOCOL("ManageSieve", "STARTTLS"),
			.frame = xs_sieve_frame, .lines = true,
			.server_first = true, .secured = xs_sasl_filter },
	  .greets = { "\"", "{", "OK", "NO", "BYE" },
	  .read = xs_watch_read_response,
	  .verbs = sieve_verbs },
	{ .protocol = { PROTOCOL("IRC", "STARTTLS"), .any_text = true },
	  .greets = { ":", "@", "NOTICE ", "PING ", "ERROR " },
	  .no_answers = true,
	  .read = xs_watch_read_message,
	  .verbs = irc_verbs },
	{ .read = NULL },
};

const struct xs_watch_verb *
xs_watch_verb(const struct xs_watch_dialect *dialect, const char *said)
{
	if (dialect->tags)
		said = xs_reply_next(said);
	for (const struct xs_watch_verb *verb = dialect->verbs; verb->word;
	     verb++)
		if (xs_reply_word(said, verb->word) &&
		    (!verb->second ||
		     xs_reply_word(xs_reply_next(said), verb->second)))
			return verb;
	return NULL;
}

static bool begins(const char *line, const char *how)
{
	for (; *how; how++, line++)
		if (*how == '#' ? (*line < '0' || *line > '9') : *line != *how)
			return false;
	return true;
}

const struct xs_watch_dialect *xs_watch_greeted(const char *line)
{
	for (const struct xs_watch_dialect *row = xs_watch_dialects; row->read;
	     row++)
		for (const char *const *how = row->greets; *how; how++)
			if (begins(line, *how))
				return row;
	return NULL;
}
