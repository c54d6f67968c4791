/* The file of stunnel(8), line by line; see stunnel.h.
 *
 * Each key has a row in a table that says what becomes of it.  A key that is
 * not in the table is an error: guessing could lose a check.  The keys are
 * those of stunnel 5.x, whose manual is the source.
 */
#include "xsock/stunnel.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NESTING_MAX 8

/* One run of the reader. */
struct reader {
	struct xs_arena *arena;
	struct xs_error *err;
	const char *file; /* for messages */
	unsigned line;
	unsigned nesting;
	struct xs_stunnel_service defaults;
	struct xs_stunnel_service *first;
	struct xs_stunnel_service **end;
	struct xs_stunnel_service *in; /* the section that is being read */
};

static int fail(struct reader *reader, const char *what, const char *more)
{
	return xs_error_set(reader->err, XS_ERR_RULES, 0, "%s:%u: %s%s",
			    reader->file, reader->line, what, more);
}

static int fail_memory(struct reader *reader)
{
	return xs_error_set(reader->err, XS_ERR_SYSTEM, ENOMEM,
			    "there is not enough memory");
}

static int add_note(struct reader *reader, const char *key, const char *value,
		    const char *why)
{
	struct xs_stunnel_note *note =
		xs_arena_take(reader->arena, sizeof(*note));
	char text[1024];
	int len = snprintf(text, sizeof(text), "%s = %s: %s", key, value, why);

	if (len >= (int)sizeof(text))
		len = sizeof(text) - 1;
	if (!note)
		return fail_memory(reader);
	note->text = xs_arena_copy(reader->arena, text, (size_t)len);
	note->next = reader->in->notes;
	reader->in->notes = note;
	return note->text ? 0 : fail_memory(reader);
}

/* --- what becomes of a key ----------------------------------------------- */

struct key {
	const char *name;
	int (*take)(struct reader *reader, const struct key *key,
		    const char *value);
	size_t offset;	 /* of a string in the section */
	const char *why; /* for a note */
};

static int take_text(struct reader *reader, const struct key *key,
		     const char *value)
{
	const char *copy = xs_arena_copy(reader->arena, value, strlen(value));

	*(const char **)((char *)reader->in + key->offset) = copy;
	return copy ? 0 : fail_memory(reader);
}

/* stunnel takes any of several; a rule has one. */
static int take_first(struct reader *reader, const struct key *key,
		      const char *value)
{
	if (*(const char **)((char *)reader->in + key->offset))
		return add_note(reader, key->name, value, key->why);
	return take_text(reader, key, value);
}

static int take_connect(struct reader *reader, const struct key *key,
			const char *value)
{
	if (reader->in->connected)
		return add_note(reader, key->name, value, key->why);
	reader->in->connected = true;
	return take_text(reader, key, value);
}

/* How stunnel runs; a rule needs none of it. */
static int take_nothing(struct reader *reader, const struct key *key,
			const char *value)
{
	(void)reader, (void)key, (void)value;
	return 0;
}

static int take_note(struct reader *reader, const struct key *key,
		     const char *value)
{
	return add_note(reader, key->name, value, key->why);
}

static int take_cannot(struct reader *reader, const struct key *key,
		       const char *value)
{
	(void)value;
	reader->in->cannot = key->name;
	return 0;
}

static int read_yes(struct reader *reader, const char *value, bool *yes)
{
	*yes = strcasecmp(value, "yes") == 0;
	if (*yes || strcasecmp(value, "no") == 0)
		return 0;
	return fail(reader, "expected \"yes\" or \"no\", not ",
		    xs_quote((struct xs_span){ value, value + strlen(value) })
			    .text);
}

static int take_client(struct reader *reader, const struct key *key,
		       const char *value)
{
	(void)key;
	return read_yes(reader, value, &reader->in->client);
}

static int take_verified(struct reader *reader, const struct key *key,
			 const char *value)
{
	bool yes;

	(void)key;
	if (read_yes(reader, value, &yes) < 0)
		return -1;
	reader->in->verified |= yes;
	return 0;
}

/* Level 2 and above refuse a server that is not the right one. */
static int take_level(struct reader *reader, const struct key *key,
		      const char *value)
{
	(void)key;
	if (!xs_is_digit(value[0]) || value[1] != '\0')
		return fail(reader, "verify is 0 to 4", "");
	reader->in->verified |= value[0] >= '2';
	return 0;
}

static int take_renegotiation(struct reader *reader, const struct key *key,
			      const char *value)
{
	(void)key;
	return read_yes(reader, value, &reader->in->options.renegotiation);
}

static int take_resume(struct reader *reader, const struct key *key,
		       const char *value)
{
	(void)key;
	return read_yes(reader, value, &reader->in->options.session_reuse);
}

static int take_level_of_security(struct reader *reader, const struct key *key,
				  const char *value)
{
	(void)key;
	if (value[0] < '0' || value[0] > '5' || value[1] != '\0')
		return fail(reader, "securityLevel is 0 to 5", "");
	reader->in->options.security_level = value[0] - '0';
	return 0;
}

static int read_version(struct reader *reader, const char *value, int *version)
{
	static const struct {
		const char *name;
		int version;
	} versions[] = {
		{ "all", 0 },	       { "TLSv1", 0x0301 },
		{ "TLSv1.1", 0x0302 }, { "TLSv1.2", 0x0303 },
		{ "TLSv1.3", 0x0304 },
	};

	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		if (strcasecmp(versions[i].name, value) == 0) {
			*version = versions[i].version;
			return 0;
		}
	}
	return fail(reader, "xsock has no such version of TLS: ",
		    xs_quote((struct xs_span){ value, value + strlen(value) })
			    .text);
}

static int take_version(struct reader *reader, const struct key *key,
			const char *value)
{
	(void)key;
	return read_version(reader, value, &reader->in->version);
}

static int take_least_version(struct reader *reader, const struct key *key,
			      const char *value)
{
	(void)key;
	return read_version(reader, value, &reader->in->options.min_version);
}

static int take_most_version(struct reader *reader, const struct key *key,
			     const char *value)
{
	(void)key;
	return read_version(reader, value, &reader->in->options.max_version);
}

static int include_folder(struct reader *reader, const struct key *key,
			  const char *value);

/* --- the table ----------------------------------------------------------- */

#define FIELD(name, field)                                                     \
	{                                                                      \
		name, take_text, offsetof(struct xs_stunnel_service, field),   \
			NULL                                                   \
	}
#define ONE(name, field, why)                                                  \
	{                                                                      \
		name, take_first, offsetof(struct xs_stunnel_service, field),  \
			why                                                    \
	}
#define DO(name, take)                                                         \
	{                                                                      \
		name, take, 0, NULL                                            \
	}
#define NOTE(name, why)                                                        \
	{                                                                      \
		name, take_note, 0, why                                        \
	}
#define STUNNEL(name)                                                          \
	{                                                                      \
		name, take_nothing, 0, NULL                                    \
	}
#define IMPOSSIBLE(name)                                                       \
	{                                                                      \
		name, take_cannot, 0, NULL                                     \
	}
#define NOT_CARRIED_OVER "not carried over; a rule has no such option"
#define ONE_NAME	 "not carried over; a rule expects one name"
#define NOT_ASKED	 "not carried over; xsock asks no responder for OCSP"

static const struct key keys[] = {
	{ "connect", take_connect, offsetof(struct xs_stunnel_service, connect),
	  "not carried over; a rule has one target, and tries each address of "
	  "its name" },
	FIELD("accept", accept),
	FIELD("protocol", protocol),
	FIELD("sni", sni),
	FIELD("CAfile", options.cafile),
	FIELD("CApath", options.capath),
	FIELD("cert", options.local_cert),
	FIELD("key", options.local_pk),
	FIELD("PSKidentity", options.psk_identity),
	FIELD("PSKsecrets", options.psk_file),
	FIELD("ciphers", options.ciphers),
	FIELD("ciphersuites", options.ciphersuites),
	FIELD("curves", options.groups),
	FIELD("curve", options.groups),
	FIELD("CRLfile", options.crlfile),
	ONE("checkHost", expected, ONE_NAME),
	ONE("checkIP", expected, ONE_NAME),
	DO("client", take_client),
	DO("verify", take_level),
	DO("verifyChain", take_verified),
	DO("verifyPeer", take_verified),
	DO("sslVersion", take_version),
	DO("sslVersionMin", take_least_version),
	DO("sslVersionMax", take_most_version),
	DO("securityLevel", take_level_of_security),
	DO("renegotiation", take_renegotiation),
	DO("sessionResume", take_resume),
	DO("include", include_folder),
	NOTE("CRLpath", "not carried over; crlfile=FILE has one file"),
	NOTE("checkEmail", "not carried over; a rule expects a host"),
	NOTE("OCSP", NOT_ASKED),
	NOTE("OCSPaia", NOT_ASKED),
	NOTE("OCSPflag", NOT_ASKED),
	NOTE("OCSPnonce", NOT_ASKED),
	NOTE("OCSPrequire", NOT_ASKED),
	NOTE("options", NOT_CARRIED_OVER),
	NOTE("config", NOT_CARRIED_OVER),
	NOTE("socket", "not carried over; the program's own socket options "
		       "count"),
	NOTE("TIMEOUTconnect", "not carried over; timeout=SECONDS is for "
			       "connect, dialogue and handshake together"),
	NOTE("TIMEOUTidle", "not carried over; the program decides"),
	NOTE("chroot", "files below it have other paths for the rule"),
	NOTE("fips", "not carried over; OPENSSL_CONF of the program counts"),
	IMPOSSIBLE("exec"),
	IMPOSSIBLE("execArgs"),
	IMPOSSIBLE("pty"),
	IMPOSSIBLE("local"),
	IMPOSSIBLE("transparent"),
	IMPOSSIBLE("engine"),
	IMPOSSIBLE("engineId"),
	IMPOSSIBLE("engineNum"),
	IMPOSSIBLE("engineCtrl"),
	IMPOSSIBLE("CAengine"),
	IMPOSSIBLE("protocolAuthentication"),
	IMPOSSIBLE("protocolDomain"),
	IMPOSSIBLE("protocolHeader"),
	IMPOSSIBLE("protocolHost"),
	IMPOSSIBLE("protocolPassword"),
	IMPOSSIBLE("protocolUsername"),
	STUNNEL("compression"),
	STUNNEL("debug"),
	STUNNEL("delay"),
	STUNNEL("EGD"),
	STUNNEL("engineDefault"),
	STUNNEL("failover"),
	STUNNEL("foreground"),
	STUNNEL("iconActive"),
	STUNNEL("iconError"),
	STUNNEL("iconIdle"),
	STUNNEL("ident"),
	STUNNEL("libwrap"),
	STUNNEL("log"),
	STUNNEL("logId"),
	STUNNEL("output"),
	STUNNEL("pid"),
	STUNNEL("redirect"),
	STUNNEL("requireCert"),
	STUNNEL("reset"),
	STUNNEL("retry"),
	STUNNEL("RNDbytes"),
	STUNNEL("RNDfile"),
	STUNNEL("RNDoverwrite"),
	STUNNEL("service"),
	STUNNEL("sessionCacheSize"),
	STUNNEL("sessionCacheTimeout"),
	STUNNEL("sessiond"),
	STUNNEL("setgid"),
	STUNNEL("setuid"),
	STUNNEL("stack"),
	STUNNEL("syslog"),
	STUNNEL("taskbar"),
	STUNNEL("ticketKeySecret"),
	STUNNEL("ticketMacSecret"),
	STUNNEL("TIMEOUTbusy"),
	STUNNEL("TIMEOUTclose"),
};

static int take_key(struct reader *reader, struct xs_span name,
		    const char *value)
{
	struct xs_suggest suggest = { .written = name };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (xs_span_is(name, keys[i].name))
			return keys[i].take(reader, &keys[i], value);
		xs_suggest_offer(&suggest, keys[i].name);
	}
	return xs_error_set(reader->err, XS_ERR_RULES, 0,
			    "%s:%u: stunnel has no option %s%s", reader->file,
			    reader->line, xs_quote(name).text,
			    xs_suggest_text(&suggest, "").text);
}

/* --- lines --------------------------------------------------------------- */

/* "[name]": a section that starts from the defaults. */
static int begin_section(struct reader *reader, struct xs_span name)
{
	struct xs_stunnel_service *service =
		xs_arena_take(reader->arena, sizeof(*service));

	if (!service)
		return fail_memory(reader);
	*service = reader->defaults;
	service->notes = NULL;
	service->connected = false;
	service->line = reader->line;
	service->name =
		xs_arena_copy(reader->arena, name.start, xs_span_len(name));
	*reader->end = service;
	reader->end = &service->next;
	reader->in = service;
	return service->name ? 0 : fail_memory(reader);
}

/* line is ended with NUL and may be changed. */
static int read_line(struct reader *reader, char *line)
{
	struct xs_span text =
		xs_span_trimmed((struct xs_span){ line, line + strlen(line) });
	const char *sign;
	struct xs_span value;

	if (text.start == text.end || strchr(";#", *text.start))
		return 0;
	line[text.end - line] = '\0';
	if (*text.start == '[' && text.end[-1] == ']')
		return begin_section(reader, (struct xs_span){ text.start + 1,
							       text.end - 1 });
	sign = xs_span_find(text, '=');
	if (!sign)
		return fail(reader,
			    "expected \"option = value\" or "
			    "\"[section]\"",
			    "");
	value = xs_span_trimmed((struct xs_span){ sign + 1, text.end });
	return take_key(reader,
			xs_span_trimmed((struct xs_span){ text.start, sign }),
			value.start);
}

static int read_stream(struct reader *reader, FILE *file)
{
	char *line = NULL;
	size_t size = 0;
	int result = 0;

	while (result == 0 && getline(&line, &size, file) > 0) {
		char *start = line;

		/* An editor may have put a byte order mark in front. */
		if (reader->line++ == 0 &&
		    strncmp(start, "\xef\xbb\xbf", 3) == 0)
			start += 3;
		result = read_line(reader, start);
	}
	free(line);
	if (result == 0 && ferror(file))
		return fail(reader, "cannot be read: ", xs_error_name(errno));
	return result;
}

/* The place in the file that includes is kept. */
static int read_file(struct reader *reader, const char *name)
{
	struct reader before = *reader;
	FILE *file = fopen(name, "re");
	int result;

	if (!file)
		return xs_error_set(reader->err, XS_ERR_RULES, 0,
				    "%s cannot be read: %s", name,
				    xs_error_name(errno));
	reader->file = name;
	reader->line = 0;
	result = read_stream(reader, file);
	fclose(file);
	reader->file = before.file;
	reader->line = before.line;
	return result;
}

/* As stunnel: every file, in the order of the names. */
static int include_folder(struct reader *reader, const struct key *key,
			  const char *value)
{
	struct dirent **entries;
	int count, result = 0;

	(void)key;
	if (reader->nesting == NESTING_MAX)
		return fail(reader, "too many folders that include folders",
			    "");
	count = scandir(value, &entries, NULL, alphasort);
	if (count < 0)
		return fail(reader, "the folder cannot be read: ",
			    xs_error_name(errno));
	reader->nesting++;
	for (int i = 0; i < count; i++) {
		char name[PATH_MAX];

		snprintf(name, sizeof(name), "%s/%s", value,
			 entries[i]->d_name);
		if (result == 0 && entries[i]->d_name[0] != '.')
			result = read_file(reader, name);
		free(entries[i]);
	}
	free(entries);
	reader->nesting--;
	return result;
}

int xs_stunnel_read(const char *file, struct xs_stunnel *to,
		    struct xs_arena *arena, struct xs_error *err)
{
	struct reader reader = { .arena = arena, .err = err };

	reader.file = file;
	reader.in = &reader.defaults;
	reader.end = &reader.first;
	xs_options_default(&reader.defaults.options);
	if (read_file(&reader, file) < 0)
		return -1;
	/* stunnel would run it for inetd(8). */
	if (!reader.first)
		return xs_error_set(err, XS_ERR_RULES, 0,
				    "%s: there is no [section]", file);
	to->notes = reader.defaults.notes;
	to->first = reader.first;
	return 0;
}
