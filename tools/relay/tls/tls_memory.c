/* Whether OpenSSL was short of memory.
 *
 * OpenSSL goes on without what it could not get: a context then offers fewer
 * ciphers, and a certificate keeps for ever what was not understood of its key
 * or its extensions.  Seldom does a return value tell.  So the allocations are
 * counted that failed, for each thread: what was made, or used, meanwhile must
 * not be used again.
 *
 * The functions are given to OpenSSL before main, because it takes others only
 * as long as it has allocated nothing (CRYPTO_set_mem_functions(3)).
 */
#include "relay/tls/tls_private.h"

#include <openssl/crypto.h>
#include <stdlib.h>

static _Thread_local unsigned failures;

static void *allocate(size_t size, const char *file, int line)
{
	void *memory = malloc(size);

	(void)file;
	(void)line;
	failures += !memory && size;
	return memory;
}

static void *reallocate(void *old, size_t size, const char *file, int line)
{
	void *memory = realloc(old, size);

	(void)file;
	(void)line;
	/* To nothing it gives NULL, and has not failed (realloc(3)). */
	failures += !memory && size;
	return memory;
}

static void release(void *memory, const char *file, int line)
{
	(void)file;
	(void)line;
	free(memory);
}

__attribute__((constructor)) static void count(void)
{
	CRYPTO_set_mem_functions(allocate, reallocate, release);
}

unsigned xs_tls_memory_failures(void)
{
	return failures;
}
