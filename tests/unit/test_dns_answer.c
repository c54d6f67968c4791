/* Tests: shim/rules/dns_answer.c.
 *
 * Answers of DNS, as name servers give them, and as nobody should. */
#include "rules/dns_answer.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* A message that is being written. */
static uint8_t message[4096];
static size_t len;

static void put(const void *bytes, size_t n)
{
	cr_assert_leq(len + n, sizeof(message));
	memcpy(message + len, bytes, n);
	len += n;
}

static void put_number(unsigned value)
{
	put((uint8_t[]){ (uint8_t)(value >> 8), (uint8_t)value }, 2);
}

/* "www.example", or "" for the root; without a pointer. */
static void put_name(const char *name)
{
	while (*name) {
		size_t n = strcspn(name, ".");

		put((uint8_t[]){ (uint8_t)n }, 1);
		put(name, n);
		name += n + (name[n] == '.');
	}
	put("", 1);
}

static void put_pointer(size_t to)
{
	put_number(0xc000 | (unsigned)to);
}

/* The header and the question, which begins at byte 12. */
static void begin(const char *question, unsigned records)
{
	len = 0;
	put("\x00\x07\x81\x80", 4);
	put_number(1);
	put_number(records);
	put_number(0);
	put_number(0);
	put_name(question);
	put_number(1);
	put_number(1);
}

/* What stands behind the owner. */
static void put_record(unsigned type, const void *data, size_t n)
{
	put_number(type);
	put_number(1);
	put("\0\0\0\x3c", 4);
	put_number((unsigned)n);
	put(data, n);
}

static void put_address(const char *text)
{
	struct xs_address address;

	cr_assert(xs_address_parse(&address, text));
	if (address.any.sa_family == AF_INET)
		put_record(1, &address.v4.sin_addr, 4);
	else
		put_record(28, &address.v6.sin6_addr, 16);
}

static void put_alias(const char *target)
{
	size_t length_at = len + 8, before;

	put_record(5, "", 0);
	before = len;
	put_name(target);
	message[length_at + 1] = (uint8_t)(len - before);
}

/* "question canonical: address address", as far as the message can be read. */
static const char *reading(void)
{
	static char text[4096];
	static uint8_t exact[sizeof(message)];
	uint8_t *at_the_end = exact + sizeof(exact) - len;
	struct xs_dns_answer answer;
	struct xs_address address;
	char ip[XS_ADDRESS_TEXT_MAX], *to = text;

	/* So that a sanitizer sees what is read behind it. */
	memcpy(at_the_end, message, len);
	if (!xs_dns_answer_begin(&answer, at_the_end, len))
		return "no answer";
	to += sprintf(to, "%s", answer.question);
	while (xs_dns_answer_next(&answer, &address))
		to += sprintf(to, " %s",
			      xs_address_format_ip(&address, ip, sizeof(ip)));
	sprintf(to, " (%s)", answer.canonical);
	return text;
}

Test(dns_answer, addresses_of_both_families)
{
	begin("DB.Corp.test", 2);
	put_pointer(12);
	put_address("192.0.2.7");
	put_pointer(12);
	put_address("2001:db8::7");
	cr_assert_str_eq(reading(),
			 "db.corp.test 192.0.2.7 2001:db8::7 (db.corp.test)");
}

Test(dns_answer, a_chain_of_aliases)
{
	begin("far.test", 3);
	put_pointer(12);
	put_alias("alias.test");
	put_name("alias.test");
	put_alias("db.corp.test");
	put_name("db.corp.test");
	put_address("192.0.2.7");
	cr_assert_str_eq(reading(), "far.test 192.0.2.7 (db.corp.test)");
}

Test(dns_answer, an_alias_of_another_name_is_not_of_the_chain)
{
	begin("a.test", 2);
	put_name("other.test");
	put_alias("exempt.test");
	put_pointer(12);
	put_address("192.0.2.7");
	cr_assert_str_eq(reading(), "a.test 192.0.2.7 (a.test)");
}

Test(dns_answer, aliases_in_a_circle)
{
	begin("a.test", 3);
	put_pointer(12);
	put_alias("b.test");
	put_name("b.test");
	put_alias("a.test");
	put_pointer(12);
	put_address("192.0.2.7");
	cr_assert_str_eq(reading(), "a.test 192.0.2.7 (a.test)");
}

Test(dns_answer, other_records_are_passed_over)
{
	begin("a.test", 4);
	put_pointer(12);
	put_record(15, "\x00\x0a\x02mx\xc0\x0c", 7);
	put_pointer(12);
	put_record(46, "signature", 9);
	put_pointer(12);
	put_record(1, "\xc0\x00\x02", 3);
	put_pointer(12);
	put_address("192.0.2.7");
	cr_assert_str_eq(reading(), "a.test 192.0.2.7 (a.test)");
}

Test(dns_answer, only_the_section_of_answers_counts)
{
	begin("a.test", 1);
	message[11] = 1; /* one record in the section behind */
	put_pointer(12);
	put_address("192.0.2.7");
	put_pointer(12);
	put_address("192.0.2.8");
	cr_assert_str_eq(reading(), "a.test 192.0.2.7 (a.test)");
}

Test(dns_answer, what_is_no_answer)
{
	begin("a.test", 1);
	put_pointer(12);
	put_address("192.0.2.7");
	message[2] &= 0x7f;
	cr_assert_str_eq(reading(), "no answer", "a query");
	message[2] |= 0x80;
	message[3] |= 3;
	cr_assert_str_eq(reading(), "no answer", "NXDOMAIN");
	message[3] &= 0xf0;
	message[5] = 0;
	cr_assert_str_eq(reading(), "no answer", "no question");
	message[5] = 2;
	cr_assert_str_eq(reading(), "no answer", "two questions");
}

Test(dns_answer, one_that_is_cut_anywhere_is_read_up_to_there)
{
	size_t whole;

	begin("a.test", 2);
	put_pointer(12);
	put_address("192.0.2.7");
	whole = len;
	put_pointer(12);
	put_address("192.0.2.8");
	for (len--; len >= whole; len--)
		cr_assert_str_eq(reading(), "a.test 192.0.2.7 (a.test)");
	for (; len >= 12 + 8 + 4; len--)
		cr_assert_str_eq(reading(), "a.test (a.test)");
	for (; len > 0; len--)
		cr_assert_str_eq(reading(), "no answer");
}

Test(dns_answer, a_pointer_that_does_not_lead_back)
{
	begin("a.test", 1);
	put_pointer(len);
	put_address("192.0.2.7");
	cr_assert_str_eq(reading(), "a.test (a.test)", "to itself");
	begin("a.test", 1);
	put_pointer(len + 4);
	put_address("192.0.2.7");
	cr_assert_str_eq(reading(), "a.test (a.test)", "ahead");
	begin("a.test", 1);
	put_pointer(0x3fff);
	put_address("192.0.2.7");
	cr_assert_str_eq(reading(), "a.test (a.test)", "beyond");
}

Test(dns_answer, a_chain_of_pointers_ends)
{
	size_t first;

	begin("a.test", 2);
	put_pointer(12);
	put_record(16, "", 0);
	first = len;
	put_pointer(12);
	for (int i = 0; i < 500; i++)
		put_pointer(len - 2);
	message[first - 1] = (uint8_t)((len - first) & 0xff);
	message[first - 2] = (uint8_t)((len - first) >> 8);
	put_pointer(len - 2);
	put_address("192.0.2.7");
	cr_assert_str_eq(reading(), "a.test (a.test)");
}

Test(dns_answer, names_up_to_the_longest)
{
	char name[300] = "", expected[600];

	/* Four labels: 63 + 63 + 63 + 61 bytes, 255 on the wire. */
	for (int i = 0; i < 4; i++) {
		memset(name + strlen(name), 'a' + i, i < 3 ? 63 : 61);
		strcat(name, i < 3 ? "." : "");
	}
	begin(name, 1);
	put_pointer(12);
	put_address("192.0.2.7");
	sprintf(expected, "%s 192.0.2.7 (%s)", name, name);
	cr_assert_str_eq(reading(), expected);
	strcat(name, "d");
	begin(name, 0);
	cr_assert_str_eq(reading(), "no answer");
}

Test(dns_answer, a_name_with_other_bytes_is_none)
{
	begin("a.test", 0);
	message[13] = '/';
	cr_assert_str_eq(reading(), " ()");
	message[13] = '.';
	cr_assert_str_eq(reading(), " ()");
	message[12] = 0x41; /* an extended label (RFC 2673) */
	cr_assert_str_eq(reading(), "no answer");
}
