/* What the programs of the farm share: the table, and listening.
 *
 * The table is tests/farm/cases, which explains itself.  A line has columns
 * between "|"; the first is KIND NAME, and a column for these programs is
 * words between blanks, each NAME or NAME=VALUE.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { ROWS_MAX = 512, PATIENCE = 5 };

struct row {
	char *kind, *name;
	char *certificate, *server; /* their words; "" for none */
};

static struct row rows[ROWS_MAX];
static int row_count;

static const char *folder;

static void __attribute__((noreturn)) die(const char *what)
{
	fprintf(stderr, "farm: %s: %s\n", what, strerror(errno));
	ERR_print_errors_fp(stderr);
	exit(1);
}

/* FOLDER/NAME.KIND, in one of a few buffers of the thread. */
static const char *path_of(const char *name, const char *kind)
{
	static __thread char paths[4][4096];
	static __thread unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s.%s", folder, name, kind);
	return path;
}

static void read_row(char *line)
{
	struct row *row = &rows[row_count];
	char *columns[3] = { line, "", "" }, *next;

	for (int i = 0; i < 3 && line; i++) {
		columns[i] = strsep(&line, "|\n");
	}
	row->kind = strtok_r(columns[0], " \t", &next);
	if (!row->kind || *row->kind == '#')
		return;
	row->name = strtok_r(NULL, " \t", &next);
	row->certificate = columns[1];
	row->server = columns[2];
	if (!row->name || ++row_count == ROWS_MAX) {
		errno = EINVAL;
		die(row->kind);
	}
}

static void read_table(const char *path)
{
	FILE *table = fopen(path, "re");
	char *line = NULL;
	size_t size = 0;

	if (!table)
		die(path);
	while (getline(&line, &size, table) > 0)
		read_row(strdup(line));
	free(line);
	fclose(table);
}

/* The value of a word, "" for a word without one, NULL for none.  What is
 * returned is the caller's, and nobody frees it: these programs are short. */
static char *word(const char *words, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = words; *at;) {
		size_t word_len;

		at += strspn(at, " \t");
		word_len = strcspn(at, " \t");
		if (word_len >= len && strncmp(at, name, len) == 0) {
			if (word_len == len)
				return strdup("");
			if (at[len] == '=')
				return strndup(at + len + 1,
					       word_len - len - 1);
		}
		at += word_len;
	}
	return NULL;
}

static int __attribute__((unused))
number(const char *words, const char *name, int otherwise)
{
	const char *value = word(words, name);

	return value ? atoi(value) : otherwise;
}
