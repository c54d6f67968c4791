/* What a process may do; see rights.h. */
#include "base/rights.h"

#include "base/hash.h"
#include "base/peer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What stands behind "\nNAME:\t" in the text; NULL: no such line. */
static const char *find(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at ? at + strlen(name) : NULL;
}

static uint64_t number(const char *text, const char *name, int base)
{
	const char *at = find(text, name);

	return at ? strtoull(at, NULL, base) : 0;
}

/* "Uid:\tREAL\tEFFECTIVE\t…" */
static uint64_t second(const char *text, const char *name)
{
	const char *at = find(text, name);

	at = at ? strchr(at, '\t') : NULL;
	return at ? strtoull(at, NULL, 10) : 0;
}

static uint64_t line(const char *text, const char *name)
{
	const char *at = find(text, name);

	return at ? xs_hash(XS_HASH_START, at, strcspn(at, "\n")) : 0;
}

/* "NSpid:\tPID\tPID in the next one\t…" */
static bool has_second(const char *text, const char *name)
{
	const char *at = find(text, name);

	return !at || at[strcspn(at, "\t\n")] == '\t';
}

/* All lines but that of the groups are some 1,400 bytes; whose groups are more
 * than some 400 is not known. */
bool xs_rights_of(pid_t pid, struct xs_rights *rights)
{
	char text[4096];
	ssize_t len = xs_peer_read(pid, "status", text, sizeof(text));

	if (len < 0)
		return false;
	*rights = (struct xs_rights){
		.group = second(text, "\nGid:\t"),
		.groups = line(text, "\nGroups:\t"),
		.capabilities = number(text, "\nCapPrm:\t", 16),
		.no_new_privs = (unsigned)number(text, "\nNoNewPrivs:\t", 10),
		.seccomp = (unsigned)number(text, "\nSeccomp:\t", 10),
		.filters = (unsigned)number(text, "\nSeccomp_filters:\t", 10),
		.nested = has_second(text, "\nNSpid:\t"),
	};
	if (find(text, "\nCapPrm:\t"))
		return true;
	errno = EMSGSIZE;
	return false;
}

const char *xs_rights_lack(const struct xs_rights *rights,
			   const struct xs_rights *needed)
{
	if (rights->group != needed->group || rights->groups != needed->groups)
		return "it is in other groups";
	if (needed->capabilities & ~rights->capabilities)
		return "it has fewer capabilities";
	if (rights->no_new_privs > needed->no_new_privs)
		return "it has no_new_privs, as sandboxes have";
	if (rights->seccomp > needed->seccomp ||
	    rights->filters > needed->filters)
		return "it is confined by seccomp";
	return NULL;
}
