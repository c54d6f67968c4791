/* Tests: shim/base/scheme.c, shim/base/text.c.
 *
 * The table of schemes, and the suggestion for a misspelt word. */
#include "base/scheme.h"
#include "base/text.h"

#include <criterion/criterion.h>
#include <string.h>

static struct xs_span span(const char *text)
{
	return (struct xs_span){ text, text + strlen(text) };
}

Test(scheme, every_row_is_found_in_any_case)
{
	for (const struct xs_scheme *row = xs_schemes; row->name; row++) {
		char upper[32] = "";

		for (size_t i = 0; row->name[i]; i++)
			upper[i] = row->name[i] >= 'a' && row->name[i] <= 'z'
					   ? (char)(row->name[i] - 32)
					   : row->name[i];
		cr_assert_eq(xs_scheme_find(row->name), row);
		cr_assert_eq(xs_scheme_find(upper), row);
		cr_assert(row->summary && *row->summary, "%s", row->name);
	}
}

Test(scheme, near_and_empty_names_are_not_found)
{
	cr_assert_null(xs_scheme_find(""));
	cr_assert_null(xs_scheme_find("tl"));
	cr_assert_null(xs_scheme_find("tlss"));
	cr_assert_null(xs_scheme_find("tlsv1"));
	cr_assert_null(xs_scheme_find("tls://"));
}

Test(scheme, versions_are_those_of_the_wire)
{
	cr_assert_eq(xs_scheme_find("tls")->tls_version, 0);
	cr_assert_eq(xs_scheme_find("ssl")->tls_version, 0);
	cr_assert_eq(xs_scheme_find("tlsv1.0")->tls_version, 0x0301);
	cr_assert_eq(xs_scheme_find("tlsv1.1")->tls_version, 0x0302);
	cr_assert_eq(xs_scheme_find("tlsv1.2")->tls_version, 0x0303);
	cr_assert_eq(xs_scheme_find("tlsv1.3")->tls_version, 0x0304);
	/* Of DTLS those of the TLS that it is made of. */
	cr_assert_eq(xs_scheme_find("dtls")->tls_version, 0);
	cr_assert_eq(xs_scheme_find("dtlsv1.2")->tls_version, 0x0303);
	cr_assert_eq(xs_scheme_find("dtlsv1.0")->tls_version, 0x0302);
}

Test(scheme, kinds_of_sockets)
{
	static const char *const datagram[] = { "udp", "dtls", "dtlsv1.2",
						"dtlsv1.0" };
	size_t count = 0;

	for (const struct xs_scheme *row = xs_schemes; row->name; row++) {
		count += xs_scheme_is_datagram(row);
		cr_assert_not(xs_scheme_is_datagram(row) &&
			      xs_scheme_has_tls(row));
	}
	cr_assert_eq(count, sizeof(datagram) / sizeof(datagram[0]));
	for (size_t i = 0; i < count; i++)
		cr_assert(xs_scheme_is_datagram(xs_scheme_find(datagram[i])));
}

static const char *counterpart(const char *name)
{
	return xs_scheme_counterpart(xs_scheme_find(name));
}

Test(scheme, each_has_its_like_over_the_other_transport)
{
	cr_assert_str_eq(counterpart("tcp"), "udp");
	cr_assert_str_eq(counterpart("udp"), "tcp");
	cr_assert_str_eq(counterpart("tls"), "dtls");
	cr_assert_str_eq(counterpart("ssl"), "dtls");
	cr_assert_str_eq(counterpart("dtls"), "tls");
	cr_assert_str_eq(counterpart("tlsv1.2"), "dtlsv1.2");
	cr_assert_str_eq(counterpart("dtlsv1.2"), "tlsv1.2");
	cr_assert_str_eq(counterpart("tlsv1.1"), "dtlsv1.0");
	cr_assert_str_eq(counterpart("dtlsv1.0"), "tlsv1.1");
	/* Without one. */
	cr_assert_str_eq(counterpart("tlsv1.0"), "dtls");
	cr_assert_str_eq(counterpart("tlsv1.3"), "dtls");
	cr_assert_str_eq(counterpart("starttls"), "dtls");
	cr_assert_str_eq(counterpart("smtp+starttls"), "dtls");
	cr_assert_str_eq(counterpart("postgres+tls"), "dtls");
}

Test(scheme, what_cannot_be_used_says_so)
{
	cr_assert_not_null(xs_scheme_find("sslv2")->missing);
	cr_assert_null(xs_scheme_find("udp")->missing);
#ifndef XS_NO_DTLS
	cr_assert_null(xs_scheme_find("dtls")->missing);
#endif
#ifdef XS_NO_DTLS1
	cr_assert_not_null(xs_scheme_find("dtlsv1.0")->missing);
#endif
}

static const char *suggestion(const char *written)
{
	struct xs_suggest suggest = { .written = span(written) };

	for (const struct xs_scheme *row = xs_schemes; row->name; row++)
		xs_suggest_offer(&suggest, row->name);
	return suggest.best ? suggest.best : "";
}

Test(text, one_slip_is_suggested)
{
	cr_assert_str_eq(suggestion("tsl"), "tls");
	cr_assert_str_eq(suggestion("TLX"), "tls");
	cr_assert_str_eq(suggestion("tlsv12"), "tlsv1.2");
	cr_assert_str_eq(suggestion("smpt+starttls"), "smtp+starttls");
	cr_assert_str_eq(suggestion("denny"), "deny");
	cr_assert_str_eq(suggestion("starttsl"), "starttls");
}

Test(text, another_word_is_not_suggested)
{
	cr_assert_str_eq(suggestion("http"), "");
	cr_assert_str_eq(suggestion("https"), "");
	cr_assert_str_eq(suggestion(""), "");
	cr_assert_str_eq(suggestion("x"), "");
	cr_assert_str_eq(suggestion("a-word-that-is-longer-than-any-scheme-is"),
			 "");
}

/* Criterion keeps the pointer for longer than a returned structure lives. */
static const char *quoted(const char *text)
{
	static struct xs_quote quote;

	quote = xs_quote(span(text));
	return quote.text;
}

Test(text, quotes_are_printable_and_short)
{
	char long_text[300];

	cr_assert_str_eq(quoted("a\nb\x1b\xff"), "\"a\\x0ab\\x1b\\xff\"");
	cr_assert_str_eq(quoted(""), "\"\"");
	cr_assert_str_eq(quoted("x?Passphrase=y&z"), "\"x?Passphrase=***\"");
	cr_assert_str_eq(quoted("passphrase="), "\"passphrase=***\"");
	cr_assert_str_eq(quoted("passphrase"), "\"passphrase\"");
	memset(long_text, 'x', sizeof(long_text));
	for (size_t len = 0; len <= sizeof(long_text); len++) {
		for (int fill = 0; fill < 2; fill++) {
			memset(long_text, fill ? '\n' : 'x', len);
			struct xs_quote quote = xs_quote(
				(struct xs_span){ long_text, long_text + len });
			size_t end = strlen(quote.text);

			cr_assert_lt(end, XS_QUOTE_MAX);
			cr_assert_eq(quote.text[end - 1], '"');
		}
	}
	cr_assert(strstr(
		xs_quote((struct xs_span){ long_text, long_text + 300 }).text,
		"...\""));
}

Test(text, numbers_do_not_overflow)
{
	cr_assert_eq(xs_span_number(span("65535"), 65535), 65535);
	cr_assert_eq(xs_span_number(span("65536"), 65535), 65536);
	cr_assert_eq(xs_span_number(span("99999999999999999999999999"), 65535),
		     65536);
	cr_assert_eq(xs_span_number(span("000000000000000000000001"), 65535),
		     1);
	cr_assert_not(xs_span_is_number(span("")));
	cr_assert_not(xs_span_is_number(span("1 ")));
}

Test(text, a_word_is_found_anywhere_in_any_case)
{
	cr_assert(xs_text_has("udp://", "udp://"));
	cr_assert(xs_text_has("a:1=tls://  UdP://b:2=x", "udp://"));
	cr_assert(xs_text_has("=dtls", "dtls"));
	cr_assert(xs_text_has("ddtls", "dtls"));
	cr_assert_not(xs_text_has("dtl", "dtls"));
	cr_assert_not(xs_text_has("udp:/", "udp://"));
	cr_assert_not(xs_text_has("", "dtls"));
}
