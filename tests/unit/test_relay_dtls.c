/* Tests: tools/relay/tls/tls_dtls.c, where nothing goes wrong on the way. */
#include "dtls_line.h"

Test(relay_dtls, handshake)
{
	struct dbench b = dbench_make("");
	struct dline *line = dline_make(&b);
	const struct xs_tls_summary *summary;

	cr_assert_eq(xs_dtls_state(line->dtls), XS_DTLS_NEW);
	cr_assert_eq(xs_dtls_write(line->dtls, "x", 1), EAGAIN);
	cr_assert_eq(line->writes, 0);
	line_open(line);
	summary = xs_dtls_summary(line->dtls);
	cr_assert_str_eq(summary->version, "DTLSv1.2");
	cr_assert_str_eq(summary->verified, NAME);
	cr_assert_str_eq(summary->how, "verified \"localhost\"");
	cr_assert(!summary->resumed);
	cr_assert(xs_dtls_facts(line->dtls)->cookie);
	cr_assert_eq(xs_dtls_facts(line->dtls)->resent, 0);
	cr_assert_eq(xs_dtls_wait(line->dtls), -1);
	/* ClientHello, with the cookie, and the rest in one flight. */
	cr_assert_eq(line->writes, 3);
	line_works(line);
	xs_dtls_settle(line->dtls);
	cr_assert_null(xs_dtls_summary(line->dtls));
	line_works(line);
	dline_end(line);
	dbench_end(&b);
}
