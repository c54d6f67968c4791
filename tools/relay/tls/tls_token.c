/* Whose login a token serves; see tls_identity.h.
 *
 * A PKCS #11 module knows one login for the whole process: when one rule has
 * logged in, the token gives its keys to all, whatever PIN another rule has. So
 * a key is only read with the PIN by which the token has been opened first, and
 * its digest is kept as long as the process lives.  Two URIs are about the same
 * token unless something in them says otherwise.
 *
 * Any thread; keys of tokens are read one after the other.
 */
#include "relay/tls/tls_identity.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOKENS_MAX = 64, VALUE_MAX = 256, DIGEST = 32 };

static struct token {
	char *uri; /* without its query, which may have a PIN */
	unsigned char pin[DIGEST];
} tokens[TOKENS_MAX];
static size_t token_count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* --- what a URI says (RFC 7512) ------------------------------------------- */

/* One decoded character at *at, which moves on. */
static char decode(const char **at)
{
	const char *text = *at;
	char code[3];

	(*at)++;
	if (*text != '%' || !isxdigit((unsigned char)text[1]) ||
	    !isxdigit((unsigned char)text[2]))
		return *text;
	*at += 2;
	memcpy(code, text + 1, 2);
	code[2] = '\0';
	return (char)strtol(code, NULL, 16);
}

/* Behind "NAME=" between from and one of the ends; NULL: there is none. */
static const char *find_name(const char *from, const char *separators,
			     const char *name)
{
	size_t len = strlen(name);

	while (*from && (strncmp(from, name, len) != 0 || from[len] != '=')) {
		from += strcspn(from, separators);
		if (*from == '?' || !*from)
			return NULL;
		from++;
	}
	return *from ? from + len + 1 : NULL;
}

/* The value of "NAME=…"; false: there is none, or it is too long. */
static bool find_value(const char *from, const char *separators,
		       const char *name, char value[VALUE_MAX])
{
	size_t used = 0;

	from = find_name(from, separators, name);
	if (!from)
		return false;
	while (*from && !strchr(separators, *from)) {
		if (used == VALUE_MAX - 1)
			return false;
		value[used++] = decode(&from);
	}
	value[used] = '\0';
	return true;
}

/* The value of an attribute of the path.  False also when the URI has it twice:
 * which one counts, only the provider knows. */
static bool find_attribute(const char *uri, const char *name,
			   char value[VALUE_MAX])
{
	static const char separators[] = ";?";
	const char *first = find_name(uri, separators, name);

	return first && !find_name(first, separators, name) &&
	       find_value(uri, separators, name, value);
}

/* "7" is "07", and perhaps "0x7". */
static bool is_same_number(const char *a, const char *b)
{
	static const int bases[] = { 0, 10 };

	for (int i = 0; i < 4; i++)
		if (strtoul(a, NULL, bases[i / 2]) ==
		    strtoul(b, NULL, bases[i % 2]))
			return true;
	return false;
}

static bool is_same_value(const char *name, const char *a, const char *b)
{
	return strcmp(a, b) == 0 ||
	       (strcmp(name, "slot-id") == 0 && is_same_number(a, b));
}

static bool is_pkcs11(const char *uri)
{
	return strncasecmp(uri, "pkcs11:", 7) == 0;
}

/* Could the two be about one token? */
static bool may_be_same(const char *a, const char *b)
{
	static const char *const attributes[] = {
		"token",   "serial",	       "manufacturer",	    "model",
		"slot-id", "slot-description", "slot-manufacturer",
	};
	char of_a[VALUE_MAX], of_b[VALUE_MAX];

	if (!is_pkcs11(a) || !is_pkcs11(b))
		return strcmp(a, b) == 0;
	for (size_t i = 0; i < sizeof(attributes) / sizeof(*attributes); i++)
		if (find_attribute(a + 7, attributes[i], of_a) &&
		    find_attribute(b + 7, attributes[i], of_b) &&
		    !is_same_value(attributes[i], of_a, of_b))
			return false;
	return true;
}

/* The PIN in the URI, else the rule's, else whatever the configuration has. */
static void digest_pin(const struct xs_tls_token *token,
		       unsigned char digest[DIGEST])
{
	static const char *const names[] = { "pin-value", "pin-source" };
	const char *query = strchr(token->uri, '?');
	const char *kind = "passphrase", *pin = token->pin;
	char value[VALUE_MAX], text[VALUE_MAX + 5000];

	for (size_t i = 0; query && i < 2; i++)
		if (find_value(query + 1, "&", names[i], value)) {
			kind = i ? names[i] : "passphrase";
			pin = value;
			break;
		}
	if (!pin) {
		kind = "configuration";
		pin = token->conf ? token->conf : "";
	}
	snprintf(text, sizeof(text), "%s %s", kind, pin);
	EVP_Digest(text, strlen(text), digest, NULL, EVP_sha256(), NULL);
	OPENSSL_cleanse(value, sizeof(value));
	OPENSSL_cleanse(text, sizeof(text));
}

/* --- the logins ----------------------------------------------------------- */

static bool is_opened(const struct token *by, const unsigned char pin[DIGEST])
{
	return memcmp(by->pin, pin, DIGEST) == 0;
}

bool xs_tls_token_enter(const struct xs_tls_token *token)
{
	unsigned char pin[DIGEST];
	bool good;

	digest_pin(token, pin);
	pthread_mutex_lock(&lock);
	good = token_count < TOKENS_MAX;
	for (size_t i = 0; i < token_count; i++)
		if (may_be_same(tokens[i].uri, token->uri))
			good = good && is_opened(&tokens[i], pin);
	if (!good)
		pthread_mutex_unlock(&lock);
	return good;
}

static void remember(const struct xs_tls_token *token)
{
	struct token *new = &tokens[token_count];
	size_t len = strcspn(token->uri, "?");

	for (size_t i = 0; i < token_count; i++)
		if (strlen(tokens[i].uri) == len &&
		    memcmp(tokens[i].uri, token->uri, len) == 0)
			return;
	new->uri = strndup(token->uri, len);
	if (!new->uri)
		return;
	digest_pin(token, new->pin);
	token_count++;
}

void xs_tls_token_leave(const struct xs_tls_token *token, bool opened)
{
	if (opened)
		remember(token);
	pthread_mutex_unlock(&lock);
}
