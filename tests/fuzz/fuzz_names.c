/* Any bytes as XSOCK_NAMES, and as what another process has written into the
 * table of names.
 *
 * The first line of an input is the variable's value.  The rest is done to the
 * table in steps of eight bytes: an address, then either a name that is added
 * or bytes that land in one of the address's slots.  What is read of the table
 * must end with NUL. */
#include "rules/names.h"
#include "rules/names_hand_on.h"
#include "rules/names_memory.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#ifndef XS_LIBFUZZER
static const char *const words[] = { "0.0",	 ",0 3/",      "192.0.2.1",
				     "::1",	 "/a.example", ",",
				     "/",	 ".",	       "\n",
				     "\xff\xff", NULL };
#endif

static void must(bool holds)
{
	if (!holds)
		abort();
}

static struct xs_address address_of(uint8_t number)
{
	struct xs_address address;
	char text[32];

	snprintf(text, sizeof(text), number & 1 ? "2001:db8::%x" : "192.0.2.%u",
		 number);
	must(xs_address_parse(&address, text));
	return address;
}

static void look(uint8_t number)
{
	struct xs_address address = address_of(number);
	struct xs_names_entry entry;
	unsigned at = 0, count = 0;

	while (xs_names_next(&address, &at, &entry)) {
		must(memchr(entry.name, '\0', sizeof(entry.name)) != NULL);
		xs_names_write_tag(&address.any, entry.tag);
		xs_names_has_tag(&address, entry.tag);
		must(++count <= XS_NAMES_WAYS);
	}
}

static void add(const uint8_t step[8])
{
	struct xs_address address = address_of(step[0]);
	char name[8];

	snprintf(name, sizeof(name), "n%02x", step[2]);
	xs_names_add(&address, name, step[3] % 3, step[4] % 4);
}

/* Another process writes what it likes: into the slots that are in use. */
static void scribble(const uint8_t step[8])
{
	for (int set = 0; set < XS_NAMES_SETS; set++) {
		struct xs_names_slot *slot = xs_names_table->slot[set];
		size_t at =
			(step[3] | (size_t)step[2] << 8) % (sizeof(*slot) - 4);

		if (!(xs_names_table->used[set / 32] & 1U << set % 32))
			continue;
		if (slot->stamp)
			memcpy((char *)slot + at, step + 4, 4);
	}
}

/* The memory of this input only: a segment, or anonymous memory. */
static void forget(void)
{
	if (shmdt(xs_names_table) < 0)
		munmap(xs_names_table, sizeof(*xs_names_table));
	xs_names_table = NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *newline = size ? memchr(data, '\n', size) : NULL;
	size_t first = newline ? (size_t)(newline - data) : size;
	char *value = strndup((const char *)data, first);
	char text[XS_NAMES_TEXT_MAX];

	must(value != NULL);
	must(xs_names_take(value));
	for (size_t at = first + 1; at + 8 <= size; at += 8) {
		if (data[at + 1] & 1)
			scribble(data + at);
		else
			add(data + at);
		look(data[at]);
	}
	must(xs_names_tell(text) < sizeof(text));
	forget();
	free(value);
	return 0;
}

#include "driver.h"
