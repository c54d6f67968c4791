/* What becomes of the library in another program; see image.h. */
#include "exec/image.h"

#include "base/elf_file.h"
#include "base/script.h"
#include "base/secure_exec.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static const char *const sentences[XS_IMAGES] = {
	[XS_IMAGE_LOADS] = "loads the library",
	[XS_IMAGE_STATIC] =
		"is statically linked, so that no library can be loaded into "
		"it",
	[XS_IMAGE_GO] = "is a Go program, which makes its system calls itself "
			"and passes the library by",
	[XS_IMAGE_PASCAL] =
		"is a Free Pascal program, which makes its system calls itself "
		"and passes the library by",
	[XS_IMAGE_OTHER_ABI] =
		"is for another machine or C library than this libxsock.so",
	[XS_IMAGE_IDS] = "would run with other effective than real IDs, in "
			 "which case the loader ignores the library",
	[XS_IMAGE_SET_USER] =
		"is set-user-ID, for which the loader ignores the library",
	[XS_IMAGE_SET_GROUP] =
		"is set-group-ID, for which the loader ignores the library",
	[XS_IMAGE_CAPABILITIES] =
		"has file capabilities, for which the loader ignores the "
		"library",
	[XS_IMAGE_UNREAD] = "cannot be opened for reading, so that it cannot "
			    "be told whether it loads the library",
	[XS_IMAGE_ELSEWHERE] =
		"is started from another folder, by a path that does not begin "
		"with /, so that it cannot be told whether it loads the "
		"library",
	[XS_IMAGE_UNMAPPED] = "cannot load the library, which is on a mount "
			      "without exec rights (noexec, or NoExecPaths= of "
			      "a systemd unit)",
	[XS_IMAGE_UNFOUND] = "cannot open the library's file, which LD_PRELOAD "
			     "names (is it outside of a new root, or not to be "
			     "read by this user?)",
};

const char *xs_image_sentence(enum xs_image image)
{
	return sentences[image];
}

/* --- trust -------------------------------------------------------------- */

static enum xs_image judge_trust(int fd)
{
	switch (xs_secure_exec_judge(fd)) {
	case XS_SECURE_EXEC_IDS:
		return XS_IMAGE_IDS;
	case XS_SECURE_EXEC_SET_USER:
		return XS_IMAGE_SET_USER;
	case XS_SECURE_EXEC_SET_GROUP:
		return XS_IMAGE_SET_GROUP;
	case XS_SECURE_EXEC_CAPABILITIES:
		return XS_IMAGE_CAPABILITIES;
	case XS_SECURE_EXEC_NONE:
		break;
	}
	return XS_IMAGE_LOADS;
}

/* --- programs ------------------------------------------------------------ */

extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

static bool is_of_this_abi(const struct xs_elf *elf)
{
	const struct xs_elf own = {
		.class = __ehdr_start.e_ident[EI_CLASS],
		.data = __ehdr_start.e_ident[EI_DATA],
		.machine = __ehdr_start.e_machine,
#ifdef __GLIBC__
		.libc = XS_ELF_LIBC_GLIBC,
#else
		.libc = XS_ELF_LIBC_MUSL,
#endif
	};

	return xs_elf_fits(elf, &own);
}

/* Of PT_INTERP of this program; NULL: none is known. */
static const char *own_loader;

/* The loader may be started as a program, to load another one (ldd(1)). */
static bool is_own_loader(int fd)
{
	struct stat file, loader;

	return own_loader && fstat(fd, &file) == 0 &&
	       stat(own_loader, &loader) == 0 && file.st_dev == loader.st_dev &&
	       file.st_ino == loader.st_ino;
}

static enum xs_image judge_program(const struct xs_elf *elf, int fd)
{
	if (xs_elf_is_native(elf) && elf->loader[0] == '\0')
		return is_own_loader(fd) ? judge_trust(fd) : XS_IMAGE_STATIC;
	if (elf->go)
		return XS_IMAGE_GO;
	if (elf->pascal)
		return XS_IMAGE_PASCAL;
	if (!is_of_this_abi(elf))
		return XS_IMAGE_OTHER_ABI;
	return judge_trust(fd);
}

/* --- the library ---------------------------------------------------------- */

enum xs_image xs_image_judge_library(const char *path)
{
	enum xs_image image = XS_IMAGE_LOADS;
	struct statvfs system;
	int saved = errno;

	if (faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) < 0 &&
	    (errno == ENOENT || errno == ENOTDIR || errno == EACCES))
		image = XS_IMAGE_UNFOUND;
	else if (statvfs(path, &system) == 0 && (system.f_flag & ST_NOEXEC))
		image = XS_IMAGE_UNMAPPED;
	errno = saved;
	return image;
}

/* --- scripts -------------------------------------------------------------- */

/* Judges one file.  True: it is a script, whose interpreter is judged next. */
static bool judge_file(int fd, enum xs_image *image, struct xs_script *script)
{
	struct xs_elf elf;

	*image = XS_IMAGE_LOADS;
	switch (xs_elf_read(fd, &elf)) {
	case XS_ELF_OK:
		*image = judge_program(&elf, fd);
		return false;
	case XS_ELF_BAD: /* execve(2) will say what is wrong */
		return false;
	case XS_ELF_NOT:
		break;
	}
	return xs_script_read(fd, script);
}

/* --- the whole ------------------------------------------------------------ */

static int open_image(int dirfd, const char *path)
{
	return openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

/* One that may be executed and not read still shows its set-ID bits.  One that
 * has just gone execve(2) will not find either. */
static enum xs_image judge_unopened(int dirfd, const char *path)
{
	enum xs_image image = XS_IMAGE_UNREAD;
	int fd;

	if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP ||
	    errno == ENXIO)
		return XS_IMAGE_LOADS;
	fd = openat(dirfd, path, O_PATH | O_CLOEXEC);
	if (fd >= 0) {
		enum xs_image trust = judge_trust(fd);

		if (trust != XS_IMAGE_LOADS)
			image = trust;
		close(fd);
	}
	return image;
}

/* Judges fd, which can be read, and what is to interpret it. */
static enum xs_image judge_chain(int fd)
{
	struct xs_script script;
	enum xs_image image;
	int at = fd;

	for (int depth = 0; depth <= XS_SCRIPT_CHAIN_MAX; depth++) {
		bool is_script = judge_file(at, &image, &script);

		if (at != fd)
			close(at);
		if (!is_script)
			return image;
		at = open_image(AT_FDCWD, script.interpreter);
		if (at < 0)
			return judge_unopened(AT_FDCWD, script.interpreter);
	}
	if (at != fd)
		close(at);
	return image;
}

enum xs_image xs_image_judge(int dirfd, const char *path)
{
	int saved = errno, fd = open_image(dirfd, path);
	enum xs_image image;

	if (fd >= 0) {
		image = judge_chain(fd);
		close(fd);
	} else {
		image = judge_unopened(dirfd, path);
	}
	errno = saved;
	return image;
}

enum xs_image xs_image_judge_fd(int fd)
{
	char path[32];
	int saved = errno, flags = fcntl(fd, F_GETFL);
	enum xs_image image;

	errno = saved;
	if (flags < 0)
		return XS_IMAGE_LOADS;
	if (flags & O_PATH) { /* which cannot be read from */
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		return xs_image_judge(AT_FDCWD, path);
	}
	image = judge_chain(fd);
	errno = saved;
	return image;
}

/* --- this program --------------------------------------------------------- */

static bool has_go_note(const char *notes, size_t len)
{
	size_t at = 0;
	ElfW(Nhdr) note;

	while (at <= len && len - at >= sizeof(note)) {
		memcpy(&note, notes + at, sizeof(note));
		at += sizeof(note);
		if (note.n_type == 4 && note.n_namesz == 4 && len - at >= 4 &&
		    memcmp(notes + at, "Go\0", 4) == 0)
			return true;
		at += ((size_t)note.n_namesz + 3) / 4 * 4 +
		      ((size_t)note.n_descsz + 3) / 4 * 4;
	}
	return false;
}

/* What the loader tells of this program. */
struct own {
	enum xs_image image;
	const ElfW(Phdr) * headers;
	size_t count;
};

/* The first object is the program. */
static int look_at_program(struct dl_phdr_info *program, size_t size,
			   void *data)
{
	struct own *own = data;

	(void)size;
	own->headers = program->dlpi_phdr;
	own->count = program->dlpi_phnum;
	for (int i = 0; i < program->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &program->dlpi_phdr[i];

		if (segment->p_type == PT_INTERP)
			own_loader = (const char *)(program->dlpi_addr +
						    segment->p_vaddr);
		if (segment->p_type == PT_NOTE &&
		    has_go_note((const char *)(program->dlpi_addr +
					       segment->p_vaddr),
				segment->p_memsz))
			own->image = XS_IMAGE_GO;
	}
	return 1;
}

/* Has the file the program headers that are in memory?  Those of two programs
 * of different compilers differ. */
static bool is_program(int fd, const struct own *own)
{
	/* Linkers put them at the start of the file. */
	alignas(ElfW(Ehdr)) char start[2048];
	const ElfW(Ehdr) *head = (const void *)start;
	const size_t size = own->count * sizeof(*own->headers);
	ssize_t len = pread(fd, start, sizeof(start), 0);

	return len >= (ssize_t)sizeof(*head) &&
	       memcmp(head->e_ident, ELFMAG, SELFMAG) == 0 &&
	       head->e_phnum == own->count && size <= (size_t)len &&
	       head->e_phoff <= (size_t)len - size &&
	       memcmp(start + head->e_phoff, own->headers, size) == 0;
}

/* By the path that the kernel was given: /proc would first have to make its
 * files for this process, which takes it longer than all else that is asked
 * here.  But the path may lead elsewhere.  That of a script is the script's.  A
 * constructor may have changed the folder, and somebody may have put another
 * file there. */
static int open_own(const struct own *own)
{
	const char *path = (const char *)getauxval(AT_EXECFN);
	int fd = path ? open_image(AT_FDCWD, path) : -1;

	if (fd >= 0 && is_program(fd, own))
		return fd;
	if (fd >= 0)
		close(fd);
	return open_image(AT_FDCWD, "/proc/self/exe");
}

/* The names of sections are in no memory. */
static bool is_pascal(const struct own *own)
{
	int fd = open_own(own);
	bool is = fd >= 0 && xs_elf_is_pascal(fd);

	if (fd >= 0)
		close(fd);
	return is;
}

enum xs_image xs_image_own(void)
{
	struct own own = { .image = XS_IMAGE_LOADS };

	dl_iterate_phdr(look_at_program, &own);
	return own.image == XS_IMAGE_LOADS && is_pascal(&own) ? XS_IMAGE_PASCAL
							      : own.image;
}
