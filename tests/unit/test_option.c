/* Tests: shim/base/option.c and option_*.c.
 *
 * The options of a target: reading, refusing, canonical text. */
#include "base/option.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct xs_arena arena;
static struct xs_options options;
static struct xs_error err;
static size_t at;

/* Reads over the defaults. */
static int parse(const char *text, bool check_files)
{
	xs_options_default(&options);
	xs_error_clear(&err);
	return xs_options_parse(&options, text, strlen(text), "/etc",
				check_files, &arena, &at, &err);
}

static const char *canonical(const char *text)
{
	cr_assert_eq(parse(text, false), 0, "%s: %s", text, err.text);
	return xs_options_text(&options, &arena);
}

/* The text is refused at that byte, in a sentence that has these words. */
static void refused(const char *text, size_t where, const char *words)
{
	cr_expect_eq(parse(text, true), -1, "%s", text);
	cr_expect_eq(err.kind, XS_ERR_RULES);
	cr_expect_eq(at, where, "%s: at %zu: %s", text, at, err.text);
	cr_expect(strstr(err.text, words), "%s: %s", text, err.text);
}

Test(option, nothing_is_the_defaults)
{
	cr_assert_str_eq(canonical(""), "");
	cr_assert_str_eq(canonical(" \n"), "");
	cr_assert_str_eq(canonical("&&"), "");
	cr_assert(options.verify_peer && options.verify_peer_name &&
		  options.sni_enabled && !options.relay);
	cr_assert_eq(options.timeout, XS_OPTION_TIMEOUT_DEFAULT);
	cr_assert_null(options.peer_name);
	cr_assert_null(options.cafile);
	cr_assert_null(options.capath);
}

Test(option, one_of_two_words)
{
	cr_assert_str_eq(canonical("ftp_data=announced"), "");
	cr_assert_str_eq(canonical("ftp_data=control"), "ftp_data=control");
	cr_assert(options.ftp_data_control);
	cr_assert_str_eq(canonical("starttls=required"), "");
	cr_assert_str_eq(canonical("starttls=optional"), "starttls=optional");
	refused("ftp_data=contro", 9, "takes announced or control");
	refused("ftp_data=announced|", 9, "takes announced or control");
	refused("starttls=optiona", 9, "takes required or optional");
}

Test(option, every_option_that_works_is_read)
{
	cr_assert_eq(parse("verify_peer=0&verify_peer_name=no&"
			   "peer_name=A.Example.&SNI_enabled=off&"
			   "cafile=/a&capath=/b&timeout=2.5&relay=1",
			   false),
		     0, "%s", err.text);
	cr_assert(!options.verify_peer && !options.verify_peer_name &&
		  !options.sni_enabled && options.relay);
	cr_assert_str_eq(options.peer_name, "a.example");
	cr_assert_str_eq(options.cafile, "/a");
	cr_assert_str_eq(options.capath, "/b");
	cr_assert_eq(options.timeout, 2.5);
}

Test(option, booleans_have_four_spellings)
{
	static const char *const yes[] = { "1", "yes", "ON", "True" };
	static const char *const no[] = { "0", "No", "off", "FALSE" };
	char text[64];

	for (int i = 0; i < 4; i++) {
		snprintf(text, sizeof(text), "verify_peer=%s", yes[i]);
		cr_assert_str_eq(canonical(text), "");
		snprintf(text, sizeof(text), "verify_peer=%s", no[i]);
		cr_assert_str_eq(canonical(text), "verify_peer=0");
	}
	refused("verify_peer=2", 12, "takes 0 or 1");
	refused("verify_peer=tru", 12, "\"tru\"");
	refused("verify_peer=", 12, "no value");
	refused("verify_peer", 11, "verify_peer=0|1");
}

Test(option, the_same_meaning_is_the_same_text)
{
	cr_assert_str_eq(canonical("timeout=60.000&verify_peer=yes"), "");
	cr_assert_str_eq(canonical("timeout=2.50&verify_peer=off"),
			 "verify_peer=0&timeout=2.5");
	cr_assert_str_eq(canonical("verify_peer=0&&timeout=002.5009"),
			 "verify_peer=0&timeout=2.5");
	cr_assert_str_eq(canonical("peer_name=WWW.example.com."),
			 "peer_name=www.example.com");
	cr_assert_str_eq(canonical("peer_name=FE80:0::1"), "peer_name=fe80::1");
	cr_assert_str_eq(canonical("cafile=%2fa%20%25%26b"),
			 "cafile=/a%20%25%26b");
	cr_assert_str_eq(canonical("timeout=100"), "timeout=100");
}

Test(option, canonical_text_reads_back)
{
	static const char *const texts[] = {
		"",
		"verify_peer=0&verify_peer_name=0&peer_name=x&"
		"cafile=/%01%ff%3b&capath=/d&SNI_enabled=0&timeout=0.001&"
		"relay=1",
		"timeout=86400",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		const char *once = canonical(texts[i]);

		cr_assert_str_eq(once, texts[i]);
		cr_assert_str_eq(canonical(once), once);
	}
}

Test(option, later_texts_win_over_earlier_ones)
{
	cr_assert_eq(parse("timeout=5&verify_peer=0", false), 0);
	cr_assert_eq(xs_options_parse(&options, "timeout=7", 9, NULL, false,
				      &arena, &at, &err),
		     0);
	cr_assert_str_eq(xs_options_text(&options, &arena),
			 "verify_peer=0&timeout=7");
}

Test(option, seconds_do_not_know_the_locale)
{
	/* Where the machine has such a locale; otherwise this is weaker. */
	setlocale(LC_ALL, "de_DE.UTF-8");
	cr_assert_eq(parse("timeout=1.5", false), 0);
	cr_assert_eq(options.timeout, 1.5);
	refused("timeout=1,5", 8, "seconds");
	setlocale(LC_ALL, "C");
}

Test(option, seconds_are_bounded)
{
	static const char *const bad[] = {
		"0",	  "0.0",
		"0.0009", "86400.001",
		"86401",  "-1",
		"+1",	  "1e3",
		"1.",	  ".5",
		"1.5.5",  "0x10",
		"inf",	  "nan",
		" 1",	  "99999999999999999999999999999999999999",
		"%31x",
	};
	char text[128];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "timeout=%s", bad[i]);
		cr_expect_eq(parse(text, true), -1, "%s", text);
		cr_expect_eq(at, 8, "%s", text);
	}
	cr_assert_str_eq(canonical("timeout=86400"), "timeout=86400");
	cr_assert_str_eq(canonical("timeout=%31.001"), "timeout=1.001");
}

Test(option, unknown_ones_are_refused_with_a_suggestion)
{
	refused("verify_pear=1", 0, "(did you mean \"verify_peer\"?)");
	refused("verify_peer=1&cafil=/x", 14, "(did you mean \"cafile\"?)");
	refused("sni_enabled=1", 0, "(did you mean \"SNI_enabled\"?)");
	refused("nonsense=1", 0, "unknown option \"nonsense\"");
	refused("=1", 0, "unknown option \"\"");
}

Test(option, twice_is_once_too_often)
{
	refused("timeout=1&verify_peer=1&timeout=1", 24, "there twice");
}

Test(option, percent_encoding_is_strict)
{
	refused("peer_name=a%zz", 11, "hexadecimal");
	refused("peer_name=a%4", 11, "hexadecimal");
	refused("peer_name=a%", 11, "hexadecimal");
	refused("cafile=/etc%00/passwd", 11, "hexadecimal");
	refused("cafile=/a b", 9, "percent-encoded");
	refused("cafile=/a\tb", 9, "percent-encoded");
	refused("peer_name=%61%20", 10, "cannot stand in a host name");
}

Test(option, a_peer_name_is_a_name_or_an_address)
{
	refused("peer_name=*.example.com", 10, "glob");
	refused("peer_name=b\xc3\xbc"
		"cher.example",
		10, "A-label");
	refused("peer_name=a..b", 10, "empty label");
	refused("peer_name=1.2.3", 10, "not an IPv4 address");
	cr_assert_str_eq(canonical("peer_name=192.0.2.1"),
			 "peer_name=192.0.2.1");
	cr_assert_str_eq(canonical("peer_name=_sip.x-y"), "peer_name=_sip.x-y");
}

Test(option, files_are_looked_at)
{
	char fifo[] = "/tmp/xsock-test-XXXXXX", text[64];

	cr_assert_not_null(mkdtemp(fifo));
	cr_assert_eq(parse("cafile=passwd&capath=/", true), 0, "%s", err.text);
	cr_assert_str_eq(options.cafile, "/etc/passwd");
	refused("cafile=no-such-file", 7, "No such file");
	refused("cafile=/etc", 7, "directory");
	refused("cafile=/dev/null", 7, "Not a regular file");
	refused("capath=/etc/passwd", 7, "Not a directory");
	refused("capath=/etc:/usr", 7, "one folder");
	refused("capath=/no-such-dir", 7, "No such file");

	snprintf(text, sizeof(text), "cafile=%s/fifo", fifo);
	cr_assert_eq(mkfifo(text + 7, 0600), 0);
	refused(text, 7, "Not a regular file");
	unlink(text + 7);
	rmdir(fifo);
	/* The relay's view: files are not looked at. */
	cr_assert_eq(parse("cafile=/no-such-file", false), 0);
}

Test(option, relative_files_need_a_working_directory)
{
	xs_options_default(&options);
	cr_assert_eq(xs_options_parse(&options, "cafile=a", 8, NULL, false,
				      &arena, &at, &err),
		     -1);
	cr_assert(strstr(err.text, "working directory"));
}

Test(option, restrict_keeps_what_belongs)
{
	cr_assert_eq(
		parse("verify_peer=0&peer_name=x&timeout=5&relay=1&mtu=1200&"
		      "idle=30&half_close=0",
		      false),
		0);
	struct xs_options all = options;

	xs_options_restrict(&options, XS_SCHEME_TLS);
	cr_assert_str_eq(xs_options_text(&options, &arena),
			 "verify_peer=0&peer_name=x&half_close=0&timeout=5");
	options = all;
	xs_options_restrict(&options, XS_SCHEME_DTLS);
	cr_assert_str_eq(xs_options_text(&options, &arena),
			 "verify_peer=0&peer_name=x&timeout=5&mtu=1200&"
			 "idle=30");
	options = all;
	xs_options_restrict(&options, XS_SCHEME_UDP);
	cr_assert_str_eq(xs_options_text(&options, &arena), "relay=1");
	options = all;
	xs_options_restrict(&options, XS_SCHEME_TCP);
	cr_assert_str_eq(xs_options_text(&options, &arena),
			 "timeout=5&relay=1");
	options = all;
	xs_options_restrict(&options, XS_SCHEME_DENY);
	cr_assert_str_eq(xs_options_text(&options, &arena), "");
}

Test(option, every_row_is_documented)
{
	for (const struct xs_option *row = xs_option_table; row->name; row++)
		cr_assert(row->value && *row->value && row->summary &&
				  *row->summary && row->kinds,
			  "%s", row->name);
}
