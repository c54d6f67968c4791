/* Tests: tools/relay/tls/tls_dtls.c over a bad path: what is lost, doubled or
 * late changes nothing but time. */
#include "dtls_line.h"

/* How the path treats the datagram of this number and way. */
static struct {
	enum way way;
	unsigned number;
	int copies;
} treated;

static int treat(struct dline *line, enum way way, unsigned number)
{
	if (way != treated.way || number != treated.number)
		return 1;
	line->lost++;
	return treated.copies;
}

/* With a client certificate, so that there is a flight of ours, too. */
static struct dbench bench_for_both(bool resumed)
{
	struct dbench b = dbench_make("");
	struct party client = party_make("client", "DNS:client", &b.ca);
	X509 *const chain[] = { client.cert, NULL };
	struct xs_error err = { 0 };
	char options[500];

	snprintf(options, sizeof(options), "%s&session_reuse=%d&local_cert=%s",
		 b.trust, resumed,
		 write_pem(&b.folder, "client.pem", client.key, NULL, chain));
	xs_tls_context_put(b.client);
	b.client = dbench_client(options, &err);
	cr_assert(b.client, "%s", err.text);
	SSL_CTX_load_verify_file(b.server, b.trust + strlen("cafile="));
	SSL_CTX_set_session_id_context(b.server, (const uint8_t *)"x", 1);
	SSL_CTX_set_verify(b.server,
			   SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
			   NULL);
	party_free(&client);
	return b;
}

/* One handshake for each datagram; returns how many there were. */
static unsigned each_is(int copies, enum way way, bool resumed, size_t payload,
			int longest_ms)
{
	struct dbench b = bench_for_both(resumed);

	if (resumed) {
		struct dline *line = dline_make(&b);

		line_open(line);
		dline_end(line);
	}
	for (unsigned number = 0;; number++) {
		struct dline *line = dline_make_for(&b, NAME, payload);
		unsigned hit;
		int ms;

		treated.way = way;
		treated.number = number;
		treated.copies = copies;
		line->fate = treat;
		ms = line_shake(line);
		cr_assert_eq(xs_dtls_state(line->dtls), XS_DTLS_OPEN,
			     "datagram %u: %s", number,
			     xs_dtls_error(line->dtls)->text);
		cr_assert_eq(xs_dtls_summary(line->dtls)->resumed, resumed);
		hit = line->lost;
		/* The server may miss our last flight; its timer tells. */
		while (!SSL_is_init_finished(line->server) && line_wait(line))
			line_run(line);
		line->fate = NULL;
		line_works(line);
		cr_assert_leq(ms, longest_ms, "datagram %u: %d ms", number, ms);
		dline_end(line);
		if (!hit) {
			dbench_end(&b);
			return number;
		}
	}
}

Test(relay_dtls_loss, each_of_ours)
{
	cr_assert_geq(each_is(0, TO_SERVER, false, PATH, 1100), 3);
}

Test(relay_dtls_loss, each_of_the_servers)
{
	cr_assert_geq(each_is(0, TO_CLIENT, false, PATH, 1100), 3);
}

Test(relay_dtls_loss, each_of_ours_on_a_narrow_path)
{
	cr_assert_geq(each_is(0, TO_SERVER, false, 508, 1100), 4);
}

Test(relay_dtls_loss, each_of_ours_resumed)
{
	cr_assert_geq(each_is(0, TO_SERVER, true, PATH, 1100), 3);
}

Test(relay_dtls_loss, each_of_the_servers_resumed)
{
	cr_assert_geq(each_is(0, TO_CLIENT, true, PATH, 1100), 2);
}

Test(relay_dtls_loss, each_of_ours_doubled)
{
	cr_assert_geq(each_is(2, TO_SERVER, false, PATH, 0), 3);
}

Test(relay_dtls_loss, each_of_the_servers_doubled)
{
	cr_assert_geq(each_is(2, TO_CLIENT, false, PATH, 0), 3);
}

/* --- many at once ------------------------------------------------------- */

static uint32_t dice = 1;

static bool chance(unsigned percent)
{
	dice ^= dice << 13;
	dice ^= dice >> 17;
	dice ^= dice << 5;
	return dice % 100 < percent;
}

static int bad_path(struct dline *line, enum way way, unsigned number)
{
	(void)line;
	(void)way;
	(void)number;
	return chance(20) ? 0 : chance(20) ? 2 : 1;
}

/* Now and then the last datagram overtakes the others. */
static void mix(struct wire *wire)
{
	struct datagram *last;

	if (wire->count < 2 || !chance(30))
		return;
	last = wire->at[wire->count - 1];
	memmove(wire->at + 1, wire->at,
		(wire->count - 1) * sizeof(wire->at[0]));
	wire->at[0] = last;
}

static void run_mixed(struct dline *line)
{
	for (int i = 0; i < 100; i++) {
		mix(&line->wire[TO_SERVER]);
		server_turn(line);
		mix(&line->wire[TO_CLIENT]);
		client_turn(line);
		if (!line->wire[0].count && !line->wire[1].count)
			return;
	}
}

/* Each datagram that arrives is one that was sent, and none comes twice. */
static void check_data(const struct dline *line, bool seen[10])
{
	const char *at = line->got;
	int number, used;

	while (sscanf(at, "7:number%1d%n", &number, &used) == 1) {
		cr_assert(number >= 0 && number < 10 && !seen[number]);
		seen[number] = true;
		at += used;
	}
	cr_assert_eq(*at, '\0', "%s", at);
}

static void shake_over_bad_path(struct dline *line)
{
	line->fate = bad_path;
	xs_dtls_begin(line->dtls);
	for (int i = 0;
	     i < 200 && (xs_dtls_state(line->dtls) == XS_DTLS_HANDSHAKING ||
			 !SSL_is_init_finished(line->server));
	     i++) {
		run_mixed(line);
		if (!line_wait(line))
			break;
	}
	cr_assert_eq(xs_dtls_state(line->dtls), XS_DTLS_OPEN, "%s",
		     xs_dtls_error(line->dtls)->text);
}

Test(relay_dtls_loss, everything_at_once)
{
	struct dbench b = bench_for_both(false);

	for (int round = 0; round < 50; round++) {
		struct dline *line =
			dline_make_for(&b, NAME, round % 2 ? PATH : 600);
		bool seen[10] = { false };
		char text[16];

		shake_over_bad_path(line);
		for (int i = 0; i < 10; i++) {
			snprintf(text, sizeof(text), "number%d", i);
			SSL_write(line->server, text, 7);
		}
		run_mixed(line);
		check_data(line, seen);
		line->fate = NULL;
		line_works(line);
		dline_end(line);
	}
	dbench_end(&b);
}

/* --- sizes -------------------------------------------------------------- */

/* A path that takes less than it seems to. */
enum { TAKES = 600 };

static int narrow(struct dline *line, enum way way, unsigned number)
{
	const struct wire *wire = &line->wire[way];

	(void)wire;
	(void)number;
	return way == TO_CLIENT || line->longest <= TAKES;
}

/* Nobody says that our flight with the certificates is too large. */
Test(relay_dtls_loss, path_is_narrower_than_it_seems)
{
	struct dbench b = bench_for_both(false);
	struct dline *line = dline_make_for(&b, NAME, 4000);

	line->fate = narrow;
	xs_dtls_begin(line->dtls);
	for (int i = 0;
	     i < 10 && xs_dtls_state(line->dtls) == XS_DTLS_HANDSHAKING; i++) {
		line->longest = 0;
		line_run(line);
		line->longest = 0;
		line_wait(line);
	}
	cr_assert_eq(xs_dtls_state(line->dtls), XS_DTLS_OPEN, "%s",
		     xs_dtls_error(line->dtls)->text);
	cr_assert_eq(xs_dtls_facts(line->dtls)->resent, 2);
	line_works(line);
	dline_end(line);
	dbench_end(&b);
}

static int too_long(void *user, const void *data, size_t len)
{
	struct dline *line = user;

	line->writes++;
	if (len > TAKES)
		return EMSGSIZE;
	line_sends(line, TO_SERVER, data, len);
	return 0;
}

/* The kernel says so at once. */
Test(relay_dtls_loss, network_says_too_long)
{
	struct dbench b = bench_for_both(false);
	struct dline *line = dline_make_for(&b, NAME, 4000);

	line->dtls->send = too_long;
	cr_assert_leq(line_shake(line), 1100);
	cr_assert_eq(xs_dtls_state(line->dtls), XS_DTLS_OPEN, "%s",
		     xs_dtls_error(line->dtls)->text);
	cr_assert_eq(xs_dtls_facts(line->dtls)->resent, 1);
	line_works(line);
	dline_end(line);
	dbench_end(&b);
}

/* Servers that ask for a cookie lose the second half of a ClientHello. */
Test(relay_dtls_loss, client_hello_is_one_datagram)
{
	char more[1200] = "alpn_protocols=";
	struct dbench b;
	struct dline *line;

	for (int i = 0; i < 100; i++)
		snprintf(more + strlen(more), sizeof(more) - strlen(more),
			 "%sprot%03d", i ? "," : "", i);
	b = dbench_make(more);
	line = dline_make_for(&b, NAME, 508);
	xs_dtls_begin(line->dtls);
	cr_assert_eq(line->writes, 1);
	cr_assert_gt(line->longest, 900);
	server_turn(line);
	client_turn(line);
	cr_assert_eq(line->writes, 2);
	line->longest = 0;
	line_run(line);
	cr_assert_leq(line->longest, 508);
	line_works(line);
	dline_end(line);
	dbench_end(&b);
}

/* Not a byte more than the path takes, with certificates of ours. */
Test(relay_dtls_loss, flights_fit)
{
	struct dbench b = bench_for_both(false);

	for (size_t payload = XS_DTLS_PAYLOAD_MIN; payload < 1500;
	     payload += 31) {
		struct dline *line = dline_make_for(&b, NAME, payload);

		line_open(line);
		cr_assert_leq(line->longest, payload);
		line_works(line);
		dline_end(line);
	}
	dbench_end(&b);
}

/* The path gets as narrow as can be while a handshake is under way. */
Test(relay_dtls_loss, path_gets_narrower)
{
	struct dbench b = dbench_make("");

	for (int i = 0; i < 2; i++) {
		struct dline *line = dline_make(&b);

		xs_dtls_begin(line->dtls);
		server_turn(line);
		xs_dtls_set_payload(line->dtls, 0);
		client_turn(line);
		line_open(line);
		cr_assert_eq(xs_dtls_summary(line->dtls)->resumed, i > 0);
		cr_assert_leq(line->longest, 600); /* its ClientHello */
		line_works(line);
		dline_end(line);
	}
	dbench_end(&b);
}
