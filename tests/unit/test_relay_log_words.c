/* Tests: tools/relay/connection/log_words.c.
 *
 * What the lines of a connection say; connections that say the same share it.
 */
#include "relay/connection/log_words.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

static struct xs_wire request(int pid)
{
	struct xs_wire wire;

	xs_wire_init(&wire, XS_WIRE_CONNECT);
	for (int i = 0; i < XS_WIRE_STRINGS; i++)
		wire.string[i] = "";
	wire.head.pid = pid;
	wire.head.log_level = XS_LOG_INFO;
	wire.string[XS_WIRE_PROGRAM] = "mailer";
	wire.string[XS_WIRE_ASKED] = "mail.example.com:25";
	wire.string[XS_WIRE_RULE] = "XSOCK_RULES:1:1 *.example.com=tls://";
	wire.string[XS_WIRE_SCHEME] = "tls";
	wire.string[XS_WIRE_NAME] = "mail.example.com";
	wire.string[XS_WIRE_OPTIONS] = "passphrase=secret";
	return wire;
}

Test(relay_words, are_shared_by_content)
{
	struct xs_wire one = request(1), two = request(2);
	char asked[] = "mail.example.com:25";
	struct xs_log_words *a = xs_log_words_get(&one),
			    *b = xs_log_words_get(&two);

	cr_assert_neq(a, b, "of another process");
	one.string[XS_WIRE_ASKED] = asked;
	cr_assert_eq(xs_log_words_get(&one), a, "the same texts elsewhere");
	one.string[XS_WIRE_OPTIONS] = "";
	cr_assert_eq(xs_log_words_get(&one), a, "options do not count");
	/* The same bytes, but not the same strings. */
	one.string[XS_WIRE_PROGRAM] = "mailerm";
	one.string[XS_WIRE_ASKED] = asked + 1;
	two = request(1);
	two.string[XS_WIRE_LOG_DEST] = "syslog";
	xs_log_words_put(b);
	b = xs_log_words_get(&one);
	cr_assert_neq(a, b);
	xs_log_words_put(b);
	b = xs_log_words_get(&two);
	cr_assert_neq(a, b);
	for (int i = 0; i < 3; i++) {
		cr_assert_str_eq(xs_log_words_text(a, XS_WIRE_NAME),
				 "mail.example.com");
		xs_log_words_put(a);
	}
	xs_log_words_put(b);
	xs_log_words_put(NULL);
}

Test(relay_words, keep_no_more_than_lines_need)
{
	struct xs_wire wire = request(1);
	struct xs_log_words *words = xs_log_words_get(&wire);

	cr_assert_str_eq(xs_log_words_text(words, XS_WIRE_PROGRAM), "mailer");
	cr_assert_str_eq(xs_log_words_text(words, XS_WIRE_SCHEME), "tls");
	cr_assert_str_eq(xs_log_words_text(words, XS_WIRE_LOG_DEST), "");
	cr_assert_str_eq(xs_log_words_text(words, XS_WIRE_OPTIONS), "");
	cr_assert_str_eq(xs_log_words_text(words, XS_WIRE_CERT_FILE), "");
	xs_log_words_put(words);
}

Test(relay_words, longest)
{
	static char longest[XS_WIRE_STRING_MAX];
	struct xs_wire wire = request(1);
	struct xs_log_words *words;

	memset(longest, 'x', sizeof(longest) - 1);
	for (int i = 0; i < XS_WIRE_STRINGS; i++)
		wire.string[i] = longest;
	words = xs_log_words_get(&wire);
	cr_assert_str_eq(xs_log_words_text(words, XS_WIRE_LOG_DEST), longest);
	xs_log_words_put(words);
}

Test(relay_words, in_a_line)
{
	struct xs_wire wire = request(4711);
	struct xs_log_words *words = xs_log_words_get(&wire);
	struct xs_error err = { 0 };
	char line[500];
	ssize_t len;
	int end[2];

	cr_assert_eq(pipe(end), 0);
	xs_error_set(&err, XS_ERR_DENIED, 0, "denied by this rule");
	xs_log_words_log_failure(words, end[1], &err);
	len = read(end[0], line, sizeof(line) - 1);
	cr_assert(len > 0);
	line[len] = '\0';
	cr_assert_str_eq(line, "xsock: mailer[4711]: mail.example.com:25 by "
			       "XSOCK_RULES:1:1 *.example.com=tls://: "
			       "denied by this rule [denied]\n");
	xs_log_words_put(words);
}

/* What the line of a success says in pairs, behind the time. */
Test(relay_words, in_pairs)
{
	const struct xs_tls_summary summary = {
		.version = "TLSv1.3",
		.cipher = "TLS_AES_256_GCM_SHA384",
		.group = "x25519",
		.verified = "mail.example.com",
		.how = "verified \"mail.example.com\"",
	};
	struct xs_wire wire = request(4711);
	struct xs_log_words *words;
	char line[900];
	ssize_t len;
	int end[2];

	wire.head.log_level = XS_LOG_INFO | XS_WIRE_LOG_PAIRS;
	words = xs_log_words_get(&wire);
	cr_assert(xs_log_words_wants(words, XS_LOG_INFO));
	cr_assert_not(xs_log_words_wants(words, XS_LOG_DEBUG));
	cr_assert_eq(pipe(end), 0);
	xs_log_words_log_success(words, end[1], &summary);
	len = read(end[0], line, sizeof(line) - 1);
	cr_assert(len > 0);
	line[len] = '\0';
	cr_assert_eq(strncmp(line, "xsock: time=", 12), 0);
	cr_assert_str_eq(
		strchr(line + 12, ' '),
		" level=info id=connected program=mailer pid=4711 "
		"destination=mail.example.com:25 "
		"rule=\"XSOCK_RULES:1:1 *.example.com=tls://\" "
		"protocol=TLSv1.3 cipher=TLS_AES_256_GCM_SHA384 group=x25519 "
		"verified=mail.example.com resumed=no "
		"message=\"TLSv1.3 TLS_AES_256_GCM_SHA384, group x25519, "
		"verified \\\"mail.example.com\\\"\"\n");
	xs_log_words_put(words);
}

static void *get_and_put(void *argument)
{
	struct xs_wire wire = request(0);

	for (int i = 0; i < 20000; i++) {
		struct xs_log_words *words;

		wire.head.pid = i % 3;
		words = xs_log_words_get(&wire);
		if (strcmp(xs_log_words_text(words, XS_WIRE_SCHEME), "tls") !=
		    0)
			return argument;
		xs_log_words_put(words);
	}
	return NULL;
}

Test(relay_words, threads)
{
	pthread_t thread[4];
	int any;

	for (int i = 0; i < 4; i++)
		pthread_create(&thread[i], NULL, get_and_put, &any);
	for (int i = 0; i < 4; i++) {
		void *wrong;

		pthread_join(thread[i], &wrong);
		cr_assert_null(wrong);
	}
}
