/* FTP behind TLS, as long as the control connection stands.
 *
 * What is said passes on line by line, as it is.  Three things are done about
 * it:
 *
 * - A reply to PASV or EPSV (227, 229) announces a data connection, to a port
 *   that no rule can name; whoever carries the bytes is told before the
 *   application is, so that he can wrap it.
 * - A command that would leave the protection, or open a data connection that
 *   cannot be protected, does not reach the server: it is answered here, with
 *   a permanent refusal (5yz), and the application goes on with what else it
 *   can.  Active mode (PORT, EPRT, LPRT) is the one that matters: the server
 *   would connect to the application, which has no TLS.
 *
 * Such an answer must stand in its place among the server's when the
 * application sends several commands at once (RFC 959 allows one at a time;
 * some send more), so commands and final replies are counted.  ABOR is not:
 * some servers give it a reply of its own, some do not.
 *
 * - A server that takes PBSZ and PROT P only behind the login gets them when it
 *   says that the user is in.  Their answers are for nobody else, and until
 * they are there nothing of the application's goes to the server: a data
 * connection would be plaintext.
 *
 * There is no bound on how long this goes on, but on a line (8 KiB, more than
 * servers take): a longer one ends the connection, because what is not read
 * could be a reply that announces a data connection.  For the same reason a
 * reply 227 or 229 without an address ends it, and so does one that no command
 * has asked for: what it announces would also be wrapped for other programs of
 * this user, which no rule protects.  Other than that what is not
 * understood passes: the server has proved who it is, and what it says to the
 * application is between the two.
 */
#include "relay/starttls/ftp.h"
#include "relay/starttls/reply.h"

#include <string.h>
#include <strings.h>

enum {
	HELD_MAX = 16, /* answers of ours that wait for the server's */
};

/* PBSZ and PROT P, where they are the observer's to say. */
enum step { NOTHING, LOGIN, SIZE, LEVEL };

struct observer {
	bool secret;	  /* PROT P is in force */
	enum step step;	  /* what the server owes the observer */
	int open;	  /* xs_reply_follow's */
	bool told;	  /* the reply under way has announced its connection */
	unsigned passive; /* PASV and EPSV, less 227 and 229; those that the
			     server has refused stay */
	unsigned long asked, answered; /* commands, final replies */
	unsigned long level_at;	       /* the PROT P that is not answered */
	unsigned long ours;	       /* the command that is the observer's */
	size_t held;
	struct {
		unsigned long behind; /* so many final replies */
		const char *line;
	} hold[HELD_MAX];
};

#define PASSIVE                                                                \
	"would leave the data without TLS: use passive mode, PASV or EPSV "    \
	"(xsock)"

static const struct refusal {
	const char *verb;
	const char *line;
} refusals[] = {
	{ "PORT", "502 PORT " PASSIVE },
	{ "EPRT", "502 EPRT " PASSIVE },
	{ "LPRT", "502 LPRT " PASSIVE },
	{ "LPSV", "502 LPSV is not supported: use PASV or EPSV (xsock)" },
	{ "AUTH", "503 TLS is on already (xsock)" },
	{ "CCC", "534 CCC would take TLS off: not with this rule (xsock)" },
	{ "REIN", "502 REIN would take TLS off: not with this rule (xsock)" },
};

/* A line as text: file names may have any byte, and NUL ends it here. */
static void observer_read_text(struct xs_unit unit, char text[XS_LINE_MAX])
{
	size_t len = unit.len - 1;

	if (len && unit.raw[len - 1] == '\r')
		len--;
	memcpy(text, unit.raw, len);
	text[len] = '\0';
}

/* --- commands ---------------------------------------------------------- */

/* Behind what may stand in front of a verb: blanks, and Telnet's "interrupt
 * process" and "synch" before ABOR (RFC 959, 4.1.3). */
static const char *skip_front(const char *text)
{
	for (;;) {
		if ((unsigned char)text[0] == 0xff && text[1])
			text += 2;
		else if (*text == ' ' || *text == '\t')
			text++;
		else
			return text;
	}
}

static bool is_verb(const char *command, const char *verb)
{
	size_t len = strlen(verb);
	char next = command[0] ? command[strnlen(command, len)] : '\0';

	return strncasecmp(command, verb, len) == 0 &&
	       !((next >= 'A' && next <= 'Z') || (next >= 'a' && next <= 'z'));
}

/* Would it open a data connection in passive mode?  P@SW is PASV under a name
 * that firewalls do not know; pure-ftpd and vsftpd take it. */
static bool is_passive(const char *command)
{
	return is_verb(command, "PASV") || is_verb(command, "EPSV") ||
	       is_verb(command, "P@SW");
}

/* The observer's own commands are under way, or this one would open a data
 * connection, and the user may be in before it has its turn. */
static bool must_wait(const struct observer *observer, const uint8_t *data,
		      size_t len)
{
	char text[XS_LINE_MAX];

	if (observer->step != LOGIN)
		return observer->step > LOGIN;
	if (!len || len > XS_LINE_MAX || observer->asked == observer->answered)
		return false;
	observer_read_text((struct xs_unit){ .raw = data, .len = len }, text);
	return is_passive(skip_front(text));
}

static size_t observer_frame(struct xs_dialogue *dialogue, bool from_app,
			     const uint8_t *data, size_t size,
			     struct xs_error *err)
{
	size_t len = xs_dialogue_frame_line(data, size);

	(void)err;
	return from_app && must_wait(dialogue->own, data, len) ? 0 : len;
}

static const char *argument_of(const char *command)
{
	command += strcspn(command, " \t");
	return command + strspn(command, " \t");
}

/* What to answer instead of the server; NULL: the command is for the server. */
static const char *refusal_of(const struct xs_dialogue *dialogue,
			      const char *command)
{
	const struct observer *observer = dialogue->own;
	bool plain =
		!observer->secret && !observer->level_at && !observer->step;

	if (is_verb(command, "PROT") &&
	    strcasecmp(argument_of(command), "P") != 0)
		return plain ? NULL
			     : "534 Only PROT P has TLS for the data (xsock)";
	if (observer->step && is_passive(command))
		return "530 Log in first (xsock)";
	if (plain && !dialogue->setup.optional && is_passive(command))
		return "521 PROT P must come first, for the data to have TLS "
		       "(xsock)";
	/* Without PROT P, which the user left to the application. */
	if (plain && dialogue->setup.optional &&
	    (is_verb(command, "PORT") || is_verb(command, "EPRT")))
		return NULL;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
		if (is_verb(command, refusals[i].verb))
			return refusals[i].line;
	return NULL;
}

static enum xs_dialogue_result observer_answer(struct xs_dialogue *dialogue,
					       const char *line,
					       struct xs_error *err)
{
	struct observer *observer = dialogue->own;

	if (observer->answered == observer->asked && !observer->open) {
		xs_dialogue_replay_line(dialogue, line);
		return XS_DIALOGUE_MORE;
	}
	if (observer->held == HELD_MAX)
		return xs_dialogue_broken(
			dialogue, err,
			"the application sends many commands without waiting "
			"for an answer");
	observer->hold[observer->held].behind = observer->asked;
	observer->hold[observer->held++].line = line;
	return XS_DIALOGUE_MORE;
}

static enum xs_dialogue_result observer_app(struct xs_dialogue *dialogue,
					    struct xs_unit unit,
					    struct xs_error *err)
{
	struct observer *observer = dialogue->own;
	char text[XS_LINE_MAX];
	const char *command, *refusal;

	observer_read_text(unit, text);
	command = skip_front(text);
	refusal = refusal_of(dialogue, command);
	if (refusal)
		return observer_answer(dialogue, refusal, err);
	xs_dialogue_send(dialogue, unit.raw, unit.len);
	if (!*command || is_verb(command, "ABOR"))
		return XS_DIALOGUE_MORE;
	observer->asked++;
	observer->passive += is_passive(command);
	if (is_verb(command, "PROT") &&
	    strcasecmp(argument_of(command), "P") == 0)
		observer->level_at = observer->asked;
	return XS_DIALOGUE_MORE;
}

/* --- replies ----------------------------------------------------------- */

static void observer_say(struct xs_dialogue *dialogue, enum step step,
			 const char *line)
{
	struct observer *observer = dialogue->own;

	xs_dialogue_send_line(dialogue, line);
	observer->step = step;
	observer->ours = ++observer->asked;
}

/* The whole reply to what the observer said: no one else gets it. */
static enum xs_dialogue_result
observer_judge_level(struct xs_dialogue *dialogue, int code, const char *line,
		     struct xs_error *err)
{
	struct observer *observer = dialogue->own;
	bool size = observer->step == SIZE;

	observer->ours = 0;
	if (code != 200)
		return xs_ftp_refused(size ? "PBSZ 0" : "PROT P", line, err);
	if (size) {
		observer_say(dialogue, LEVEL, "PROT P");
		return XS_DIALOGUE_MORE;
	}
	observer->step = NOTHING;
	observer->secret = true;
	return XS_DIALOGUE_MORE;
}

static bool observer_announce(struct xs_dialogue *dialogue,
			      const struct xs_address *to, uint16_t port,
			      struct xs_error *err)
{
	((struct observer *)dialogue->own)->told = true;
	return !dialogue->setup.announce ||
	       dialogue->setup.announce(dialogue->setup.with, to, port, err);
}

/* A line of a reply 227 or 229; last: there is no other. */
static enum xs_dialogue_result
observer_read_passive(struct xs_dialogue *dialogue, int code, const char *text,
		      bool last, struct xs_error *err)
{
	const struct observer *observer = dialogue->own;
	const struct xs_address nowhere = { .len = 0 };
	struct xs_address to;
	uint16_t port;
	bool ok = true;

	if (!observer->secret && dialogue->setup.optional)
		return XS_DIALOGUE_MORE;
	if (!observer->secret)
		return xs_dialogue_broken(dialogue, err,
					  "the server opens a data connection "
					  "without TLS: PROT P is not in "
					  "force");
	if (!observer->passive)
		return xs_dialogue_broken(dialogue, err,
					  "the server opens a data connection "
					  "that nobody has asked for");
	if (code == 227 && xs_ftp_read_pasv(text, &to))
		ok = observer_announce(dialogue, &to, xs_address_port(&to),
				       err);
	else if (code == 229 && xs_ftp_read_epsv(text, &port))
		ok = observer_announce(dialogue, &nowhere, port, err);
	if (!ok)
		return XS_DIALOGUE_BROKEN;
	if (last && !observer->told)
		return xs_dialogue_broken(
			dialogue, err,
			"cannot read where the data connection goes to: %s",
			xs_said(text, strlen(text)).text);
	return XS_DIALOGUE_MORE;
}

/* A reply is complete. */
static void observer_count_reply(struct xs_dialogue *dialogue, int code)
{
	struct observer *observer = dialogue->own;
	size_t due = 0;

	observer->told = false;
	dialogue->goodbye = code == 221 || code == 421;
	if (code < 200)
		return;
	if ((code == 227 || code == 229) && observer->passive)
		observer->passive--;
	/* One that nobody asked for, as 421, counts for none. */
	if (observer->answered < observer->asked)
		observer->answered++;
	if (observer->level_at && observer->level_at == observer->answered) {
		observer->secret |= code == 200;
		observer->level_at = 0;
	}
	while (due < observer->held &&
	       observer->hold[due].behind <= observer->answered)
		xs_dialogue_replay_line(dialogue, observer->hold[due++].line);
	observer->held -= due;
	memmove(observer->hold, observer->hold + due,
		observer->held * sizeof(observer->hold[0]));
}

static enum xs_dialogue_result observer_server(struct xs_dialogue *dialogue,
					       struct xs_unit unit,
					       struct xs_error *err)
{
	struct observer *observer = dialogue->own;
	enum xs_dialogue_result result = XS_DIALOGUE_MORE;
	char text[XS_LINE_MAX];
	struct xs_reply reply;
	bool last, ours;

	observer_read_text(unit, text);
	last = xs_reply_follow(&observer->open, text, &reply);
	if (reply.code == 227 || reply.code == 229)
		result = observer_read_passive(dialogue, reply.code, reply.text,
					       last, err);
	if (result != XS_DIALOGUE_MORE)
		return result;
	ours = observer->ours && observer->ours == observer->answered + 1 &&
	       reply.code && reply.code != 421;
	if (!ours)
		xs_dialogue_replay(dialogue, unit.raw, unit.len);
	if (!last)
		return XS_DIALOGUE_MORE;
	observer_count_reply(dialogue, reply.code);
	if (ours && reply.code >= 200)
		return observer_judge_level(dialogue, reply.code, text, err);
	/* 232: by what TLS says (RFC 2228). */
	if (observer->step == LOGIN && (reply.code == 230 || reply.code == 232))
		observer_say(dialogue, SIZE, "PBSZ 0");
	return XS_DIALOGUE_MORE;
}

static const struct xs_protocol observer_protocol = {
	.name = "",
	.title = "FTP",
	.asks = "AUTH TLS",
	.frame = observer_frame,
	.server = observer_server,
	.app = observer_app,
	.own_size = sizeof(struct observer),
};

enum xs_dialogue_result xs_ftp_refused(const char *what, const char *line,
				       struct xs_error *err)
{
	xs_error_set(err, XS_ERR_PROTOCOL, 0,
		     "the server refuses %s, so that data connections would "
		     "not have TLS: %s",
		     what, xs_said(line, strlen(line)).text);
	return XS_DIALOGUE_REFUSED;
}

enum xs_dialogue_result xs_ftp_observe(struct xs_dialogue *dialogue,
				       enum xs_ftp_level level)
{
	enum xs_dialogue_result result =
		xs_dialogue_listen_as(dialogue, &observer_protocol);
	struct observer *observer = dialogue->own;

	if (result == XS_DIALOGUE_BROKEN)
		return result;
	observer->secret = level == XS_FTP_DONE;
	observer->step = level == XS_FTP_LATER ? LOGIN : NOTHING;
	return result;
}
