/* Clients that are made in advance: for whom, when, with which ticket, and
 * what becomes of those that nobody wants. */
#include "tls_line.h"

#include <unistd.h>

/* What one connection was like. */
struct visit {
	bool took; /* a spare */
	bool resumed;
};

/* Connects as the relay does: a spare if there is one, and one is made when
 * the hello is out. */
static struct visit visit(struct bench *b)
{
	struct line line = line_make(b);
	struct xs_tls_summary summary;
	struct visit v = { 0 };

	line.tls = xs_tls_spare_take(b->client, NAME, SERVER);
	v.took = line.tls;
	if (!v.took)
		line.tls = client_make(b);
	cr_assert_eq(line_shake(&line, &summary), XS_TLS_WANT);
	xs_tls_spare_make(b->client, NAME, SERVER);
	line_finish(&line, &summary);
	cr_assert_str_eq(summary.verified, NAME);
	v.resumed = SSL_session_reused(line.server);
	line_end(&line);
	return v;
}

static void expect(struct visit v, bool took, bool resumed)
{
	cr_assert_eq(v.took, took, "%staken", v.took ? "" : "not ");
	cr_assert_eq(v.resumed, resumed, "%sresumed", v.resumed ? "" : "not ");
}

Test(relay_tls_spare, for_who_comes_again)
{
	struct bench b = bench_make("session_reuse=1");

	expect(visit(&b), false, false);
	expect(visit(&b), false, true);
	for (int i = 0; i < 20; i++)
		expect(visit(&b), true, true);
	bench_end(&b);
}

Test(relay_tls_spare, without_tickets)
{
	struct bench b = bench_make("session_reuse=0");

	expect(visit(&b), false, false);
	expect(visit(&b), false, false);
	for (int i = 0; i < 20; i++)
		expect(visit(&b), true, false);
	bench_end(&b);
}

Test(relay_tls_spare, of_tls_12)
{
	struct bench b = bench_make("max_version=1.2");

	SSL_CTX_set_max_proto_version(b.server, TLS1_2_VERSION);
	expect(visit(&b), false, false);
	expect(visit(&b), false, true);
	expect(visit(&b), true, true);
	bench_end(&b);
}

/* The only ticket is in use, and another is to come: better than a spare. */
Test(relay_tls_spare, not_instead_of_a_ticket)
{
	struct bench b = bench_make("session_reuse=1");

	SSL_CTX_set_num_tickets(b.server, 1);
	expect(visit(&b), false, false);
	for (int i = 0; i < 5; i++)
		expect(visit(&b), false, true);
	bench_end(&b);
}

Test(relay_tls_spare, for_nobody_else)
{
	struct bench b = bench_make("session_reuse=1");
	struct bench other = bench_make("session_reuse=1&timeout=5");
	struct xs_tls *tls;

	visit(&b);
	visit(&b);
	cr_assert_null(xs_tls_spare_take(b.client, "other.test", SERVER));
	cr_assert_null(xs_tls_spare_take(b.client, NAME, "192.0.2.1:444"));
	cr_assert_null(xs_tls_spare_take(other.client, NAME, SERVER));
	tls = xs_tls_spare_take(b.client, NAME, SERVER);
	cr_assert(tls);
	cr_assert_null(xs_tls_spare_take(b.client, NAME, SERVER));
	xs_tls_free(tls);
	xs_tls_context_put(other.client);
	SSL_CTX_free(other.server);
	folder_end(&other.folder);
	bench_end(&b);
}

/* One after the other says another hello. */
Test(relay_tls_spare, says_hello_once)
{
	enum { SPARES = 5, ROOM = 2000 };
	static uint8_t hello[SPARES][ROOM];
	struct bench b = bench_make("session_reuse=0");

	visit(&b);
	for (int i = 0; i < SPARES; i++) {
		struct xs_tls *tls;

		visit(&b);
		tls = xs_tls_spare_take(b.client, NAME, SERVER);
		cr_assert(tls && tls->early->hello_len < ROOM);
		memcpy(hello[i], tls->early->hello, tls->early->hello_len);
		xs_tls_free(tls);
		for (int k = 0; k < i; k++)
			cr_assert(memcmp(hello[i], hello[k], ROOM) != 0);
	}
	bench_end(&b);
}

/* Nobody came: it is gone, and its ticket is there again. */
Test(relay_tls_spare, gives_its_ticket_back)
{
	struct bench b = bench_make("session_reuse=1");

	expect(visit(&b), false, false);
	expect(visit(&b), false, true);
	cr_assert(xs_tls_spare_expire());
	SSL_CTX_set_num_tickets(b.server, 0);
	usleep((XS_TLS_SPARE_MS + 100) * 1000);
	cr_assert_not(xs_tls_spare_expire());
	/* The one of the last handshake, and that of the spare. */
	expect(visit(&b), false, true);
	expect(visit(&b), false, true);
	expect(visit(&b), false, false);
	bench_end(&b);
}

Test(relay_tls_spare, is_not_taken_when_it_is_old)
{
	struct bench b = bench_make("session_reuse=0");

	visit(&b);
	visit(&b);
	usleep((XS_TLS_SPARE_MS + 100) * 1000);
	cr_assert_null(xs_tls_spare_take(b.client, NAME, SERVER));
	bench_end(&b);
}

/* What failed may have failed because of the session. */
Test(relay_tls_spare, none_after_a_failure)
{
	struct bench b = bench_make("session_reuse=0");
	struct xs_tls *tls = client_make(&b);
	struct xs_tls_io io = { .in = (const uint8_t *)"220 hello\r\n",
				.in_len = 11,
				.out = out,
				.out_size = sizeof(out) };
	struct xs_tls_summary summary;
	struct xs_error err = { 0 };

	visit(&b);
	visit(&b);
	cr_assert_eq(xs_tls_handshake(tls, &io, &summary, &err), XS_TLS_FAILED);
	cr_assert_null(xs_tls_spare_take(b.client, NAME, SERVER));
	xs_tls_free(tls);
	bench_end(&b);
}

/* Nor when the server has forgotten the sessions: the next is a new one. */
Test(relay_tls_spare, none_with_a_forgotten_session)
{
	struct bench b = bench_make("max_version=1.2");
	unsigned char keys[80] = { 1 };

	expect(visit(&b), false, false);
	expect(visit(&b), false, true);
	expect(visit(&b), true, true);
	SSL_CTX_set_tlsext_ticket_keys(b.server, keys, sizeof(keys));
	expect(visit(&b), true, false);
	expect(visit(&b), false, true);
	bench_end(&b);
}

/* More servers than there are places. */
Test(relay_tls_spare, many_servers)
{
	struct bench b = bench_make("session_reuse=0");
	char server[32];

	for (int round = 0; round < 3; round++)
		for (int i = 0; i < 20; i++) {
			snprintf(server, sizeof(server), "192.0.2.%d:443", i);
			xs_tls_free(xs_tls_spare_take(b.client, NAME, server));
			xs_tls_spare_make(b.client, NAME, server);
		}
	xs_tls_spare_make(b.client, NAME, server);
	xs_tls_spare_make(b.client, NAME, server);
	cr_assert(xs_tls_spare_expire());
	bench_end(&b);
}
