/* The variable that hands the table of names on; see names_hand_on.h. */
#include "rules/names_hand_on.h"

#include "rules/names.h"
#include "rules/names_memory.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* As many names as are told at most. */
enum { TOLD_MAX = 32 };

static char variable[sizeof(XS_NAMES_VARIABLE) + 32] = XS_NAMES_VARIABLE "=";

const char *xs_names_variable(void)
{
	if (!xs_names_table)
		return NULL;
	/* Another thread may be reading it. */
	if (strcmp(variable + sizeof(XS_NAMES_VARIABLE), xs_names_handle()) !=
	    0)
		memcpy(variable + sizeof(XS_NAMES_VARIABLE), xs_names_handle(),
		       strlen(xs_names_handle()) + 1);
	return variable;
}

/* --- telling ---------------------------------------------------------------
 */

/* The latest entries that matter, in no order. */
struct latest {
	const struct xs_names_slot *slot[TOLD_MAX];
	size_t count;
};

static void consider(struct latest *latest, const struct xs_names_slot *slot)
{
	size_t oldest = 0;

	if (slot->kind == XS_NAMES_RULE || slot->worth == XS_NAMES_WORTH_NONE)
		return;
	if (latest->count < TOLD_MAX) {
		latest->slot[latest->count++] = slot;
		return;
	}
	for (size_t i = 1; i < TOLD_MAX; i++)
		if (latest->slot[i]->stamp < latest->slot[oldest]->stamp)
			oldest = i;
	if (slot->stamp > latest->slot[oldest]->stamp)
		latest->slot[oldest] = slot;
}

static void find_latest(struct latest *latest)
{
	for (size_t i = 0; i < XS_NAMES_SETS; i++) {
		if (!(xs_names_table->used[i / 32] & 1U << i % 32))
			continue;
		for (size_t j = 0; j < XS_NAMES_WAYS; j++)
			if (xs_names_table->slot[i][j].stamp)
				consider(latest, &xs_names_table->slot[i][j]);
	}
}

/* A name that could not be read back is left out. */
static bool is_plain(const char *name)
{
	return *name && !strpbrk(name, ",/\n");
}

static size_t format(char *text, size_t size, const struct xs_names_slot *slot)
{
	const struct in6_addr *address = (const void *)slot->address;
	char ip[INET6_ADDRSTRLEN];
	int len;

	if (!inet_ntop(AF_INET6, address, ip, sizeof(ip)))
		return 0;
	len = snprintf(text, size, ",%u%u/%s/%s", slot->kind, slot->worth, ip,
		       slot->name);
	return len > 0 && (size_t)len < size ? (size_t)len : 0;
}

size_t xs_names_tell(char text[XS_NAMES_TEXT_MAX])
{
	struct latest latest = { .count = 0 };
	struct xs_names_slot copy;
	size_t len;

	len = (size_t)snprintf(text, XS_NAMES_TEXT_MAX, "%s=%s",
			       XS_NAMES_VARIABLE, xs_names_handle());
	find_latest(&latest);
	for (size_t i = 0; i < latest.count; i++)
		if (xs_names_read(latest.slot[i], &copy) && is_plain(copy.name))
			len += format(text + len, XS_NAMES_TEXT_MAX - len,
				      &copy);
	text[len] = '\0';
	return len;
}

/* --- taking ----------------------------------------------------------------
 */

/* An entry, "01/::ffff:192.0.2.7/db.corp"; one that is not of this form is left
 * out. */
static void take_entry(const char *text, size_t len)
{
	char ip[INET6_ADDRSTRLEN], name[XS_NAME_MAX], normal[XS_NAME_MAX];
	struct xs_address address;
	unsigned kind, worth;
	char entry[XS_NAMES_TEXT_MAX];

	if (len >= sizeof(entry))
		return;
	memcpy(entry, text, len);
	entry[len] = '\0';
	if (sscanf(entry, "%1u%1u/%45[0-9a-f:.]/%255[^,/]", &kind, &worth, ip,
		   name) != 4 ||
	    kind >= XS_NAMES_RULE || worth > XS_NAMES_WORTH_NAME ||
	    !xs_address_parse(&address, ip) || !xs_name_normalise(name, normal))
		return;
	xs_names_add(&address, normal, (enum xs_names_kind)kind, (int)worth);
}

static void take_entries(const char *value)
{
	const char *at = strchr(value, ',');

	while (at) {
		const char *entry = at + 1;

		at = strchr(entry, ',');
		take_entry(entry, at ? (size_t)(at - entry) : strlen(entry));
	}
}

bool xs_names_take(const char *value)
{
	bool made;

	if (!xs_names_share(value, &made))
		return false;
	if (made && value)
		take_entries(value);
	return true;
}
