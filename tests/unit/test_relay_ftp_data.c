/* Tests: tools/relay/client/ftp_data.c.
 *
 * Announced data connections: which addresses lead where, for how long, and
 * what a token allows. */
#include "relay/client/ftp_data.h"

#include "relay/tls/tls.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static struct xs_address address(const char *text)
{
	struct xs_address made;

	cr_assert(xs_address_parse_port(&made, text) ||
			  xs_address_parse(&made, text),
		  "%s", text);
	return made;
}

static struct xs_tls_context *context(const char *options)
{
	const struct xs_tls_policy policy = { .scheme = "ftp+starttls",
					      .options = options };
	struct xs_error err = { 0 };
	struct xs_tls_context *made = xs_tls_context_get(&policy, &err);

	cr_assert(made, "%s", err.text);
	return made;
}

static struct xs_ftp_data *begin_with(const char *options, const char *asked,
				      const char *peer)
{
	struct xs_tls_context *shared = context(options);
	const struct xs_ftp_data_terms terms = {
		.asked = address(asked),
		.peer = address(peer),
		.name = "ftp.example.com",
		.scheme = "ftp+starttls",
		.rule = "XSOCK_RULES:1:1 the rule",
	};
	struct xs_ftp_data *announced = xs_ftp_data_begin(&terms, shared);

	cr_assert(announced);
	xs_tls_context_put(shared);
	return announced;
}

static struct xs_ftp_data *begin(const char *asked, const char *peer)
{
	return begin_with("verify_peer=0", asked, peer);
}

/* to is "" for EPSV. */
static void add(struct xs_ftp_data *announced, const char *to, uint16_t port)
{
	struct xs_address where = { .len = 0 };
	struct xs_error err = { 0 };

	if (*to)
		where = address(to);
	cr_assert(xs_ftp_data_add(announced, &where, port, NULL, &err), "%s",
		  err.text);
}

static void leads(const char *asked, const char *to)
{
	struct xs_address where = address(asked);
	struct xs_ftp_data_answer answer;
	char text[XS_ADDRESS_TEXT_MAX];
	bool found = xs_ftp_data_find(&where, &answer);

	cr_assert_eq(found, *to != '\0', "%s", asked);
	if (!found)
		return;
	cr_assert_str_eq(xs_address_format(&answer.to, text, sizeof(text)), to);
	cr_assert_str_eq(answer.name, "ftp.example.com");
	cr_assert_str_eq(answer.scheme, "ftp+starttls");
	cr_assert_str_eq(answer.rule, "XSOCK_RULES:1:1 the rule");
	cr_assert(answer.token[0] || answer.token[1]);
}

Test(ftp_data, the_host_that_is_believed_in_leads_to_the_real_one)
{
	struct xs_ftp_data *announced =
		begin("192.0.2.1:21", "198.51.100.2:2121");

	leads("192.0.2.1:5000", "");
	add(announced, "", 5000);
	leads("192.0.2.1:5000", "198.51.100.2:5000");
	leads("[::ffff:192.0.2.1]:5000", "198.51.100.2:5000");
	leads("192.0.2.1:5001", "");
	leads("192.0.2.1:21", "");
	leads("198.51.100.2:5000", "");
	xs_ftp_data_end(announced);
	xs_ftp_data_forget();
}

Test(ftp_data, the_announced_address_is_taken_at_its_word)
{
	struct xs_ftp_data *announced =
		begin("192.0.2.1:21", "198.51.100.2:2121");

	add(announced, "203.0.113.9:6024", 6024);
	leads("203.0.113.9:6024", "203.0.113.9:6024");
	leads("192.0.2.1:6024", "198.51.100.2:6024");
	leads("203.0.113.9:6025", "");
	leads("203.0.113.8:6024", "");
	xs_ftp_data_end(announced);
	xs_ftp_data_forget();
}

Test(ftp_data, an_address_behind_nat_leads_to_the_control_connections_host)
{
	struct xs_ftp_data *announced =
		begin_with("verify_peer=0&ftp_data=control", "192.0.2.1:21",
			   "198.51.100.2:2121");

	add(announced, "10.0.0.9:6024", 6024);
	leads("10.0.0.9:6024", "198.51.100.2:6024");
	leads("192.0.2.1:6024", "198.51.100.2:6024");
	leads("10.0.0.8:6024", "");
	leads("10.0.0.9:6025", "");
	xs_ftp_data_end(announced);
	xs_ftp_data_forget();
}

Test(ftp_data, ports_of_one_bucket_are_told_apart)
{
	struct xs_ftp_data *announced =
		begin("[2001:db8::1]:21", "[2001:db8::1]:21");

	add(announced, "", 1030);
	add(announced, "", 1030 + 8192);
	leads("[2001:db8::1]:1030", "[2001:db8::1]:1030");
	leads("[2001:db8::1]:9222", "[2001:db8::1]:9222");
	leads("[2001:db8::1]:17414", "");
	leads("[2001:db8::2]:1030", "");
	xs_ftp_data_end(announced);
	xs_ftp_data_forget();
}

Test(ftp_data, a_scope_that_is_not_given_may_be_any)
{
	struct xs_ftp_data *announced =
		begin("[fe80::1%1]:21", "[fe80::1%1]:21");

	add(announced, "", 7000);
	leads("[fe80::1]:7000", "[fe80::1%1]:7000");
	leads("[fe80::1%2]:7000", "");
	xs_ftp_data_end(announced);
	xs_ftp_data_forget();
}

Test(ftp_data, a_token_counts_once)
{
	struct xs_ftp_data *announced = begin("192.0.2.1:21", "192.0.2.1:21");
	struct xs_address where = address("192.0.2.1:5000");
	const uint32_t none[2] = { 0, 0 };
	struct xs_ftp_data_answer first, second;
	struct xs_ftp_data *taken;

	add(announced, "", 5000);
	cr_assert_not(xs_ftp_data_take(none, 5000), "nobody has asked");
	cr_assert(xs_ftp_data_find(&where, &first));
	cr_assert_not(xs_ftp_data_take(first.token, 5001), "another port");
	taken = xs_ftp_data_take(first.token, 5000);
	cr_assert_eq(taken, announced);
	cr_assert_not(xs_ftp_data_take(first.token, 5000), "twice");
	cr_assert_not(xs_ftp_data_take(none, 5000), "used up");
	/* Asked again, it is expected still: it must not be plaintext. */
	cr_assert(xs_ftp_data_find(&where, &second));
	cr_assert(memcmp(first.token, second.token, sizeof(first.token)) != 0);
	/* The terms outlive the control connection. */
	xs_ftp_data_end(announced);
	xs_ftp_data_forget();
	cr_assert(xs_ftp_data_context(taken));
	cr_assert_not(xs_ftp_data_take(second.token, 5000));
	xs_ftp_data_put(taken);
}

Test(ftp_data, it_outlives_the_control_connection_for_a_while)
{
	struct xs_ftp_data *announced = begin("192.0.2.1:21", "192.0.2.1:21");

	add(announced, "", 5000);
	xs_ftp_data_end(announced);
	leads("192.0.2.1:5000", "192.0.2.1:5000");
	xs_ftp_data_forget();
	leads("192.0.2.1:5000", "");
}

Test(ftp_data, the_oldest_is_forgotten)
{
	struct xs_ftp_data *one = begin("192.0.2.1:21", "192.0.2.1:21");
	struct xs_ftp_data *other = begin("192.0.2.2:21", "192.0.2.2:21");

	add(other, "", 5000);
	for (uint16_t port = 5000; port < 5100; port++)
		add(one, "", port);
	leads("192.0.2.1:5083", "");
	leads("192.0.2.1:5084", "192.0.2.1:5084");
	leads("192.0.2.1:5099", "192.0.2.1:5099");
	leads("192.0.2.2:5000", "192.0.2.2:5000");
	xs_ftp_data_end(one);
	xs_ftp_data_end(other);
	xs_ftp_data_forget();
}

/* When there is no room at all, that is an error, not plaintext; those that
 * have ended make room before their time. */
Test(ftp_data, full, .timeout = 120)
{
	enum { COUNT = (1 << 18) / 16 };
	static struct xs_ftp_data *announced[COUNT];
	const struct xs_address nowhere = { .len = 0 };
	struct xs_ftp_data *last = begin("192.0.2.2:21", "192.0.2.2:21");
	struct xs_error err = { 0 };

	for (int i = 0; i < COUNT; i++) {
		announced[i] = begin("192.0.2.1:21", "192.0.2.1:21");
		for (int n = 0; n < 17; n++)
			add(announced[i], "", (uint16_t)(i + n));
	}
	cr_assert_not(xs_ftp_data_add(last, &nowhere, 5000, NULL, &err));
	cr_assert_eq(err.errnum, ENOMEM);
	leads("192.0.2.2:5000", "");
	/* Who has some gives its oldest for its newest. */
	add(announced[7], "", 60000);
	leads("192.0.2.1:60000", "192.0.2.1:60000");
	xs_ftp_data_end(announced[0]);
	add(last, "", 5000);
	leads("192.0.2.2:5000", "192.0.2.2:5000");
	for (int i = 1; i < COUNT; i++)
		xs_ftp_data_end(announced[i]);
	xs_ftp_data_end(last);
	xs_ftp_data_forget();
	leads("192.0.2.2:5000", "");
}

/* Threads: some announce, the others ask and redeem, and each token is good
 * for one of them. */
enum { THREADS = 6, ROUNDS = 2000 };
static atomic_int redeemed;

static void *announce_many(void *with)
{
	struct xs_ftp_data *announced = with;

	for (int i = 0; i < ROUNDS; i++)
		add(announced, i % 2 ? "" : "192.0.2.1:5003",
		    (uint16_t)(5000 + i % 5));
	return NULL;
}

static void *ask_many(void *with)
{
	const struct xs_address *where = with;

	for (int i = 0; i < ROUNDS; i++) {
		struct xs_ftp_data_answer answer;
		struct xs_ftp_data *taken;

		if (!xs_ftp_data_find(where, &answer))
			continue;
		taken = xs_ftp_data_take(answer.token, 5001);
		atomic_fetch_add(&redeemed, taken != NULL);
		xs_ftp_data_put(taken);
	}
	return NULL;
}

Test(ftp_data, threads, .timeout = 120)
{
	struct xs_ftp_data *announced = begin("192.0.2.1:21", "192.0.2.1:21");
	struct xs_address where = address("192.0.2.1:5001");
	pthread_t thread[THREADS];

	/* One that is there in any case: those who ask may be the first. */
	add(announced, "", 5001);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&thread[i], NULL,
			       i % 2 ? announce_many : ask_many,
			       i % 2 ? (void *)announced : (void *)&where);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	cr_assert_gt(atomic_load(&redeemed), 0);
	xs_ftp_data_end(announced);
	xs_ftp_data_forget();
}
