/* A main() for a fuzz target, where no fuzzer is at hand.
 *
 *     fuzz_NAME [-n RUNS] FILE…
 *
 * Replays the files, then runs that many mutations of them, the same ones
 * every time.  Under libFuzzer (clang -fsanitize=fuzzer -DXS_LIBFUZZER) there
 * is only LLVMFuzzerTestOneInput.  Include it at the end of one fuzz_NAME.c,
 * which defines a dictionary:
 *
 *     static const char *const words[] = { "tls://", …, NULL };
 */
#ifndef XS_FUZZ_DRIVER_H
#define XS_FUZZ_DRIVER_H

#ifndef XS_LIBFUZZER

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_MAX 4096
#ifndef SEEDS_MAX
#define SEEDS_MAX 256
#endif

struct input {
	uint8_t byte[INPUT_MAX];
	size_t len;
};

static struct input seeds[SEEDS_MAX];
static size_t nseeds;
static uint32_t state = 1;

static uint32_t pick(uint32_t below)
{
	/* xorshift32 */
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state % below;
}

/* Replaces cut bytes at a place by len others. */
static void replace(struct input *input, size_t at, size_t cut,
		    const void *bytes, size_t len)
{
	if (at > input->len || cut > input->len - at ||
	    input->len - cut + len > INPUT_MAX)
		return;
	memmove(input->byte + at + len, input->byte + at + cut,
		input->len - at - cut);
	memcpy(input->byte + at, bytes, len);
	input->len += len - cut;
}

static void mutate(struct input *input)
{
	size_t at = pick((uint32_t)input->len + 1);
	uint8_t byte = (uint8_t)pick(256);
	const struct input *other = &seeds[pick((uint32_t)nseeds)];
	uint8_t piece[64];
	size_t from, len;
	uint32_t word = 0;

	switch (pick(6)) {
	case 0:
		replace(input, at, 1, &byte, 1);
		break;
	case 1:
		replace(input, at, 0, &byte, 1);
		break;
	case 2:
		replace(input, at, pick(8) + 1, "", 0);
		break;
	case 3:
		while (words[word])
			word++;
		word = pick(word);
		replace(input, at, 0, words[word], strlen(words[word]));
		break;
	default:
		if (other->len == 0)
			break;
		from = pick((uint32_t)other->len);
		len = pick(sizeof(piece));
		if (len > other->len - from)
			len = other->len - from;
		memcpy(piece, other->byte + from, len);
		replace(input, at, pick(4), piece, len);
	}
}

static int load(const char *path)
{
	FILE *file = fopen(path, "rb");

	if (!file || nseeds == SEEDS_MAX) {
		fprintf(stderr, "cannot read %s\n", path);
		if (file)
			fclose(file);
		return -1;
	}
	seeds[nseeds].len = fread(seeds[nseeds].byte, 1, INPUT_MAX, file);
	fclose(file);
	LLVMFuzzerTestOneInput(seeds[nseeds].byte, seeds[nseeds].len);
	nseeds++;
	return 0;
}

int main(int argc, char **argv)
{
	static struct input input;
	unsigned long runs = 20000;
	int first = 1;

	if (argc > 2 && strcmp(argv[1], "-n") == 0) {
		runs = strtoul(argv[2], NULL, 10);
		first = 3;
	}
	for (int i = first; i < argc; i++)
		if (load(argv[i]) < 0)
			return 1;
	for (unsigned long i = 0; i < runs && nseeds > 0; i++) {
		input = seeds[pick((uint32_t)nseeds)];
		for (uint32_t n = pick(8) + 1; n > 0; n--)
			mutate(&input);
		LLVMFuzzerTestOneInput(input.byte, input.len);
	}
	printf("%s: %zu seeds, %lu mutations\n", argv[0], nseeds, runs);
	return 0;
}

#endif
#endif
