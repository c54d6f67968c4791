/* A server with a pre-shared key, and files of keys, for the tests of
 * tls_psk*.c and of what a rule with such a key does. */
#ifndef TEST_PSK_FILE_H
#define TEST_PSK_FILE_H

#include "../relay/authority.h"

#include <stdio.h>
#include <string.h>

/* "sixteen bytes...", "another sixteen."; in hexadecimal. */
#define PSK_KEY	      "sixteen bytes..."
#define PSK_HEX	      "7369787465656e2062797465732e2e2e"
#define PSK_OTHER_HEX "616e6f74686572207369787465656e2e"

/* Writes the file, and gives the rule's options for "me" in it, and more of
 * them. */
static inline const char *psk_options(const struct folder *folder,
				      const char *text, const char *more)
{
	static char options[600];
	const char *path = in_folder(folder, "keys.psk");
	FILE *file = fopen(path, "w");

	fputs(text, file);
	fclose(file);
	snprintf(options, sizeof(options), "psk_identity=me&psk_file=%s%s",
		 path, more);
	return options;
}

/* What the server was told last. */
static char psk_seen[300];

/* Knows "me". */
static inline unsigned psk_server(SSL *ssl, const char *identity,
				  unsigned char *key, unsigned size)
{
	(void)ssl;
	snprintf(psk_seen, sizeof(psk_seen), "%s", identity);
	if (strcmp(identity, "me") != 0 || size < strlen(PSK_KEY))
		return 0;
	memcpy(key, PSK_KEY, strlen(PSK_KEY));
	return (unsigned)strlen(PSK_KEY);
}

#endif
