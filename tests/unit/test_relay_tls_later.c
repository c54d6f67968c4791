/* Tests: tools/relay/tls/tls.c, tls_verify.c.
 *
 * Handshakes that a server begins on an open connection: for whom they are, and
 * that they are as strict as the first. */
#include "tls_line.h"

static int take_any(int ok, X509_STORE_CTX *store)
{
	(void)ok;
	(void)store;
	return 1;
}

struct later {
	struct bench bench;
	struct party ca, leaf, client;
	char options[600];
};

/* Of the rule's options, those behind cafile; with a client certificate. */
static struct later later_make(const char *more, bool certificate)
{
	struct later l = {
		.bench = { .folder = folder_make(),
			   .server = SSL_CTX_new(TLS_server_method()) },
		.ca = party_make("test CA", NULL, NULL),
		.client = party_make("client", NULL, NULL),
	};
	X509 *const trusted[] = { l.ca.cert, NULL };
	X509 *const own[] = { l.client.cert, NULL };
	struct xs_error err = { 0 };
	struct xs_tls_policy policy = { .scheme = "tls", .options = l.options };
	int len;

	l.leaf = party_make("leaf", "DNS:localhost", &l.ca);
	SSL_CTX_use_certificate(l.bench.server, l.leaf.cert);
	SSL_CTX_use_PrivateKey(l.bench.server, l.leaf.key);
	SSL_CTX_set_session_id_context(l.bench.server, (const void *)"x", 1);
	/* A renegotiation that resumes the session has no certificates. */
	SSL_CTX_set_options(l.bench.server,
			    SSL_OP_NO_SESSION_RESUMPTION_ON_RENEGOTIATION);
	len = snprintf(
		l.options, sizeof(l.options), "cafile=%s&%s",
		write_pem(&l.bench.folder, "ca.pem", NULL, NULL, trusted),
		more);
	if (certificate)
		snprintf(l.options + len, sizeof(l.options) - (size_t)len,
			 "&local_cert=%s",
			 write_pem(&l.bench.folder, "own.pem", l.client.key,
				   NULL, own));
	l.bench.client = xs_tls_context_get(&policy, &err);
	cr_assert(l.bench.client, "%s", err.text);
	return l;
}

static void later_end(struct later *l)
{
	party_free(&l->ca);
	party_free(&l->leaf);
	party_free(&l->client);
	bench_end(&l->bench);
}

static struct line later_open(const struct later *l)
{
	struct line line = line_make(&l->bench);
	struct xs_tls_summary summary;

	line.tls = client_make(&l->bench);
	line_finish(&line, &summary);
	return line;
}

static void want_certificate(const struct line *line)
{
	SSL_set_verify(line->server,
		       SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
		       take_any);
}

/* Both sides take turns until nothing is left to say; the client hears so many
 * bytes at a time.  True while the client does not fail. */
static bool talk(struct line *line, size_t size, struct xs_error *err)
{
	char got[100];

	do {
		struct xs_tls_io io = hear(line, size);
		size_t len;

		if (xs_tls_read(line->tls, &io, plain, sizeof(plain), &len,
				err) != XS_TLS_WANT) {
			say(line, &io);
			return false;
		}
		say(line, &io);
		if (!BIO_pending(line->to_client))
			SSL_read(line->server, got, sizeof(got));
	} while (BIO_pending(line->to_client));
	return true;
}

static bool renegotiate(struct line *line, size_t size, struct xs_error *err)
{
	cr_assert(SSL_renegotiate(line->server));
	SSL_do_handshake(line->server);
	return talk(line, size, err);
}

/* Data goes both ways. */
static void expect_open(struct line *line)
{
	struct xs_tls_io io = { .out = out, .out_size = sizeof(out) };
	struct xs_error err = { 0 };
	char got[100];

	cr_assert_not(xs_tls_is_busy(line->tls));
	cr_assert_eq(xs_tls_write(line->tls, &io, "up", 2, &err), XS_TLS_DONE,
		     "%s", err.text);
	say(line, &io);
	cr_assert_eq(SSL_read(line->server, got, sizeof(got)), 2);
	cr_assert_eq(SSL_write(line->server, "down", 4), 4);
	cr_assert_eq(hear_data(line, sizeof(in)), 4);
}

static void expect_client(const struct line *line)
{
	char name[64] = "";

	cr_assert(SSL_get0_peer_certificate(line->server));
	X509_NAME_get_text_by_NID(
		X509_get_subject_name(SSL_get0_peer_certificate(line->server)),
		NID_commonName, name, sizeof(name));
	cr_assert_str_eq(name, "client");
}

/* Also byte by byte, twice on a connection, and in a session that goes on. */
Test(relay_tls_later, renegotiation)
{
	static const size_t sizes[] = { sizeof(in), 1 };
	struct later l = later_make("max_version=1.2&renegotiation=yes", true);
	struct xs_error err = { 0 };

	for (int i = 0; i < 2; i++) {
		struct line line = later_open(&l);

		want_certificate(&line);
		for (int again = 0; again < 2; again++) {
			cr_assert(renegotiate(&line, sizes[i], &err), "%s",
				  err.text);
			expect_client(&line);
			expect_open(&line);
		}
		line_end(&line);
	}
	later_end(&l);
}

/* Data that is there already comes before it. */
Test(relay_tls_later, renegotiation_behind_data)
{
	struct later l = later_make("max_version=1.2&renegotiation=yes", true);
	struct line line = later_open(&l);
	struct xs_error err = { 0 };

	want_certificate(&line);
	for (int i = 0; i < 10; i++)
		cr_assert_eq(SSL_write(line.server, "data", 4), 4);
	cr_assert(renegotiate(&line, sizeof(in), &err), "%s", err.text);
	expect_client(&line);
	expect_open(&line);
	line_end(&line);
	later_end(&l);
}

/* What the server says behind its request, before it knows the answer. */
Test(relay_tls_later, renegotiation_before_data)
{
	struct later l = later_make("max_version=1.2&renegotiation=yes", true);
	struct line line = later_open(&l);
	struct xs_error err = { 0 };

	want_certificate(&line);
	SSL_renegotiate(line.server);
	SSL_do_handshake(line.server);
	for (int i = 0; i < 10; i++)
		cr_assert_eq(SSL_write(line.server, "data", 4), 4);
	cr_assert_eq(hear_data(&line, sizeof(in)), 40);
	SSL_do_handshake(line.server);
	cr_assert(talk(&line, sizeof(in), &err), "%s", err.text);
	expect_client(&line);
	expect_open(&line);
	line_end(&line);
	later_end(&l);
}

Test(relay_tls_later, busy_while_it_lasts)
{
	struct later l = later_make("max_version=1.2&renegotiation=yes", true);
	struct line line = later_open(&l);
	struct xs_error err = { 0 };

	cr_assert_not(xs_tls_is_busy(line.tls));
	SSL_renegotiate(line.server);
	SSL_do_handshake(line.server);
	hear_data(&line, sizeof(in)); /* HelloRequest: a ClientHello goes */
	cr_assert(xs_tls_is_busy(line.tls));
	cr_assert(talk(&line, sizeof(in), &err), "%s", err.text);
	expect_open(&line);
	line_end(&line);
	later_end(&l);
}

/* It goes on, if the server does. */
Test(relay_tls_later, renegotiation_is_off)
{
	struct later l = later_make("max_version=1.2", true);
	struct line line = later_open(&l);
	struct xs_error err = { 0 };

	cr_assert_null(xs_tls_explain_end(line.tls));
	want_certificate(&line);
	cr_assert_not(renegotiate(&line, sizeof(in), &err));
	cr_assert(strstr(err.text, "renegotiation=yes"), "%s", err.text);
	cr_assert(xs_tls_explain_end(line.tls));
	cr_assert_null(SSL_get0_peer_certificate(line.server));
	line_end(&line);
	later_end(&l);
}

/* The server shows another certificate: that of party is accepted or not. */
static void expect_change(const struct later *l, const struct party *party,
			  const char *refused)
{
	struct line line = later_open(l);
	struct xs_error err = { 0 };
	bool good;

	SSL_use_certificate(line.server, party->cert);
	SSL_use_PrivateKey(line.server, party->key);
	good = renegotiate(&line, sizeof(in), &err);
	if (refused) {
		cr_assert_not(good);
		cr_assert_eq(err.kind, XS_ERR_CERTIFICATE);
		cr_assert(strstr(err.text, refused), "%s", err.text);
	} else {
		cr_assert(good, "%s", err.text);
		expect_open(&line);
	}
	line_end(&line);
}

Test(relay_tls_later, the_server_is_verified_again)
{
	struct later l = later_make("max_version=1.2&renegotiation=yes"
				    "&session_reuse=0",
				    false);
	struct party same = party_make("same", "DNS:localhost", &l.ca);
	struct party other = party_make("other", "DNS:other.test", &l.ca);
	struct party alone = party_make("alone", NULL, NULL);
	struct party stranger = party_make("x", "DNS:localhost", &alone);

	expect_change(&l, &same, NULL);
	expect_change(&l, &other, "not for \"localhost\"");
	expect_change(&l, &stranger, "not trusted");
	party_free(&same);
	party_free(&other);
	party_free(&stranger);
	party_free(&alone);
	later_end(&l);
}

Test(relay_tls_later, the_pin_counts_again)
{
	struct later l = later_make("max_version=1.2", false);
	struct party other = party_make("other", "DNS:localhost", &l.ca);
	struct xs_tls_policy policy = { .scheme = "tls", .options = l.options };
	struct xs_error err = { 0 };
	char pin[XS_TLS_FINGERPRINT_MAX], *end;
	size_t len = strlen(l.options);

	xs_tls_fingerprint_text(l.leaf.cert, pin);
	end = strpbrk(pin, " ,");
	if (end)
		*end = '\0';
	snprintf(l.options + len, sizeof(l.options) - len,
		 "&renegotiation=yes&peer_fingerprint=%s", pin);
	xs_tls_context_put(l.bench.client);
	l.bench.client = xs_tls_context_get(&policy, &err);
	cr_assert(l.bench.client, "%s: %s", l.options, err.text);
	expect_change(&l, &l.leaf, NULL);
	expect_change(&l, &other, "fingerprint");
	party_free(&other);
	later_end(&l);
}

/* Of TLS 1.3. */
static void expect_authentication(struct line *line, size_t size)
{
	struct xs_error err = { 0 };

	want_certificate(line);
	cr_assert(SSL_verify_client_post_handshake(line->server));
	SSL_do_handshake(line->server);
	cr_assert(talk(line, size, &err), "%s", err.text);
	expect_client(line);
	expect_open(line);
}

static void expect_post_handshake(size_t size)
{
	struct later l = later_make("min_version=1.3", true);
	struct line line = later_open(&l);

	expect_authentication(&line, size);
	line_end(&line);
	later_end(&l);
}

Test(relay_tls_later, post_handshake_authentication)
{
	expect_post_handshake(sizeof(in));
	expect_post_handshake(1);
}

/* Its Hellos are not kept, and it does not need them. */
Test(relay_tls_later, post_handshake_authentication_when_resumed)
{
	struct later l = later_make("min_version=1.3", true);
	struct line first = later_open(&l), line;

	line_end(&first);
	line = later_open(&l);
	cr_assert(SSL_session_reused(line.server));
	expect_authentication(&line, sizeof(in));
	line_end(&line);
	later_end(&l);
}

static STACK_OF(X509_NAME) * make_many_names(void)
{
	STACK_OF(X509_NAME) *names = sk_X509_NAME_new_null();

	for (int i = 0; i < 1000; i++) {
		X509_NAME *name = X509_NAME_new();

		X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
					   (const void *)"an authority", -1, -1,
					   0);
		sk_X509_NAME_push(names, name);
	}
	return names;
}

/* The request has a long list of CAs, and comes in several records. */
Test(relay_tls_later, post_handshake_authentication_in_pieces)
{
	struct later l = later_make("min_version=1.3", true);
	struct line line = later_open(&l);
	struct xs_error err = { 0 };
	bool busy = false;

	SSL_set0_CA_list(line.server, make_many_names());
	want_certificate(&line);
	cr_assert(SSL_verify_client_post_handshake(line.server));
	SSL_do_handshake(line.server);
	cr_assert_gt(BIO_pending(line.to_client), 16500);
	while (BIO_pending(line.to_client)) {
		hear_data(&line, 1000);
		busy |= xs_tls_is_busy(line.tls);
	}
	cr_assert(busy);
	cr_assert(talk(&line, sizeof(in), &err), "%s", err.text);
	expect_client(&line);
	expect_open(&line);
	line_end(&line);
	later_end(&l);
}

Test(relay_tls_later, not_offered_without_a_certificate)
{
	struct later l = later_make("min_version=1.3", false);
	struct line line = later_open(&l);

	want_certificate(&line);
	cr_assert_not(SSL_verify_client_post_handshake(line.server));
	expect_open(&line);
	line_end(&line);
	later_end(&l);
}
