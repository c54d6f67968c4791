/* Connections for people: a table that fits the terminal.
 *
 * Where it is too narrow for all columns, texts are cut, which a "+" at their
 * end tells, as ps(1) does; and where that is not enough, columns are left out,
 * which the last line tells.  What is no terminal gets all of it.
 */
#include "xsock/ps.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { CELL_MAX = 512 };

/* SGR of ECMA-48, which every terminal with colours knows. */
static const char bold[] = "\033[1m", red[] = "\033[31m";
static const char green[] = "\033[32m", yellow[] = "\033[33m";
static const char plain[] = "\033[0m";

/* --- cells ------------------------------------------------------------- */

static void user_of(const struct xs_ps *ps, const struct xs_relay_row *row,
		    char cell[CELL_MAX])
{
	snprintf(cell, CELL_MAX, "%s",
		 xs_ps_user(ps->relays.relay[row->relay].user));
}

static void pid_of(const struct xs_ps *ps, const struct xs_relay_row *row,
		   char cell[CELL_MAX])
{
	(void)ps;
	snprintf(cell, CELL_MAX, "%d", (int)row->pid);
}

static void text_of(const struct xs_relay_row *row, enum xs_wire_string string,
		    char cell[CELL_MAX])
{
	const char *text = row->text[string];

	snprintf(cell, CELL_MAX, "%s", *text ? text : "-");
}

static void program_of(const struct xs_ps *ps, const struct xs_relay_row *row,
		       char cell[CELL_MAX])
{
	(void)ps;
	text_of(row, XS_WIRE_PROGRAM, cell);
}

static void destination_of(const struct xs_ps *ps,
			   const struct xs_relay_row *row, char cell[CELL_MAX])
{
	(void)ps;
	text_of(row, XS_WIRE_ASKED, cell);
}

static void version_of(const struct xs_ps *ps, const struct xs_relay_row *row,
		       char cell[CELL_MAX])
{
	(void)ps;
	text_of(row, XS_WIRE_VERSION_NAME, cell);
}

static void cipher_of(const struct xs_ps *ps, const struct xs_relay_row *row,
		      char cell[CELL_MAX])
{
	(void)ps;
	text_of(row, XS_WIRE_CIPHER, cell);
}

static void verified_of(const struct xs_ps *ps, const struct xs_relay_row *row,
			char cell[CELL_MAX])
{
	(void)ps;
	text_of(row, XS_WIRE_VERIFIED, cell);
}

static void rule_of(const struct xs_ps *ps, const struct xs_relay_row *row,
		    char cell[CELL_MAX])
{
	(void)ps;
	text_of(row, XS_WIRE_RULE, cell);
}

static void resumed_of(const struct xs_ps *ps, const struct xs_relay_row *row,
		       char cell[CELL_MAX])
{
	(void)ps;
	snprintf(cell, CELL_MAX, "%s",
		 !row->row.secure   ? "-"
		 : row->row.resumed ? "yes"
				    : "no");
}

static void state_of(const struct xs_ps *ps, const struct xs_relay_row *row,
		     char cell[CELL_MAX])
{
	(void)ps;
	snprintf(cell, CELL_MAX, "%s", xs_ps_state(row));
}

/* "7s", "12m07s", "3h05m", "2d11h" */
static void format_time(uint64_t ms, char cell[CELL_MAX])
{
	uint64_t seconds = ms / 1000, minutes = seconds / 60;
	uint64_t hours = minutes / 60, days = hours / 24;

	if (days)
		snprintf(cell, CELL_MAX, "%" PRIu64 "d%02" PRIu64 "h", days,
			 hours % 24);
	else if (hours)
		snprintf(cell, CELL_MAX, "%" PRIu64 "h%02" PRIu64 "m", hours,
			 minutes % 60);
	else if (minutes)
		snprintf(cell, CELL_MAX, "%" PRIu64 "m%02" PRIu64 "s", minutes,
			 seconds % 60);
	else
		snprintf(cell, CELL_MAX, "%" PRIu64 "s", seconds);
}

static void age_of(const struct xs_ps *ps, const struct xs_relay_row *row,
		   char cell[CELL_MAX])
{
	(void)ps;
	format_time(row->row.age_ms, cell);
}

static void idle_of(const struct xs_ps *ps, const struct xs_relay_row *row,
		    char cell[CELL_MAX])
{
	(void)ps;
	if (row->row.association)
		format_time(row->row.idle_ms, cell);
	else
		snprintf(cell, CELL_MAX, "-");
}

/* "512", "1.5K", "37M": powers of 1,024. */
static void format_bytes(uint64_t bytes, char cell[CELL_MAX])
{
	static const char units[] = "KMGTPE";
	double value = (double)bytes;
	int unit = -1;

	while (value >= 1023.5 && unit < (int)sizeof(units) - 2) {
		value /= 1024;
		unit++;
	}
	if (unit < 0)
		snprintf(cell, CELL_MAX, "%" PRIu64, bytes);
	else
		snprintf(cell, CELL_MAX, value < 9.95 ? "%.1f%c" : "%.0f%c",
			 value, units[unit]);
}

static void sent_of(const struct xs_ps *ps, const struct xs_relay_row *row,
		    char cell[CELL_MAX])
{
	(void)ps;
	format_bytes(row->row.sent, cell);
}

static void received_of(const struct xs_ps *ps, const struct xs_relay_row *row,
			char cell[CELL_MAX])
{
	(void)ps;
	format_bytes(row->row.received, cell);
}

static void datagrams_of(const struct xs_ps *ps, const struct xs_relay_row *row,
			 char cell[CELL_MAX])
{
	(void)ps;
	if (row->row.association)
		snprintf(cell, CELL_MAX, "%" PRIu64 "/%" PRIu64,
			 row->row.datagrams_sent, row->row.datagrams_received);
	else
		snprintf(cell, CELL_MAX, "-");
}

static void format_rate(double rate, char cell[CELL_MAX])
{
	format_bytes(rate > 0 ? (uint64_t)(rate + 0.5) : 0, cell);
}

static void sent_rate_of(const struct xs_ps *ps, const struct xs_relay_row *row,
			 char cell[CELL_MAX])
{
	(void)ps;
	format_rate(row->sent_rate, cell);
}

static void received_rate_of(const struct xs_ps *ps,
			     const struct xs_relay_row *row,
			     char cell[CELL_MAX])
{
	(void)ps;
	format_rate(row->received_rate, cell);
}

/* --- columns ------------------------------------------------------------- */

static const struct column {
	const char *title;
	int least;    /* to which it may be cut; 0: it is not cut */
	int left_out; /* the highest is the first to be left out; 0: never */
	bool is_number;
	void (*cell)(const struct xs_ps *ps, const struct xs_relay_row *row,
		     char cell[CELL_MAX]);
} columns[] = {
	{ "USER", 8, 3, false, user_of },
	{ "PROGRAM", 8, 0, false, program_of },
	{ "PID", 0, 0, true, pid_of },
	{ "DESTINATION", 16, 0, false, destination_of },
	{ "STATE", 0, 0, false, state_of },
	{ "TLS", 0, 1, false, version_of },
	{ "VERIFIED", 10, 5, false, verified_of },
	{ "RES", 0, 4, false, resumed_of },
	{ "AGE", 0, 2, true, age_of },
	{ "IDLE", 0, 3, true, idle_of },
	{ "SENT", 0, 2, true, sent_of },
	{ "RECV", 0, 2, true, received_of },
	{ "DGRAMS", 0, 3, true, datagrams_of },
	{ "SENT/S", 0, 2, true, sent_rate_of },
	{ "RECV/S", 0, 2, true, received_rate_of },
	{ "CIPHER", 12, 6, false, cipher_of },
	{ "RULE", 16, 7, false, rule_of },
};
enum { COLUMNS = sizeof(columns) / sizeof(columns[0]) };

struct layout {
	FILE *out;
	int width[COLUMNS]; /* 0: left out */
	bool colour;
};

/* One cell, of characters that are one column wide each. */
static void make_cell(const struct xs_ps *ps, const struct column *column,
		      const struct xs_relay_row *row, char cell[CELL_MAX])
{
	column->cell(ps, row, cell);
	for (char *at = cell; *at; at++)
		if (*at < ' ' || *at > '~')
			*at = '?';
}

static int natural_width(const struct xs_ps *ps, const struct column *column)
{
	char cell[CELL_MAX];
	int width = (int)strlen(column->title);

	for (size_t i = 0; i < ps->rows; i++) {
		int len;

		make_cell(ps, column, ps->row[i], cell);
		len = (int)strlen(cell);
		width = len > width ? len : width;
	}
	return width;
}

static int least_width(int column, const int natural[COLUMNS])
{
	int least = columns[column].least;

	return least && least < natural[column] ? least : natural[column];
}

/* What the columns take with these widths, a blank between two. */
static int sum(const int width[COLUMNS])
{
	int total = -1;

	for (int i = 0; i < COLUMNS; i++)
		total += width[i] ? width[i] + 1 : 0;
	return total;
}

/* Leaves columns out until the least of the others fits. */
static void leave_out(struct layout *layout, int room)
{
	for (int rank = 7; rank > 0 && sum(layout->width) > room; rank--)
		for (int i = 0; i < COLUMNS; i++)
			if (columns[i].left_out == rank)
				layout->width[i] = 0;
}

/* Gives what is left to those that were cut, from left to right. */
static void widen(struct layout *layout, const int natural[COLUMNS], int room)
{
	int left = room - sum(layout->width);

	for (int i = 0; i < COLUMNS && left > 0; i++) {
		int wanted = natural[i] - layout->width[i];

		if (!layout->width[i] || wanted <= 0)
			continue;
		wanted = wanted < left ? wanted : left;
		layout->width[i] += wanted;
		left -= wanted;
	}
}

/* Several users' relays have told something. */
static bool has_users(const struct xs_ps *ps)
{
	for (size_t i = 1; i < ps->rows; i++)
		if (ps->relays.relay[ps->row[i]->relay].user !=
		    ps->relays.relay[ps->row[0]->relay].user)
			return true;
	return geteuid() == 0;
}

static bool has_associations(const struct xs_ps *ps)
{
	for (size_t i = 0; i < ps->rows; i++)
		if (ps->row[i]->row.association)
			return true;
	return false;
}

static bool is_wanted(const struct xs_ps *ps, const struct column *column)
{
	if (column->cell == user_of)
		return has_users(ps);
	if (column->cell == idle_of || column->cell == datagrams_of)
		return has_associations(ps);
	return ps->rates || (column->cell != sent_rate_of &&
			     column->cell != received_rate_of);
}

/* Columns of the terminal; 0: there is none. */
static int terminal_width(void)
{
	struct winsize size;

	if (!isatty(STDOUT_FILENO) ||
	    ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0)
		return 0;
	return size.ws_col;
}

static bool has_colour(void)
{
	const char *off = getenv("NO_COLOR"), *terminal = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(off && *off) && terminal &&
	       strcmp(terminal, "dumb") != 0;
}

/* room is 0 where there is no end to it. */
static void plan(const struct xs_ps *ps, struct layout *layout, int room)
{
	int natural[COLUMNS];

	for (int i = 0; i < COLUMNS; i++)
		natural[i] = natural_width(ps, &columns[i]);
	for (int i = 0; i < COLUMNS; i++)
		if (!is_wanted(ps, &columns[i]))
			natural[i] = 0;
	if (room == 0) {
		memcpy(layout->width, natural, sizeof(natural));
		return;
	}
	for (int i = 0; i < COLUMNS; i++)
		layout->width[i] = least_width(i, natural);
	leave_out(layout, room);
	widen(layout, natural, room);
}

/* --- printing ------------------------------------------------------------ */

static const char *colour_of(const struct layout *layout,
			     const struct column *column,
			     const struct xs_relay_row *row)
{
	if (!layout->colour)
		return NULL;
	if (!row)
		return bold;
	if (column->cell != state_of)
		return NULL;
	return strcmp(xs_ps_state(row), "open") == 0 ? green : yellow;
}

static bool is_last(const struct layout *layout, int column)
{
	while (++column < COLUMNS)
		if (layout->width[column])
			return false;
	return true;
}

/* row is NULL for the titles. */
static void print_row(const struct xs_ps *ps, const struct layout *layout,
		      const struct xs_relay_row *row)
{
	char cell[CELL_MAX];

	for (int i = 0; i < COLUMNS; i++) {
		const struct column *column = &columns[i];
		const char *colour = colour_of(layout, column, row);
		int width = layout->width[i], len;

		if (!width)
			continue;
		if (row)
			make_cell(ps, column, row, cell);
		else
			snprintf(cell, sizeof(cell), "%s", column->title);
		len = (int)strlen(cell);
		if (len > width) {
			cell[width - 1] = '+';
			cell[width] = '\0';
			len = width;
		}
		if (column->is_number)
			fprintf(layout->out, "%*s", width - len, "");
		fprintf(layout->out, "%s%s%s", colour ? colour : "", cell,
			colour ? plain : "");
		if (is_last(layout, i))
			break;
		fprintf(layout->out, "%*s",
			column->is_number ? 1 : width - len + 1, "");
	}
	putc('\n', layout->out);
}

static void print_left_out(const struct xs_ps *ps, const struct layout *layout)
{
	bool first = true;

	for (int i = 0; i < COLUMNS; i++) {
		if (layout->width[i] || !is_wanted(ps, &columns[i]))
			continue;
		fprintf(layout->out, "%s%s", first ? "(no room for " : ", ",
			columns[i].title);
		first = false;
	}
	if (!first)
		fputs(": --wide)\n", layout->out);
}

void xs_ps_print_table(const struct xs_ps *ps, FILE *out, int room, bool colour)
{
	struct layout layout = { .out = out, .colour = colour };

	plan(ps, &layout, ps->wide ? 0 : room);
	print_row(ps, &layout, NULL);
	for (size_t i = 0; i < ps->rows; i++)
		print_row(ps, &layout, ps->row[i]);
	if (ps->rows)
		print_left_out(ps, &layout);
}

/* A failure has more to say than a table has room for. */
static void print_failure(const struct xs_ps *ps,
			  const struct xs_relay_row *row, bool colour)
{
	time_t at = time(NULL) - (time_t)(row->row.age_ms / 1000);
	const char *name = strerrorname_np(row->row.errnum);
	char when[32];
	struct tm tm;

	localtime_r(&at, &tm);
	strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
	printf("%s ", when);
	if (geteuid() == 0)
		printf("%s ", xs_ps_user(ps->relays.relay[row->relay].user));
	printf("%s[%d] %s: %s%s%s\n", row->text[XS_WIRE_PROGRAM], (int)row->pid,
	       row->text[XS_WIRE_ASKED], colour ? red : "",
	       row->row.late ? "broke"
	       : name	     ? name
			     : "failed",
	       colour ? plain : "");
	printf("    %s\n    by %s\n", row->text[XS_WIRE_SENTENCE],
	       row->text[XS_WIRE_RULE]);
}

static void print_processes(const struct xs_ps *ps)
{
	for (size_t i = 0; i < ps->tree_size; i++) {
		const struct xs_process *process = ps->tree[i].process;
		const char *mapped = xs_ps_mapped(process);

		printf("%*s%d %s: library mapped: %s\n", 2 * ps->tree[i].depth,
		       "", (int)process->pid, process->name,
		       mapped ? mapped : "cannot be seen");
	}
}

/* NULL: there is something. */
static const char *nothing(const struct xs_ps *ps)
{
	if (ps->rows)
		return NULL;
	if (ps->what == XS_WIRE_LIST_FAILURES)
		return "no failures";
	for (size_t i = 0; i < ps->relays.relays; i++)
		if (ps->relays.relay[i].told)
			return "no connections";
	return "no connections: no relay runs here, or none that tells";
}

int xs_ps_print_screen(const struct xs_ps *ps)
{
	const char *none = nothing(ps);
	bool colour = has_colour();

	print_processes(ps);
	if (none)
		puts(none);
	else if (ps->what == XS_WIRE_LIST_CONNECTIONS)
		xs_ps_print_table(ps, stdout, terminal_width(), colour);
	else
		for (size_t i = 0; i < ps->rows; i++)
			print_failure(ps, ps->row[i], colour);
	return ferror(stdout) ? -1 : 0;
}
