/* Looking for many symbols at once; see symbols.h.
 *
 * The tables are those that the loader itself reads (the Bloom filter, buckets
 * and chains of DT_GNU_HASH, and the versions of symbols), and the rules are
 * its rules for a name without a version: a function counts by its default
 * version, so that of two posix_spawn the newer one is found.
 */
#include "hooks/symbols.h"

#include <link.h>
#include <stdint.h>
#include <string.h>

/* As many names as can be asked for. */
enum { NAMES_MAX = 128 };

/* Of an ElfW(Versym): the bit of one that is no default, and the first number
 * of a version; those below are of a symbol that has none. */
enum { VERSION_HIDDEN = 0x8000, VERSION_FIRST = 2 };

/* The dynamic symbols of one library. */
struct object {
	uintptr_t base;
	const ElfW(Sym) * symbols;
	const char *strings;
	const ElfW(Half) * versions; /* NULL: it has none */
	const uint32_t *hash;
};

struct search {
	const char *names;
	size_t count;
	void **found;
	uint32_t hash[NAMES_MAX];
	bool behind; /* this library has been passed */
	bool is_unknown;
};

/* --- one library -----------------------------------------------------------
 */

static const ElfW(Dyn) * dynamic_of(const struct dl_phdr_info *info)
{
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_DYNAMIC)
			return (const void *)(info->dlpi_addr +
					      info->dlpi_phdr[i].p_vaddr);
	return NULL;
}

/* glibc's loader has made addresses of what the file has, but in memory that
 * cannot be written (the vDSO's); musl's has not. */
static const void *address(uintptr_t base, ElfW(Addr) value)
{
	return (const void *)(value < base ? base + value : value);
}

static bool read_object(const struct dl_phdr_info *info, struct object *object)
{
	const uintptr_t base = info->dlpi_addr;
	const ElfW(Dyn) *entry = dynamic_of(info);

	*object = (struct object){ .base = base };
	for (; entry && entry->d_tag != DT_NULL; entry++) {
		const void *at = address(base, entry->d_un.d_ptr);

		switch (entry->d_tag) {
		case DT_SYMTAB:
			object->symbols = at;
			break;
		case DT_STRTAB:
			object->strings = at;
			break;
		case DT_VERSYM:
			object->versions = at;
			break;
		case DT_GNU_HASH:
			object->hash = at;
			break;
		default:
			break;
		}
	}
	return object->symbols && object->strings && object->hash;
}

/* --- one name ---------------------------------------------------------------
 */

static uint32_t hash_of(const char *name)
{
	uint32_t hash = 5381;

	for (; *name; name++)
		hash = hash * 33 + (unsigned char)*name;
	return hash;
}

static bool is_default(const struct object *object, uint32_t index)
{
	ElfW(Half) version = object->versions ? object->versions[index] : 0;

	return !(version & VERSION_HIDDEN) ||
	       (version & ~VERSION_HIDDEN) < VERSION_FIRST;
}

/* Is the symbol a function of that name that the library has itself? */
static bool is_it(const struct object *object, uint32_t index, const char *name)
{
	const ElfW(Sym) *symbol = &object->symbols[index];

	return symbol->st_shndx != SHN_UNDEF && symbol->st_value != 0 &&
	       strcmp(object->strings + symbol->st_name, name) == 0 &&
	       is_default(object, index);
}

/* NULL: the library has no such function. */
static const ElfW(Sym) *
	look_up(const struct object *object, const char *name, uint32_t hash)
{
	enum { BITS = sizeof(ElfW(Addr)) * 8 };
	const uint32_t buckets = object->hash[0], first = object->hash[1];
	const uint32_t words = object->hash[2], shift = object->hash[3];
	const ElfW(Addr) *filter = (const void *)&object->hash[4];
	const uint32_t *bucket = (const void *)(filter + words);
	const uint32_t *chain = bucket + buckets;
	ElfW(Addr) word;
	uint32_t index;

	/* As the loader: a library may have an empty table. */
	if (!buckets || !words)
		return NULL;
	word = filter[hash / BITS % words];
	if (!(word >> hash % BITS & word >> (hash >> shift) % BITS & 1))
		return NULL;
	index = bucket[hash % buckets];
	if (index < first)
		return NULL;
	for (;; index++) {
		const uint32_t entry = chain[index - first];

		if ((entry | 1) == (hash | 1) && is_it(object, index, name))
			return &object->symbols[index];
		if (entry & 1) /* the last of its bucket */
			return NULL;
	}
}

/* --- all --------------------------------------------------------------------
 */

/* A program of another library's IFUNC is the loader's to call. */
static void take(struct search *search, size_t i, const struct object *object,
		 const ElfW(Sym) * symbol)
{
	const unsigned type = symbol->st_info & 0xf;

	if (type == STT_FUNC || type == STT_NOTYPE)
		search->found[i] = (void *)(object->base + symbol->st_value);
	else
		search->is_unknown = true;
}

static void search_object(struct search *search, const struct object *object)
{
	const char *name = search->names;

	for (size_t i = 0; i < search->count; i++) {
		const ElfW(Sym) *symbol =
			search->found[i]
				? NULL
				: look_up(object, name, search->hash[i]);

		if (symbol)
			take(search, i, object, symbol);
		name += strlen(name) + 1;
	}
}

extern const char __ehdr_start[] __attribute__((visibility("hidden")));

bool xs_symbols_is_our_name(const char *file)
{
	const char *slash = file ? strrchr(file, '/') : NULL;

	return file && strcmp(slash ? slash + 1 : file, "libxsock.so") == 0;
}

/* The loader tells of the libraries in the order in which it looks for symbols
 * itself. */
static int visit(struct dl_phdr_info *info, size_t size, void *data)
{
	struct search *search = data;
	struct object object;

	(void)size;
	if (info->dlpi_addr == (uintptr_t)__ehdr_start) {
		search->behind = true;
		return 0;
	}
	if (!search->behind || xs_symbols_is_our_name(info->dlpi_name))
		return 0;
	if (read_object(info, &object))
		search_object(search, &object);
	else
		search->is_unknown = true;
	return search->is_unknown;
}

bool xs_symbols_find(const char *names, size_t count, void **found)
{
	struct search search = { .names = names,
				 .count = count,
				 .found = found };
	const char *name = names;

	if (count > NAMES_MAX)
		return false;
	for (size_t i = 0; i < count; i++) {
		found[i] = NULL;
		search.hash[i] = hash_of(name);
		name += strlen(name) + 1;
	}
	dl_iterate_phdr(visit, &search);
	return search.behind && !search.is_unknown;
}
