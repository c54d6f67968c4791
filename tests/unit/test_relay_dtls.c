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

/* --- datagrams ---------------------------------------------------------- */

Test(relay_dtls, datagrams_stay_whole)
{
	struct dbench b = dbench_make("");
	struct dline *line = dline_make(&b);

	line_open(line);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(xs_dtls_write(line->dtls, "abcdef", 1 + i), 0);
	cr_assert_eq(line->wire[TO_SERVER].count, 3);
	line_run(line);
	cr_assert_str_eq(line->heard, "1:a2:ab3:abc");
	SSL_write(line->server, "vwxyz", 5);
	SSL_write(line->server, "vw", 2);
	line_run(line);
	cr_assert_str_eq(line->got, "5:vwxyz2:vw");
	cr_assert_eq(xs_dtls_facts(line->dtls)->sent, 3);
	cr_assert_eq(xs_dtls_facts(line->dtls)->delivered, 2);
	cr_assert_eq(xs_dtls_facts(line->dtls)->dropped, 0);
	dline_end(line);
	dbench_end(&b);
}

/* Several records in one datagram are several datagrams. */
Test(relay_dtls, records_of_one_datagram)
{
	struct dbench b = dbench_make("");
	struct dline *line = dline_make(&b);
	struct datagram all = { .len = 0 }, *one;

	line_open(line);
	SSL_write(line->server, "one", 3);
	SSL_write(line->server, "two", 3);
	while ((one = wire_take(&line->wire[TO_CLIENT]))) {
		memcpy(all.byte + all.len, one->byte, one->len);
		all.len += one->len;
		free(one);
	}
	xs_dtls_receive(line->dtls, all.byte, all.len);
	cr_assert_str_eq(line->got, "3:one3:two");
	dline_end(line);
	dbench_end(&b);
}

static void takes_up_to(size_t payload, size_t largest)
{
	struct dbench b = dbench_make("ciphers=ECDHE-ECDSA-AES128-GCM-SHA256");
	struct dline *line = dline_make_for(&b, NAME, payload);
	static char data[16385];

	line_open(line);
	cr_assert_leq(line->longest, payload);
	line->longest = 0;
	cr_assert_eq(xs_dtls_largest(line->dtls), largest);
	cr_assert_eq(xs_dtls_write(line->dtls, data, largest + 1), EMSGSIZE);
	cr_assert_eq(line->longest, 0);
	cr_assert_eq(xs_dtls_write(line->dtls, data, largest), 0);
	cr_assert_eq(line->longest, largest + 37);
	cr_assert_leq(line->longest, payload < 17000 ? payload : 17000);
	line_works(line);
	dline_end(line);
	dbench_end(&b);
}

Test(relay_dtls, largest)
{
	takes_up_to(1472, 1435);
}

Test(relay_dtls, largest_of_a_narrow_path)
{
	takes_up_to(508, 471);
}

Test(relay_dtls, largest_of_loopback)
{
	takes_up_to(65507, 16384);
}

Test(relay_dtls, path_gets_narrower)
{
	struct dbench b = dbench_make("");
	struct dline *line = dline_make(&b);
	static char data[1435];

	cr_assert_eq(xs_dtls_largest(line->dtls), 0);
	line_open(line);
	xs_dtls_set_payload(line->dtls, 600);
	cr_assert_eq(xs_dtls_largest(line->dtls), 563);
	cr_assert_eq(xs_dtls_write(line->dtls, data, 564), EMSGSIZE);
	cr_assert_eq(xs_dtls_write(line->dtls, data, 563), 0);
	line->send_errno = EMSGSIZE;
	cr_assert_eq(xs_dtls_write(line->dtls, data, 500), EMSGSIZE);
	line->send_errno = ECONNREFUSED;
	cr_assert_eq(xs_dtls_write(line->dtls, data, 500), ECONNREFUSED);
	line->send_errno = 0;
	line_works(line);
	dline_end(line);
	dbench_end(&b);
}

Test(relay_dtls, empty)
{
	struct dbench b = dbench_make("");
	struct dline *line = dline_make(&b);

	line_open(line);
	line->writes = 0;
	cr_assert_eq(xs_dtls_write(line->dtls, "", 0), EOPNOTSUPP);
	cr_assert_eq(line->writes, 0);
	xs_dtls_receive(line->dtls, "", 0);
	cr_assert_eq(xs_dtls_state(line->dtls), XS_DTLS_OPEN);
	line_works(line);
	dline_end(line);
	dbench_end(&b);
}

/* What the server sends first may be in the datagram of its Finished. */
Test(relay_dtls, data_behind_finished)
{
	struct dbench b = dbench_make("");
	struct dline *line = dline_make(&b);
	struct datagram all = { .len = 0 }, *one;

	xs_dtls_begin(line->dtls);
	while (!SSL_is_init_finished(line->server)) {
		client_turn(line);
		server_turn(line);
	}
	SSL_write(line->server, "early", 5);
	while ((one = wire_take(&line->wire[TO_CLIENT]))) {
		memcpy(all.byte + all.len, one->byte, one->len);
		all.len += one->len;
		free(one);
	}
	cr_assert_eq(xs_dtls_receive(line->dtls, all.byte, all.len),
		     XS_DTLS_OPEN);
	cr_assert_str_eq(line->got, "5:early");
	dline_end(line);
	dbench_end(&b);
}

/* --- the end ------------------------------------------------------------ */

Test(relay_dtls, server_closes)
{
	struct dbench b = dbench_make("");
	struct dline *line = dline_make(&b);

	line_open(line);
	SSL_write(line->server, "last", 4);
	SSL_shutdown(line->server);
	line_run(line);
	cr_assert_str_eq(line->got, "4:last");
	cr_assert_eq(xs_dtls_state(line->dtls), XS_DTLS_ENDED);
	cr_assert_eq(xs_dtls_write(line->dtls, "x", 1), EPIPE);
	/* It is told that we have heard it. */
	cr_assert(SSL_get_shutdown(line->server) & SSL_RECEIVED_SHUTDOWN);
	dline_end(line);
	dbench_end(&b);
}

Test(relay_dtls, client_closes)
{
	struct dbench b = dbench_make("");
	struct dline *line = dline_make(&b);

	line_open(line);
	line->writes = 0;
	xs_dtls_close(line->dtls);
	xs_dtls_close(line->dtls);
	cr_assert_eq(line->writes, 1);
	cr_assert_eq(xs_dtls_state(line->dtls), XS_DTLS_ENDED);
	line_run(line);
	cr_assert(SSL_get_shutdown(line->server) & SSL_RECEIVED_SHUTDOWN);
	SSL_write(line->server, "late", 4);
	line_run(line);
	cr_assert_eq(line->got_count, 0);
	dline_end(line);
	dbench_end(&b);
}

Test(relay_dtls, server_refuses)
{
	struct dbench b = dbench_make("");
	struct dline *line = dline_make(&b);

	SSL_set_cipher_list(line->server, "AES128-SHA");
	line_shake(line);
	cr_assert_eq(xs_dtls_state(line->dtls), XS_DTLS_FAILED);
	cr_assert(strstr(xs_dtls_error(line->dtls)->text,
			 "the server refused the TLS handshake: alert "
			 "handshake_failure"),
		  "%s", xs_dtls_error(line->dtls)->text);
	cr_assert_eq(xs_dtls_error(line->dtls)->kind, XS_ERR_PROTOCOL);
	cr_assert_eq(xs_dtls_write(line->dtls, "x", 1), EPROTO);
	cr_assert_eq(line->got_count, 0);
	dline_end(line);
	dbench_end(&b);
}

/* DTLS has no option that would take it. */
Test(relay_dtls, server_wants_renegotiation)
{
	struct dbench b = dbench_make("");
	struct dline *line = dline_make(&b);

	line_open(line);
	xs_dtls_settle(line->dtls);
	SSL_renegotiate(line->server);
	SSL_do_handshake(line->server);
	line_run(line);
	cr_assert_eq(xs_dtls_state(line->dtls), XS_DTLS_FAILED);
	cr_assert_str_eq(xs_dtls_error(line->dtls)->text,
			 "the server asked for a renegotiation, did not get it "
			 "and ended the association (datagrams have none; "
			 "mostly it wants a client certificate by it: "
			 "local_cert=FILE)");
	cr_assert_null(xs_dtls_summary(line->dtls));
	dline_end(line);
	dbench_end(&b);
}

/* --- versions, sessions ------------------------------------------------- */

static void version_is(const char *more, const char *version)
{
	struct dbench b = dbench_make(more);
	struct dline *line = dline_make(&b);

	SSL_set_security_level(line->server, 0);
	SSL_set_cipher_list(line->server, "ALL:@SECLEVEL=0");
	line_open(line);
	cr_assert_str_eq(xs_dtls_summary(line->dtls)->version, version);
	line_works(line);
	dline_end(line);
	dbench_end(&b);
}

Test(relay_dtls, version_1_2)
{
	version_is("min_version=1.2", "DTLSv1.2");
}

Test(relay_dtls, version_1_0)
{
	version_is("max_version=1.1&security_level=0", "DTLSv1");
}

Test(relay_dtls, exact_1_2)
{
	dbench_scheme = "dtlsv1.2";
	version_is("", "DTLSv1.2");
}

Test(relay_dtls, exact_1_0)
{
	dbench_scheme = "dtlsv1.0";
	version_is("security_level=0", "DTLSv1");
}

/* What libssl's level does not permit is told as it is of TLS 1.0. */
Test(relay_dtls, exact_1_0_needs_a_level)
{
	struct dbench b;
	struct dline *line;

	dbench_scheme = "dtlsv1.0";
	b = dbench_make("");
	line = dline_make(&b);
	SSL_set_security_level(line->server, 0);
	SSL_set_cipher_list(line->server, "ALL:@SECLEVEL=0");
	line_shake(line);
	cr_assert_eq(xs_dtls_state(line->dtls), XS_DTLS_FAILED);
	cr_assert(strstr(xs_dtls_error(line->dtls)->text, "security_level=0"),
		  "%s", xs_dtls_error(line->dtls)->text);
	dline_end(line);
	dbench_end(&b);
}

Test(relay_dtls, version_1_0_refused)
{
	struct dbench b = dbench_make("min_version=1.2");
	struct dline *line = dline_make(&b);

	SSL_set_max_proto_version(line->server, DTLS1_VERSION);
	SSL_set_security_level(line->server, 0);
	line_shake(line);
	cr_assert_eq(xs_dtls_state(line->dtls), XS_DTLS_FAILED);
	cr_assert(*xs_dtls_error(line->dtls)->text);
	dline_end(line);
	dbench_end(&b);
}

/* Any number of times, also while another association is open. */
Test(relay_dtls, resumption)
{
	struct dbench b = dbench_make("");
	struct dline *first = dline_make(&b);

	line_open(first);
	for (int i = 0; i < 3; i++) {
		struct dline *line = dline_make(&b);

		line_open(line);
		cr_assert(xs_dtls_summary(line->dtls)->resumed, "%d", i);
		cr_assert_str_eq(xs_dtls_summary(line->dtls)->how,
				 "verified \"localhost\", resumed");
		line_works(line);
		dline_end(line);
	}
	line_works(first);
	dline_end(first);
	dbench_end(&b);
}

Test(relay_dtls, no_resumption)
{
	struct dbench b = dbench_make("session_reuse=0");

	for (int i = 0; i < 2; i++) {
		struct dline *line = dline_make(&b);

		line_open(line);
		cr_assert(!xs_dtls_summary(line->dtls)->resumed);
		dline_end(line);
	}
	dbench_end(&b);
}

Test(relay_dtls, no_cookie)
{
	struct dbench b = dbench_make("");
	struct dline *line = dline_make(&b);

	SSL_clear_options(line->server, SSL_OP_COOKIE_EXCHANGE);
	line_open(line);
	cr_assert(!xs_dtls_facts(line->dtls)->cookie);
	line_works(line);
	dline_end(line);
	dbench_end(&b);
}

/* A name that goes away at once. */
Test(relay_dtls, name_is_copied)
{
	struct dbench b = dbench_make("");
	char *name = strdup(NAME);
	struct dline *line = dline_make_for(&b, name, PATH);

	memset(name, 'x', strlen(name));
	free(name);
	line_open(line);
	cr_assert_str_eq(xs_dtls_summary(line->dtls)->verified, NAME);
	dline_end(line);
	dbench_end(&b);
}

/* Each key exchange and cipher that a rule can ask for. */
static void cipher_works(const char *cipher)
{
	char more[100];
	struct dbench b;
	struct dline *line;

	snprintf(more, sizeof(more), "security_level=0&ciphers=%s", cipher);
	b = dbench_make(more);
	line = dline_make(&b);
	SSL_set_cipher_list(line->server, "ALL:@SECLEVEL=0");
	line_open(line);
	cr_assert_str_eq(xs_dtls_summary(line->dtls)->cipher, cipher);
	line_works(line);
	cr_assert_eq(xs_dtls_write(line->dtls, "x", 1), 0);
	SSL_write(line->server, "x", 1);
	line_run(line);
	cr_assert_eq(line->got_last, 1);
	dline_end(line);
	dbench_end(&b);
}

Test(relay_dtls, ciphers)
{
	static const char *const ciphers[] = {
		"ECDHE-ECDSA-AES128-GCM-SHA256",
		"ECDHE-ECDSA-AES256-GCM-SHA384",
		"ECDHE-ECDSA-CHACHA20-POLY1305",
		"ECDHE-ECDSA-AES128-CCM",
		"ECDHE-ECDSA-AES128-CCM8",
		"ECDHE-ECDSA-AES128-SHA256",
		"ECDHE-ECDSA-AES256-SHA",
	};

	for (size_t i = 0; i < sizeof(ciphers) / sizeof(*ciphers); i++)
		cipher_works(ciphers[i]);
}
