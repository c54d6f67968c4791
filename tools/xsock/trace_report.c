/* The report of "xsock trace": a file of rules, in which all that was seen are
 * comments; see trace.h. */
#include "xsock/trace.h"

#include "base/text.h"

#include <netdb.h>
#include <string.h>
#include <sys/wait.h>

static const char *plural(unsigned count)
{
	return count == 1 ? "" : "s";
}

/* --- the command ---------------------------------------------------------- */

static void report_command(FILE *out, const char *command, int status)
{
	fprintf(out, "# ");
	while (*command) {
		size_t control = xs_control_len(command);

		fputc(control ? '?' : *command, out);
		command += control ? control : 1;
	}
	if (WIFSIGNALED(status))
		fprintf(out, ": ended by signal %d (%s)\n", WTERMSIG(status),
			strsignal(WTERMSIG(status)));
	else
		fprintf(out, ": ended with exit status %d\n",
			WEXITSTATUS(status));
}

/* --- lookups -------------------------------------------------------------- */

static void report_name(FILE *out, const struct xs_book_name *row)
{
	char ip[XS_ADDRESS_TEXT_MAX];

	fprintf(out, "#   %s:", row->name);
	for (size_t i = 0; i < row->count && i < XS_BOOK_ADDRESSES; i++)
		fprintf(out, "%s %s", i ? "," : "",
			xs_address_format_ip(&row->address[i], ip, sizeof(ip)));
	if (row->count > XS_BOOK_ADDRESSES)
		fprintf(out, " and others");
	if (row->failures)
		fprintf(out, "%s %s", row->count ? "; failed:" : " failed:",
			gai_strerror(row->failed));
	else if (!row->count)
		fprintf(out, " no addresses");
	if (row->times > 1)
		fprintf(out, " (%u times)", row->times);
	fputc('\n', out);
}

static void report_names(FILE *out, const struct xs_book *book)
{
	if (book->names)
		fprintf(out, "# Looked up:\n");
	for (size_t i = 0; i < book->names; i++)
		report_name(out, &book->name[i]);
}

/* --- connections ---------------------------------------------------------- */

static void report_outcome(FILE *out, const struct xs_book_place *place)
{
	unsigned unknown = place->times - place->connected - place->failures;
	const char *between = "";

	if (place->connected) {
		fprintf(out, "%u connected", place->connected);
		between = ", ";
	}
	if (place->failures) {
		fprintf(out, "%s%u failed: %s", between, place->failures,
			xs_error_name(place->errnum));
		between = ", ";
	}
	if (unknown)
		fprintf(out, "%s%u of which nothing more was seen", between,
			unknown);
	if (place->tls && !place->plain)
		fprintf(out, "; the program speaks TLS itself");
}

static void report_place(FILE *out, const struct xs_book_place *place)
{
	char text[XS_BOOK_TEXT_MAX], ip[XS_ADDRESS_TEXT_MAX];

	fprintf(out, "#   %s", xs_book_text(place, text));
	if (place->has_name)
		fprintf(out, " (%s)",
			xs_address_format_ip(&place->address, ip, sizeof(ip)));
	fprintf(out, " by %s[%d]%s: ", place->program, place->pid,
		place->others ? " and others" : "");
	report_outcome(out, place);
	if (place->has_rule)
		fprintf(out, "; rule %s", place->rule);
	else
		fprintf(out, "; no rule, so plaintext");
	fputc('\n', out);
}

static size_t count_places(const struct xs_book *book, bool datagram)
{
	size_t count = 0;

	for (size_t i = 0; i < book->places; i++)
		count += book->place[i].datagram == datagram;
	return count;
}

static void report_places(FILE *out, const struct xs_book *book)
{
	if (!count_places(book, false)) {
		fprintf(out, "# No TCP connections were seen.\n");
		return;
	}
	fprintf(out, "# Connected:\n");
	for (size_t i = 0; i < book->places; i++)
		if (!book->place[i].datagram)
			report_place(out, &book->place[i]);
}

/* Is it an address of a TCP connection's, too?  libc's lookups connect such
 * sockets, which send nothing, to learn which address they would have (RFC
 * 6724). */
static bool may_be_lookup(const struct xs_book *book,
			  const struct xs_book_place *place)
{
	for (size_t i = 0; i < book->places; i++)
		if (!book->place[i].datagram &&
		    book->place[i].port == place->port)
			return true;
	return false;
}

static void report_datagrams(FILE *out, const struct xs_book *book)
{
	char text[XS_BOOK_TEXT_MAX];

	if (!count_places(book, true))
		return;
	fprintf(out, "# UDP, for which rules begin with udp://:\n");
	for (size_t i = 0; i < book->places; i++)
		if (book->place[i].datagram)
			fprintf(out, "#   %s: %u time%s%s\n",
				xs_book_text(&book->place[i], text),
				book->place[i].times,
				plural(book->place[i].times),
				may_be_lookup(book, &book->place[i])
					? " (perhaps only a lookup that "
					  "chooses between addresses)"
					: "");
}

/* --- what is missing ------------------------------------------------------ */

static void report_missing(FILE *out, const struct xs_book *book)
{
	for (size_t i = 0; i < book->unseens; i++)
		fprintf(out, "# Perhaps not seen: %s\n", book->unseen[i]);
	if (book->left_out)
		fprintf(out,
			"# %llu more events were about names or servers for "
			"which there was no room.\n",
			(unsigned long long)book->left_out);
	if (book->lost)
		fprintf(out, "# %llu events came too fast and were lost.\n",
			(unsigned long long)book->lost);
}

void xs_trace_report(FILE *out, const struct xs_book *book, const char *command,
		     int status)
{
	report_command(out, command, status);
	report_names(out, book);
	report_places(out, book);
	report_datagrams(out, book);
	report_missing(out, book);
}

void xs_trace_report_heading(FILE *out)
{
	fprintf(out, "#\n# Rules to paste:\n");
	fflush(out);
}

void xs_trace_report_advice(FILE *out, const struct xs_advice *advice)
{
	fputs(advice->comment, out);
	if (advice->rule[0])
		fprintf(out, "%s\n", advice->rule);
	fflush(out);
}

void xs_trace_report_options(FILE *out)
{
	fprintf(out, "# The servers were asked with the options of this trace; "
		     "the rules need them, too.\n");
}
