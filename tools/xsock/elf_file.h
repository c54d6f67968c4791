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

/* Whose loader a program wants, or whose libc a library needs. */
enum xs_elf_libc {
	XS_ELF_LIBC_OTHER,
	XS_ELF_LIBC_GLIBC,
	XS_ELF_LIBC_MUSL,
};

struct xs_elf {
	int class;	       /* ELFCLASS32, ELFCLASS64 */
	int data;	       /* ELFDATA2LSB, ELFDATA2MSB */
	int machine;	       /* EM_X86_64 … */
	char loader[PATH_MAX]; /* of PT_INTERP; "": none */
	bool go;	       /* has the note of the Go compiler's linker */
	enum xs_elf_libc libc; /* of a program by its loader, else by what the
				  file needs */
};

/* Reads the headers of the file fd. */
enum xs_elf_result xs_elf_read(int fd, struct xs_elf *elf);

/* True when the file has the byte order of this machine: of another one only
 * the machine is told. */
bool xs_elf_is_native(const struct xs_elf *elf);

/* True when both are of one machine and one C library. */
bool xs_elf_fits(const struct xs_elf *program, const struct xs_elf *library);

/* "64-bit x86-64" and the like; another machine as its number. */
const char *xs_elf_kind(const struct xs_elf *elf, char *text, size_t size);

#endif
