/* Tests: shim/base/elf_file.c.
 *
 * What is read of a program's file: which machine and C library it wants, and
 * which compiler made it.  The files are made here, of both classes, and each
 * broken one differs in one number from one that is read.
 */
#include "base/elf_file.h"

#include <criterion/criterion.h>
#include <elf.h>
#include <endian.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#if __BYTE_ORDER == __LITTLE_ENDIAN
enum { HERE = ELFDATA2LSB, THERE = ELFDATA2MSB };
#else
enum { HERE = ELFDATA2MSB, THERE = ELFDATA2LSB };
#endif

/* Where the parts of a file are.  The first segment loads all of it, at BASE;
 * what stands in the others is as long as it must be. */
enum {
	BASE = 0x10000,
	SEGMENTS = 0x40,
	LOADER = 0x200,
	DYNAMIC = 0x400,
	STRINGS = 0x500,
	SECTIONS = 0x600,
	NAMES = 0x700,
	NOTE = 0x800,
	END = 0x1000,
};

/* The numbers of the segments. */
enum { LOAD, INTERP, NOTES, NEEDED, COUNT };

struct file {
	union {
		unsigned char bytes[END];
		Elf32_Ehdr small;
		Elf64_Ehdr big;
	};
	bool is_small;
	size_t len; /* zeros behind bytes, where it is more */
};

static const char go[] = "Go\0";
static const char sections[] = "\0.text\0.fpcdata\0.data";

static void put_segment(struct file *file, int number, uint32_t type,
			uint32_t offset, uint32_t size)
{
	Elf32_Phdr small = { .p_type = type,
			     .p_offset = offset,
			     .p_vaddr = BASE + offset,
			     .p_filesz = size };
	Elf64_Phdr big = { .p_type = type,
			   .p_offset = offset,
			   .p_vaddr = BASE + offset,
			   .p_filesz = size };

	if (file->is_small)
		memcpy(file->bytes + SEGMENTS + number * sizeof(small), &small,
		       sizeof(small));
	else
		memcpy(file->bytes + SEGMENTS + number * sizeof(big), &big,
		       sizeof(big));
}

static void put_entry(struct file *file, int number, int32_t tag,
		      uint32_t value)
{
	Elf32_Dyn small = { .d_tag = tag, .d_un.d_val = value };
	Elf64_Dyn big = { .d_tag = tag, .d_un.d_val = value };

	if (file->is_small)
		memcpy(file->bytes + DYNAMIC + number * sizeof(small), &small,
		       sizeof(small));
	else
		memcpy(file->bytes + DYNAMIC + number * sizeof(big), &big,
		       sizeof(big));
}

static void put_note(struct file *file, size_t at, uint32_t type,
		     uint32_t descsz, const char name[4])
{
	Elf64_Nhdr head = { 4, descsz, type };

	memcpy(file->bytes + NOTE + at, &head, sizeof(head));
	memcpy(file->bytes + NOTE + at + sizeof(head), name, 4);
}

/* The first section, which has no meaning, looks like the one of the names. */
static void put_sections(struct file *file, uint32_t offset, uint32_t size)
{
	Elf32_Shdr small = { .sh_offset = offset, .sh_size = size };
	Elf64_Shdr big = { .sh_offset = offset, .sh_size = size };

	if (file->is_small) {
		file->small.e_shoff = SECTIONS;
		file->small.e_shentsize = sizeof(small);
		file->small.e_shstrndx = 1;
		memcpy(file->bytes + SECTIONS, &small, sizeof(small));
		memcpy(file->bytes + SECTIONS + sizeof(small), &small,
		       sizeof(small));
	} else {
		file->big.e_shoff = SECTIONS;
		file->big.e_shentsize = sizeof(big);
		file->big.e_shstrndx = 1;
		memcpy(file->bytes + SECTIONS, &big, sizeof(big));
		memcpy(file->bytes + SECTIONS + sizeof(big), &big, sizeof(big));
	}
	memcpy(file->bytes + NAMES, sections, sizeof(sections));
}

static void put_head(struct file *file)
{
	memcpy(file->bytes, ELFMAG, SELFMAG);
	file->bytes[EI_CLASS] = file->is_small ? ELFCLASS32 : ELFCLASS64;
	file->bytes[EI_DATA] = HERE;
	if (file->is_small) {
		file->small.e_machine = EM_386;
		file->small.e_phoff = SEGMENTS;
		file->small.e_phnum = COUNT;
		file->small.e_phentsize = sizeof(Elf32_Phdr);
	} else {
		file->big.e_machine = EM_X86_64;
		file->big.e_phoff = SEGMENTS;
		file->big.e_phnum = COUNT;
		file->big.e_phentsize = sizeof(Elf64_Phdr);
	}
}

/* A library, as it were: it names no loader, and needs libc.so.6. */
static struct file make(bool is_small)
{
	struct file file = { .is_small = is_small, .len = END };

	put_head(&file);
	put_segment(&file, LOAD, PT_LOAD, 0, END);
	put_segment(&file, INTERP, PT_NULL, 0, 0);
	put_segment(&file, NOTES, PT_NULL, 0, 0);
	put_segment(&file, NEEDED, PT_DYNAMIC, DYNAMIC, 0x80);
	put_entry(&file, 0, DT_STRTAB, BASE + STRINGS);
	put_entry(&file, 1, DT_NEEDED, 1);
	put_entry(&file, 2, DT_NULL, 0);
	strcpy((char *)file.bytes + STRINGS + 1, "libc.so.6");
	return file;
}

static void put_loader(struct file *file, const char *path)
{
	put_segment(file, INTERP, PT_INTERP, LOADER,
		    (uint32_t)strlen(path) + 1);
	strcpy((char *)file->bytes + LOADER, path);
}

static enum xs_elf_result read_file(const struct file *file, struct xs_elf *elf)
{
	int fd = memfd_create("elf", MFD_CLOEXEC);
	enum xs_elf_result result;

	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, file->bytes, END), END);
	cr_assert_eq(ftruncate(fd, (off_t)file->len), 0);
	result = xs_elf_read(fd, elf);
	if (result == XS_ELF_OK)
		cr_assert_eq(xs_elf_is_pascal(fd), elf->pascal);
	close(fd);
	return result;
}

/* What can be read of a file that is whole. */
static struct xs_elf read_whole(const struct file *file)
{
	struct xs_elf elf;

	cr_assert_eq(read_file(file, &elf), XS_ELF_OK);
	return elf;
}

static void assert_bad(const struct file *file, const char *why)
{
	struct xs_elf elf;

	cr_assert_eq(read_file(file, &elf), XS_ELF_BAD, "%s, %s bits", why,
		     file->is_small ? "32" : "64");
}

Test(elf_file, a_library_is_known_by_what_it_needs)
{
	for (int is_small = 0; is_small < 2; is_small++) {
		struct file file = make(is_small);
		struct xs_elf elf = read_whole(&file);

		cr_assert_eq(elf.class, is_small ? ELFCLASS32 : ELFCLASS64);
		cr_assert_eq(elf.machine, is_small ? EM_386 : EM_X86_64);
		cr_assert_eq(elf.libc, XS_ELF_LIBC_GLIBC);
		cr_assert_str_eq(elf.loader, "");
		cr_assert(xs_elf_is_native(&elf));
		cr_assert_not(elf.go);
		cr_assert_not(elf.pascal);
	}
}

static const struct {
	const char *name;
	enum xs_elf_libc libc;
} needed[] = {
	{ "libc.so.6", XS_ELF_LIBC_GLIBC },
	{ "libc.so.6.1", XS_ELF_LIBC_GLIBC }, /* of Alpha */
	{ "libc.so", XS_ELF_LIBC_MUSL },
	{ "libc.musl-x86_64.so.1", XS_ELF_LIBC_MUSL },
	{ "libc.so.7", XS_ELF_LIBC_OTHER },
	{ "libm.so.6", XS_ELF_LIBC_OTHER },
	{ "", XS_ELF_LIBC_OTHER },
};

Test(elf_file, each_c_library_has_its_name)
{
	for (size_t i = 0; i < sizeof(needed) / sizeof(*needed); i++) {
		for (int is_small = 0; is_small < 2; is_small++) {
			struct file file = make(is_small);
			struct xs_elf elf;

			strcpy((char *)file.bytes + STRINGS + 1,
			       needed[i].name);
			elf = read_whole(&file);
			cr_assert_eq(elf.libc, needed[i].libc, "%s",
				     needed[i].name);
		}
	}
}

static const struct {
	const char *path;
	enum xs_elf_libc libc;
} loaders[] = {
	{ "/lib64/ld-linux-x86-64.so.2", XS_ELF_LIBC_GLIBC },
	{ "/lib/ld64.so.2", XS_ELF_LIBC_GLIBC },
	{ "/lib/ld.so.1", XS_ELF_LIBC_GLIBC },
	{ "ld-linux.so.2", XS_ELF_LIBC_GLIBC },
	{ "/lib/ld-musl-i386.so.1", XS_ELF_LIBC_MUSL },
	{ "/lib/ld.so.10", XS_ELF_LIBC_OTHER },
	{ "/ld-linux/other", XS_ELF_LIBC_OTHER },
	{ "/system/bin/linker64", XS_ELF_LIBC_OTHER },
};

Test(elf_file, a_programs_loader_decides_and_not_what_it_needs)
{
	for (size_t i = 0; i < sizeof(loaders) / sizeof(*loaders); i++) {
		struct file file = make(i % 2);
		struct xs_elf elf;

		put_loader(&file, loaders[i].path);
		elf = read_whole(&file);
		cr_assert_str_eq(elf.loader, loaders[i].path);
		cr_assert_eq(elf.libc, loaders[i].libc, "%s", loaders[i].path);
	}
}

Test(elf_file, compilers_are_known_by_what_they_leave)
{
	for (int is_small = 0; is_small < 2; is_small++) {
		struct file file = make(is_small);
		struct xs_elf elf;

		/* Its own, behind another of five bytes and three of padding.
		 */
		put_segment(&file, NOTES, PT_NOTE, NOTE, 0x40);
		put_note(&file, 0, 3, 5, "GNU");
		put_note(&file, 24, 4, 4, go);
		put_sections(&file, NAMES, sizeof(sections));
		elf = read_whole(&file);
		cr_assert(elf.go);
		cr_assert(elf.pascal);
	}
}

Test(elf_file, what_another_compiler_leaves_is_not_taken_for_it)
{
	struct file file = make(false);
	struct xs_elf elf;

	/* Another type, another name, and one that the segment cuts. */
	put_segment(&file, NOTES, PT_NOTE, NOTE, 48 + 15);
	put_note(&file, 0, 3, 8, go);
	put_note(&file, 24, 4, 8, "GNU");
	put_note(&file, 48, 4, 8, go);
	/* The name's end is cut. */
	put_sections(&file, NAMES, 14);
	elf = read_whole(&file);
	cr_assert_not(elf.go);
	cr_assert_not(elf.pascal);
}

/* Each note of zeros has twelve bytes. */
Test(elf_file, of_very_many_notes_the_first_are_read)
{
	struct file file = make(false);

	put_segment(&file, NOTES, PT_NOTE, NOTE, END - NOTE);
	put_note(&file, 64 * 12, 4, 8, go);
	cr_assert_not(read_whole(&file).go);
	put_note(&file, 63 * 12, 4, 8, go);
	cr_assert(read_whole(&file).go);
}

/* Sections are only for debuggers: a file without is none the worse. */
Test(elf_file, names_of_sections_that_cannot_be_read_are_none)
{
	for (int is_small = 0; is_small < 2; is_small++) {
		for (int which = 0; which < 4; which++) {
			struct file file = make(is_small);

			put_sections(&file, NAMES, sizeof(sections));
			cr_assert(read_whole(&file).pascal);
			if (which == 0)
				put_sections(&file, UINT32_MAX, 100);
			else if (which == 1 && is_small)
				file.small.e_shentsize = 0;
			else if (which == 1)
				file.big.e_shentsize = 0;
			else if (which == 2 && is_small)
				file.small.e_shoff = END;
			else if (which == 2)
				file.big.e_shoff = UINT64_MAX - 64;
			else if (is_small)
				file.small.e_shstrndx = SHN_UNDEF;
			else
				file.big.e_shstrndx = SHN_UNDEF;
			cr_assert_not(read_whole(&file).pascal, "%d", which);
		}
	}
}

/* Ordinary programs have some 400 bytes of names; more than 2,048 are read in
 * part. */
Test(elf_file, of_very_many_names_the_first_are_read)
{
	struct file file = make(false);

	put_sections(&file, NAMES, UINT32_MAX);
	cr_assert(read_whole(&file).pascal);
	file.len = NAMES + 2047;
	cr_assert_not(read_whole(&file).pascal);
}

Test(elf_file, what_is_no_elf_is_told_from_what_is_broken)
{
	struct file file = make(false);
	struct xs_elf elf;

	file.len = EI_NIDENT - 1;
	cr_assert_eq(read_file(&file, &elf), XS_ELF_NOT);
	file.len = 0;
	cr_assert_eq(read_file(&file, &elf), XS_ELF_NOT);
	file = make(false);
	file.bytes[3] = 'f';
	cr_assert_eq(read_file(&file, &elf), XS_ELF_NOT);
	cr_assert_eq(xs_elf_read(-1, &elf), XS_ELF_NOT);
}

Test(elf_file, a_head_that_is_cut_or_of_no_class_is_bad)
{
	for (int is_small = 0; is_small < 2; is_small++) {
		struct file file = make(is_small);

		file.len =
			(is_small ? sizeof(Elf32_Ehdr) : sizeof(Elf64_Ehdr)) -
			1;
		assert_bad(&file, "cut");
		file = make(is_small);
		file.bytes[EI_CLASS] = 3;
		assert_bad(&file, "class 3");
	}
}

Test(elf_file, segments_that_cannot_be_read_are_bad)
{
	for (int is_small = 0; is_small < 2; is_small++) {
		struct file file = make(is_small);

		if (is_small)
			file.small.e_phentsize--;
		else
			file.big.e_phentsize--;
		assert_bad(&file, "another size");
		file = make(is_small);
		file.len = SEGMENTS + 8;
		assert_bad(&file, "cut");
		file = make(is_small);
		if (is_small)
			file.small.e_phoff = UINT32_MAX;
		else
			file.big.e_phoff = UINT64_MAX - 8;
		assert_bad(&file, "outside");
		file = make(is_small);
		file.len = 0x20000;
		if (is_small)
			file.small.e_phnum = 1170;
		else
			file.big.e_phnum = 1170;
		read_whole(&file);
		if (is_small)
			file.small.e_phnum = 1171;
		else
			file.big.e_phnum = 1171;
		assert_bad(&file, "more than 64 KiB");
	}
}

Test(elf_file, a_loader_without_an_end_or_too_long_is_bad)
{
	for (int is_small = 0; is_small < 2; is_small++) {
		struct file file = make(is_small);

		put_loader(&file, "/lib/ld.so.1");
		put_segment(&file, INTERP, PT_INTERP, LOADER, 5);
		assert_bad(&file, "no end");
		put_loader(&file, "");
		assert_bad(&file, "empty");
		put_segment(&file, INTERP, PT_INTERP, LOADER - 16,
			    XS_ELF_LOADER_MAX + 1);
		assert_bad(&file, "too long");
		put_segment(&file, INTERP, PT_INTERP, END - 4, 13);
		assert_bad(&file, "cut");
	}
}

/* A table without an end, strings that are nowhere: no libc is known, and
 * nothing is read that is not there. */
Test(elf_file, what_is_needed_is_unknown_where_it_cannot_be_read)
{
	for (int is_small = 0; is_small < 2; is_small++) {
		for (int which = 0; which < 5; which++) {
			struct file file = make(is_small);

			/* Read from the file's beginning, this would be it. */
			if (which == 1)
				put_entry(&file, 1, DT_NEEDED, STRINGS + 1);
			if (which == 0)
				put_segment(&file, LOAD, PT_LOAD, 0, STRINGS);
			else if (which == 1)
				put_entry(&file, 0, DT_STRTAB, BASE - 1);
			else if (which == 2)
				put_entry(&file, 1, DT_NEEDED, INT32_MAX);
			else if (which == 3)
				put_segment(&file, NEEDED, PT_DYNAMIC, DYNAMIC,
					    7);
			else
				put_segment(&file, NEEDED, PT_DYNAMIC, END,
					    0x80);
			cr_assert_eq(read_whole(&file).libc, XS_ELF_LIBC_OTHER,
				     "%d, %d", which, is_small);
		}
	}
}

/* It cannot be run here, and its numbers stand the other way round. */
Test(elf_file, of_another_byte_order_there_is_the_machine)
{
	struct file file = make(false);
	struct xs_elf elf;
	char text[64];

	put_loader(&file, "/lib/ld64.so.1");
	file.bytes[EI_DATA] = THERE;
	file.big.e_machine = __builtin_bswap16(EM_S390);
	elf = read_whole(&file);
	cr_assert_not(xs_elf_is_native(&elf));
	cr_assert_eq(elf.machine, EM_S390);
	cr_assert_str_eq(elf.loader, "");
	cr_assert_eq(elf.libc, XS_ELF_LIBC_OTHER);
	cr_assert_str_eq(xs_elf_kind(&elf, text, sizeof(text)), "64-bit S/390");
}

Test(elf_file, a_machine_without_a_name_has_a_number)
{
	struct xs_elf elf = { .class = ELFCLASS32, .machine = EM_386 };
	char text[64];

	cr_assert_str_eq(xs_elf_kind(&elf, text, sizeof(text)), "32-bit x86");
	elf.machine = 4711;
	cr_assert_str_eq(xs_elf_kind(&elf, text, sizeof(text)),
			 "32-bit machine 4711");
}

Test(elf_file, a_library_fits_only_its_own_kind_of_program)
{
	struct file file = make(false);
	struct xs_elf library = read_whole(&file), program = library;

	cr_assert(xs_elf_fits(&program, &library));
	program.class = ELFCLASS32;
	cr_assert_not(xs_elf_fits(&program, &library));
	program = library;
	program.data = THERE;
	cr_assert_not(xs_elf_fits(&program, &library));
	program = library;
	program.machine = EM_AARCH64;
	cr_assert_not(xs_elf_fits(&program, &library));
	program = library;
	program.libc = XS_ELF_LIBC_MUSL;
	cr_assert_not(xs_elf_fits(&program, &library));
}

/* Calls of read(2) and pread(2) that this thread has made; -1: the kernel does
 * not count them. */
static long count_reads(void)
{
	char text[512] = "";
	FILE *io = fopen("/proc/thread-self/io", "re");
	const char *reads;

	if (!io)
		return -1;
	if (fread(text, 1, sizeof(text) - 1, io) == 0)
		text[0] = '\0';
	fclose(io);
	reads = strstr(text, "syscr: ");
	return reads ? strtol(reads + strlen("syscr: "), NULL, 10) : -1;
}

/* Every program that is started, and every one that it starts, waits for
 * these. */
Test(elf_file, a_program_takes_few_reads)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	/* What the look itself adds. */
	long look = count_reads(), before = count_reads(), after;
	struct xs_elf elf;

	cr_assert_geq(fd, 0);
	if (before < 0)
		cr_skip_test("no /proc/thread-self/io");
	look = before - look;
	cr_assert_eq(xs_elf_read(fd, &elf), XS_ELF_OK);
	after = count_reads();
	cr_assert_leq(after - before - look, 8);
	cr_assert_not(xs_elf_is_pascal(fd));
	cr_assert_leq(count_reads() - after - look, 3);
	close(fd);
}
