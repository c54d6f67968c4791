/* What the benchmark's client and server share: the head of a connection and
 * the data that are moved. */
#ifndef BENCH_H
#define BENCH_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* What a client asks for, in the first bytes of its connection. */
struct head {
	char what;   /* ECHO, UPLOAD, DOWNLOAD, TELL */
	char digest; /* not 0: SHA-256 of what came or went, at the end */
	char unused[6];
	uint64_t bytes;
};

enum {
	ECHO = 'E',	/* 64 bytes back for 64 bytes, to the end */
	UPLOAD = 'U',	/* bytes come; then an answer */
	DOWNLOAD = 'D', /* bytes go; then an answer */
	TELL = 'T',	/* an answer: the TLS version and cipher */
};

enum {
	MESSAGE = 64,
	ANSWER = 64, /* bytes of text, filled up with zeroes */
	BLOCK = 1 << 20,
	CHUNK = 1 << 16, /* of one read or write, for everybody */
};

/* A block that nobody can compress or guess, the same in both programs; data
 * are this block again and again. */
static inline const uint8_t *pattern(void)
{
	static uint8_t block[BLOCK];
	uint64_t x = 88172645463325252ull;

	if (!block[0])
		for (size_t i = 0; i < BLOCK; i++) {
			x ^= x << 13, x ^= x >> 7, x ^= x << 17;
			block[i] = (uint8_t)(x | !i);
		}
	return block;
}

/* Are these the bytes that belong at this offset? */
static inline int is_pattern(const uint8_t *data, size_t len, uint64_t offset)
{
	while (len) {
		size_t at = offset % BLOCK;
		size_t part = len < BLOCK - at ? len : BLOCK - at;

		if (memcmp(data, pattern() + at, part) != 0)
			return 0;
		data += part, offset += part, len -= part;
	}
	return 1;
}

#endif
