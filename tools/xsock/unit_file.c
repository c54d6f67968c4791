/* Units of systemd; see unit_file.h. */
#include "xsock/unit_file.h"

#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* In the order in which systemd looks; /lib is where /usr is not merged.  In
 * the last one are the units that systemd makes of scripts in /etc/init.d. */
static const char *const folders[] = {
	"/etc/systemd/system.control", "/run/systemd/system.control",
	"/run/systemd/transient",      "/run/systemd/generator.early",
	"/etc/systemd/system",	       "/etc/systemd/system.attached",
	"/run/systemd/system",	       "/run/systemd/system.attached",
	"/run/systemd/generator",      "/usr/local/lib/systemd/system",
	"/usr/lib/systemd/system",     "/lib/systemd/system",
	"/run/systemd/generator.late",
};

#define FOLDERS (sizeof(folders) / sizeof(folders[0]))

#define DROP_INS_MAX 256

struct reader {
	struct xs_arena *arena;
	struct xs_error *err;
	const char *root;
	const struct xs_unit_line **end;
	bool service; /* in [Service] */
	/* Names of drop-ins that were found, and where. */
	struct {
		char *name, *path;
	} drop_in[DROP_INS_MAX];
	size_t drop_ins;
};

static int fail_memory(struct reader *reader)
{
	return xs_error_set(reader->err, XS_ERR_SYSTEM, ENOMEM,
			    "there is not enough memory");
}

/* --- one file ------------------------------------------------------------ */

static char *copy(struct reader *reader, struct xs_span span)
{
	return xs_arena_copy(reader->arena, span.start, xs_span_len(span));
}

static int take_line(struct reader *reader, struct xs_span text)
{
	const char *sign = xs_span_find(text, '=');
	struct xs_unit_line *line;

	if (*text.start == '[') {
		reader->service = xs_span_is(text, "[Service]");
		return 0;
	}
	if (!reader->service || !sign)
		return 0;
	line = xs_arena_take(reader->arena, sizeof(*line));
	if (!line)
		return fail_memory(reader);
	line->key = copy(reader,
			 xs_span_trimmed((struct xs_span){ text.start, sign }));
	line->value =
		copy(reader,
		     xs_span_trimmed((struct xs_span){ sign + 1, text.end }));
	*reader->end = line;
	reader->end = &line->next;
	return line->key && line->value ? 0 : fail_memory(reader);
}

/* Appends to a line that ends with a backslash, which becomes a blank, as in
 * systemd.syntax(7).  Comments between the parts are left out. */
struct logical_line {
	char text[65536];
	size_t len;
};

/* True when the line goes on. */
static bool append(struct logical_line *line, const char *part)
{
	struct xs_span text =
		xs_span_trimmed((struct xs_span){ part, part + strlen(part) });
	bool goes_on = text.start < text.end && text.end[-1] == '\\';
	size_t len = xs_span_len(text) - (goes_on ? 1 : 0);

	if (text.start < text.end && strchr(";#", *text.start))
		return line->len > 0;
	if (len > sizeof(line->text) - line->len - 2)
		len = sizeof(line->text) - line->len - 2;
	memcpy(line->text + line->len, text.start, len);
	line->len += len;
	if (goes_on)
		line->text[line->len++] = ' ';
	return goes_on;
}

static int read_stream(struct reader *reader, FILE *file)
{
	struct logical_line *line = calloc(1, sizeof(*line));
	char *part = NULL;
	size_t size = 0;
	int result = 0;

	if (!line)
		return fail_memory(reader);
	reader->service = false;
	while (result == 0 && getline(&part, &size, file) > 0) {
		struct xs_span text;

		if (append(line, part))
			continue;
		text = xs_span_trimmed(
			(struct xs_span){ line->text, line->text + line->len });
		if (text.start < text.end)
			result = take_line(reader, text);
		line->len = 0;
	}
	free(part);
	free(line);
	return result;
}

static int read_file(struct reader *reader, const char *path)
{
	FILE *file = fopen(path, "re");
	int result;

	if (!file)
		return xs_error_set(reader->err, XS_ERR_SYSTEM, errno,
				    "%s cannot be read: %s", path,
				    xs_error_name(errno));
	result = read_stream(reader, file);
	fclose(file);
	return result;
}

/* --- which files --------------------------------------------------------- */

/* The first file of this name; false when there is none.  A link to /dev/null
 * masks a unit. */
static bool find_file(struct reader *reader, const char *name, char *path,
		      size_t size)
{
	for (size_t i = 0; i < FOLDERS; i++) {
		char to[PATH_MAX];

		snprintf(path, size, "%s%s/%s", reader->root, folders[i], name);
		if (realpath(path, to))
			return true;
	}
	return false;
}

static bool is_drop_in(const char *name)
{
	size_t len = strlen(name);

	return name[0] != '.' && len > 5 &&
	       strcmp(name + len - 5, ".conf") == 0;
}

static int add_drop_in(struct reader *reader, const char *folder,
		       const char *name)
{
	char path[2 * PATH_MAX];
	size_t at;

	for (at = 0; at < reader->drop_ins; at++)
		if (strcmp(reader->drop_in[at].name, name) == 0)
			return 0;
	if (at == DROP_INS_MAX)
		return xs_error_set(reader->err, XS_ERR_SYSTEM, E2BIG,
				    "there are more than %d drop-ins",
				    DROP_INS_MAX);
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	reader->drop_in[at].name =
		xs_arena_copy(reader->arena, name, strlen(name));
	reader->drop_in[at].path =
		xs_arena_copy(reader->arena, path, strlen(path));
	reader->drop_ins++;
	return reader->drop_in[at].name && reader->drop_in[at].path
		       ? 0
		       : fail_memory(reader);
}

static int find_drop_ins(struct reader *reader, const char *folder)
{
	DIR *directory = opendir(folder);
	struct dirent *entry;
	int result = 0;

	if (!directory)
		return 0;
	while (result == 0 && (entry = readdir(directory)))
		if (is_drop_in(entry->d_name))
			result = add_drop_in(reader, folder, entry->d_name);
	closedir(directory);
	return result;
}

/* The drop-ins of one name of the unit, in all folders. */
static int find_all_drop_ins(struct reader *reader, const char *name)
{
	for (size_t i = 0; i < FOLDERS; i++) {
		char folder[PATH_MAX];

		snprintf(folder, sizeof(folder), "%s%s/%s.d", reader->root,
			 folders[i], name);
		if (find_drop_ins(reader, folder) < 0)
			return -1;
	}
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int read_drop_ins(struct reader *reader)
{
	qsort(reader->drop_in, reader->drop_ins, sizeof(reader->drop_in[0]),
	      by_name);
	for (size_t i = 0; i < reader->drop_ins; i++)
		if (read_file(reader, reader->drop_in[i].path) < 0)
			return -1;
	return 0;
}

/* "a@b.service" is an instance of "a@.service". */
static bool template_of(const char *name, char *template, size_t size)
{
	const char *at = strchr(name, '@');

	if (!at || at[1] == '.')
		return false;
	snprintf(template, size, "%.*s@.service", (int)(at - name), name);
	return true;
}

static int find_unit(struct reader *reader, struct xs_unit *unit,
		     const char *template)
{
	char path[PATH_MAX];

	if (!find_file(reader, unit->name, path, sizeof(path)) &&
	    !(*template && find_file(reader, template, path, sizeof(path))))
		return xs_error_set(reader->err, XS_ERR_SYSTEM, ENOENT,
				    "%s: there is no such unit in "
				    "%s/etc/systemd/system or the other "
				    "folders of systemd.unit(5)",
				    unit->name, reader->root);
	unit->file = xs_arena_copy(reader->arena, path, strlen(path));
	return unit->file ? read_file(reader, path) : fail_memory(reader);
}

int xs_unit_read(const char *name, const char *root, struct xs_unit *unit,
		 struct xs_arena *arena, struct xs_error *err)
{
	struct reader reader = { .arena = arena, .err = err, .root = root };
	const char *end = strrchr(name, '.');
	char full[NAME_MAX], template[NAME_MAX] = "";

	if (strchr(name, '/'))
		return xs_error_set(err, XS_ERR_RULES, 0,
				    "%s is a path, not the name of a unit",
				    name);
	snprintf(full, sizeof(full), "%s%s", name,
		 end && strcmp(end, ".service") == 0 ? "" : ".service");
	*unit = (struct xs_unit){
		.name = xs_arena_copy(arena, full, strlen(full)),
	};
	reader.end = &unit->lines;
	if (!unit->name)
		return fail_memory(&reader);
	template_of(full, template, sizeof(template));
	if (find_unit(&reader, unit, template) < 0 ||
	    find_all_drop_ins(&reader, full) < 0 ||
	    (*template && find_all_drop_ins(&reader, template) < 0) ||
	    find_all_drop_ins(&reader, "service") < 0)
		return -1;
	return read_drop_ins(&reader);
}

/* --- values -------------------------------------------------------------- */

const char *xs_unit_value(const struct xs_unit *unit, const char *key)
{
	const char *value = NULL;

	for (const struct xs_unit_line *line = unit->lines; line;
	     line = line->next)
		if (strcmp(line->key, key) == 0)
			value = *line->value ? line->value : NULL;
	return value;
}

/* Where the list begins: behind the last empty assignment. */
static const struct xs_unit_line *list_start(const struct xs_unit *unit,
					     const char *key)
{
	const struct xs_unit_line *start = unit->lines;

	for (const struct xs_unit_line *line = unit->lines; line;
	     line = line->next)
		if (strcmp(line->key, key) == 0 && !*line->value)
			start = line->next;
	return start;
}

static const struct xs_unit_line *next_of(const struct xs_unit_line *line,
					  const char *key)
{
	while (line && strcmp(line->key, key) != 0)
		line = line->next;
	return line;
}

size_t xs_unit_word(const struct xs_unit *unit, const char *key,
		    const struct xs_unit_line **at, const char **word)
{
	if (!*at) {
		*at = next_of(list_start(unit, key), key);
		*word = *at ? (*at)->value : NULL;
	} else {
		*word += strcspn(*word, " \t");
	}
	while (*at) {
		/* It is in *at.  NOLINTNEXTLINE(analyzer-null-argument) */
		*word += strspn(*word, " \t");
		if (**word)
			return strcspn(*word, " \t");
		*at = next_of((*at)->next, key);
		*word = *at ? (*at)->value : NULL;
	}
	return 0;
}

bool xs_unit_has(const struct xs_unit *unit, const char *key, const char *word)
{
	const struct xs_unit_line *at = NULL;
	const char *one = NULL;
	size_t len;

	while ((len = xs_unit_word(unit, key, &at, &one)) > 0)
		if (strlen(word) == len && memcmp(one, word, len) == 0)
			return true;
	return false;
}
