/* What decides about a program whether a library can be loaded into it.
 *
 * Reads the file with pread(2) only: any thread, any signal context, a vfork
 * child. */
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

/* Bytes of a loader's name.  (The kernel takes 4,096; but this lies on the
 * stack of a signal handler.) */
enum { XS_ELF_LOADER_MAX = 512 };

struct xs_elf {
	int class;			/* ELFCLASS32, ELFCLASS64 */
	int data;			/* ELFDATA2LSB, ELFDATA2MSB */
	int machine;			/* EM_X86_64 … */
	char loader[XS_ELF_LOADER_MAX]; /* of PT_INTERP; "": none */
	bool go;	       /* has the note of the Go compiler's linker */
	bool pascal;	       /* is of Free Pascal's compiler */
	enum xs_elf_libc libc; /* of a program by its loader, else by what the
				  file needs */
};

/* Reads the headers of the file fd. */
enum xs_elf_result xs_elf_read(int fd, struct xs_elf *elf);

/* The field "pascal" of xs_elf_read alone, by fewer reads. */
bool xs_elf_is_pascal(int fd);

/* True when the file has the byte order of this machine.  If it has not, only
 * data and machine are filled. */
bool xs_elf_is_native(const struct xs_elf *elf);

/* True when both are of one machine and one C library. */
bool xs_elf_fits(const struct xs_elf *program, const struct xs_elf *library);

/* "64-bit x86-64" and the like; another machine as its number. */
const char *xs_elf_kind(const struct xs_elf *elf, char *text, size_t size);

#endif
