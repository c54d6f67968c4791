/* Tests: shim/base/option_value.c, option_check.c, option_digest.c,
 * option_file.c, option_secret.c.
 *
 * The options about TLS: each value, each refusal, each contradiction. */
#include "base/option.h"
#include "rules/rules.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct xs_arena arena;
static struct xs_options options;
static struct xs_error err;
static size_t at;

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

/* Written so, and canonical so, and that reads back. */
static void means(const char *text, const char *expected)
{
	const char *once = canonical(text);

	cr_expect_str_eq(once, expected);
	cr_expect_str_eq(canonical(once), expected);
}

static void refused(const char *text, size_t where, const char *words)
{
	cr_expect_eq(parse(text, true), -1, "%s", text);
	cr_expect_eq(err.kind, XS_ERR_RULES);
	cr_expect_eq(at, where, "%s: at %zu: %s", text, at, err.text);
	cr_expect(strstr(err.text, words), "%s: %s", text, err.text);
}

Test(option_tls, switches)
{
	means("allow_self_signed=yes", "allow_self_signed=1");
	means("allow_self_signed=0", "");
	means("disable_compression=off", "disable_compression=0");
	means("disable_compression=1", "");
	means("renegotiation=yes", "renegotiation=1");
	means("renegotiation=0", "");
	means("own_socket=yes", "own_socket=1");
	means("own_socket=0", "");
	means("half_close=no", "half_close=0");
	means("half_close=1", "");
	means("session_reuse=no", "session_reuse=0");
	means("session_reuse=1", "");
	means("connect=early", "connect=early");
	means("connect=verified", "");
	refused("connect=late", 8, "takes verified or early, not \"late\"");
	refused("allow_self_signed=maybe", 18, "takes 0 or 1");
}

Test(option_tls, numbers)
{
	means("verify_depth=0", "verify_depth=0");
	means("verify_depth=010", "verify_depth=10");
	means("security_level=0", "security_level=0");
	means("security_level=5", "security_level=5");
	cr_assert_eq(parse("", false), 0);
	cr_assert_eq(options.verify_depth, -1);
	cr_assert_eq(options.security_level, -1);
	refused("security_level=6", 15, "a number from 0 to 5, not \"6\"");
	refused("verify_depth=101", 13, "from 0 to 100");
	refused("verify_depth=-1", 13, "from 0 to 100");
	refused("verify_depth=99999999999999999999", 13, "from 0 to 100");
	refused("verify_depth=1x", 13, "\"1x\"");
}

Test(option_tls, versions)
{
	static const char *const spelled[] = {
		"1.2",	  "TLSv1.2", "tlsv1.2", "TLS1.2",
		"tls1.2", "TLSv1_2", "1_2",
	};
	static const char *const bad[] = {
		"1.4", "2", "1", "SSLv3", "tlsv", "tls", "1.2.3", "v1.2", "12",
	};
	char text[64];

	for (size_t i = 0; i < sizeof(spelled) / sizeof(spelled[0]); i++) {
		snprintf(text, sizeof(text), "min_version=%s", spelled[i]);
		means(text, "min_version=1.2");
		cr_assert_eq(options.min_version, 0x0303);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "max_version=%s", bad[i]);
		refused(text, 12, "takes TLSv1.0, TLSv1.1, TLSv1.2");
	}
	means("max_version=TLSv1", "max_version=1.0");
	means("max_version=1.3", "max_version=1.3");
}

Test(option_tls, lists_of_names)
{
	means("ciphers=ECDHE%2bAESGCM:!aNULL:@STRENGTH",
	      "ciphers=ECDHE+AESGCM:%21aNULL:@STRENGTH");
	means("ciphersuites=TLS_AES_128_GCM_SHA256",
	      "ciphersuites=TLS_AES_128_GCM_SHA256");
	means("groups=X25519:P-256", "groups=X25519:P-256");
	means("ciphers=a%20b,c%3bd::e:", "ciphers=a%20b,c%3bd::e:");
	refused("ciphers=:", 8, "names of ciphers");
	refused("ciphers=a/b", 8, "names of ciphers");
	refused("groups=a::b", 7, "one \":\" between them");
	refused("groups=:a", 7, "one \":\" between them");
	refused("groups=a:", 7, "one \":\" between them");
	refused("groups=a%20b", 7, "names with");
	refused("groups=x%3by", 7, "names with");
	refused("groups=", 7, "no value");
}

Test(option_tls, alpn)
{
	char text[400] = "alpn_protocols=";

	means("alpn_protocols=h2,http%2f1.1", "alpn_protocols=h2,http/1.1");
	refused("alpn_protocols=h2,,x", 15, "names of 1 to 255 bytes");
	refused("alpn_protocols=,", 15, "names of 1 to 255 bytes");
	memset(text + 15, 'a', 255);
	text[15 + 255] = '\0';
	means(text, text);
	text[15 + 255] = 'a';
	text[15 + 256] = '\0';
	refused(text, 15, "names of 1 to 255 bytes");
}

#define HEX32 "0123456789abcdef0123456789abcdef"
#define HEX40 HEX32 "01234567"
#define HEX64 HEX32 HEX32
#define PIN   "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="

Test(option_tls, fingerprints)
{
	means("peer_fingerprint=" HEX32, "peer_fingerprint=md5:" HEX32);
	means("peer_fingerprint=" HEX40, "peer_fingerprint=sha1:" HEX40);
	means("peer_fingerprint=" HEX64, "peer_fingerprint=sha256:" HEX64);
	means("peer_fingerprint=SHA1:" HEX40 ",md5:" HEX32,
	      "peer_fingerprint=sha1:" HEX40 ",md5:" HEX32);
	means("peer_fingerprint=01:23:45:67:89:AB:CD:EF:01:23:45:67:89:ab:cd:"
	      "ef",
	      "peer_fingerprint=md5:" HEX32);
	means("peer_fingerprint=Pin-SHA256:" PIN,
	      "peer_fingerprint=pin-sha256:"
	      "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU%3d");
	refused("peer_fingerprint=abcd", 17, "md5, sha1 or sha256");
	refused("peer_fingerprint=sha256:" HEX40, 17, "md5, sha1 or sha256");
	refused("peer_fingerprint=" HEX64 "00", 17, "md5, sha1 or sha256");
	refused("peer_fingerprint=" HEX32 ",", 17, "md5, sha1 or sha256");
	refused("peer_fingerprint=pin-sha256:abc=", 17, "pin-sha256");
	/* Bits that are not there are not 1. */
	refused("peer_fingerprint=pin-sha256:"
		"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=",
		17, "pin-sha256");
	refused("peer_fingerprint=01:23:", 17, "md5, sha1 or sha256");
}

Test(option_tls, fingerprints_are_taken_apart)
{
	struct xs_fingerprint one;
	const char *list;

	cr_assert_eq(parse("peer_fingerprint=pin-sha256:" PIN "," HEX40, false),
		     0);
	list = options.peer_fingerprint;
	cr_assert(xs_fingerprint_next(&list, &one));
	cr_assert_eq(one.kind, XS_FINGERPRINT_PIN);
	/* The SHA-256 of nothing. */
	cr_assert_eq(one.digest[0], 0xe3);
	cr_assert_eq(one.digest[31], 0x55);
	cr_assert(xs_fingerprint_next(&list, &one));
	cr_assert_eq(one.kind, XS_FINGERPRINT_SHA1);
	cr_assert_eq(one.len, 20);
	cr_assert_eq(one.digest[19], 0x67);
	cr_assert_not(xs_fingerprint_next(&list, &one));
}

Test(option_tls, files)
{
	means("local_cert=a.pem&local_pk=/b&crlfile=c&"
	      "capture_peer_cert_chain=d",
	      "local_cert=/etc/a.pem&local_pk=/b&crlfile=/etc/c&"
	      "capture_peer_cert_chain=/etc/d");
	means("cafile=file:/x&local_cert=file:///y&local_pk=file:z",
	      "cafile=/x&local_cert=/y&local_pk=/etc/z");
	means("local_cert=pkcs11:token=x%3bobject=y",
	      "local_cert=pkcs11:token%3dx%3bobject%3dy");
	refused("local_cert=no-such", 11, "No such file");
	refused("local_pk=/etc", 9, "directory");
	refused("local_cert=file:/no-such", 11, "No such file");
	refused("local_cert=file:", 11, "takes a file");
	refused("crlfile=pkcs11:x", 8, "No such file");
	refused("crlfile=/dev/null", 8, "Not a regular file");
	refused("capture_peer_cert_chain=/no-such/x", 24, "No such file");
	refused("capture_peer_cert_chain=/etc", 24, "Is a directory");
	refused("capture_peer_cert_chain=/tmp/", 24, "Is a directory");
	refused("capture_peer_cert_chain=/dev/null", 24, "Not a regular file");
	cr_assert_eq(parse("capture_peer_cert_chain=/tmp/new", true), 0);
}

static const char *lookup(const char *name)
{
	return strcmp(name, "GOOD") == 0    ? "of the environment"
	       : strcmp(name, "EMPTY") == 0 ? ""
					    : NULL;
}

static void secret(const char *text, const char *expected)
{
	cr_assert_eq(parse(text, true), 0, "%s: %s", text, err.text);
	cr_assert_str_eq(options.passphrase, expected);
	/* The relay gets it as it is. */
	text = xs_options_text(&options, &arena);
	cr_assert_eq(parse(text, false), 0, "%s", err.text);
	cr_assert_str_eq(options.passphrase, expected);
}

Test(option_tls, a_passphrase_is_itself)
{
	secret("passphrase=geheim", "geheim");
	secret("passphrase=a%20b%26c", "a b&c");
	secret("passphrase=pass:env:GOOD", "env:GOOD");
	means("passphrase=x", "passphrase=pass:x");
}

Test(option_tls, a_passphrase_from_the_environment)
{
	refused("passphrase=env:GOOD", 11, "no such variable");
	xs_options_environment(lookup);
	secret("passphrase=env:GOOD", "of the environment");
	refused("passphrase=env:BAD", 11, "no such variable");
	refused("passphrase=env:EMPTY", 11, "nothing in it");
	xs_options_environment(NULL);
}

Test(option_tls, a_passphrase_from_a_file_or_descriptor)
{
	char folder[] = "/tmp/xsock-test-XXXXXX", text[128];
	int fd, ends[2];

	cr_assert(mkdtemp(folder));
	snprintf(text, sizeof(text), "passphrase=file:%s/x", folder);
	fd = open(text + 16, O_RDWR | O_CREAT, 0600);
	cr_assert_eq(write(fd, "secret\r\nother\n", 14), 14);
	secret(text, "secret");
	unlink(text + 16);
	rmdir(folder);
	/* A file is there for children, too. */
	snprintf(text, sizeof(text), "passphrase=fd:%d", fd);
	secret(text, "secret");
	secret(text, "secret");
	cr_assert_eq(ftruncate(fd, 0), 0);
	refused(text, 11, "nothing in it");
	cr_assert_eq(ftruncate(fd, 5000), 0);
	refused(text, 11, "too long");
	close(fd);
	refused(text, 11, "Bad file descriptor");
	cr_assert_eq(pipe(ends), 0);
	snprintf(text, sizeof(text), "passphrase=fd:%d", ends[0]);
	cr_assert_eq(write(ends[1], "of a pipe", 9), 9);
	close(ends[1]);
	secret(text, "of a pipe");
	refused(text, 11, "nothing in it");
	refused("passphrase=fd:0", 11, "from 3 on");
	refused("passphrase=fd:x", 11, "from 3 on");
	refused("passphrase=file:/no-such", 11, "No such file");
	refused("passphrase=file:/etc", 11, "Not a regular file");
}

Test(option_tls, a_passphrase_is_not_shown)
{
	struct xs_span text;
	const struct xs_rules *rules;

	refused("passphrase=file:/no-such-secret", 11, "");
	cr_assert_null(strstr(err.text, "no-such-secret"), "%s", err.text);
	refused("passphrase=env:NO_SUCH_SECRET", 11, "");
	cr_assert_null(strstr(err.text, "NO_SUCH_SECRET"), "%s", err.text);
	text.start = "a=tls://?x=1&passphrase=geheim&y=2";
	text.end = text.start + strlen(text.start);
	cr_assert_str_eq(xs_options_conceal(text, 200, &arena),
			 "a=tls://?x=1&passphrase=***&y=2");
	cr_assert_str_eq(xs_options_conceal(text, 26, &arena),
			 "a=tls://?x=1&passphrase=**");
	text.start = "passphrase=geheim&timeout=3";
	text.end = text.start + strlen(text.start);
	cr_assert_str_eq(xs_options_conceal(text, 200, &arena),
			 "passphrase=***&timeout=3");
	text.start = "a=?passphrase=geheim";
	text.end = text.start + strlen(text.start);
	cr_assert_str_eq(xs_options_conceal(text, 200, &arena),
			 "a=?passphrase=***");
	text.start = "a=?local_pk=pkcs11:x%3Fpin-value=1234&passphrase=1&"
		     "local_cert=pkcs11:y?pin-value%3d567";
	text.end = text.start + strlen(text.start);
	cr_assert_str_eq(xs_options_conceal(text, 200, &arena),
			 "a=?local_pk=pkcs11:x%3Fpin-value=***&passphrase=***&"
			 "local_cert=pkcs11:y?pin-value%3d***");
	text.end = text.start;
	cr_assert_str_eq(xs_options_conceal(text, 200, &arena), "");
	rules = xs_rules_read("a=tls://?local_cert=/etc/passwd&"
			      "passphrase=geheim",
			      NULL, "/", &arena, &err);
	cr_assert(rules, "%s", err.text);
	cr_assert_null(strstr(rules->rule[0].text, "geheim"));
}

/* A mistake near a passphrase does not show it, nor the rest of one that is
 * not encoded. */
Test(option_tls, a_mistake_does_not_show_a_passphrase)
{
	static const char *const all[] = {
		"local_cert=/nope?passphrase=S3CRET",
		"cafile=/nope,PassPhrase=S3CRET",
		"timeout=1passphrase=S3CRET",
		"min_version=passphrase=S3CRET",
		"capture_peer_cert_chain=/nope/passphrase=S3CRET",
		"passphrase=my S3CRET",
		"passphrase=my%S3CRET",
		"passphrase=a&passphrase=S3CRET",
		"PASSPHRASE=S3CRET",
		"passphras=S3CRET",
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		cr_expect_eq(parse(all[i], true), -1, "%s", all[i]);
		cr_expect_null(strstr(err.text, "S3CRET"), "%s", err.text);
	}
	refused(all[0], 11, "local_cert \"/nope?passphrase=***\" cannot be");
	refused("passphrase=my&S3CRET", 14,
		"something behind a passphrase is not an option (blanks, \";\" "
		"and \"&\" in a passphrase are written %20, %3b and %26)");
	refused("passphrase=my&timeout=1&S3CRET=2", 24,
		"something behind a passphrase is not an option");
	/* In front of it words are words. */
	refused("timeot=1&passphrase=S3CRET", 0, "did you mean \"timeout\"");
}

/* --- contradictions ------------------------------------------------------ */

static const char *with(const char *rules, const char *all)
{
	xs_error_clear(&err);
	return xs_rules_read(rules, all, "/", &arena, &err) ? "" : err.text;
}

static void clash(const char *rules, const char *all, const char *words)
{
	const char *text = with(rules, all);

	cr_expect(strstr(text, words), "%s | %s: \"%s\"", rules, all ? all : "",
		  text);
}

static void fine(const char *rules, const char *all)
{
	cr_expect_str_eq(with(rules, all), "", "%s | %s: %s", rules,
			 all ? all : "", err.text);
}

Test(option_tls, keys_without_certificate)
{
	clash("a=tls://?local_pk=/etc/passwd", NULL,
	      "XSOCK_RULES:1:10: option \"local_pk\" needs the certificate");
	clash("a=tls://?timeout=1&passphrase=x", NULL,
	      "XSOCK_RULES:1:20: option \"passphrase\" needs");
	clash("a=tls://", "local_pk=/etc/passwd",
	      "option \"local_pk\" of XSOCK_OPTIONS needs");
	fine("a=tls://?local_cert=/etc/passwd", "local_pk=/etc/passwd");
	fine("a=tls://?local_pk=/etc/passwd&passphrase=x",
	     "local_cert=/etc/passwd");
	fine("a=tcp://", "local_pk=/etc/passwd");
}

Test(option_tls, versions_that_exclude_each_other)
{
	clash("a=tls://?min_version=1.3&max_version=1.2", NULL,
	      "XSOCK_RULES:1:10: option \"min_version\" leaves no version");
	clash("a=tls://?max_version=1.1", "min_version=1.2",
	      "XSOCK_RULES:1:10: option \"max_version\" leaves no version");
	clash("a=tlsv1.2://?min_version=1.3", NULL,
	      "\"min_version\" excludes what tlsv1.2:// means");
	clash("a=tlsv1.3://?max_version=1.2", NULL,
	      "\"max_version\" excludes what tlsv1.3:// means");
	clash("a=tlsv1.1://", "min_version=1.2",
	      "\"min_version\" of XSOCK_OPTIONS excludes what tlsv1.1://");
	fine("a=tlsv1.3://", "min_version=1.2");
	fine("a=tls://?min_version=1.2&max_version=1.2", NULL);
}

Test(option_tls, ciphers_of_no_version)
{
	clash("a=tlsv1.3://?ciphers=AES128-SHA", NULL, "use ciphersuites");
	clash("a=tls://?min_version=1.3&ciphers=AES128-SHA", NULL,
	      "XSOCK_RULES:1:26: option \"ciphers\" concerns TLS up to 1.2");
	clash("a=tlsv1.2://?ciphersuites=X", NULL, "use ciphers");
	clash("a=tls://?max_version=1.2&ciphersuites=X", NULL, "use ciphers");
	fine("a=tlsv1.3://", "ciphers=X&ciphersuites=Y");
	fine("a=tls://?ciphers=X&ciphersuites=Y", NULL);
}

Test(option_tls, revocation_needs_verification)
{
	clash("a=tls://?verify_peer=0&crlfile=/etc/passwd", NULL,
	      "XSOCK_RULES:1:24: option \"crlfile\" is not looked at");
	fine("a=tls://?verify_peer=0", "crlfile=/etc/passwd");
}

Test(option_tls, what_is_read_is_not_overwritten)
{
	char name[] = "/tmp/xsock-test-XXXXXX", rule[128];

	close(mkstemp(name));
	snprintf(rule, sizeof(rule),
		 "a=tls://?cafile=%s&capture_peer_cert_chain=%s", name, name);
	clash(rule, NULL, "would overwrite");
	unlink(name);
}

/* However it is written. */
Test(option_tls, what_is_read_is_not_overwritten_by_another_name)
{
	static const char *const reads[] = { "cafile", "local_cert",
					     "crlfile" };
	char folder[] = "/tmp/xsock-test-XXXXXX", link[64], path[64];
	char rule[400], all[128];

	cr_assert(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/ca", folder);
	close(open(path, O_WRONLY | O_CREAT, 0600));
	snprintf(link, sizeof(link), "%s-link", folder);
	cr_assert_eq(symlink(folder, link), 0);
	for (size_t i = 0; i < 3; i++) {
		snprintf(rule, sizeof(rule),
			 "a=tls://?%s=%s&capture_peer_cert_chain=/tmp/.%s",
			 reads[i], path, path + strlen("/tmp"));
		clash(rule, NULL, "would overwrite");
		snprintf(rule, sizeof(rule),
			 "a=tls://?%s=%s/ca&capture_peer_cert_chain=%s",
			 reads[i], link, path);
		clash(rule, NULL, "would overwrite");
	}
	snprintf(rule, sizeof(rule),
		 "a=tls://?local_cert=/etc/passwd&local_pk=%s&"
		 "capture_peer_cert_chain=%s/ca",
		 path, link);
	clash(rule, NULL, "would overwrite");
	/* In a folder of trusted certificates also a new file. */
	snprintf(all, sizeof(all), "capath=%s", folder);
	snprintf(rule, sizeof(rule), "a=tls://?capture_peer_cert_chain=%s/new",
		 folder);
	clash(rule, all, "among the certificates of capath");
	snprintf(rule, sizeof(rule), "a=tls://?capture_peer_cert_chain=%s/new",
		 link);
	clash(rule, all, "among the certificates of capath");
	snprintf(rule, sizeof(rule), "a=tls://?capture_peer_cert_chain=%s-new",
		 folder);
	fine(rule, all);
	unlink(link);
	unlink(path);
	rmdir(folder);
}

/* At the first connect it would not fit the message to the relay. */
Test(option_tls, options_that_are_too_long)
{
	static char text[10000] = "alpn_protocols=";

	for (size_t len = strlen(text); len < 9000; len += 2)
		memcpy(text + len, "a,", 2);
	strcat(text, "a");
	clash("a=tls://", text, "XSOCK_OPTIONS:1:1: the options are too long");
	memmove(text + 10, text, strlen(text) + 1);
	memcpy(text, "b=tls:///?", 10);
	text[8] = '?';
	memmove(text + 9, text + 10, strlen(text + 10) + 1);
	clash(text, NULL, "XSOCK_RULES:1:10: the options are too long");
}
