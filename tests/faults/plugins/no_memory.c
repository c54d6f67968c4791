/* Memory that runs out: malloc and its kind, of which one call fails.
 *
 * Preloaded into a process.  XS_MEMORY names a file with a struct memory
 * (../memory.h), which another process maps, too: from when it says so, calls
 * are counted, and the one that it names fails, or also all behind that.  What
 * is behind glibc's own names is glibc's allocator.
 */
#include "../memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static struct memory *memory;

__attribute__((constructor)) static void map(void)
{
	const char *path = getenv("XS_MEMORY");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *mapped;

	if (fd < 0)
		return;
	mapped = mmap(NULL, sizeof(*memory), PROT_READ | PROT_WRITE, MAP_SHARED,
		      fd, 0);
	close(fd);
	if (mapped != MAP_FAILED)
		memory = mapped;
}

static bool runs_out(void)
{
	unsigned call, fails;

	if (!memory || !atomic_load(&memory->armed))
		return false;
	call = atomic_fetch_add(&memory->calls, 1) + 1;
	fails = atomic_load(&memory->fails);
	if (call != fails && !(atomic_load(&memory->on) && call > fails))
		return false;
	atomic_fetch_add(&memory->failed, 1);
	errno = ENOMEM;
	return true;
}

void *malloc(size_t size)
{
	return runs_out() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	return runs_out() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
	return runs_out() ? NULL : __libc_realloc(old, size);
}

void *memalign(size_t alignment, size_t size)
{
	return runs_out() ? NULL : __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return memalign(alignment, size);
}

int posix_memalign(void **to, size_t alignment, size_t size)
{
	void *got = memalign(alignment, size);

	if (!got)
		return ENOMEM;
	*to = got;
	return 0;
}
