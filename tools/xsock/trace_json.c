/* The report of "xsock trace" for machines: one JSON object, by jansson.
 *
 * Every key is always there; what is not known is null.  xsock(1) has the
 * list.
 */
#include "xsock/trace.h"

#include "xsock/json_text.h"

#include <errno.h>
#include <jansson.h>
#include <netdb.h>
#include <string.h>
#include <sys/wait.h>

bool xs_trace_has_json(void)
{
	return true;
}

/* A string, or null for an empty one. */
static json_t *text(const char *from)
{
	return xs_json_text(*from ? from : NULL);
}

static json_t *name_of(const struct xs_book_name *row)
{
	json_t *addresses = json_array();
	char ip[XS_ADDRESS_TEXT_MAX];

	for (size_t i = 0; i < row->count && i < XS_BOOK_ADDRESSES; i++)
		json_array_append_new(
			addresses, text(xs_address_format_ip(&row->address[i],
							     ip, sizeof(ip))));
	return json_pack(
		"{s:o, s:i, s:i, s:o, s:o}", "name", text(row->name), "times",
		(int)row->times, "failed", (int)row->failures, "reason",
		row->failures ? text(gai_strerror(row->failed)) : json_null(),
		"addresses", addresses);
}

static json_t *names_of(const struct xs_book *book)
{
	json_t *all = json_array();

	for (size_t i = 0; i < book->names; i++)
		json_array_append_new(all, name_of(&book->name[i]));
	return all;
}

/* The comment as sentences, without the "# " of each line. */
static json_t *notes_of(const struct xs_advice *advice)
{
	json_t *all = json_array();
	const char *at = advice->comment;

	while (*at) {
		const char *end = strchrnul(at, '\n');
		char line[XS_ADVICE_COMMENT_MAX];

		at += strspn(at, "# ");
		snprintf(line, sizeof(line), "%.*s",
			 (int)(end > at ? end - at : 0), at);
		json_array_append_new(all, text(line));
		at = *end ? end + 1 : end;
	}
	return all;
}

static json_t *place_of(const struct xs_book_place *place,
			const struct xs_advice *advice)
{
	char ip[XS_ADDRESS_TEXT_MAX];

	return json_pack(
		"{s:o, s:o, s:i, s:o, s:i, s:b, s:i, s:i, s:i, s:o, s:o, s:i, "
		"s:i, s:o, s:o}",
		"name", place->has_name ? text(place->host) : json_null(),
		"address",
		text(xs_address_format_ip(&place->address, ip, sizeof(ip))),
		"port", (int)place->port, "program", text(place->program),
		"pid", place->pid, "others", (int)place->others, "times",
		(int)place->times, "connected", (int)place->connected, "failed",
		(int)place->failures, "reason",
		place->failures ? text(xs_error_name(place->errnum))
				: json_null(),
		"rule", text(place->rule), "own_tls", (int)place->tls,
		"own_other", (int)place->plain, "advice", text(advice->rule),
		"notes", notes_of(advice));
}

static json_t *places_of(const struct xs_book *book, bool datagram,
			 const struct xs_advice *advice)
{
	json_t *all = json_array();

	for (size_t i = 0; i < book->places; i++)
		if (book->place[i].datagram == datagram)
			json_array_append_new(
				all, place_of(&book->place[i], &advice[i]));
	return all;
}

static json_t *unseen_of(const struct xs_book *book)
{
	json_t *all = json_array();

	for (size_t i = 0; i < book->unseens; i++)
		json_array_append_new(all, text(book->unseen[i]));
	return all;
}

int xs_trace_print_json(FILE *out, const struct xs_book *book,
			const struct xs_advice *advice, const char *command,
			int status)
{
	bool killed = WIFSIGNALED(status);
	json_t *root = json_pack(
		"{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:I}", "command",
		text(command), "exit_status",
		killed ? json_null() : json_integer(WEXITSTATUS(status)),
		"signal", killed ? json_integer(WTERMSIG(status)) : json_null(),
		"lookups", names_of(book), "connections",
		places_of(book, false, advice), "udp",
		places_of(book, true, advice), "perhaps_not_seen",
		unseen_of(book), "left_out", (json_int_t)book->left_out, "lost",
		(json_int_t)book->lost);
	int result;

	errno = ENOMEM;
	if (!root)
		return -1;
	result = json_dumpf(root, out, JSON_INDENT(2));
	json_decref(root);
	if (result == 0)
		fputc('\n', out);
	return result;
}
