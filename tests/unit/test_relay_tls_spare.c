/* Tests: tools/relay/tls/tls_spare.c.
 *
 * Spares, the TLS clients that are made in advance: for which connection,
 * when, with which ticket, and what becomes of those that are not used. */
#include "tls_line.h"

#include <pthread.h>
#include <unistd.h>

/* What one connection was like. */
struct visit {
	bool took; /* a spare */
	bool resumed;
};

/* With strings that are gone afterwards, as the relay's may be. */
static void spare_make(struct xs_tls_context *context, const char *name,
		       const char *server)
{
	char *name_copy = strdup(name), *server_copy = strdup(server);

	xs_tls_spare_make(context, name_copy, server_copy);
	memset(name_copy, 'x', strlen(name));
	free(name_copy);
	free(server_copy);
}

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
	spare_make(b->client, NAME, SERVER);
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

/* A client that hears nonsense instead of TLS. */
static void fail(struct bench *b, const char *server)
{
	struct xs_error err = { 0 };
	struct xs_tls *tls = xs_tls_new(b->client, NAME, &err);
	struct xs_tls_io io = { .out = out, .out_size = sizeof(out) };
	struct xs_tls_summary summary;

	xs_tls_resume(tls, server);
	cr_assert_eq(xs_tls_handshake(tls, &io, &summary, &err), XS_TLS_WANT);
	io.in = (const uint8_t *)"220 hello\r\n";
	io.in_len = 11;
	cr_assert_eq(xs_tls_handshake(tls, &io, &summary, &err), XS_TLS_FAILED);
	xs_tls_free(tls);
}

/* What failed may have failed because of the session: the next begins afresh.
 * Other servers have nothing to do with it. */
Test(relay_tls_spare, none_after_a_failure)
{
	struct bench b = bench_make("session_reuse=1");

	visit(&b);
	visit(&b);
	fail(&b, "192.0.2.9:443");
	expect(visit(&b), true, true);
	fail(&b, SERVER);
	expect(visit(&b), false, false);
	expect(visit(&b), false, true);
	expect(visit(&b), true, true);
	bench_end(&b);
}

static void forget_sessions(struct bench *b)
{
	unsigned char keys[80] = { 1 };

	SSL_CTX_set_tlsext_ticket_keys(b->server, keys, sizeof(keys));
}

/* The next after that is a new one, too, with a session that is known. */
Test(relay_tls_spare, none_with_a_forgotten_session_of_tls_12)
{
	struct bench b = bench_make("max_version=1.2");

	expect(visit(&b), false, false);
	expect(visit(&b), false, true);
	expect(visit(&b), true, true);
	forget_sessions(&b);
	expect(visit(&b), true, false);
	expect(visit(&b), false, true);
	bench_end(&b);
}

/* The ticket of a spare goes with it, and two new ones come. */
Test(relay_tls_spare, none_with_a_forgotten_session)
{
	struct bench b = bench_make("session_reuse=1");

	visit(&b);
	visit(&b);
	expect(visit(&b), true, true);
	forget_sessions(&b);
	expect(visit(&b), true, false);
	expect(visit(&b), false, true);
	expect(visit(&b), true, true);
	bench_end(&b);
}

/* Whoever did not speak, used no ticket. */
Test(relay_tls_spare, what_was_not_said_is_not_used)
{
	struct bench b = bench_make("session_reuse=1");

	SSL_CTX_set_num_tickets(b.server, 1);
	expect(visit(&b), false, false);
	SSL_CTX_set_num_tickets(b.server, 0);
	for (int i = 0; i < 10; i++)
		xs_tls_free(client_make(&b));
	expect(visit(&b), false, true);
	expect(visit(&b), false, false);
	bench_end(&b);
}

/* A ticket that makes a hello longer than it may be at once is not lost. */
static SSL_TICKET_RETURN long_ticket(SSL *ssl, SSL_SESSION *session,
				     const unsigned char *name, size_t len,
				     SSL_TICKET_STATUS status, void *data)
{
	(void)ssl;
	(void)session;
	(void)name;
	(void)len;
	(void)data;
	return status == SSL_TICKET_SUCCESS ||
			       status == SSL_TICKET_SUCCESS_RENEW
		       ? SSL_TICKET_RETURN_USE_RENEW
		       : SSL_TICKET_RETURN_IGNORE;
}

static int fill_ticket(SSL *ssl, void *data)
{
	static uint8_t much[16000];

	(void)data;
	return SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), much,
					       sizeof(much));
}

Test(relay_tls_spare, a_hello_that_is_too_long)
{
	struct bench b = bench_make("session_reuse=1");

	SSL_CTX_set_session_ticket_cb(b.server, fill_ticket, long_ticket, NULL);
	expect(visit(&b), false, false);
	for (int i = 0; i < 5; i++)
		expect(visit(&b), false, true);
	bench_end(&b);
}

/* Two workers: everybody gets one that is his alone. */
static void *many_visits(void *data)
{
	struct bench *b = data;

	for (int i = 0; i < 200; i++) {
		struct xs_error err = { 0 };
		struct xs_tls *tls = xs_tls_spare_take(b->client, NAME, SERVER);

		if (!tls)
			tls = xs_tls_new(b->client, NAME, &err);
		xs_tls_spare_make(b->client, NAME, SERVER);
		if (i % 10 == 0)
			xs_tls_spare_forget();
		xs_tls_free(tls);
	}
	return NULL;
}

Test(relay_tls_spare, two_threads)
{
	struct bench b = bench_make("session_reuse=0");
	pthread_t thread;

	cr_assert_eq(pthread_create(&thread, NULL, many_visits, &b), 0);
	many_visits(&b);
	pthread_join(thread, NULL);
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
			spare_make(b.client, NAME, server);
		}
	spare_make(b.client, NAME, server);
	spare_make(b.client, NAME, server);
	cr_assert(xs_tls_spare_expire());
	bench_end(&b);
}
