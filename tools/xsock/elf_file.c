/* ELF headers; see elf_file.h.
 *
 * Both classes, and the byte order of this machine: a file of the other order
 * cannot be run here and is told by its data and machine alone.  Everything in
 * the file may be wrong, so every number is bounded before it is used.
 */
#include "elf_file.h"

#include <elf.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define DATA_HERE ELFDATA2LSB
#else
#define DATA_HERE ELFDATA2MSB
#endif

/* As the kernel: it refuses more program headers than fit 64 KiB. */
#define HEADERS_MAX 1170
#define NOTES_MAX   4096

/* A program header of either class. */
struct segment {
	uint32_t type;
	uint64_t offset, size;
};

/* Where the program headers are. */
struct headers {
	uint64_t offset;
	unsigned count, size;
};

/* True when all bytes are there. */
static bool read_at(int fd, void *to, size_t len, uint64_t offset)
{
	return offset <= INT64_MAX - len &&
	       pread(fd, to, len, (off_t)offset) == (ssize_t)len;
}

static enum xs_elf_result read_header(int fd, struct xs_elf *elf,
				      struct headers *headers)
{
	union {
		unsigned char ident[EI_NIDENT];
		Elf32_Ehdr small;
		Elf64_Ehdr big;
	} head = { .ident = { 0 } };

	if (!read_at(fd, head.ident, EI_NIDENT, 0) ||
	    memcmp(head.ident, ELFMAG, SELFMAG) != 0)
		return XS_ELF_NOT;
	elf->class = head.ident[EI_CLASS];
	elf->data = head.ident[EI_DATA];
	if (elf->class == ELFCLASS32 &&
	    read_at(fd, &head.small, sizeof(head.small), 0)) {
		elf->machine = head.small.e_machine;
		*headers = (struct headers){ head.small.e_phoff,
					     head.small.e_phnum,
					     head.small.e_phentsize };
	} else if (elf->class == ELFCLASS64 &&
		   read_at(fd, &head.big, sizeof(head.big), 0)) {
		elf->machine = head.big.e_machine;
		*headers = (struct headers){ head.big.e_phoff, head.big.e_phnum,
					     head.big.e_phentsize };
	} else {
		return XS_ELF_BAD;
	}
	if (elf->data != DATA_HERE) {
		elf->machine = __builtin_bswap16((uint16_t)elf->machine);
		headers->count = 0;
	}
	return XS_ELF_OK;
}

static bool read_segment(int fd, const struct xs_elf *elf,
			 const struct headers *headers, unsigned number,
			 struct segment *segment)
{
	uint64_t at = headers->offset + (uint64_t)number * headers->size;

	if (elf->class == ELFCLASS32) {
		Elf32_Phdr small;

		if (headers->size != sizeof(small) ||
		    !read_at(fd, &small, sizeof(small), at))
			return false;
		*segment = (struct segment){ small.p_type, small.p_offset,
					     small.p_filesz };
	} else {
		Elf64_Phdr big;

		if (headers->size != sizeof(big) ||
		    !read_at(fd, &big, sizeof(big), at))
			return false;
		*segment = (struct segment){ big.p_type, big.p_offset,
					     big.p_filesz };
	}
	return true;
}

static bool read_loader(int fd, struct xs_elf *elf,
			const struct segment *segment)
{
	if (segment->size < 2 || segment->size > sizeof(elf->loader) ||
	    !read_at(fd, elf->loader, segment->size, segment->offset))
		return false;
	return elf->loader[segment->size - 1] == '\0';
}

static size_t padded(uint32_t size)
{
	return ((size_t)size + 3) / 4 * 4;
}

/* Looks for the note "Go", type 4: the build ID of Go's linker. */
static bool has_go_note(int fd, const struct segment *segment)
{
	unsigned char notes[NOTES_MAX];
	size_t at = 0, len = segment->size;
	Elf64_Nhdr note; /* the same in both classes */

	if (len > sizeof(notes))
		len = sizeof(notes);
	if (!read_at(fd, notes, len, segment->offset))
		return false;
	while (len - at >= sizeof(note)) {
		memcpy(&note, notes + at, sizeof(note));
		at += sizeof(note);
		if (note.n_type == 4 && note.n_namesz == 4 && len - at >= 4 &&
		    memcmp(notes + at, "Go\0", 4) == 0)
			return true;
		if (padded(note.n_namesz) > len - at ||
		    padded(note.n_descsz) > len - at - padded(note.n_namesz))
			return false;
		at += padded(note.n_namesz) + padded(note.n_descsz);
	}
	return false;
}

enum xs_elf_result xs_elf_read(int fd, struct xs_elf *elf)
{
	struct headers headers;
	enum xs_elf_result result;

	*elf = (struct xs_elf){ .class = ELFCLASSNONE };
	result = read_header(fd, elf, &headers);
	if (result != XS_ELF_OK)
		return result;
	if (headers.count > HEADERS_MAX)
		return XS_ELF_BAD;
	for (unsigned i = 0; i < headers.count; i++) {
		struct segment segment;

		if (!read_segment(fd, elf, &headers, i, &segment))
			return XS_ELF_BAD;
		if (segment.type == PT_INTERP &&
		    !read_loader(fd, elf, &segment))
			return XS_ELF_BAD;
		if (segment.type == PT_NOTE && has_go_note(fd, &segment))
			elf->go = true;
	}
	return XS_ELF_OK;
}

const char *xs_elf_kind(const struct xs_elf *elf, char *text, size_t size)
{
	static const struct {
		int machine;
		const char *name;
	} names[] = {
		{ EM_386, "x86" },	{ EM_X86_64, "x86-64" },
		{ EM_ARM, "ARM" },	{ EM_AARCH64, "AArch64" },
		{ EM_RISCV, "RISC-V" }, { EM_PPC64, "PowerPC" },
		{ EM_S390, "S/390" },	{ EM_MIPS, "MIPS" },
	};
	const char *bits = elf->class == ELFCLASS64 ? "64-bit" : "32-bit";

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].machine == elf->machine) {
			snprintf(text, size, "%s %s", bits, names[i].name);
			return text;
		}
	}
	snprintf(text, size, "%s machine %d", bits, elf->machine);
	return text;
}
