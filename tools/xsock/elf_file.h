/* What "xsock run" wants to know about an ELF file. */
#ifndef XS_ELF_FILE_H
#define XS_ELF_FILE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

enum xs_elf_result {
	XS_ELF_OK,
	XS_ELF_NOT, /* another kind of file */
	XS_ELF_BAD, /* ELF, but broken, or not readable to the end */
};

struct xs_elf {
	int class;	       /* ELFCLASS32, ELFCLASS64 */
	int data;	       /* ELFDATA2LSB, ELFDATA2MSB */
	int machine;	       /* EM_X86_64 … */
	char loader[PATH_MAX]; /* of PT_INTERP; "": none */
	bool go;	       /* has the note of the Go compiler's linker */
};

/* Reads the headers of the file fd. */
enum xs_elf_result xs_elf_read(int fd, struct xs_elf *elf);

/* "64-bit x86-64" and the like; another machine as its number. */
const char *xs_elf_kind(const struct xs_elf *elf, char *text, size_t size);

#endif
