/* Tests: tools/relay/starttls, all of its dialogues.
 *
 * Every file in tests/starttls/transcripts is a dialogue, played three times:
 * in the pieces of the file, one byte at a time, and in pieces of random
 * length.  A file has one step on each line:
 *
 *   scheme smtp+starttls        what makes the dialogue (first line)
 *   domain example.com          the name asked for
 *   optional                    starttls=optional
 *   local 192.0.2.1             the connection's own address
 *   < 220 hello                 the server says this line
 *   { EHLO me                   the application says it
 *   > EHLO [127.0.0.1]          the server gets exactly this, in all
 *   } 220 hello                 the application gets exactly this, in all
 *   ! 192.0.2.7:50000           exactly this data connection is announced;
 *                               without an address: ":50000"
 *   ? bind to TLS               the user is told a sentence with these words
 *   = tls                       what the dialogue wants after the steps above:
 *                               more (nothing), open, tls, agreed, pass,
 *                               refused, broken
 *   secured                     the handshake is done
 *   ended                       one of the sides has ended
 *   # comment
 *
 * MySQL's RSA key is "key", and what is encrypted with it is as it was.
 *
 * "> ", "} " and "! " collect up to the next other step and must be complete
 * then;
 * "= refused words" also looks for the words in the error.  A line ends with
 * CR LF unless its last character is "\"; \xNN, \r, \n, \t, \\ are bytes.
 */
#include "relay/starttls/table.h"

#include "base/scheme.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define TRANSCRIPTS "tests/starttls/transcripts/*.txt"

enum { TEXT_MAX = 1 << 17 };

enum pieces { AS_WRITTEN, BYTES, RANDOM };

struct play {
	const char *file;
	int line;
	enum pieces pieces;
	unsigned seed;
	struct xs_dialogue_setup setup;
	char scheme[64], domain[128];
	struct xs_dialogue *dialogue;
	enum xs_dialogue_result wants;
	struct xs_error err;
	uint8_t *expected[2]; /* for the server, for the application */
	size_t expected_len[2];
	char announced[1024], to_announce[1024];
	bool opened;
};

static const char *const results[] = {
	[XS_DIALOGUE_MORE] = "more",	 [XS_DIALOGUE_OPEN] = "open",
	[XS_DIALOGUE_TLS] = "tls",	 [XS_DIALOGUE_AGREED] = "agreed",
	[XS_DIALOGUE_PASS] = "pass",	 [XS_DIALOGUE_REFUSED] = "refused",
	[XS_DIALOGUE_BROKEN] = "broken",
};

#define check(play, condition, ...)                                            \
	do {                                                                   \
		if (!(condition)) {                                            \
			fprintf(stderr, "%s:%d: ", (play)->file,               \
				(play)->line);                                 \
			fprintf(stderr, __VA_ARGS__);                          \
			fprintf(stderr, " (pieces %d)\n", (play)->pieces);     \
			cr_assert_fail();                                      \
		}                                                              \
	} while (0)

static unsigned next_random(struct play *play)
{
	play->seed = play->seed * 1103515245u + 12345u;
	return play->seed >> 16;
}

/* Reads \-escapes; returns the length. */
static size_t unescape(const char *text, uint8_t *to)
{
	uint8_t *start = to;
	size_t len = strlen(text);
	bool end = len && text[len - 1] == '\\' &&
		   !(len > 1 && text[len - 2] == '\\');

	len -= end;
	for (size_t i = 0; i < len; i++) {
		unsigned byte;

		if (text[i] != '\\') {
			*to++ = (uint8_t)text[i];
		} else if (text[++i] == 'x' &&
			   sscanf(text + i + 1, "%2x", &byte) == 1) {
			*to++ = (uint8_t)byte;
			i += 2;
		} else {
			*to++ = text[i] == 'r'	 ? '\r'
				: text[i] == 'n' ? '\n'
				: text[i] == 't' ? '\t'
						 : (uint8_t)text[i];
		}
	}
	if (!end) {
		*to++ = '\r';
		*to++ = '\n';
	}
	return (size_t)(to - start);
}

static bool note(void *with, const struct xs_address *to, uint16_t port,
		 struct xs_error *err)
{
	struct play *play = with;
	char text[XS_ADDRESS_TEXT_MAX];
	size_t used = strlen(play->announced);

	(void)err;
	if (to->len)
		snprintf(play->announced + used, sizeof(play->announced) - used,
			 "%s\n", xs_address_format(to, text, sizeof(text)));
	else
		snprintf(play->announced + used, sizeof(play->announced) - used,
			 ":%u\n", port);
	return true;
}

/* MySQL's RSA, without RSA. */
static const char *password_key(size_t *len)
{
	static const char key[] = "key";

	*len = sizeof(key) - 1;
	return key;
}

static bool password_decrypt(const uint8_t *data, size_t len,
			     uint8_t plain[XS_DIALOGUE_PASSWORD_MAX],
			     size_t *plain_len)
{
	memcpy(plain, data, len);
	*plain_len = len;
	return true;
}

static const struct xs_dialogue_password password = {
	.key = password_key,
	.decrypt = password_decrypt,
};

static void begin(struct play *play)
{
	if (play->dialogue)
		return;
	play->setup.announce = note;
	play->setup.with = play;
	play->setup.password = &password;
	play->setup.domain = play->domain;
	play->dialogue =
		xs_dialogue_new(xs_protocol_find(play->scheme), &play->setup);
	check(play, play->dialogue, "no dialogue for \"%s\"", play->scheme);
	play->wants = xs_dialogue_begin(play->dialogue, &play->err);
}

/* What the relay does at once when the dialogue wants OPEN. */
static void open_if_wanted(struct play *play)
{
	if (play->wants != XS_DIALOGUE_OPEN || play->opened)
		return;
	play->opened = true;
	play->wants = xs_dialogue_server(play->dialogue, NULL, 0, &play->err);
	if (play->wants == XS_DIALOGUE_MORE)
		play->wants =
			xs_dialogue_app(play->dialogue, NULL, 0, &play->err);
}

/* What the relay does with bytes that come behind a result. */
static void say_behind(struct play *play, bool app, const uint8_t *data,
		       size_t len)
{
	if (play->wants == XS_DIALOGUE_PASS) {
		(app ? xs_dialogue_send : xs_dialogue_replay)(play->dialogue,
							      data, len);
	} else if (!app && (play->wants == XS_DIALOGUE_TLS ||
			    play->wants == XS_DIALOGUE_AGREED)) {
		xs_dialogue_injected(play->dialogue, &play->err);
		play->wants = XS_DIALOGUE_BROKEN;
	}
}

static void say(struct play *play, bool app, const uint8_t *data, size_t len)
{
	while (len) {
		size_t piece = len;

		if (play->pieces == BYTES)
			piece = 1;
		else if (play->pieces == RANDOM)
			piece = 1 + next_random(play) % len;
		open_if_wanted(play);
		if (play->wants != XS_DIALOGUE_MORE) {
			say_behind(play, app, data, len);
			return;
		}
		play->wants = (app ? xs_dialogue_app : xs_dialogue_server)(
			play->dialogue, data, piece, &play->err);
		data += piece;
		len -= piece;
	}
}

static void expect(struct play *play, int side, const uint8_t *data, size_t len)
{
	play->expected[side] =
		realloc(play->expected[side], play->expected_len[side] + len);
	memcpy(play->expected[side] + play->expected_len[side], data, len);
	play->expected_len[side] += len;
}

static void compare(struct play *play, int side, struct xs_queue *queue)
{
	size_t len = xs_queue_len(queue);
	const char *who = side ? "the application" : "the server";

	check(play,
	      len == play->expected_len[side] &&
		      (!len || memcmp(queue->data + queue->start,
				      play->expected[side], len) == 0),
	      "%s gets \"%.*s\", not \"%.*s\"", who, (int)len,
	      len ? (char *)queue->data + queue->start : "",
	      (int)play->expected_len[side],
	      play->expected_len[side] ? (char *)play->expected[side] : "");
	xs_queue_free(queue);
	play->expected_len[side] = 0;
}

/* What was said must have led to exactly what the file expects. */
static void settle(struct play *play)
{
	if (!play->dialogue)
		return;
	open_if_wanted(play);
	compare(play, 0, xs_dialogue_to_server(play->dialogue));
	compare(play, 1, xs_dialogue_to_app(play->dialogue));
	check(play, strcmp(play->announced, play->to_announce) == 0,
	      "announced is \"%s\", not \"%s\"", play->announced,
	      play->to_announce);
	play->announced[0] = play->to_announce[0] = '\0';
}

/* words are in what the user is told; NULL: he is told nothing. */
static void remark(struct play *play, const char *words)
{
	const char *told = xs_dialogue_take_remark(play->dialogue);

	check(play, !told == !words, "the remark is \"%s\"", told ? told : "");
	check(play, !words || strstr(told, words), "\"%s\" is not in \"%s\"",
	      words, told);
}

static void judge(struct play *play, const char *text)
{
	const char *words = strchr(text, ' ');
	size_t len = words ? (size_t)(words - text) : strlen(text);
	const char *got;

	begin(play);
	got = play->wants == XS_DIALOGUE_MORE && play->opened && len == 4 &&
			      strncmp(text, "open", 4) == 0
		      ? "open"
		      : results[play->wants];
	if (play->wants == XS_DIALOGUE_OPEN) {
		settle(play);
		got = "open";
	} else {
		settle(play);
	}
	check(play, strlen(got) == len && strncmp(got, text, len) == 0,
	      "the result is %s, not %.*s: %s", got, (int)len, text,
	      play->err.text);
	if (play->wants == XS_DIALOGUE_REFUSED ||
	    play->wants == XS_DIALOGUE_BROKEN)
		check(play, play->err.errnum == EPROTO, "errno is %d",
		      play->err.errnum);
	check(play, !words || strstr(play->err.text, words + 1),
	      "\"%s\" is not in \"%s\"", words + 1, play->err.text);
	remark(play, NULL);
}

static void secured(struct play *play)
{
	settle(play);
	play->wants = xs_dialogue_secured(play->dialogue, &play->err);
	if (play->wants == XS_DIALOGUE_MORE)
		play->wants =
			xs_dialogue_server(play->dialogue, NULL, 0, &play->err);
}

static void ended(struct play *play)
{
	settle(play);
	if (play->wants == XS_DIALOGUE_MORE)
		play->wants = xs_dialogue_end(play->dialogue, &play->err);
}

static void step(struct play *play, char *line, char *last)
{
	static uint8_t bytes[TEXT_MAX];
	size_t len;
	char kind = line[0];

	if (kind != *last &&
	    (strchr("<{", kind) || strchr("=#", kind) == NULL) &&
	    strchr(">}!", *last) && !strchr(">}!", kind))
		settle(play);
	*last = kind;
	if (sscanf(line, "scheme %63s", play->scheme) == 1 ||
	    sscanf(line, "domain %127s", play->domain) == 1)
		return;
	if (strcmp(line, "optional") == 0) {
		play->setup.optional = true;
		return;
	}
	if (strncmp(line, "local ", 6) == 0) {
		check(play, xs_address_parse(&play->setup.local, line + 6),
		      "\"%s\" is not an address", line + 6);
		return;
	}
	if (strcmp(line, "secured") == 0) {
		secured(play);
		return;
	}
	if (strcmp(line, "ended") == 0) {
		ended(play);
		return;
	}
	if (kind == '#' || kind == '\0')
		return;
	check(play, strchr("<{>}=!?", kind) && line[1] == ' ',
	      "\"%s\" is not a step", line);
	if (kind == '=') {
		judge(play, line + 2);
		return;
	}
	if (kind == '?') {
		remark(play, line + 2);
		return;
	}
	if (kind == '!') {
		size_t used = strlen(play->to_announce);

		snprintf(play->to_announce + used,
			 sizeof(play->to_announce) - used, "%s\n", line + 2);
		return;
	}
	begin(play);
	open_if_wanted(play);
	len = unescape(line + 2, bytes);
	if (kind == '<' || kind == '{')
		say(play, kind == '{', bytes, len);
	else
		expect(play, kind == '}', bytes, len);
}

static void play_file(const char *file, enum pieces pieces, unsigned seed)
{
	struct play play = { .file = file, .pieces = pieces, .seed = seed };
	FILE *stream = fopen(file, "r");
	char *line = NULL, last = '#';
	size_t size = 0;
	ssize_t len;

	check(&play, stream, "cannot be read");
	while ((len = getline(&line, &size, stream)) > 0) {
		play.line++;
		if (line[len - 1] == '\n')
			line[len - 1] = '\0';
		step(&play, line, &last);
	}
	check(&play, last == '=', "the last step is not a result");
	xs_dialogue_free(play.dialogue);
	free(play.expected[0]);
	free(play.expected[1]);
	free(line);
	fclose(stream);
}

ParameterizedTestParameters(dialogue, transcript)
{
	static char files[512][256];
	glob_t found = { 0 };
	size_t count;

	glob(TRANSCRIPTS, 0, NULL, &found);
	count = found.gl_pathc < 512 ? found.gl_pathc : 512;
	for (size_t i = 0; i < count; i++)
		snprintf(files[i], sizeof(files[i]), "%s", found.gl_pathv[i]);
	globfree(&found);
	return cr_make_param_array(char[256], files, count);
}

ParameterizedTest(char file[256], dialogue, transcript)
{
	play_file(file, AS_WRITTEN, 1);
	play_file(file, BYTES, 1);
	for (unsigned seed = 1; seed <= 20; seed++)
		play_file(file, RANDOM, seed);
}

Test(dialogue, every_protocol_has_a_transcript)
{
	for (const struct xs_protocol *const *row = xs_protocols; *row; row++) {
		char pattern[256];
		glob_t found = { 0 };

		snprintf(pattern, sizeof(pattern),
			 "tests/starttls/transcripts/%s.txt", (*row)->name);
		cr_assert_eq(glob(pattern, 0, NULL, &found), 0, "%s is missing",
			     pattern);
		globfree(&found);
	}
}

Test(dialogue, every_scheme_of_a_protocol_has_a_row)
{
	for (const struct xs_scheme *row = xs_schemes; row->name; row++)
		cr_assert(!strchr(row->name, '+') ||
				  xs_protocol_find(row->name),
			  "%s", row->name);
	cr_assert_null(xs_protocol_find("tls"));
}

/* --- memory ------------------------------------------------------------- */

enum { MUCH = 64 << 20 };

/* No more than so many bytes can be had from now on. */
static void leave_memory(size_t more)
{
	FILE *file = fopen("/proc/self/statm", "r");
	struct rlimit limit;
	size_t pages;

	cr_assert_eq(fscanf(file, "%zu", &pages), 1);
	fclose(file);
	limit.rlim_cur = pages * (size_t)sysconf(_SC_PAGESIZE) + more;
	limit.rlim_max = RLIM_INFINITY;
	cr_assert_eq(setrlimit(RLIMIT_AS, &limit), 0);
}

/* What lies in the dialogue when all passes is not lost without a word. */
Test(dialogue, memory_that_runs_out_where_all_passes)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	cr_skip_test("a sanitizer needs all addresses");
#endif
	const struct xs_dialogue_setup setup = { .domain = "" };
	struct xs_dialogue *dialogue =
		xs_dialogue_new(xs_protocol_find("pop3+tls"), &setup);
	struct xs_error err = { 0 };
	char *much = calloc(1, MUCH);

	xs_dialogue_secured(dialogue, &err);
	memcpy(much, "RETR 1\r\n", 8);
	leave_memory(MUCH + MUCH / 2);
	cr_assert_eq(xs_dialogue_app(dialogue, much, MUCH, &err),
		     XS_DIALOGUE_BROKEN);
	cr_assert_eq(err.errnum, ENOMEM);
	xs_dialogue_free(dialogue);
	free(much);
}
