/* Tests: shim/rules/rules.c, shim/rules/rule_file.c.
 *
 * The text of XSOCK_RULES: items, places, files, options, limits. */
#include "rules/rules.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static struct xs_arena arena;
static struct xs_error err;
static char folder[] = "/tmp/xsock-test-XXXXXX";

static struct xs_rules *read_rules(const char *rules, const char *options)
{
	xs_error_clear(&err);
	return xs_rules_read(rules, options, folder, &arena, &err);
}

static struct xs_rules *good(const char *rules, size_t count)
{
	struct xs_rules *result = read_rules(rules, NULL);

	cr_assert_not_null(result, "%s: %s", rules, err.text);
	cr_assert_eq(result->count, count, "%s", rules);
	return result;
}

/* Refused with a message that starts and goes on like this. */
static void bad(const char *rules, const char *options, const char *start,
		const char *words)
{
	cr_expect_null(read_rules(rules, options), "%s", rules);
	cr_expect_eq(err.kind, XS_ERR_RULES, "%s", rules);
	cr_expect(strncmp(err.text, start, strlen(start)) == 0, "%s: %s", rules,
		  err.text);
	cr_expect(strstr(err.text, words), "%s: %s", rules, err.text);
	for (const char *at = err.text; *at; at++)
		cr_expect(*at >= ' ' && *at <= '~', "%s", err.text);
}

static void make_folder(void)
{
	cr_assert_not_null(mkdtemp(folder));
}

static void remove_folder(void)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s", folder);
	cr_assert_eq(system(command), 0);
}

static void write_file(const char *name, const char *text, size_t len)
{
	char path[300];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "w");
	cr_assert_not_null(file);
	cr_assert_eq(fwrite(text, 1, len, file), len);
	cr_assert_eq(fclose(file), 0);
}

static void write_text(const char *name, const char *text)
{
	write_file(name, text, strlen(text));
}

Test(rules, nothing_is_no_rules)
{
	good("", 0);
	good(" \t\r\n\v\f;;; ", 0);
	good("# only a comment", 0);
	good("#", 0);
	cr_assert_not_null(read_rules(NULL, NULL));
}

Test(rules, separators_and_comments)
{
	good("a=tls://;b=tcp://\n"
	     "  c=deny:// # not d=tls://\r\n"
	     "#e=tls://\n"
	     ";;\tf=tls://;#g=y",
	     4);
}

Test(rules, a_comment_starts_only_where_an_item_would)
{
	struct xs_rules *rules = good("a=tls:// b=tcp:// #c=x\n d=deny://", 3);

	cr_assert_str_eq(rules->rule[0].place, "XSOCK_RULES:1:1");
	cr_assert_str_eq(rules->rule[1].place, "XSOCK_RULES:1:10");
	cr_assert_str_eq(rules->rule[2].place, "XSOCK_RULES:2:2");
	cr_assert_str_eq(rules->rule[1].text, "b=tcp://");
	bad("a=tls://#x", NULL, "XSOCK_RULES:1:9: ", "\"#\"");
}

Test(rules, errors_have_line_and_column)
{
	bad("a=tls://\n\n   b=tsl://", NULL, "XSOCK_RULES:3:6: ", "\"tsl\"");
	bad("# x=tsl://\nb=tls:// c=d:0", NULL, "XSOCK_RULES:2:14: ", "port");
	bad("a=tls://?timeout=0", NULL, "XSOCK_RULES:1:18: ", "timeout");
	bad("a=tls://?timeout=1&x=1", NULL, "XSOCK_RULES:1:20: ", "\"x\"");
	bad("tls://", NULL, "XSOCK_RULES:1:1: ", "PATTERN=TARGET");
	bad("a =tls://", NULL, "XSOCK_RULES:1:1: ", "\"a\" has no \"=\"");
	bad("\x01\xff\n", NULL, "XSOCK_RULES:1:1: ", "\\x01\\xff");
}

Test(rules, mistakes_do_not_show_a_passphrase)
{
	static const char *const all[] = {
		"a=h:443passphrase=S3CRET",
		"a=h:443&passphrase=S3CRET",
		"a=passphrase=x:S3CRET",
		"a=tls://h/passphrase=S3CRET",
		"a=tls://h;passphrase=S3CRET://",
		"a=tls://?passphrase=my&S3CRET",
		"a=tls://?local_cert=/etc/passwd&passphrase=my S3CRET",
		"a=tls://?local_cert=/etc/passwd&passphrase=my;S3CRET",
		"a=tls://?local_cert=/etc/passwd&passphrase=my\nS3CRET",
		"a=tls://?local_cert=/etc/passwd&passphrase=my S3CRET=x:y",
		"a=tls://?local_cert=/etc/passwd&passphrase=my S3CRET:x=y",
		"a=tls://?local_cert=/etc/passwd&passphrase=my x=S3CRET://",
		"a=tls://?local_cert=/etc/passwd&passphrase=my @S3CRET",
		"@/nope/passphrase=S3CRET",
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		bad(all[i], NULL, "XSOCK_RULES:", "");
		cr_expect_null(strstr(err.text, "S3CRET"), "%s", err.text);
	}
	bad(all[0], NULL, "XSOCK_RULES:1:5: ", "\"443passphrase=***\"");
	bad(all[6], NULL, "XSOCK_RULES:1:47: ",
	    "something behind a passphrase is not a rule (blanks, \";\" and "
	    "\"&\" in a passphrase are written %20, %3b and %26)");
	/* On another line a wrong word is a wrong word. */
	bad("a=tls://?local_cert=/etc/passwd&passphrase=x\nb=tsl://", NULL,
	    "XSOCK_RULES:2:3: ", "did you mean \"tls\"");
}

Test(rules, options_belong_to_schemes)
{
	bad("a=tcp://?cafile=/etc/passwd", NULL,
	    "XSOCK_RULES:1:10: ", "\"cafile\" does not belong to \"tcp\"");
	bad("a=deny://?cafile=/etc/passwd", NULL,
	    "XSOCK_RULES:1:11: ", "\"deny\"");
	bad("a=deny://?timeout=1", NULL, "XSOCK_RULES:1:11: ", "\"deny\"");
	bad("a=tls://?relay=1", NULL, "XSOCK_RULES:1:10: ", "tcp://");
	bad("a=tcp://?timeout=1", NULL, "XSOCK_RULES:1:10: ", "relay=yes");
	bad("a=tls://?verify_peer=0&verify_peer=0", NULL,
	    "XSOCK_RULES:1:24: ", "twice");
	cr_assert(good("a=tcp://?relay=yes&timeout=1", 1)->rule->options.relay);
	cr_assert_str_eq(good("a=?relay=yes", 1)->rule->options_text,
			 "relay=1");
}

Test(rules, base_options_concern_what_they_belong_to)
{
	struct xs_rules *rules = read_rules(
		"a=tls:// b=tcp:// c=deny:// d=tls://?verify_peer=1&timeout=9",
		"verify_peer=0&timeout=5&cafile=/etc/passwd");

	cr_assert_not_null(rules, "%s", err.text);
	cr_assert_str_eq(rules->rule[0].options_text,
			 "verify_peer=0&cafile=/etc/passwd&timeout=5");
	cr_assert_str_eq(rules->rule[1].options_text, "");
	cr_assert_str_eq(rules->rule[2].options_text, "");
	cr_assert_str_eq(rules->rule[3].options_text,
			 "cafile=/etc/passwd&timeout=9");
	rules = read_rules("a=tcp://", "relay=1&timeout=5");
	cr_assert_str_eq(rules->rule[0].options_text, "timeout=5&relay=1");
}

Test(rules, base_options_have_their_own_place)
{
	bad("a=tls://", "verify_peer=0&tameout=1",
	    "XSOCK_OPTIONS:1:15: ", "\"timeout\"");
	bad("", "\n x=1", "XSOCK_OPTIONS:1:3: ", "\"x\"");
	cr_assert_not_null(read_rules("a=tls://", "timeout=5\n"));
	cr_assert_not_null(read_rules("a=tls://", ""));
}

Test(rules, a_long_rule_is_shown_in_part)
{
	char text[4000] = "a:1";
	struct xs_rules *rules;

	for (size_t len = 3; len < 3900; len += 2)
		memcpy(text + len, ",2", 3);
	strcat(text, "=tls://");
	rules = good(text, 1);
	cr_assert_eq(strlen(rules->rule->text), 200);
	memset(text, 'x', 3999);
	bad(text, NULL, "XSOCK_RULES:1:1: \"xxx", "...\"");
}

Test(rules, files, .init = make_folder, .fini = remove_folder)
{
	struct xs_rules *rules;
	char absolute[200];

	write_text("one", "a=tls:// ; b=tls://\n@two\n");
	write_text("two", "\xef\xbb\xbf"
			  "c=tls://");
	write_text("empty", "");
	rules = good("@one @empty d=tls://", 4);
	cr_assert_str_eq(rules->rule[1].place, "one:1:12");
	cr_assert_str_eq(rules->rule[2].place, "two:1:1");
	cr_assert_str_eq(rules->rule[3].place, "XSOCK_RULES:1:13");
	snprintf(absolute, sizeof(absolute), "@%s/one", folder);
	good(absolute, 3);
}

Test(rules, errors_in_files, .init = make_folder, .fini = remove_folder)
{
	char fifo[200];

	write_text("outer", "\n@inner");
	write_text("inner", "a=tls://\n\n  b=tsl://\n");
	bad("@outer", NULL, "inner:3:5: ", "\"tsl\"");
	bad("a=b\n @nope", NULL, "XSOCK_RULES:2:3: ", "No such file");
	bad("@", NULL, "XSOCK_RULES:1:2: ", "no file name");
	bad("@.", NULL, "XSOCK_RULES:1:2: ", "directory");
	bad("@/dev/zero", NULL, "XSOCK_RULES:1:2: ", "Not a regular file");
	write_text("self", "a=tls:// @self");
	bad("@self", NULL, "self:1:11: ", "include itself");
	write_file("nul", "a=tls://\0b=tls://", 17);
	bad("@nul", NULL, "nul:1:9: ", "\\x00");
	write_file("nulname", "@a\0b", 4);
	bad("@nulname", NULL, "nulname:1:2: ", "not a file name");
	snprintf(fifo, sizeof(fifo), "%s/fifo", folder);
	cr_assert_eq(mkfifo(fifo, 0600), 0);
	bad("@fifo", NULL, "XSOCK_RULES:1:2: ", "Not a regular file");
	write_text("secret", "a=tls://");
	snprintf(fifo, sizeof(fifo), "%s/secret", folder);
	cr_assert_eq(chmod(fifo, 0), 0);
	if (geteuid() != 0)
		bad("@secret", NULL, "XSOCK_RULES:1:2: ", "Permission denied");
	cr_assert_null(xs_rules_read("@one", NULL, NULL, &arena, &err));
}

Test(rules, file_names_are_shown_printable_and_short, .init = make_folder,
     .fini = remove_folder)
{
	char name[200], text[210];

	memset(name, 'n', sizeof(name));
	name[190] = '\0';
	write_text(name, "x");
	snprintf(text, sizeof(text), "@%s", name);
	bad(text, NULL, "...nnn", ":1:1: ");
	write_text("\xc3\xbc\x01", "x");
	bad("@\xc3\xbc\x01", NULL, "???:1:1: ", "has no");
}

Test(rules, files_are_bounded, .init = make_folder, .fini = remove_folder)
{
	const size_t size = 17 * 1024 * 1024;
	char *big = malloc(size);
	char text[4000] = "";

	memset(big, '\n', size);
	write_file("big", big, size);
	bad("@big", NULL, "XSOCK_RULES:1:2: ", "16 MiB");
	write_file("half", big, size / 2);
	good("@half", 0);
	bad("@half @half", NULL, "XSOCK_RULES:1:8: ", "16 MiB");
	free(big);
	/* A tree of files that would be 300 to the third. */
	for (int i = 0; i < 300; i++)
		strcat(text, "@b ");
	write_text("a", text);
	memset(text, 0, sizeof(text));
	for (int i = 0; i < 300; i++)
		strcat(text, "@c ");
	write_text("b", text);
	write_text("c", "");
	bad("@a", NULL, "b:1:", "more than 1000 files");
}

Test(rules, files_in_proc_have_no_size)
{
	bad("@/proc/self/status", NULL, "/proc/self/status:1:1: ", "\"Name:\"");
}

Test(rules, services_of_the_system_are_remembered, .timeout = 20)
{
	enum { COUNT = 20000 };
	char *text = malloc(COUNT * 20), *at = text;

	/* Not in the library's own table, so that it must ask. */
	if (!read_rules("*:x11=tls://", NULL))
		cr_skip_test("no /etc/services");
	for (int i = 0; i < COUNT; i++)
		at += sprintf(at, "*:x11=tls://\n");
	good(text, COUNT);
	free(text);
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

Test(rules, a_hundred_thousand_read_in_linear_time, .timeout = 60)
{
	char *text = malloc(100000 * 60);
	double took[2];

	for (int round = 0; round < 2; round++) {
		char *at = text;

		for (int i = 0; i < (round ? 100000 : 10000); i++)
			at += sprintf(at,
				      "h%d.example.com:443,80=tls://"
				      "?verify_peer=0\n",
				      i);
		took[round] = -seconds();
		good(text, round ? 100000 : 10000);
		took[round] += seconds();
	}
	/* Ten times the rules, at most thirty times the work. */
	cr_assert_lt(took[1], took[0] * 30 + 0.5);
	free(text);
}

Test(rules, any_bytes_survive)
{
	static const char alphabet[] = "aA1.*?:/[]%=&#@;,- \n\t\\\"\xff\x01"
				       "tlsv";
	uint32_t random = 12345;
	char text[80];

	for (int i = 0; i < 20000; i++) {
		struct xs_arena own = { NULL };
		size_t len;

		for (len = 0; len < sizeof(text) - 1; len++) {
			random = random * 1664525 + 1013904223;
			if (random >> 26 == 0)
				break;
			text[len] = alphabet[(random >> 16) %
					     (sizeof(alphabet) - 1)];
		}
		text[len] = '\0';
		xs_error_clear(&err);
		if (!xs_rules_read(text, NULL, "/", &own, &err))
			cr_assert_neq(err.kind, XS_ERR_NONE);
		xs_arena_free(&own);
	}
}
