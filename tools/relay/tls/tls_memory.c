/* Whether OpenSSL was short of memory.
 *
 * OpenSSL goes on without what it could not get: a context then offers fewer
 * ciphers, and a certificate keeps for ever what was not understood of its key
 * or its extensions.  Seldom does a return value tell.  So the allocations are
 * counted that failed, for each thread: what was made, or used, meanwhile must
 * not be used again.
 *
 * An association of DTLS keeps the buffer of its handshake as long as it lives,
 * in case that a message comes again (tls_finish_handshake in statem_lib.c),
 * and that is more than all the rest.  So it gets pages of its own, and their
 * contents go back to the kernel when the handshake is over.
 *
 * The functions are given to OpenSSL before main, because it takes others only
 * as long as it has allocated nothing (CRYPTO_set_mem_functions(3)).
 */
#include "relay/tls/tls_private.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* What BUF_MEM_grow(3) makes of SSL3_RT_MAX_PLAIN_LENGTH. */
enum { SHAKE_BUFFER = (SSL3_RT_MAX_PLAIN_LENGTH + 3) / 3 * 4 };

/* Of a program, not of a library: reached without a call. */
#define OF_PROGRAM __attribute__((tls_model("initial-exec")))

static _Thread_local OF_PROGRAM unsigned failures;
/* Where the handshake under way wants to know its buffer; NULL: it does not. */
static _Thread_local OF_PROGRAM void **shaking;

/* A full handshake comes here and to release() some 5,000 times, so the
 * ordinary case has no instruction too many. */
static void *allocate(size_t size, const char *file, int line)
{
	void *memory = malloc(size);

	(void)file;
	(void)line;
	if (__builtin_expect(!memory && size, 0))
		failures++;
	return memory;
}

static size_t whole_pages(size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (size + page - 1) / page * page;
}

/* With a handshake under way. */
static void *reallocate_for_it(void *old, size_t size)
{
	void *memory;

	if (!old && !*shaking && size == SHAKE_BUFFER)
		return *shaking = aligned_alloc((size_t)sysconf(_SC_PAGESIZE),
						whole_pages(size));
	memory = realloc(old, size);
	/* A long message: it is not on pages of its own any more. */
	if (memory && old && *shaking == old)
		*shaking = NULL;
	return memory;
}

static void *reallocate(void *old, size_t size, const char *file, int line)
{
	void *memory =
		shaking ? reallocate_for_it(old, size) : realloc(old, size);

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
	if (__builtin_expect(shaking != NULL, 0) && memory &&
	    *shaking == memory)
		*shaking = NULL;
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

void xs_tls_memory_shake(void **buffer)
{
	shaking = buffer;
}

void xs_tls_memory_shaken(void **buffer)
{
	if (*buffer)
		madvise(*buffer, whole_pages(SHAKE_BUFFER), MADV_DONTNEED);
	*buffer = NULL;
}
