/* FNV-1a, 64 bits: one hash for tables and keys.
 *
 * It does not resist chosen keys that collide.  It need not: only the
 * application itself fills our tables.
 */
#ifndef XS_HASH_H
#define XS_HASH_H

#include <stddef.h>
#include <stdint.h>

#define XS_HASH_START 0xcbf29ce484222325u

/* The hash after one more byte. */
static inline uint64_t xs_hash_byte(uint64_t hash, char byte)
{
	return (hash ^ (unsigned char)byte) * 0x100000001b3u;
}

/* The hash after len more bytes. */
static inline uint64_t xs_hash(uint64_t hash, const void *bytes, size_t len)
{
	const char *in = bytes;

	for (size_t i = 0; i < len; i++)
		hash = xs_hash_byte(hash, in[i]);
	return hash;
}

#endif
