/* Tests: tools/relay/connection/connect_error.c.
 *
 * What a connect to several addresses ends with when none of them answers. */
#include "relay/connection/connect_error.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static struct xs_address address(const char *text)
{
	struct xs_address address;

	cr_assert(xs_address_parse(&address, text));
	xs_address_set_port(&address, 443);
	return address;
}

/* The sentence when count addresses have been tried; *err is what TCP said of
 * the first, or nothing. */
static const char *end_of(size_t count, struct xs_error *err)
{
	struct xs_address tried[3] = { address("192.0.2.1"),
				       address("192.0.2.2"),
				       address("2001:db8::3") };
	const struct xs_dial dial = {
		.address = tried, .count = count, .at = count, .silent = count
	};

	xs_connect_error_unconnected(err, &dial, 1.5);
	return err->text;
}

/* end_of where TCP said errnum of the first address. */
static const char *end_with(size_t count, int errnum, struct xs_error *err)
{
	struct xs_address first = address("192.0.2.1");

	xs_dial_failed(&first, errnum, err);
	return end_of(count, err);
}

Test(relay_outcome, no_answer_is_the_timeout)
{
	for (size_t count = 1; count <= 3; count++) {
		struct xs_error err = { 0 };

		end_of(count, &err);
		cr_assert_eq(err.kind, XS_ERR_TIMEOUT);
		cr_assert(strstr(err.text, " did not accept the connection "
					   "within 1.5 s (is the machine up"),
			  "%s", err.text);
	}
}

Test(relay_outcome, what_tcp_said_counts_more)
{
	struct xs_error err = { 0 };
	const char *text = end_with(2, ECONNREFUSED, &err);

	cr_assert_eq(err.kind, XS_ERR_NETWORK);
	cr_assert_eq(err.errnum, ECONNREFUSED);
	cr_assert(strstr(text, "refused by 192.0.2.1:443"), "%s", text);
	cr_assert_not(strstr(text, "within"), "%s", text);
}

/* TCP itself gives up after some SYNs; the rule's time is not over then. */
Test(relay_outcome, the_timeout_of_tcp_is_what_tcp_said)
{
	struct xs_error err = { 0 };

	end_with(1, ETIMEDOUT, &err);
	cr_assert_eq(err.kind, XS_ERR_NETWORK);
	cr_assert_eq(err.errnum, ETIMEDOUT);
}

/* On a machine without IPv6 the IPv4 address is what one wants to hear of. */
Test(relay_outcome, what_could_not_be_tried_counts_less)
{
	struct xs_address tried[2] = { address("192.0.2.1"),
				       address("2001:db8::3") };
	const int errnums[] = { ENETUNREACH, EADDRNOTAVAIL, EAFNOSUPPORT };
	struct xs_dial dial = { .address = tried, .count = 2, .at = 2 };

	for (size_t i = 0; i < 3; i++) {
		struct xs_error late = { 0 }, none = { 0 };

		dial.silent = 1;
		xs_dial_failed(&tried[1], errnums[i], &late);
		xs_connect_error_unconnected(&late, &dial, 1.5);
		cr_assert_eq(late.kind, XS_ERR_TIMEOUT);
		cr_assert(strstr(late.text, "192.0.2.1:443 did not accept"),
			  "%s", late.text);
		dial.silent = 0;
		xs_dial_failed(&tried[1], errnums[i], &none);
		xs_connect_error_unconnected(&none, &dial, 1.5);
		cr_assert_eq(none.kind, XS_ERR_NETWORK);
		cr_assert_eq(none.errnum, errnums[i]);
	}
}

static bool ends(const char *text, const char *with)
{
	size_t len = strlen(text), tail = strlen(with);

	return len >= tail && strcmp(text + len - tail, with) == 0;
}

Test(relay_outcome, the_others_are_counted)
{
	static const char *const tails[] = {
		"?)",
		"?), and 1 more address fails, too",
		"?), and 2 more addresses fail, too",
	};

	for (size_t i = 0; i < 3; i++) {
		struct xs_error late = { 0 }, refused = { 0 };

		cr_assert(ends(end_of(i + 1, &late), tails[i]), "%s",
			  late.text);
		cr_assert(
			ends(end_with(i + 1, ECONNREFUSED, &refused), tails[i]),
			"%s", refused.text);
	}
}

/* On a machine without IPv6, what the IPv4 address said is told. */
Test(relay_outcome, an_address_that_was_tried_counts_more)
{
	struct xs_address six = address("2001:db8::3"),
			  four = address("192.0.2.1");
	struct xs_error err = { 0 };

	xs_dial_failed(&six, ENETUNREACH, &err);
	xs_dial_failed(&four, ECONNREFUSED, &err);
	cr_assert_eq(err.errnum, ECONNREFUSED, "%s", err.text);
	xs_dial_failed(&six, EADDRNOTAVAIL, &err);
	xs_dial_failed(&four, EHOSTUNREACH, &err);
	cr_assert_eq(err.errnum, ECONNREFUSED, "%s", err.text);
}

/* The rule's time is over while its files are read. */
Test(relay_connect_error, unread)
{
	struct xs_error err = { 0 };

	xs_connect_error_unread(&err, "/net/ca.pem", 0, 1.5);
	cr_assert_eq(err.kind, XS_ERR_TIMEOUT);
	cr_assert_str_eq(err.text,
			 "/net/ca.pem did not answer within 1.5 s (is it on a "
			 "network file system whose server is down?)");
	xs_error_clear(&err);
	xs_connect_error_unread(&err, "", 0, 1.5);
	cr_assert(strstr(err.text, "busy"));
	xs_error_clear(&err);
	xs_connect_error_unread(&err, "/net/ca.pem", 8, 1.5);
	cr_assert(strstr(err.text, "all 8 threads of the relay for that wait "
				   "for files that do not answer, one for "
				   "/net/ca.pem ("));
}
