/* From the text of XSOCK_RULES to a list of rules; see rules.h.
 *
 * Knows items, files and places; pattern.c, target.c and option.c know the
 * parts of a rule.  One pass from left to right, no copy of the text, no
 * recursion but for files in files, which is bounded.  Runs in whatever thread
 * of a foreign process connects first: nothing static, nothing from malloc,
 * nothing that the locale could change.  What is needed only while reading is
 * in an arena of its own and gone afterwards.
 */
#include "rules/rules.h"

#include "rules/index.h"
#include "rules/rule_file.h"

#include <stdio.h>
#include <string.h>

#define RULE_TEXT_MAX 200

/* Longest file name that a message shows; of a longer one it is the end. */
#define SOURCE_NAME_MAX 128

/* Where the text that is being read comes from, and how far it is read. */
struct source {
	const char *name; /* "XSOCK_RULES", or the file as it was written */
	const char *start;
	struct xs_span rest;
	size_t line; /* of rest.start */
	const char *line_start;
	unsigned depth; /* of files in files */
};

/* A rule that waits for the end, when all go into one array. */
struct node {
	struct node *next;
	struct xs_rule rule;
};

/* The options that a rule without "?" has; they depend on the kind of its
 * scheme only. */
struct base {
	struct xs_options options;
	const char *text; /* NULL: not made yet */
};

struct reader {
	struct xs_parse parse;
	struct xs_arena scratch;
	const char *cwd;
	struct xs_options options; /* XSOCK_OPTIONS */
	struct base base[XS_SCHEME_KINDS];
	struct node *first, *last;
	size_t count;
	size_t files_left, bytes_left;
};

/* --- places ------------------------------------------------------------ */

/* "XSOCK_RULES:1:23" of a byte on the current line. */
static void format_place(const struct source *source, const char *at,
			 char *text, size_t size)
{
	snprintf(text, size, "%s:%zu:%zu", source->name, source->line,
		 (size_t)(at - source->line_start) + 1);
}

#define PLACE_MAX (SOURCE_NAME_MAX + 48)

/* Puts the place in front of the error that a part of the rule has set. */
static int fail_with_place(struct reader *reader, const struct source *source)
{
	struct xs_error *err = reader->parse.err;
	struct xs_error inner = *err;
	char place[PLACE_MAX];

	if (inner.kind != XS_ERR_RULES || !reader->parse.wrong)
		return -1;
	format_place(source, reader->parse.wrong, place, sizeof(place));
	reader->parse.wrong = NULL;
	xs_error_clear(err);
	return xs_error_set(err, inner.kind, inner.errnum, "%s: %.*s", place,
			    (int)(sizeof(inner.text) - sizeof(place)),
			    inner.text);
}

/* What is no rule may be the rest of a passphrase with a blank in it.  If there
 * is a passphrase from there on, an error that shows none of it takes the place
 * of the one that is set. */
static int conceal(struct reader *reader, const char *from)
{
	struct xs_parse *parse = &reader->parse;
	struct xs_span before = { from, parse->wrong };

	if (parse->err->kind != XS_ERR_RULES || !parse->wrong ||
	    !xs_span_secret(before))
		return -1;
	xs_error_clear(parse->err);
	return xs_parse_fail_behind_secret(parse, before.end, "a rule");
}

/* A file name for places: printable, and its end if it is long. */
static const char *source_name(struct xs_parse *parse, struct xs_span name)
{
	size_t len = xs_span_len(name);
	bool cut = len > SOURCE_NAME_MAX;
	char *shown;

	if (cut)
		name.start = name.end - SOURCE_NAME_MAX;
	shown = xs_arena_copy(parse->scratch, name.start, xs_span_len(name));
	if (!shown) {
		xs_parse_no_memory(parse);
		return NULL;
	}
	for (char *at = shown; *at; at++)
		if (*at < ' ' || *at > '~')
			*at = '?';
	if (cut)
		/* The line goes on behind it.
		 * NOLINTNEXTLINE(bugprone-not-null-terminated-result) */
		memcpy(shown, "...", 3);
	return shown;
}

/* --- one rule ---------------------------------------------------------- */

/* What every rule of this kind starts from, or NULL without memory. */
static const struct base *base_of(struct reader *reader,
				  enum xs_scheme_kind kind)
{
	struct base *base = &reader->base[kind];

	if (base->text)
		return base;
	base->options = reader->options;
	xs_options_restrict(&base->options, kind);
	/* Without the relay nobody keeps a tcp:// rule's time. */
	if (kind == XS_SCHEME_TCP && !base->options.relay)
		base->options.timeout = XS_OPTION_TIMEOUT_DEFAULT;
	base->text = xs_options_text(&base->options, reader->parse.arena);
	if (!base->text)
		xs_parse_no_memory(&reader->parse);
	return base->text ? base : NULL;
}

/* The relay must be able to get them. */
static int check_length(struct xs_parse *parse, const char *at,
			const char *canonical)
{
	if (strlen(canonical) < XS_OPTION_TEXT_MAX)
		return 0;
	return xs_parse_fail(parse, at,
			     "the options are too long: at most %d bytes",
			     XS_OPTION_TEXT_MAX - 1);
}

/* What is written behind "?". */
static int read_own_options(struct reader *reader, struct xs_rule *rule,
			    struct xs_span text)
{
	struct xs_parse *parse = &reader->parse;
	const struct xs_scheme *scheme = rule->target.scheme;
	double timeout = rule->options.timeout;

	if (xs_options_read(parse, &rule->options, scheme, text, reader->cwd) <
	    0)
		return -1;
	if (scheme->kind == XS_SCHEME_TCP && !rule->options.relay &&
	    rule->options.timeout != timeout)
		return xs_parse_fail(parse, text.start,
				     "option \"timeout\" needs relay=yes with "
				     "tcp://");
	rule->options_text = xs_options_text(&rule->options, parse->arena);
	if (!rule->options_text)
		return xs_parse_no_memory(parse);
	return check_length(parse, text.start, rule->options_text);
}

/* What all rules have about certificates is not for one with a key. */
static int settle_key(struct reader *reader, struct xs_rule *rule)
{
	struct xs_parse *parse = &reader->parse;

	if (!rule->options.psk_file)
		return 0;
	xs_options_drop_certificates(&rule->options);
	rule->options_text = xs_options_text(&rule->options, parse->arena);
	return rule->options_text ? 0 : xs_parse_no_memory(parse);
}

static int read_options(struct reader *reader, struct xs_rule *rule,
			struct xs_span item, const char *question)
{
	const struct base *base = base_of(reader, rule->target.scheme->kind);
	struct xs_span text = { question ? question + 1 : item.end, item.end };

	if (!base)
		return -1;
	rule->options = base->options;
	rule->options_text = base->text;
	if (question && read_own_options(reader, rule, text) < 0)
		return -1;
	if (xs_options_check(&reader->parse, &rule->options,
			     rule->target.scheme, text) < 0)
		return -1;
	return settle_key(reader, rule);
}

/* The rule as messages show it. */
static int describe(struct reader *reader, const struct source *source,
		    struct xs_span item, struct xs_rule *rule)
{
	struct xs_arena *arena = reader->parse.arena;
	char place[PLACE_MAX];

	format_place(source, item.start, place, sizeof(place));
	rule->place = xs_arena_copy(arena, place, strlen(place));
	rule->text = xs_options_conceal(item, RULE_TEXT_MAX, arena);
	if (!rule->place || !rule->text)
		return xs_parse_no_memory(&reader->parse);
	return 0;
}

static int read_rule(struct reader *reader, const struct source *source,
		     struct xs_span item, struct xs_rule *rule)
{
	struct xs_parse *parse = &reader->parse;
	const char *equals = xs_span_find(item, '=');
	struct xs_span target = { equals ? equals + 1 : NULL, item.end };
	const char *question;

	if (!equals) {
		xs_parse_fail(parse, item.start,
			      "%s has no \"=\": a rule is PATTERN=TARGET, such "
			      "as *.example.com=tls://",
			      xs_quote(item).text);
		return conceal(reader, source->start);
	}
	question = xs_span_find(target, '?');
	if (question)
		target.end = question;
	if (xs_pattern_read(parse, (struct xs_span){ item.start, equals },
			    &rule->pattern) < 0 ||
	    xs_target_read(parse, target, rule->pattern.udp, &rule->target) < 0)
		return conceal(reader, source->line_start);
	if (read_options(reader, rule, item, question) < 0)
		return -1;
	return describe(reader, source, item, rule);
}

static int add_rule(struct reader *reader, const struct source *source,
		    struct xs_span item)
{
	struct node *node = xs_arena_take(&reader->scratch, sizeof(*node));

	if (!node)
		return xs_parse_no_memory(&reader->parse);
	if (reader->count == XS_RULES_MAX)
		return xs_parse_fail(&reader->parse, item.start,
				     "more than %d rules", XS_RULES_MAX);
	if (read_rule(reader, source, item, &node->rule) < 0)
		return -1;
	if (reader->last)
		reader->last->next = node;
	else
		reader->first = node;
	reader->last = node;
	reader->count++;
	return 0;
}

/* --- items and files --------------------------------------------------- */

static int read_items(struct reader *reader, struct source *source);

/* "@file"; item starts behind the "@".  What is wrong with the file itself is
 * set at item.start, what is wrong in it has its place already. */
static int read_file(struct reader *reader, const struct source *from,
		     struct xs_span item)
{
	struct xs_parse *parse = &reader->parse;
	struct source source = { .line = 1, .depth = from->depth + 1 };

	if (item.start == item.end)
		return xs_parse_fail(parse, item.start,
				     "no file name behind \"@\"");
	if (source.depth > XS_RULES_NESTING)
		return xs_parse_fail(parse, item.start,
				     "files are nested more than %d deep: does "
				     "%s include itself?",
				     XS_RULES_NESTING, xs_quote(item).text);
	if (reader->files_left-- == 0)
		return xs_parse_fail(parse, item.start,
				     "more than %d files are included",
				     XS_RULES_FILES);
	source.name = source_name(parse, item);
	if (!source.name)
		return -1;
	if (xs_rule_file_read(parse, item, reader->cwd, reader->bytes_left,
			      &source.rest) < 0)
		return conceal(reader, from->line_start);
	reader->bytes_left -= xs_span_len(source.rest);
	/* A byte order mark, as some editors write it. */
	if (xs_span_len(source.rest) >= 3 &&
	    memcmp(source.rest.start, "\xef\xbb\xbf", 3) == 0)
		source.rest.start += 3;
	source.start = source.line_start = source.rest.start;
	return read_items(reader, &source);
}

/* Steps over separators and comments, and cuts the next item off the rest.
 * False at the end. */
static bool next_item(struct source *source, struct xs_span *item)
{
	const char *at = source->rest.start, *end = source->rest.end;

	while (at < end && (xs_is_blank(*at) || *at == ';' || *at == '#')) {
		if (*at == '#')
			while (at < end && *at != '\n')
				at++;
		if (at < end && *at++ == '\n') {
			source->line++;
			source->line_start = at;
		}
	}
	item->start = at;
	while (at < end && !xs_is_blank(*at) && *at != ';')
		at++;
	item->end = source->rest.start = at;
	return item->start < item->end;
}

static int read_items(struct reader *reader, struct source *source)
{
	struct xs_span item;

	while (next_item(source, &item)) {
		struct xs_span behind = { item.start + 1, item.end };
		int result = *item.start == '@'
				     ? read_file(reader, source, behind)
				     : add_rule(reader, source, item);

		if (result < 0)
			return fail_with_place(reader, source);
	}
	return 0;
}

/* --- everything -------------------------------------------------------- */

static int check_base_length(struct reader *reader, const char *at)
{
	const char *canonical =
		xs_options_text(&reader->options, reader->parse.arena);

	return canonical ? check_length(&reader->parse, at, canonical)
			 : xs_parse_no_memory(&reader->parse);
}

static int read_base_options(struct reader *reader, const char *text)
{
	struct source source = { .name = "XSOCK_OPTIONS",
				 .line = 1,
				 .line_start = text };
	struct xs_parse *parse = &reader->parse;
	size_t at = 0;

	xs_options_default(&reader->options);
	if (!text ||
	    (xs_options_parse(&reader->options, text, strlen(text), reader->cwd,
			      true, parse->arena, &at, parse->err) == 0 &&
	     check_base_length(reader, text) == 0))
		return 0;
	parse->wrong = text + at;
	return fail_with_place(reader, &source);
}

static size_t find_announcer(const struct xs_rules *rules)
{
	size_t i = 0;

	while (i < rules->count &&
	       !xs_scheme_announces(rules->rule[i].target.scheme))
		i++;
	return i;
}

/* Moves the rules into one array and builds the index over it. */
static struct xs_rules *finish(struct reader *reader)
{
	struct xs_arena *arena = reader->parse.arena;
	struct xs_rules *rules = xs_arena_take(arena, sizeof(*rules));
	struct xs_rule *rule =
		xs_arena_take(arena, reader->count * sizeof(*rule));

	if (!rules || !rule)
		return NULL;
	rules->rule = rule;
	rules->count = reader->count;
	for (struct node *node = reader->first; node; node = node->next)
		*rule++ = node->rule;
	rules->announcer = find_announcer(rules);
	rules->index = xs_index_build(rules->rule, rules->count, arena);
	return rules->index ? rules : NULL;
}

struct xs_rules *xs_rules_read(const char *rules, const char *options,
			       const char *cwd, struct xs_arena *arena,
			       struct xs_error *err)
{
	struct reader reader = {
		.parse = { .arena = arena, .err = err },
		.cwd = cwd,
		.files_left = XS_RULES_FILES,
		.bytes_left = XS_RULES_FILE_BYTES,
	};
	struct source source = { .name = "XSOCK_RULES", .line = 1 };
	struct xs_rules *result = NULL;

	reader.parse.scratch = &reader.scratch;
	if (!rules)
		rules = "";
	source.rest = (struct xs_span){ rules, rules + strlen(rules) };
	source.start = source.line_start = rules;
	if (read_base_options(&reader, options) == 0 &&
	    read_items(&reader, &source) == 0) {
		result = finish(&reader);
		if (!result)
			xs_parse_no_memory(&reader.parse);
	}
	xs_arena_free(&reader.scratch);
	return result;
}
