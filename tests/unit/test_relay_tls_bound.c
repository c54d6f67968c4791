/* Tests: tools/relay/tls/tls_bound.c, tls_session.c.
 *
 * Until when a session stands for what its full handshake verified.  The clock
 * is ours, for the relay's code and for OpenSSL. */
#include "moved_clock.h"
#include "tls_line.h"

/* --- the clock ----------------------------------------------------------- */

enum { MINUTE = 60, DAY = 24 * 60 * MINUTE };

/* So many minutes after the beginning of the test. */
static void at_minute(long minute)
{
	moved_us = (int64_t)minute * MINUTE * 1000000;
}

/* --- a server whose chain, CRL and staple end when they are told to ------- */

struct authority {
	struct bench bench;
	struct party root, middle, leaf;
};

/* When what ends, in minutes; 0: after a day.  A staple of -1: there is none.
 */
struct ends {
	long root, middle, leaf, crl, staple;
};

static struct {
	int status;
	long end; /* in minutes */
	const struct authority *authority;
} staple;

static void let_end(struct party *party, const struct party *issuer,
		    long minute)
{
	X509_gmtime_adj(X509_getm_notAfter(party->cert),
			minute ? minute * MINUTE : DAY);
	X509_sign(party->cert, issuer->key, EVP_sha256());
}

/* In PEM, of both CAs; returns the path. */
static const char *make_crls(const struct authority *a, long minute)
{
	const struct party *issuers[] = { &a->middle, &a->root };
	const char *path = in_folder(&a->bench.folder, "lists.pem");
	FILE *file = fopen(path, "w");

	for (int i = 0; i < 2; i++) {
		X509_CRL *list = X509_CRL_new();
		ASN1_TIME *begin = X509_gmtime_adj(NULL, -MINUTE);
		/* That of the root ends later. */
		ASN1_TIME *end =
			X509_gmtime_adj(NULL, minute * MINUTE + i * DAY);

		X509_CRL_set_version(list, 1);
		X509_CRL_set_issuer_name(
			list, X509_get_subject_name(issuers[i]->cert));
		X509_CRL_set1_lastUpdate(list, begin);
		X509_CRL_set1_nextUpdate(list, end);
		cr_assert(X509_CRL_sign(list, issuers[i]->key, EVP_sha256()));
		PEM_write_X509_CRL(file, list);
		X509_CRL_free(list);
		ASN1_TIME_free(begin);
		ASN1_TIME_free(end);
	}
	fclose(file);
	return path;
}

/* It ends at staple.end, whatever the time is now. */
static int give_staple(SSL *ssl, void *unused)
{
	const struct authority *a = staple.authority;
	unsigned char *der;
	int len;

	(void)unused;
	/* make_ocsp's answers count for an hour. */
	len = make_ocsp(&a->middle, a->leaf.cert, staple.status,
			(long)(moved_us / 1000000) + 3600 - staple.end * MINUTE,
			&der);
	SSL_set_tlsext_status_ocsp_resp(ssl, der, len);
	return SSL_TLSEXT_ERR_OK;
}

static void make_client(struct authority *a, const struct ends *ends,
			const char *more)
{
	X509 *const trusted[] = { a->root.cert, NULL };
	struct xs_error err = { 0 };
	char options[400];
	struct xs_tls_policy policy = { .scheme = "tls", .options = options };
	int len = snprintf(
		options, sizeof(options), "cafile=%s&%s",
		write_pem(&a->bench.folder, "ca.pem", NULL, NULL, trusted),
		more);

	if (ends->crl)
		snprintf(options + len, sizeof(options) - (size_t)len,
			 "&crlfile=%s", make_crls(a, ends->crl));
	a->bench.client = xs_tls_context_get(&policy, &err);
	cr_assert(a->bench.client, "%s", err.text);
}

static struct authority authority_make(struct ends ends, const char *more)
{
	struct authority a = {
		.bench = { .folder = folder_make(),
			   .server = SSL_CTX_new(TLS_server_method()) },
		.root = party_make("root", NULL, NULL),
	};

	at_minute(0);
	let_end(&a.root, &a.root, ends.root);
	a.middle = party_make("middle", NULL, &a.root);
	let_end(&a.middle, &a.root, ends.middle);
	a.leaf = party_make("leaf", "DNS:localhost", &a.middle);
	let_end(&a.leaf, &a.middle, ends.leaf);
	SSL_CTX_use_certificate(a.bench.server, a.leaf.cert);
	SSL_CTX_use_PrivateKey(a.bench.server, a.leaf.key);
	SSL_CTX_add1_chain_cert(a.bench.server, a.middle.cert);
	/* So that it is never the server who does not want to. */
	SSL_CTX_set_timeout(a.bench.server, 10 * DAY);
	make_client(&a, &ends, more);
	return a;
}

static void authority_end(struct authority *a)
{
	party_free(&a->root);
	party_free(&a->middle);
	party_free(&a->leaf);
	bench_end(&a->bench);
	at_minute(0);
}

/* --- connections --------------------------------------------------------- */

enum outcome { FULL, RESUMED, REFUSED };

static const char *const outcomes[] = { "full", "resumed", "refused" };

/* tls, or a new client, to its end; *data gets a session as FTP takes it. */
static enum outcome connect_as(const struct bench *b, struct xs_tls *tls,
			       struct xs_tls_session **data)
{
	struct line line = line_make(b);
	struct xs_tls_summary summary;
	struct xs_error err = { 0 };
	enum xs_tls_result result;
	enum outcome outcome = REFUSED;

	line.tls = tls ? tls : client_make(b);
	do {
		struct xs_tls_io io = hear(&line, sizeof(in));

		result = xs_tls_handshake(line.tls, &io, &summary, &err);
		say(&line, &io);
		SSL_do_handshake(line.server);
	} while (result == XS_TLS_WANT);
	if (result == XS_TLS_DONE) {
		hear_data(&line, sizeof(in));
		outcome = SSL_session_reused(line.server) ? RESUMED : FULL;
		if (data)
			*data = xs_tls_session_take(line.tls);
	} else {
		cr_assert_eq(err.kind, XS_ERR_CERTIFICATE, "%s", err.text);
	}
	line_end(&line);
	return outcome;
}

static void expect(const struct authority *a, long minute, enum outcome want)
{
	enum outcome is;

	at_minute(minute);
	is = connect_as(&a->bench, NULL, NULL);
	cr_assert_eq(is, want, "minute %ld: %s instead of %s", minute,
		     outcomes[is], outcomes[want]);
}

static const char *const versions[] = { "min_version=1.3", "max_version=1.2" };

#define FOR_VERSIONS(v)                                                        \
	for (const char *const *v = versions; v < versions + 2; v++)

/* New tickets come with each connection, and do not begin anew. */
Test(relay_tls_bound, two_hours)
{
	FOR_VERSIONS(version)
	{
		struct authority a =
			authority_make((struct ends){ 0 }, *version);

		expect(&a, 0, FULL);
		for (long minute = 10; minute < 120; minute += 10)
			expect(&a, minute, RESUMED);
		expect(&a, 120, FULL);
		expect(&a, 121, RESUMED);
		expect(&a, 239, RESUMED);
		expect(&a, 240, FULL);
		authority_end(&a);
	}
}

static void expect_end(struct ends ends, const char *more, long end)
{
	FOR_VERSIONS(version)
	{
		char options[200];
		struct authority a;

		snprintf(options, sizeof(options), "%s%s", *version, more);
		a = authority_make(ends, options);
		expect(&a, 0, FULL);
		expect(&a, end / 2, RESUMED);
		expect(&a, end - 1, RESUMED);
		expect(&a, end + 1, REFUSED);
		authority_end(&a);
	}
}

Test(relay_tls_bound, the_end_of_the_leaf)
{
	expect_end((struct ends){ .leaf = 30 }, "", 30);
}

Test(relay_tls_bound, the_end_of_an_intermediate)
{
	expect_end((struct ends){ .middle = 30 }, "", 30);
}

Test(relay_tls_bound, the_end_of_the_root)
{
	expect_end((struct ends){ .root = 30 }, "", 30);
}

Test(relay_tls_bound, the_end_of_a_crl)
{
	expect_end((struct ends){ .crl = 30 }, "", 30);
}

Test(relay_tls_bound, the_end_of_the_chain_without_its_name)
{
	expect_end((struct ends){ .middle = 30 }, "&verify_peer_name=0", 30);
}

/* A new staple may say something else. */
Test(relay_tls_bound, the_end_of_a_staple)
{
	FOR_VERSIONS(version)
	{
		struct authority a =
			authority_make((struct ends){ 0 }, *version);

		SSL_CTX_set_tlsext_status_cb(a.bench.server, give_staple);
		staple.authority = &a;
		staple.status = V_OCSP_CERTSTATUS_GOOD;
		staple.end = 30;
		expect(&a, 0, FULL);
		staple.status = V_OCSP_CERTSTATUS_REVOKED;
		staple.end = 60;
		expect(&a, 29, RESUMED);
		expect(&a, 31, REFUSED);
		staple.status = V_OCSP_CERTSTATUS_GOOD;
		expect(&a, 40, FULL);
		expect(&a, 59, RESUMED);
		staple.end = 90;
		expect(&a, 61, FULL);
		authority_end(&a);
	}
}

/* Nobody looked at the chain, so it bounds nothing. */
Test(relay_tls_bound, what_is_not_verified)
{
	FOR_VERSIONS(version)
	{
		char options[200];
		struct authority a;

		snprintf(options, sizeof(options),
			 "%s&verify_peer=0&verify_peer_name=0", *version);
		a = authority_make((struct ends){ .middle = 30 }, options);
		expect(&a, 0, FULL);
		expect(&a, 119, RESUMED);
		expect(&a, 120, FULL);
		authority_end(&a);
	}
}

/* A clock that is set back makes nothing younger. */
Test(relay_tls_bound, a_clock_that_is_set_back)
{
	FOR_VERSIONS(version)
	{
		struct authority a =
			authority_make((struct ends){ 0 }, *version);

		expect(&a, 100, FULL);
		expect(&a, 110, RESUMED);
		expect(&a, 50, FULL);
		expect(&a, 169, RESUMED);
		expect(&a, 170, FULL);
		authority_end(&a);
	}
}

/* Nor a ticket that comes then, on a connection of before. */
Test(relay_tls_bound, a_ticket_behind_a_clock_that_is_set_back)
{
	struct authority a = authority_make((struct ends){ 0 }, versions[0]);
	struct line line = line_make(&a.bench);
	struct xs_tls_summary summary;

	at_minute(100);
	line.tls = client_make(&a.bench);
	line_finish(&line, &summary);
	at_minute(50);
	SSL_new_session_ticket(line.server);
	SSL_write(line.server, "x", 1);
	hear_data(&line, sizeof(in));
	expect(&a, 50, FULL);
	line_end(&line);
	authority_end(&a);
}

/* FTP: the session of a control connection that was itself resumed. */
static enum outcome transfer(const struct authority *a,
			     const struct xs_tls_session *session)
{
	struct xs_error err = { 0 };
	struct xs_tls *tls = xs_tls_new(a->bench.client, NAME, &err);

	cr_assert(tls, "%s", err.text);
	xs_tls_session_use(tls, session);
	return connect_as(&a->bench, tls, NULL);
}

Test(relay_tls_bound, ftp_data)
{
	FOR_VERSIONS(version)
	{
		struct authority a =
			authority_make((struct ends){ .middle = 60 }, *version);
		struct xs_tls_session *session = NULL;

		expect(&a, 0, FULL);
		at_minute(10);
		cr_assert_eq(connect_as(&a.bench, NULL, &session), RESUMED);
		at_minute(59);
		cr_assert_eq(transfer(&a, session), RESUMED);
		at_minute(61);
		cr_assert_eq(transfer(&a, session), REFUSED);
		xs_tls_session_free(session);
		authority_end(&a);
	}
}

/* The session was good when the client was made, and is not when it begins. */
Test(relay_tls_bound, between_choice_and_hello)
{
	FOR_VERSIONS(version)
	{
		struct authority a =
			authority_make((struct ends){ .middle = 60 }, *version);
		struct xs_tls *tls;

		expect(&a, 0, FULL);
		at_minute(59);
		tls = client_make(&a.bench);
		cr_assert(tls->early->offers_session);
		at_minute(61);
		cr_assert_eq(connect_as(&a.bench, tls, NULL), REFUSED);
		authority_end(&a);
	}
}

/* The same of a client that was made in advance, with its hello. */
Test(relay_tls_bound, spares)
{
	FOR_VERSIONS(version)
	{
		struct authority a =
			authority_make((struct ends){ .middle = 60 }, *version);
		struct xs_tls *spare;

		expect(&a, 0, FULL);
		for (int round = 0; round < 2; round++) {
			at_minute(59);
			for (int i = 0; i < 2; i++)
				xs_tls_spare_make(a.bench.client, NAME, SERVER);
			at_minute(round ? 61 : 59);
			spare = xs_tls_spare_take(a.bench.client, NAME, SERVER);
			cr_assert_eq(spare != NULL, round == 0);
			xs_tls_free(spare);
		}
		expect(&a, 61, REFUSED);
		authority_end(&a);
	}
}
