/* Any bytes as XSOCK_RULES: read without harm, and what was read matches
 * without harm.  The first line, if there are more, is XSOCK_OPTIONS. */
#include "rules/match.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#ifndef XS_LIBFUZZER
static const char *const words[] = { "tls://",
				     "tcp://",
				     "udp://",
				     "dtls://",
				     "dtlsv1.0://",
				     "mtu=508",
				     "idle=0.001",
				     "deny://",
				     "ssl://",
				     "tlsv1.2://",
				     "smtp+starttls://",
				     "sslv2://",
				     "?",
				     "&",
				     "=",
				     "%2f",
				     "%",
				     "@",
				     "#",
				     "\n",
				     ";",
				     " ",
				     "[",
				     "]",
				     "[::1]",
				     "fe80::1%1",
				     "10.0.0.0/8",
				     "2001:db8::/32",
				     "*",
				     "*.example.com",
				     "a?b",
				     ":",
				     ":443",
				     ":https",
				     ":1-65535",
				     ",",
				     "-",
				     "verify_peer=0",
				     "cafile=/etc/passwd",
				     "peer_name=x",
				     "timeout=1.5",
				     "relay=1",
				     "SNI_enabled=off",
				     "..",
				     "65536",
				     "\xc3\xbc",
				     "@/etc/hostname",
				     NULL };
#endif

/* Said to a person: one printable line. */
static void check_error(const struct xs_error *err)
{
	size_t len = strlen(err->text);

	if (err->kind == XS_ERR_NONE || err->errnum == 0 || len == 0 ||
	    len >= sizeof(err->text))
		abort();
	for (size_t i = 0; i < len; i++)
		if (err->text[i] < ' ' || err->text[i] > '~')
			abort();
}

/* A canonical text is read back as itself. */
static void check_options(const struct xs_rule *rule, struct xs_arena *arena)
{
	struct xs_error err = { .kind = XS_ERR_NONE };
	struct xs_options options;
	size_t at;

	xs_options_default(&options);
	if (xs_options_parse(&options, rule->options_text,
			     strlen(rule->options_text), NULL, false, arena,
			     &at, &err) < 0 ||
	    strcmp(xs_options_text(&options, arena), rule->options_text) != 0)
		abort();
}

static void check_rules(const struct xs_rules *rules, struct xs_arena *arena)
{
	static const char *const ips[] = { "10.1.2.3", "::1", "fe80::1%1",
					   "::ffff:192.0.2.1" };
	static const char *const names[] = { NULL, "a", "www.example.com" };
	struct xs_address to;
	size_t at = 0;

	for (size_t i = 0; i < 12; i++) {
		xs_address_parse(&to, ips[i % 4]);
		xs_address_set_port(&to, 443);
		xs_match_strictness(
			xs_match(rules, i % 5 == 0, &to, names[i % 3]));
	}
	xs_match_name(rules, "a.example.com");
	while (xs_match_next_named(rules, false, 443, &at))
		continue;
	for (size_t i = 0; i < rules->count; i++)
		check_options(&rules->rule[i], arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct xs_arena arena = { NULL };
	struct xs_error err = { .kind = XS_ERR_NONE };
	char *text = malloc(size + 1);
	char *rules = text, *options = NULL, *newline;
	struct xs_rules *read;

	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	newline = strchr(text, '\n');
	if (newline) {
		*newline = '\0';
		options = text;
		rules = newline + 1;
	}
	read = xs_rules_read(rules, options, "/", &arena, &err);
	if (read)
		check_rules(read, &arena);
	else
		check_error(&err);
	xs_arena_free(&arena);
	free(text);
	return 0;
}

#include "driver.h"
