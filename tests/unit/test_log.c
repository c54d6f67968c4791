/* Tests: shim/base/log.c, shim/base/log_line.c, shim/base/message.c,
 * shim/base/error.c.
 *
 * The lines of the log and where they go; the error with one sentence. */
#include "base/log.h"
#include "base/log_line.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

static const struct {
	const char *value, *cwd;
	int result;
	enum xs_log_level level;
	const char *dest;
} values[] = {
	{ NULL, "/w", 0, XS_LOG_WARNING, "" },
	{ "", "/w", 0, XS_LOG_WARNING, "" },
	{ "off", "/w", 0, XS_LOG_OFF, "" },
	{ "error", "/w", 0, XS_LOG_ERROR, "" },
	{ "warning", "/w", 0, XS_LOG_WARNING, "" },
	{ "info:syslog", "/w", 0, XS_LOG_INFO, "syslog" },
	{ "debug:/var/log/x", "/w", 0, XS_LOG_DEBUG, "/var/log/x" },
	{ "info:x:y", "/w", 0, XS_LOG_INFO, "/w/x:y" },
	{ "info:journal", "/w", 0, XS_LOG_INFO, "journal" },
	{ "info:./journal", "/w", 0, XS_LOG_INFO, "/w/./journal" },
	{ "error+pairs", "/w", 0, XS_LOG_ERROR, "" },
	{ "info+pairs:/x", "/w", 0, XS_LOG_INFO, "/x" },
	{ "info:+pairs", "/w", 0, XS_LOG_INFO, "/w/+pairs" },
	{ "+pairs", "/w", -1, XS_LOG_WARNING, "" },
	{ "info+pair", "/w", -1, XS_LOG_WARNING, "" },
	{ "info+pairs+pairs", "/w", -1, XS_LOG_WARNING, "" },
	{ "info:x", NULL, -1, XS_LOG_INFO, "" },
	{ "info:", "/w", -1, XS_LOG_INFO, "" },
	{ "inf", "/w", -1, XS_LOG_WARNING, "" },
	{ "infos", "/w", -1, XS_LOG_WARNING, "" },
};

Test(log, values)
{
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		struct xs_error err = { 0 };
		struct xs_log log;

		cr_assert_eq(xs_log_parse(&log, values[i].value, values[i].cwd,
					  &err),
			     values[i].result);
		cr_assert_eq(log.level, values[i].level);
		cr_assert_str_eq(log.dest, values[i].dest);
		cr_assert_eq(xs_error_is_set(&err), values[i].result < 0);
	}
}

Test(log, pairs_are_asked_for_behind_the_level)
{
	struct xs_error err = { 0 };
	struct xs_log log;

	xs_log_parse(&log, "info+pairs:/x", "/w", &err);
	cr_assert(log.pairs);
	cr_assert_eq(xs_log_form(log.dest, log.pairs), XS_LOG_PAIRS);
	xs_log_parse(&log, "info:+pairs", "/w", &err);
	cr_assert_not(log.pairs);
	xs_log_parse(&log, NULL, "/w", &err);
	cr_assert_not(log.pairs);
	cr_assert_eq(xs_log_form(log.dest, log.pairs), XS_LOG_SENTENCE);
}

Test(log, a_line_is_one_line)
{
	const struct xs_log_subject subject = {
		.program = "cu\nrl",
		.pid = 7,
		.asked = "h:1",
		.rule = "R:1:1 *=tls://",
	};
	char line[XS_LOG_LINE_MAX];
	size_t len = xs_log_format(line, &subject, "bad \033[1m\r\nthing");

	cr_assert_str_eq(line, "xsock: cu?rl[7]: h:1 by R:1:1 *=tls://: "
			       "bad ?[1m??thing\n");
	cr_assert_eq(len, strlen(line));
}

/* U+009B begins what ESC [ begins, and U+00E9 is a letter. */
Test(log, no_terminal_obeys_what_a_line_tells)
{
	struct xs_log_subject subject = { .program = "caf\xc3\xa9\xc2\x9b",
					  .pid = 7 };
	char line[XS_LOG_LINE_MAX];

	xs_log_format(line, &subject,
		      "said \xc2\x9b"
		      "2J\x7f\xc2\xa0\xc2");
	cr_assert_str_eq(line,
			 "xsock: caf\xc3\xa9?[7]: said ?2J?\xc2\xa0\xc2\n");
	subject.form = XS_LOG_PAIRS;
	subject.level = XS_LOG_ERROR;
	xs_log_format(line, &subject,
		      "said\xc2\x9b"
		      "2J");
	cr_assert_not_null(strstr(line, " program=\"caf\xc3\xa9?\" "), "%s",
			   line);
	cr_assert_not_null(strstr(line, " message=\"said?2J\"\n"), "%s", line);
}

Test(log, a_long_line_is_cut_and_still_ends)
{
	const struct xs_log_subject subject = { .program = "p" };
	char line[XS_LOG_LINE_MAX];
	char text[2 * XS_LOG_LINE_MAX];
	size_t len;

	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	len = xs_log_format(line, &subject, text);
	cr_assert_lt(len, XS_LOG_LINE_MAX);
	cr_assert_eq(line[len - 1], '\n');
}

/* Lines at level debug have none, and it stays where a sentence is cut. */
Test(log, an_identifier_is_at_the_end)
{
	static const struct {
		enum xs_log_level level;
		const char *sentence, *id;
	} lines[] = {
		{ XS_LOG_ERROR, "denied by this rule", " [denied]\n" },
		{ XS_LOG_WARNING,
		  "certificate of CN=x expired on 2026-11-01 (renew it)",
		  " (renew it) [certificate-expired]\n" },
		{ XS_LOG_INFO, "TLSv1.3 x, verified \"h\"",
		  " \"h\" [connected]\n" },
		{ XS_LOG_ERROR, "nobody has a row for this", " [other]\n" },
		{ XS_LOG_ERROR, "", "xsock: p[0]:  [other]\n" },
		{ XS_LOG_DEBUG, "denied by this rule", "this rule\n" },
	};
	char line[XS_LOG_LINE_MAX], text[2 * XS_LOG_LINE_MAX];
	struct xs_log_subject subject = { .program = "p" };

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		size_t len, tail = strlen(lines[i].id);

		subject.level = lines[i].level;
		len = xs_log_format(line, &subject, lines[i].sentence);
		cr_assert_str_eq(line + len - tail, lines[i].id);
	}
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	memcpy(text, "TLS failed: ", 12);
	subject.level = XS_LOG_ERROR;
	cr_assert_lt(xs_log_format(line, &subject, text), XS_LOG_LINE_MAX);
	cr_assert_not_null(strstr(line, "aaa [tls-failed]\n"));
}

/* What others say can neither end a value nor begin another pair. */
Test(log, pairs_are_quoted)
{
	struct xs_log_subject subject = {
		.form = XS_LOG_PAIRS,
		.level = XS_LOG_ERROR,
		.program = "a b",
		.pid = 7,
		.asked = "h:1",
		.errnum = EKEYREJECTED,
	};
	char line[XS_LOG_LINE_MAX], text[2 * XS_LOG_LINE_MAX];
	size_t len;

	xs_log_format(line, &subject, "it\n said \"x\\\" id=denied");
	cr_assert_str_eq(strstr(line, " level="),
			 " level=error id=other program=\"a b\" pid=7 "
			 "destination=h:1 errno=EKEYREJECTED "
			 "message=\"it? said \\\"x\\\\\\\" id=denied\"\n");
	memset(text, '"', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (size_t cut = 0; cut < 4; cut++) {
		len = xs_log_format(line, &subject, text);
		cr_assert_lt(len, XS_LOG_LINE_MAX);
		cr_assert_str_eq(line + len - 4, "\\\"\"\n");
		memmove(text, "xx", 2);
		text[cut] = 'y';
	}
}

/* The journal splits an entry at newlines, into NAME=value. */
Test(log, fields_of_the_journal)
{
	struct xs_log_subject subject = {
		.form = xs_log_form("journal", true),
		.level = XS_LOG_WARNING,
		.program = "curl",
		.pid = 7,
		.asked = "h:1",
		.rule = "R:1:1 *=tls://",
		.errnum = EACCES,
	};
	static char longest[2 * XS_LOG_LINE_MAX];
	char line[XS_LOG_LINE_MAX];

	xs_log_format(line, &subject, "denied\nXSOCK_ID=x by this rule");
	cr_assert_str_eq(line,
			 "MESSAGE=curl[7]: h:1 by R:1:1 *=tls://: "
			 "denied?XSOCK_ID=x by this rule [other]\n"
			 "PRIORITY=4\nSYSLOG_FACILITY=3\n"
			 "SYSLOG_IDENTIFIER=xsock\n"
			 "MESSAGE_ID=5f0b6f3a9d2c4e710a24ad61c2562a55\n"
			 "XSOCK_ID=other\nXSOCK_PROGRAM=curl\nXSOCK_PID=7\n"
			 "XSOCK_DESTINATION=h:1\nXSOCK_RULE=R:1:1 *=tls://\n"
			 "XSOCK_ERRNO=EACCES\n");
	memset(longest, 'a', sizeof(longest) - 1);
	subject.rule = longest;
	xs_log_format(line, &subject, longest);
	cr_assert_null(strstr(line, "XSOCK_RULE="));
	cr_assert_not_null(strstr(line, "\nXSOCK_ERRNO=EACCES\n"));
}

/* Where the journal is not there, its line goes elsewhere, as for people. */
Test(log, a_message_is_taken_out_of_the_fields)
{
	struct xs_log_subject subject = {
		.form = XS_LOG_FIELDS,
		.level = XS_LOG_ERROR,
		.program = "curl",
		.pid = 7,
		.asked = "h:1",
	};
	char fields[XS_LOG_LINE_MAX], line[XS_LOG_LINE_MAX];
	char same[XS_LOG_LINE_MAX];
	size_t len;

	xs_log_format(fields, &subject, "denied by this rule");
	len = xs_log_message(line, fields);
	subject.form = XS_LOG_SENTENCE;
	cr_assert_eq(len, xs_log_format(same, &subject, "denied by this rule"));
	cr_assert_str_eq(line, same);
}

Test(log, priorities_are_those_of_syslog)
{
	cr_assert_eq(xs_log_priority(XS_LOG_ERROR), LOG_ERR);
	cr_assert_eq(xs_log_priority(XS_LOG_WARNING), LOG_WARNING);
	cr_assert_eq(xs_log_priority(XS_LOG_INFO), LOG_INFO);
	cr_assert_eq(xs_log_priority(XS_LOG_DEBUG), LOG_DEBUG);
}

Test(log, a_full_or_broken_pipe_neither_blocks_nor_kills, .timeout = 10)
{
	static char junk[1 << 16];
	int end[2];

	cr_assert_eq(pipe(end), 0);
	fcntl(end[1], F_SETFL, O_NONBLOCK);
	while (write(end[1], junk, sizeof(junk)) > 0)
		;
	fcntl(end[1], F_SETFL, 0);
	errno = 4711;
	xs_log_write("", end[1], XS_LOG_ERROR, "line\n", 5);
	cr_assert_eq(errno, 4711);
	close(end[0]);
	xs_log_write("", end[1], XS_LOG_ERROR, "line\n", 5);
	xs_log_write("", -1, XS_LOG_ERROR, "line\n", 5);
}

Test(log, a_file_is_appended_to)
{
	char path[] = "/tmp/xsock-log-XXXXXX";
	char text[64];
	int fd = mkstemp(path);
	ssize_t len;

	cr_assert_geq(fd, 0);
	xs_log_write(path, -1, XS_LOG_INFO, "one\n", 4);
	xs_log_write(path, -1, XS_LOG_INFO, "two\n", 4);
	len = read(fd, text, sizeof(text));
	unlink(path);
	cr_assert_eq(len, 8);
	cr_assert_eq(memcmp(text, "one\ntwo\n", 8), 0);
}

Test(error, the_first_wins)
{
	struct xs_error err = { 0 };

	cr_assert_eq(
		xs_error_set(&err, XS_ERR_NETWORK, ECONNREFUSED, "a %d", 1),
		-1);
	cr_assert_eq(xs_error_set(&err, XS_ERR_TIMEOUT, 0, "b"), -1);
	cr_assert_eq(err.errnum, ECONNREFUSED);
	cr_assert_str_eq(err.text, "a 1");
	xs_error_clear(&err);
	xs_error_set(&err, XS_ERR_TIMEOUT, 0, "b");
	cr_assert_eq(err.errnum, ETIMEDOUT);
	cr_assert_eq(xs_error_set(NULL, XS_ERR_TIMEOUT, 0, "b"), -1);
}

Test(error, each_kind_has_its_errno)
{
	static const int expected[] = {
		[XS_ERR_RULES] = EACCES,
		[XS_ERR_DENIED] = EACCES,
		[XS_ERR_RELAY] = EACCES,
		[XS_ERR_NETWORK] = EPIPE,
		[XS_ERR_PROTOCOL] = EPROTO,
		[XS_ERR_CERTIFICATE] = EKEYREJECTED,
		[XS_ERR_TIMEOUT] = ETIMEDOUT,
		[XS_ERR_SYSTEM] = EPIPE,
	};

	for (int kind = XS_ERR_RULES; kind <= XS_ERR_SYSTEM; kind++) {
		struct xs_error err = { 0 };

		xs_error_set(&err, (enum xs_error_kind)kind, EPIPE, "x");
		cr_assert_eq(err.errnum, expected[kind]);
	}
}
