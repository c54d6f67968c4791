/* Tests: tools/relay/connection/goodbye.c. */
#include "relay/connection/goodbye.h"

#include <criterion/criterion.h>
#include <string.h>

#define HEAR(goodbye, text) xs_goodbye_hear(goodbye, text, sizeof(text) - 1)
#define IS(text)	    is_goodbye(text, sizeof(text) - 1)

static bool is_goodbye(const char *text, size_t len)
{
	struct xs_goodbye goodbye = { 0 };

	xs_goodbye_hear(&goodbye, text, len);
	return xs_goodbye_is(&goodbye);
}

Test(relay_goodbye, what_protocols_say)
{
	cr_assert(IS("QUIT\r\n"));
	cr_assert(IS("quit\n"));
	cr_assert(IS("QUIT :leaving\r\n"));
	cr_assert(IS("a7 LOGOUT\r\n"));
	cr_assert(IS("LOGOUT\r\n"));
	cr_assert(IS("\x01\x00\x00\x00\x01"));
	cr_assert(IS("X\x00\x00\x00\x04"));
	cr_assert(IS("\x30\x05\x02\x01\x03\x42\x00"));
	cr_assert(IS("\x30\x06\x02\x02\x01\x03\x42\x00"));
	cr_assert(IS("\xe0\x00"));
	cr_assert(IS("\x70\x02\x00\x01\xe0\x00"), "PUBCOMP in front");
	cr_assert(IS("\x40\x02\x00\x01\x70\x03\x00\x02\x10\xe0\x00"));
	cr_assert(IS("\xe0\x02\x04\x00"), "with a reason");
	cr_assert(IS("</stream:stream>"));
	cr_assert(IS("*1\r\n$4\r\nquit\r\n"));
}

Test(relay_goodbye, what_is_none)
{
	cr_assert_not(IS("QUIT"));
	cr_assert_not(IS("\n"));
	cr_assert_not(IS("QUITE\r\n"));
	cr_assert_not(IS("a7 LOGOUTS\r\n"));
	cr_assert_not(IS("RETR 1\r\nQUIT\r\n"));
	cr_assert_not(IS("a6 FETCH 1 BODY[]\r\na7 LOGOUT\r\n"));
	cr_assert_not(IS("\x30\x05\x02\x02\x03\x42\x00"));
	cr_assert_not(IS("\x40\x02\x00\x01"));
	cr_assert_not(IS("\x40\x02\x00\x01\xe0"));
	cr_assert_not(IS("\x40\x7f\x00\x01\xe0\x00"));
	cr_assert_not(IS("\x50\x02\x00\x01\xe0\x00"), "PUBREC is answered");
	cr_assert_not(IS("\xe0\x02\x00"));
	cr_assert_not(IS("QUIT :a reason that is longer than others\r\n"));
}

Test(relay_goodbye, byte_by_byte)
{
	struct xs_goodbye goodbye = { 0 };

	for (const char *at = "QUIT\r\n"; *at; at++) {
		cr_assert_not(xs_goodbye_is(&goodbye));
		xs_goodbye_hear(&goodbye, at, 1);
	}
	cr_assert(xs_goodbye_is(&goodbye));
}

/* An answer that is owed may be cut. */
Test(relay_goodbye, behind_a_question)
{
	struct xs_goodbye goodbye = { 0 };

	HEAR(&goodbye, "STAT\r\n");
	HEAR(&goodbye, "QUIT\r\n");
	cr_assert_not(xs_goodbye_is(&goodbye));
	xs_goodbye_answered(&goodbye);
	HEAR(&goodbye, "QUIT\r\n");
	cr_assert(xs_goodbye_is(&goodbye));
	xs_goodbye_answered(&goodbye);
	cr_assert(xs_goodbye_is(&goodbye), "it was answered");
	HEAR(&goodbye, "NOOP\r\n");
	cr_assert_not(xs_goodbye_is(&goodbye), "no last word");
}

Test(relay_goodbye, who_leaves_when_answered)
{
	struct xs_goodbye goodbye = { 0 };

	xs_goodbye_leave(&goodbye);
	cr_assert_not(xs_goodbye_is(&goodbye), "nothing came");
	HEAR(&goodbye, "STAT\r\n");
	xs_goodbye_leave(&goodbye);
	cr_assert_not(xs_goodbye_is(&goodbye), "an answer is owed");
	xs_goodbye_answered(&goodbye);
	cr_assert_not(xs_goodbye_is(&goodbye), "perhaps not to its end");
	xs_goodbye_leave(&goodbye);
	cr_assert(xs_goodbye_is(&goodbye));
}

Test(relay_goodbye, behind_much)
{
	struct xs_goodbye goodbye = { 0 };
	char much[300];

	memset(much, 'x', sizeof(much));
	xs_goodbye_hear(&goodbye, much, sizeof(much));
	HEAR(&goodbye, "QUIT\r\n");
	cr_assert_not(xs_goodbye_is(&goodbye));
	xs_goodbye_answered(&goodbye);
	HEAR(&goodbye, "QUIT\r\n");
	cr_assert(xs_goodbye_is(&goodbye));
}
