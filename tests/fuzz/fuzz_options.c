/* Any bytes as the options of a rule, with a passphrase and a PIN in them.
 *
 * No message about them, and no text that messages may show, has a secret; what
 * is accepted has a canonical text that is read back as itself. */
#include "base/option.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#ifndef XS_LIBFUZZER
static const char *const words[] = { "passphrase=",
				     "env:NAME",
				     "file:/dev/null",
				     "fd:9",
				     "pass:",
				     "local_pk=pkcs11:",
				     "pin-value=",
				     "&",
				     "=",
				     "%",
				     "%00",
				     "%2f",
				     ";",
				     "timeout=1",
				     "mtu=16384",
				     "idle=86400",
				     "ciphers=",
				     "peer_fingerprint=",
				     "alpn_protocols=h2,",
				     "verify_peer=0",
				     NULL };
#endif

#define SECRET "S3cr3tS3cr3t"

static void must(bool holds)
{
	if (!holds)
		abort();
}

static const char *environment(const char *name)
{
	return strcmp(name, "NAME") == 0 ? SECRET : NULL;
}

static int digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, tolower((unsigned char)c)) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* One level of percent-encoding less; whether there was any. */
static bool decode(char *text)
{
	char *to = text;
	bool any = false;

	for (const char *at = text; *at; at++) {
		int high = *at == '%' ? digit(at[1]) : -1;
		int low = high >= 0 ? digit(at[2]) : -1;

		*to++ = low >= 0 ? (char)(high << 4 | low) : *at;
		if (low >= 0) {
			at += 2;
			any = true;
		}
	}
	*to = '\0';
	return any;
}

/* A fuzzer that sees comparisons learns the secret, and writes it elsewhere,
 * too: what a message shows then is no secret. */
static bool knows_secret(const char *text)
{
	char *plain = strdup(text);
	bool knows, more;

	must(plain != NULL);
	do {
		knows = strstr(plain, SECRET) != NULL;
		more = decode(plain);
	} while (!knows && more);
	free(plain);
	return knows;
}

/* The secret stands where an input says "passphrase=" or "pin-value=". */
static char *with_secret(const uint8_t *data, size_t size, bool *has)
{
	static const char place[] = "passphrase=";
	char *plain = strndup((const char *)data, size), *at, *text;
	size_t head;

	must(plain != NULL);
	at = strstr(plain, place);
	*has = at && (at == plain || at[-1] == '&') && !knows_secret(plain);
	if (!*has)
		return plain;
	head = (size_t)(at - plain) + strlen(place);
	text = malloc(strlen(plain) + sizeof(SECRET));
	must(text != NULL);
	memcpy(text, plain, head);
	strcpy(text + head, SECRET);
	strcat(text, plain + head);
	free(plain);
	return text;
}

static void check_canonical(const struct xs_options *options,
			    struct xs_arena *arena)
{
	const char *text = xs_options_text(options, arena);
	struct xs_error err = { .kind = XS_ERR_NONE };
	struct xs_options other;
	size_t at;

	if (!text)
		return;
	xs_options_default(&other);
	must(xs_options_parse(&other, text, strlen(text), NULL, false, arena,
			      &at, &err) == 0);
	must(strcmp(xs_options_text(&other, arena), text) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct xs_arena arena = { NULL };
	struct xs_error err = { .kind = XS_ERR_NONE };
	struct xs_options options;
	bool has;
	char *text = with_secret(data, size, &has), *shown;
	size_t len = strlen(text), at = 0;

	xs_options_environment(environment);
	xs_options_default(&options);
	if (xs_options_parse(&options, text, len, "/", false, &arena, &at,
			     &err) == 0) {
		check_canonical(&options, &arena);
	} else {
		must(err.kind != XS_ERR_NONE && err.text[0] && at <= len);
		must(!has || !strstr(err.text, SECRET));
	}
	shown = xs_options_conceal((struct xs_span){ text, text + len }, 400,
				   &arena);
	must(!has || !shown || !strstr(shown, SECRET));
	xs_arena_free(&arena);
	free(text);
	return 0;
}

#include "driver.h"
