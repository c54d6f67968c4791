/* ELF headers; see elf_file.h.
 *
 * Both classes, and the byte order of this machine: a file of the other order
 * cannot be run here and is told by its data and machine alone.  Everything in
 * the file may be wrong, so every number is bounded before it is used.
 */
#include "base/elf_file.h"

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
#define NOTES_MAX   64

/* Entries of a dynamic section, and bytes of a needed library's name. */
#define DYNAMIC_MAX 1024
#define NEEDED_MAX  32

/* Bytes of the names of sections that are looked at. */
#define NAMES_MAX 2048

/* A program header of either class. */
struct segment {
	uint32_t type;
	uint64_t offset, size, address;
};

/* An entry of a dynamic section of either class. */
struct entry {
	int64_t tag;
	uint64_t value;
};

/* Where the program headers are, and those of sections. */
struct headers {
	uint64_t offset;
	unsigned count, size;
	uint64_t sections;
	unsigned section_size, names; /* names: which one has the names */
};

/* What is read of a file comes in pieces of this size: headers lie together,
 * and a system call for each would take as long as all else. */
enum { PIECE = 1024 };

struct file {
	int fd;
	uint64_t offset; /* of the piece that was read last */
	size_t len;	 /* bytes of it */
	char piece[PIECE];
};

static size_t read_some(int fd, void *to, size_t len, uint64_t offset)
{
	ssize_t got;

	if (offset > (uint64_t)INT64_MAX - len)
		return 0;
	got = pread(fd, to, len, (off_t)offset);
	return got > 0 ? (size_t)got : 0;
}

static bool has(const struct file *file, size_t len, uint64_t offset)
{
	return offset >= file->offset && file->len >= len &&
	       offset - file->offset <= file->len - len;
}

/* True when all bytes are there. */
static bool read_at(struct file *file, void *to, size_t len, uint64_t offset)
{
	if (len > PIECE)
		return read_some(file->fd, to, len, offset) == len;
	if (!has(file, len, offset)) {
		file->len = read_some(file->fd, file->piece, PIECE, offset);
		file->offset = offset;
	}
	if (!has(file, len, offset))
		return false;
	memcpy(to, file->piece + (offset - file->offset), len);
	return true;
}

static enum xs_elf_result read_header(struct file *file, struct xs_elf *elf,
				      struct headers *headers)
{
	union {
		unsigned char ident[EI_NIDENT];
		Elf32_Ehdr small;
		Elf64_Ehdr big;
	} head = { .ident = { 0 } };

	if (!read_at(file, head.ident, EI_NIDENT, 0) ||
	    memcmp(head.ident, ELFMAG, SELFMAG) != 0)
		return XS_ELF_NOT;
	elf->class = head.ident[EI_CLASS];
	elf->data = head.ident[EI_DATA];
	if (elf->class == ELFCLASS32 &&
	    read_at(file, &head.small, sizeof(head.small), 0)) {
		elf->machine = head.small.e_machine;
		*headers = (struct headers){
			head.small.e_phoff,	head.small.e_phnum,
			head.small.e_phentsize, head.small.e_shoff,
			head.small.e_shentsize, head.small.e_shstrndx
		};
	} else if (elf->class == ELFCLASS64 &&
		   read_at(file, &head.big, sizeof(head.big), 0)) {
		elf->machine = head.big.e_machine;
		*headers = (struct headers){
			head.big.e_phoff,     head.big.e_phnum,
			head.big.e_phentsize, head.big.e_shoff,
			head.big.e_shentsize, head.big.e_shstrndx
		};
	} else {
		return XS_ELF_BAD;
	}
	if (elf->data != DATA_HERE) {
		elf->machine = __builtin_bswap16((uint16_t)elf->machine);
		headers->count = 0;
	}
	return XS_ELF_OK;
}

static bool read_segment(struct file *file, const struct xs_elf *elf,
			 const struct headers *headers, unsigned number,
			 struct segment *segment)
{
	uint64_t at = headers->offset + (uint64_t)number * headers->size;

	if (elf->class == ELFCLASS32) {
		Elf32_Phdr small;

		if (headers->size != sizeof(small) ||
		    !read_at(file, &small, sizeof(small), at))
			return false;
		*segment = (struct segment){ small.p_type, small.p_offset,
					     small.p_filesz, small.p_vaddr };
	} else {
		Elf64_Phdr big;

		if (headers->size != sizeof(big) ||
		    !read_at(file, &big, sizeof(big), at))
			return false;
		*segment = (struct segment){ big.p_type, big.p_offset,
					     big.p_filesz, big.p_vaddr };
	}
	return true;
}

static bool read_loader(struct file *file, struct xs_elf *elf,
			const struct segment *segment)
{
	if (segment->size < 2 || segment->size > sizeof(elf->loader) ||
	    !read_at(file, elf->loader, segment->size, segment->offset))
		return false;
	return elf->loader[segment->size - 1] == '\0';
}

static uint64_t padded(uint32_t size)
{
	return ((uint64_t)size + 3) / 4 * 4;
}

/* Looks for the note "Go", type 4: the build ID of Go's linker. */
static bool has_go_note(struct file *file, const struct segment *segment)
{
	struct {
		Elf64_Nhdr head; /* the same in both classes */
		char name[4];
	} note;
	uint64_t at = 0;

	for (int i = 0;
	     i < NOTES_MAX && at < segment->size &&
	     segment->size - at >= sizeof(note) &&
	     read_at(file, &note, sizeof(note), segment->offset + at);
	     i++) {
		if (note.head.n_type == 4 && note.head.n_namesz == 4 &&
		    memcmp(note.name, "Go\0", 4) == 0)
			return true;
		at += sizeof(note.head) + padded(note.head.n_namesz) +
		      padded(note.head.n_descsz);
	}
	return false;
}

/* --- sections --------------------------------------------------------------
 */

/* Where the names of sections are in the file, and how long all are together.
 * False: there are none. */
static bool find_names(struct file *file, const struct xs_elf *elf,
		       const struct headers *headers, uint64_t *offset,
		       uint64_t *size)
{
	uint64_t at = headers->sections +
		      (uint64_t)headers->names * headers->section_size;
	Elf32_Shdr small;
	Elf64_Shdr big;

	if (!headers->sections || headers->names == SHN_UNDEF)
		return false;
	if (elf->class == ELFCLASS32) {
		if (headers->section_size != sizeof(small) ||
		    !read_at(file, &small, sizeof(small), at))
			return false;
		*offset = small.sh_offset;
		*size = small.sh_size;
	} else {
		if (headers->section_size != sizeof(big) ||
		    !read_at(file, &big, sizeof(big), at))
			return false;
		*offset = big.sh_offset;
		*size = big.sh_size;
	}
	return true;
}

/* Looks for the name of a section that only Free Pascal's compiler makes, and
 * that strip(1) leaves.  Ordinary programs have some 400 bytes of names. */
static bool has_pascal_section(struct file *file, const struct xs_elf *elf,
			       const struct headers *headers)
{
	static const char name[] = "\0.fpcdata";
	char names[NAMES_MAX];
	uint64_t offset, size;

	if (!find_names(file, elf, headers, &offset, &size))
		return false;
	if (size > sizeof(names))
		size = sizeof(names);
	return read_at(file, names, (size_t)size, offset) &&
	       memmem(names, (size_t)size, name, sizeof(name));
}

/* --- which C library ---------------------------------------------------- */

static bool starts(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static enum xs_elf_libc libc_of_loader(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	if (starts(name, "ld-musl-"))
		return XS_ELF_LIBC_MUSL;
	if (starts(name, "ld-linux") || starts(name, "ld64.so.") ||
	    strcmp(name, "ld.so.1") == 0)
		return XS_ELF_LIBC_GLIBC;
	return XS_ELF_LIBC_OTHER;
}

static enum xs_elf_libc libc_of_needed(const char *name)
{
	if (starts(name, "libc.so.6"))
		return XS_ELF_LIBC_GLIBC;
	if (strcmp(name, "libc.so") == 0 || starts(name, "libc.musl-"))
		return XS_ELF_LIBC_MUSL;
	return XS_ELF_LIBC_OTHER;
}

static bool read_entry(struct file *file, const struct xs_elf *elf,
		       const struct segment *dynamic, unsigned number,
		       struct entry *entry)
{
	Elf32_Dyn small;
	Elf64_Dyn big;
	size_t size = elf->class == ELFCLASS32 ? sizeof(small) : sizeof(big);
	uint64_t at = (uint64_t)number * size;

	if (number >= DYNAMIC_MAX || dynamic->size < size ||
	    at > dynamic->size - size)
		return false;
	if (elf->class == ELFCLASS32) {
		if (!read_at(file, &small, size, dynamic->offset + at))
			return false;
		*entry = (struct entry){ small.d_tag, small.d_un.d_val };
	} else {
		if (!read_at(file, &big, size, dynamic->offset + at))
			return false;
		*entry = (struct entry){ big.d_tag, big.d_un.d_val };
	}
	return entry->tag != DT_NULL;
}

/* Where in the file an address is; 0: nowhere. */
static uint64_t offset_of(struct file *file, const struct xs_elf *elf,
			  const struct headers *headers, uint64_t address)
{
	struct segment segment;

	for (unsigned i = 0; i < headers->count; i++)
		if (read_segment(file, elf, headers, i, &segment) &&
		    segment.type == PT_LOAD && address >= segment.address &&
		    address - segment.address < segment.size)
			return segment.offset + (address - segment.address);
	return 0;
}

/* The first libc among the libraries that the file needs. */
static enum xs_elf_libc read_needed(struct file *file, const struct xs_elf *elf,
				    const struct headers *headers,
				    const struct segment *dynamic)
{
	enum xs_elf_libc libc = XS_ELF_LIBC_OTHER;
	uint64_t strings = 0;
	struct entry entry;

	for (unsigned i = 0; read_entry(file, elf, dynamic, i, &entry); i++)
		if (entry.tag == DT_STRTAB)
			strings = offset_of(file, elf, headers, entry.value);
	for (unsigned i = 0; strings && libc == XS_ELF_LIBC_OTHER &&
			     read_entry(file, elf, dynamic, i, &entry);
	     i++) {
		char name[NEEDED_MAX + 1] = "";

		if (entry.tag == DT_NEEDED && entry.value < INT32_MAX &&
		    read_at(file, name, NEEDED_MAX, strings + entry.value))
			libc = libc_of_needed(name);
	}
	return libc;
}

bool xs_elf_is_native(const struct xs_elf *elf)
{
	return elf->data == DATA_HERE;
}

bool xs_elf_fits(const struct xs_elf *program, const struct xs_elf *library)
{
	return program->class == library->class &&
	       program->data == library->data &&
	       program->machine == library->machine &&
	       program->libc == library->libc;
}

/* --- the whole ---------------------------------------------------------- */

enum xs_elf_result xs_elf_read(int fd, struct xs_elf *elf)
{
	struct file file = { .fd = fd };
	struct headers headers;
	enum xs_elf_result result;

	*elf = (struct xs_elf){ .class = ELFCLASSNONE };
	result = read_header(&file, elf, &headers);
	if (result != XS_ELF_OK)
		return result;
	if (headers.count > HEADERS_MAX)
		return XS_ELF_BAD;
	for (unsigned i = 0; i < headers.count; i++) {
		struct segment segment;

		if (!read_segment(&file, elf, &headers, i, &segment))
			return XS_ELF_BAD;
		if (segment.type == PT_INTERP &&
		    !read_loader(&file, elf, &segment))
			return XS_ELF_BAD;
		if (segment.type == PT_NOTE && has_go_note(&file, &segment))
			elf->go = true;
		/* A loader decides, and stands first where there is one. */
		if (segment.type == PT_DYNAMIC && !elf->loader[0])
			elf->libc = read_needed(&file, elf, &headers, &segment);
	}
	if (elf->loader[0])
		elf->libc = libc_of_loader(elf->loader);
	if (xs_elf_is_native(elf))
		elf->pascal = has_pascal_section(&file, elf, &headers);
	return XS_ELF_OK;
}

bool xs_elf_is_pascal(int fd)
{
	struct file file = { .fd = fd };
	struct headers headers;
	struct xs_elf elf = { .class = ELFCLASSNONE };

	return read_header(&file, &elf, &headers) == XS_ELF_OK &&
	       xs_elf_is_native(&elf) &&
	       has_pascal_section(&file, &elf, &headers);
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
