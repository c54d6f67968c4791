/* Lines and where they go: shim/log.h, shim/error.h. */
#include "log.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
	const char *value, *cwd;
	int result;
	enum xs_log_level level;
	const char *dest;
} values[] = {
	{ NULL, "/w", 0, XS_LOG_ERROR, "" },
	{ "", "/w", 0, XS_LOG_ERROR, "" },
	{ "off", "/w", 0, XS_LOG_OFF, "" },
	{ "error", "/w", 0, XS_LOG_ERROR, "" },
	{ "info:syslog", "/w", 0, XS_LOG_INFO, "syslog" },
	{ "debug:/var/log/x", "/w", 0, XS_LOG_DEBUG, "/var/log/x" },
	{ "info:x:y", "/w", 0, XS_LOG_INFO, "/w/x:y" },
	{ "info:x", NULL, -1, XS_LOG_INFO, "" },
	{ "info:", "/w", -1, XS_LOG_INFO, "" },
	{ "inf", "/w", -1, XS_LOG_ERROR, "" },
	{ "infos", "/w", -1, XS_LOG_ERROR, "" },
};

Test(log, values)
{
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		struct xs_error err = { 0 };
		struct xs_log log;

		cr_assert_eq(xs_log_parse(&log, values[i].value, values[i].cwd,
					  &err), values[i].result);
		cr_assert_eq(log.level, values[i].level);
		cr_assert_str_eq(log.dest, values[i].dest);
		cr_assert_eq(xs_error_is_set(&err), values[i].result < 0);
	}
}

Test(log, a_line_is_one_line)
{
	const struct xs_log_subject subject = {
		.program = "cu\nrl", .pid = 7,
		.asked = "h:1", .rule = "R:1:1 *=tls://",
	};
	char line[XS_LOG_LINE_MAX];
	size_t len = xs_log_format(line, &subject, "bad \033[1m\r\nthing");

	cr_assert_str_eq(line, "xsock: cu?rl[7]: h:1 by R:1:1 *=tls://: "
			       "bad ?[1m??thing\n");
	cr_assert_eq(len, strlen(line));
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

	cr_assert_eq(xs_error_set(&err, XS_ERR_NETWORK, ECONNREFUSED, "a %d",
				  1), -1);
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
		[XS_ERR_RULES] = EACCES,	[XS_ERR_DENIED] = EACCES,
		[XS_ERR_RELAY] = EACCES,	[XS_ERR_NETWORK] = EPIPE,
		[XS_ERR_PROTOCOL] = EPROTO,	[XS_ERR_CERTIFICATE] = EKEYREJECTED,
		[XS_ERR_TIMEOUT] = ETIMEDOUT,	[XS_ERR_SYSTEM] = EPIPE,
	};

	for (int kind = XS_ERR_RULES; kind <= XS_ERR_SYSTEM; kind++) {
		struct xs_error err = { 0 };

		xs_error_set(&err, (enum xs_error_kind)kind, EPIPE, "x");
		cr_assert_eq(err.errnum, expected[kind]);
	}
}
