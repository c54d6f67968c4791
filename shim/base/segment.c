/* Shared memory; see segment.h. */
#include "base/segment.h"

#include "base/hash.h"
#include "base/ids.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/shm.h>
#include <unistd.h>

#ifndef SHM_NORESERVE
#define SHM_NORESERVE 010000
#endif

static void *attach(int number)
{
	void *map = shmat(number, NULL, 0);

	return (intptr_t)map == -1 ? NULL : map;
}

/* A removed segment stays while it is attached, and may be attached by its
 * number (shmctl(2)). */
void *xs_segment_make(size_t size, int *number)
{
	void *map;

	*number = shmget(IPC_PRIVATE, size, IPC_CREAT | SHM_NORESERVE | 0600);
	if (*number < 0)
		return NULL;
	map = attach(*number);
	shmctl(*number, IPC_RMID, NULL);
	return map;
}

/* Not 0, which no handle has. */
static uint64_t random_number(int number)
{
	/* 16 bytes of the kernel's, new for each program (getauxval(3)). */
	const void *seed = (const void *)getauxval(AT_RANDOM);
	const pid_t pid = getpid();
	uint64_t hash = xs_hash(XS_HASH_START, (const char *)&pid, sizeof(pid));

	hash = xs_hash(hash, (const char *)&number, sizeof(number));
	return (seed ? xs_hash(hash, seed, 16) : hash) | 1;
}

void xs_segment_sign(struct xs_segment_head *head, uint64_t layout, int number)
{
	head->layout = layout;
	head->cookie = random_number(number);
}

/* Writes the digits of number.  Returns where they end.  (By
 * snprintf(3), each program that is started would pay for its pages.) */
static char *write_digits(char *to, unsigned long long number, unsigned base)
{
	char digits[24];
	size_t n = 0;

	do {
		digits[n++] = "0123456789abcdef"[number % base];
		number /= base;
	} while (number);
	while (n)
		*to++ = digits[--n];
	return to;
}

void xs_segment_write_handle(const struct xs_segment_head *head, int number,
			     char handle[XS_SEGMENT_HANDLE_MAX])
{
	handle = write_digits(handle, (unsigned)number, 10);
	*handle++ = '.';
	*write_digits(handle, head->cookie, 16) = '\0';
}

/* Whoever can write to it could deceive who reads. */
static bool is_own(int number, size_t size)
{
	struct shmid_ds state;

	return shmctl(number, IPC_STAT, &state) == 0 &&
	       state.shm_perm.uid == xs_ids_own_user() &&
	       state.shm_perm.cuid == xs_ids_own_user() &&
	       (state.shm_perm.mode & 0777) == 0600 && state.shm_segsz == size;
}

/* False: it is none, or that of no segment ("0.0"). */
static bool read_handle(const char *handle, int *number,
			unsigned long long *cookie)
{
	char *end;
	long n = strtol(handle, &end, 10);

	if (*end != '.' || n < 0 || n > INT32_MAX)
		return false;
	*number = (int)n;
	*cookie = strtoull(end + 1, &end, 16);
	return (!*end || *end == ',') && *cookie;
}

void *xs_segment_attach(const char *handle, size_t size, uint64_t layout,
			int *number)
{
	struct xs_segment_head *head;
	unsigned long long cookie;

	if (!read_handle(handle, number, &cookie) || !is_own(*number, size))
		return NULL;
	head = attach(*number);
	if (!head || (head->layout == layout && head->cookie == cookie))
		return head;
	shmdt(head);
	return NULL;
}
