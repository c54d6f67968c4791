/* Reading one text of rules, for the tests of options in them. */
#ifndef TEST_RULE_TEXT_H
#define TEST_RULE_TEXT_H

#include "rules/rules.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct xs_arena arena;
static struct xs_error err;

static inline const struct xs_rule *good_under(const char *text,
					       const char *all)
{
	struct xs_rules *rules;

	xs_error_clear(&err);
	rules = xs_rules_read(text, all, "/", &arena, &err);
	cr_assert_not_null(rules, "%s: %s", text, err.text);
	return rules->rule;
}

static inline const struct xs_rule *good(const char *text)
{
	return good_under(text, NULL);
}

static inline void bad_under(const char *text, const char *all,
			     const char *words)
{
	xs_error_clear(&err);
	cr_expect_null(xs_rules_read(text, all, "/", &arena, &err), "%s", text);
	cr_expect(strstr(err.text, words), "%s: %s", text, err.text);
}

static inline void bad(const char *text, const char *words)
{
	bad_under(text, NULL, words);
}

#endif
