/* xsock ps --watch: a live screen, by ncurses.
 *
 * Once in a second the relays are asked anew.  What a connection has carried
 * since it was seen last is its rate; the busiest is the first.
 */
#include "xsock/ps.h"

#include "base/clock.h"

#include <curses.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EVERY_MS = 1000 };

/* A connection as it was seen last. */
struct seen {
	uint32_t id;
	pid_t relay;
	uint64_t sent, received;
};

struct watch {
	struct seen *seen; /* sorted */
	size_t count;
	int64_t at;
};

static int compare_seen(const void *one, const void *other)
{
	const struct seen *a = one, *b = other;

	if (a->relay != b->relay)
		return a->relay < b->relay ? -1 : 1;
	return a->id < b->id ? -1 : a->id > b->id;
}

static struct seen see(const struct xs_ps *ps, const struct xs_relay_row *row)
{
	return (struct seen){ .id = row->id,
			      .relay = ps->relays.relay[row->relay].pid,
			      .sent = row->row.sent,
			      .received = row->row.received };
}

static void rate(const struct watch *watch, const struct xs_ps *ps,
		 struct xs_relay_row *row, double seconds)
{
	const struct seen now = see(ps, row);
	const struct seen *before =
		watch->count ? bsearch(&now, watch->seen, watch->count,
				       sizeof(now), compare_seen)
			     : NULL;

	if (!before || seconds <= 0 || now.sent < before->sent ||
	    now.received < before->received)
		return;
	row->sent_rate = (double)(now.sent - before->sent) / seconds;
	row->received_rate =
		(double)(now.received - before->received) / seconds;
}

static int compare_rates(const void *one, const void *other)
{
	const struct xs_relay_row *a = *(struct xs_relay_row *const *)one;
	const struct xs_relay_row *b = *(struct xs_relay_row *const *)other;
	double first = a->sent_rate + a->received_rate;
	double second = b->sent_rate + b->received_rate;

	if (first > second || first < second)
		return first > second ? -1 : 1;
	return a < b ? -1 : a > b;
}

/* Fills in the rates, and takes note of what there is now. */
static void take_rates(struct watch *watch, struct xs_ps *ps)
{
	int64_t now = xs_clock_coarse_ms();
	double seconds = (double)(now - watch->at) / 1000;
	struct seen *seen = calloc(ps->rows + 1, sizeof(*seen));

	for (size_t i = 0; i < ps->rows; i++)
		rate(watch, ps, ps->row[i], seconds);
	free(watch->seen);
	watch->seen = seen;
	watch->count = seen ? ps->rows : 0;
	watch->at = now;
	for (size_t i = 0; i < watch->count; i++)
		seen[i] = see(ps, ps->row[i]);
	if (seen)
		qsort(seen, watch->count, sizeof(*seen), compare_seen);
	/* Of pointers.  NOLINTNEXTLINE(bugprone-sizeof-expression) */
	qsort(ps->row, ps->rows, sizeof(*ps->row), compare_rates);
}

/* One line, which is cut at the edge. */
static int put(int line, const char *text, size_t len, attr_t look)
{
	if (line >= LINES)
		return line;
	attrset(look);
	mvaddnstr(line, 0, text, len < (size_t)COLS ? (int)len : COLS);
	attrset(A_NORMAL);
	return line + 1;
}

static int put_table(int line, const struct xs_ps *ps)
{
	char *text = NULL, *at;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	attr_t look = A_BOLD;

	if (!out)
		return line;
	xs_ps_print_table(ps, out, COLS, false);
	fclose(out);
	for (at = text; at && *at; look = A_NORMAL) {
		size_t len = strcspn(at, "\n");

		line = put(line, at, len, look);
		at += len + (at[len] == '\n');
	}
	free(text);
	return line;
}

static int put_problems(int line, const struct xs_ps *ps)
{
	char text[XS_ERROR_TEXT_MAX + 128];

	for (size_t i = 0; i < ps->relays.relays; i++) {
		const struct xs_relay *relay = &ps->relays.relay[i];

		if (!relay->problem[0])
			continue;
		snprintf(text, sizeof(text), "relay %d of %s: %s",
			 (int)relay->pid, xs_ps_user(relay->user),
			 relay->problem);
		line = put(line, text, strlen(text), A_NORMAL);
	}
	return line;
}

static void draw(const struct xs_ps *ps, const struct xs_error *err)
{
	char text[128];
	int line;

	erase();
	snprintf(text, sizeof(text), "xsock ps: %zu connections (q: quit)",
		 ps->rows);
	line = put(0, text, strlen(text), A_NORMAL);
	if (xs_error_is_set(err))
		line = put(line, err->text, strlen(err->text), A_NORMAL);
	line = put_problems(line, ps);
	put_table(line, ps);
	refresh();
}

static bool is_at_end(void)
{
	int key = getch();

	/* The size has changed: getch has told ncurses. */
	while (key == KEY_RESIZE)
		key = getch();
	return key == 'q' || key == 'Q';
}

bool xs_ps_has_watch(void)
{
	return true;
}

int xs_ps_watch(struct xs_ps *ps, struct xs_error *err)
{
	struct watch watch = { .at = xs_clock_coarse_ms() };
	SCREEN *screen;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return xs_error_set(err, XS_ERR_SYSTEM, ENOTTY,
				    "--watch needs a terminal");
	screen = newterm(NULL, stdout, stdin);
	if (!screen)
		return xs_error_set(err, XS_ERR_SYSTEM, ENOTTY,
				    "--watch does not know this terminal: "
				    "TERM=%s",
				    getenv("TERM") ? getenv("TERM") : "");
	cbreak();
	noecho();
	keypad(stdscr, TRUE);
	curs_set(0);
	timeout(EVERY_MS);
	ps->rates = true;
	do {
		struct xs_error passing = { .kind = XS_ERR_NONE };

		xs_ps_release(ps);
		if (xs_ps_gather(ps, &passing) == 0)
			take_rates(&watch, ps);
		draw(ps, &passing);
	} while (!is_at_end());
	endwin();
	delscreen(screen);
	free(watch.seen);
	return 0;
}
