/* A probe on one screen, for a person.
 *
 * The chain is a tree: the server's certificate, under it who issued it, and so
 * on to the root.  Of what can be long only the first is shown; --json has all
 * of it.
 */
#include "xsock/probe.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
	TITLE_WIDTH = 12,
	NAMES_SHOWN = 6,
	CHAIN_SHOWN = 8,
	TEXT_SHOWN = 120, /* bytes of a name */
};

static void __attribute__((format(printf, 2, 3)))
print_row(const char *title, const char *format, ...)
{
	va_list args;

	printf("%-*s ", TITLE_WIDTH, title);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

static void print_cut(const char *text)
{
	size_t len = strlen(text);

	printf("%.*s%s", TEXT_SHOWN, text, len > TEXT_SHOWN ? "..." : "");
}

static void print_subject(const char *subject)
{
	print_cut(*subject ? subject : "no subject");
}

/* --- connection ----------------------------------------------------------- */

static void print_address(const struct xs_probe *probe)
{
	const struct xs_dial *dial = &probe->dial;
	char text[XS_ADDRESS_TEXT_MAX], which[64] = "";

	xs_address_format(xs_dial_address(dial), text, sizeof(text));
	if (dial->count > 1)
		snprintf(which, sizeof(which), " (%zu of %zu)", dial->at,
			 dial->count);
	print_row("address", "%s%s", text, which);
}

static void print_times(const struct xs_probe *probe)
{
	static const char *const names[XS_CONNECT_ERROR_STEPS] = {
		[XS_CONNECT_ERROR_RESOLVE] = "resolve",
		[XS_CONNECT_ERROR_CONNECT] = "connect",
		[XS_CONNECT_ERROR_HANDSHAKE] = "handshake",
	};
	const char *title = "times";

	for (int i = 0; i < XS_CONNECT_ERROR_STEPS; i++) {
		if (probe->ms[i] < 0)
			continue;
		if (*title)
			printf("%-*s ", TITLE_WIDTH, title);
		printf("%s%s %.1f ms", *title ? "" : ", ", names[i],
		       probe->ms[i]);
		title = "";
	}
	if (!*title)
		putchar('\n');
}

static bool is_dtls(const struct xs_probe *probe)
{
	return probe->rule->target.scheme->kind == XS_SCHEME_DTLS;
}

static void print_dtls(const struct xs_probe *probe)
{
	print_row("cookie", probe->dtls.cookie ? "asked for" : "not asked for");
	if (probe->dtls.resent)
		print_row("sent again", "%u time%s, because no answer came",
			  probe->dtls.resent,
			  probe->dtls.resent == 1 ? "" : "s");
	if (probe->dtls.largest)
		print_row("datagrams", "up to %zu bytes (the %s %zu)",
			  probe->dtls.largest,
			  probe->dtls.payload ==
					  (size_t)probe->rule->options.mtu
				  ? "mtu is"
				  : "path takes",
			  probe->dtls.payload);
}

static void print_tls(const struct xs_probe *probe)
{
	const struct xs_tls_report *report = &probe->report;

	if (!report->version)
		return;
	print_row(is_dtls(probe) ? "DTLS" : "TLS", "%s, %s%s%s",
		  report->version, report->cipher,
		  report->group ? ", group " : "",
		  report->group ? report->group : "");
	if (is_dtls(probe))
		print_dtls(probe);
	print_row("ALPN", "%s", report->alpn ? report->alpn : "none");
	if (probe->resumed)
		print_row("resumption", "yes, in %.1f ms", probe->resumed_ms);
	else if (probe->resumption_tried)
		print_row("resumption",
			  "no, the server wants a full handshake");
	else if (!xs_error_is_set(&probe->verdict))
		print_row("resumption", "no, %s",
			  probe->rule->options.session_reuse
				  ? "the server gives no session"
				  : "session_reuse=0");
}

/* --- the chain ------------------------------------------------------------ */

/* The left side of a line that belongs to the certificate at this depth. */
static void indent(size_t depth, bool more)
{
	printf("%*s%s", TITLE_WIDTH + 1 + 3 * (int)depth, "",
	       more ? "|  " : "   ");
}

static void print_names(const struct xs_tls_certificate *cert)
{
	size_t shown = cert->names < NAMES_SHOWN ? cert->names : NAMES_SHOWN;

	printf("names   ");
	for (size_t i = 0; i < shown; i++) {
		const char *name = cert->name[i];

		if (strncmp(name, XS_TLS_NAME_DNS, 4) == 0)
			name += strlen(XS_TLS_NAME_DNS);
		else if (strncmp(name, XS_TLS_NAME_IP, 3) == 0)
			name += strlen(XS_TLS_NAME_IP);
		printf("%s", i > 0 ? ", " : " ");
		print_cut(name);
	}
	if (cert->names > shown)
		printf(" and %zu more", cert->names - shown);
	putchar('\n');
}

static void print_validity(const struct xs_tls_certificate *cert)
{
	const char *from = cert->not_before, *to = cert->not_after;

	/* The day is enough here. */
	printf("valid    %.10s to %.10s", from ? from : "?", to ? to : "?");
	if (to && cert->days_left < 0)
		printf(", expired %ld day%s ago", -cert->days_left,
		       cert->days_left == -1 ? "" : "s");
	else if (to)
		printf(", %ld day%s left", cert->days_left,
		       cert->days_left == 1 ? "" : "s");
	putchar('\n');
}

static void print_key(const struct xs_tls_certificate *cert)
{
	if (cert->key)
		printf("key      %s %d bits", cert->key, cert->key_bits);
	else
		printf("key      unreadable");
	if (cert->key_group)
		printf(" (%s)", cert->key_group);
	printf(", signature %s\n", cert->signature);
}

static void print_details(const struct xs_tls_certificate *cert, size_t depth,
			  bool more)
{
	if (cert->names > 0 || depth == 0) {
		indent(depth, more);
		print_names(cert);
	}
	indent(depth, more);
	print_validity(cert);
	indent(depth, more);
	print_key(cert);
	indent(depth, more);
	/* To be pinned is the server's own. */
	if (depth > 0) {
		printf("sha256   %s\n", cert->fingerprint);
		return;
	}
	printf("sha256   peer_fingerprint=sha256:%s\n", cert->fingerprint);
	indent(depth, more);
	printf("key pin  peer_fingerprint=pin-sha256:%s\n", cert->pin);
}

/* "CN=corp CA (sent, trusted)" */
static void print_certificate(const struct xs_tls_certificate *cert,
			      size_t depth, bool more)
{
	if (depth == 0)
		printf("%-*s ", TITLE_WIDTH, "certificate");
	else
		printf("%*s+- ", TITLE_WIDTH + 1 + 3 * ((int)depth - 1), "");
	print_subject(cert->subject);
	if (depth > 0 || cert->trusted || cert->self_signed)
		printf(" (%s%s%s)", cert->self_signed ? "self-signed, " : "",
		       cert->sent ? "sent by the server" : "not sent",
		       cert->trusted ? ", trusted" : "");
	putchar('\n');
	print_details(cert, depth, more);
}

/* Who issued the last one, if nobody has it. */
static const char *missing_issuer(const struct xs_tls_certificate *last)
{
	return last->trusted || last->self_signed ? NULL : last->issuer;
}

static void print_missing(const struct xs_probe *probe, const char *issuer,
			  size_t depth)
{
	printf("%*s+- ", TITLE_WIDTH + 1 + 3 * ((int)depth - 1), "");
	print_subject(issuer);
	printf(" (missing: not sent by the server, %s)\n",
	       probe->rule->options.verify_peer ? "not trusted"
						: "nor looked for");
}

static void print_chain(const struct xs_probe *probe)
{
	const struct xs_tls_report *report = &probe->report;
	const struct xs_tls_certificate *cert = report->certificate;
	size_t used = 0;

	while (used < report->certificates && cert[used].used)
		used++;
	for (size_t i = 0; i < used && i < CHAIN_SHOWN; i++)
		print_certificate(&cert[i], i,
				  i + 1 < used || missing_issuer(&cert[i]));
	if (used > CHAIN_SHOWN)
		print_row("", "and %zu more", used - CHAIN_SHOWN);
	else if (used > 0 && missing_issuer(&cert[used - 1]))
		print_missing(probe, missing_issuer(&cert[used - 1]), used);
	for (size_t i = used; i < report->certificates; i++) {
		if (i - used == CHAIN_SHOWN) {
			print_row("", "and %zu more", report->certificates - i);
			return;
		}
		printf("%-*s ", TITLE_WIDTH, i == used ? "also sent" : "");
		print_subject(cert[i].subject);
		printf(" (not needed)\n");
	}
}

static void print_shared_key(const struct xs_options *options)
{
	if (options->psk_file)
		print_row("key", "of \"%s\", in %s", options->psk_identity,
			  options->psk_file);
}

/* --- all of it ------------------------------------------------------------ */

void xs_probe_print(const struct xs_probe *probe)
{
	char text[XS_ERROR_TEXT_MAX];

	printf("%s\n\n", probe->target);
	if (probe->connected)
		print_address(probe);
	print_times(probe);
	if (probe->shook) {
		print_tls(probe);
		print_shared_key(&probe->rule->options);
		print_chain(probe);
	}
	print_row("verdict", "%s: %s", xs_probe_verdict(&probe->verdict)->title,
		  xs_probe_sentence(probe, text, sizeof(text)));
}
