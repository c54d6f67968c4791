/* Names for the library; see lookups.h. */
#include "relay/client/lookups.h"

#include "relay/loop/resolver.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One name of a request. */
struct item {
	struct xs_lookups *all;
	struct xs_lookup *lookup; /* NULL: answered, or never asked */
};

struct xs_lookups {
	struct xs_control *control;
	xs_lookups_tell *tell;
	size_t count;
	size_t waiting; /* names without an answer */
	struct item item[];
};

/* Without a free descriptor the resolver finds nothing and says so as if the
 * name did not exist. */
static bool files_are_readable(void)
{
	int fd = open("/etc/hosts", O_RDONLY | O_CLOEXEC);
	bool readable = fd >= 0 || errno == ENOENT;

	if (fd >= 0)
		close(fd);
	return readable;
}

/* What the message says beside the addresses: 0, EAGAIN or another errno. */
static int outcome_of(const struct xs_lookup_result *result)
{
	if (result->error == 0)
		return 0;
	if (!files_are_readable())
		return EMFILE;
	if (result->error == EAI_NONAME || result->error == EAI_NODATA)
		return 0;
	return result->error == EAI_MEMORY ? ENOMEM : EAGAIN;
}

static void tell_item(const struct item *item,
		      const struct xs_lookup_result *result, bool last)
{
	struct xs_control *control = item->all->control;
	xs_lookups_tell *tell = item->all->tell;
	size_t at = 0, left = result->count;
	struct xs_wire answer;

	xs_wire_init(&answer, XS_WIRE_ADDRESSES);
	answer.head.name = (uint32_t)(item - item->all->item);
	answer.head.errnum = outcome_of(result);
	do {
		size_t here = left < XS_WIRE_ADDRESSES_MAX
				      ? left
				      : XS_WIRE_ADDRESSES_MAX;

		answer.value = here ? result->address + at : NULL;
		answer.head.value_len =
			(uint32_t)(here * sizeof(*result->address));
		at += here;
		left -= here;
		answer.head.more = left > 0;
		tell(control, &answer, last && !left);
	} while (left);
}

static void answered(void *owner, struct xs_lookup_result *result)
{
	struct item *item = owner;

	item->lookup = NULL;
	tell_item(item, result, --item->all->waiting == 0);
}

static size_t count_names(const char *names)
{
	size_t count = *names ? 1 : 0;

	for (; *names; names++)
		count += *names == ' ';
	return count;
}

/* Asks for the name that starts here.  Returns the next, or NULL when memory
 * is short. */
static const char *ask(struct item *item, struct xs_worker *worker,
		       const char *name)
{
	size_t len = strcspn(name, " ");
	char *copy = strndup(name, len);

	if (!copy)
		return NULL;
	item->lookup = xs_resolver_ask(worker, copy, 0, item, answered);
	free(copy);
	return item->lookup ? name + len + (name[len] == ' ') : NULL;
}

struct xs_lookups *xs_lookups_begin(struct xs_control *control,
				    struct xs_worker *worker, const char *names,
				    xs_lookups_tell *tell)
{
	size_t count = count_names(names);
	struct xs_lookups *lookups;

	if (!count || count > XS_WIRE_NAMES_MAX)
		return NULL;
	lookups = calloc(1, sizeof(*lookups) + count * sizeof(*lookups->item));
	if (!lookups)
		return NULL;
	lookups->control = control;
	lookups->tell = tell;
	lookups->count = lookups->waiting = count;
	for (size_t i = 0; i < count; i++) {
		lookups->item[i].all = lookups;
		names = ask(&lookups->item[i], worker, names);
		if (!names) {
			xs_lookups_end(lookups);
			return NULL;
		}
	}
	return lookups;
}

void xs_lookups_end(struct xs_lookups *lookups)
{
	for (size_t i = 0; i < lookups->count; i++)
		if (lookups->item[i].lookup)
			xs_resolver_forget(lookups->item[i].lookup);
	free(lookups);
}
