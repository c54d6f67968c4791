/* Which epoll sets watch a descriptor; see epoll_track.h.
 *
 * The hints are a table by number, in pieces that are mapped when they are
 * first needed and never given back, so that reading one takes no lock.  A
 * piece is private: after fork(2) the child's numbers are its own.
 */
#include "connect/epoll_track.h"

#include "connect/epoll_sets.h"
#include "connect/procfs.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	HINTS = 4,	 /* sets that a hint can name */
	PIECE = 1 << 12, /* descriptors in a piece */
	PIECES = 1 << 8, /* so 1,048,576, the kernel's fs.nr_open */
};

struct hint {
	int32_t set; /* number of the epoll set + 1; 0: none */
	uint32_t events;
	uint64_t data;
};

/* More sets than a hint can name, or memory was short: only the kernel
 * knows. */
enum { UNKNOWN = -1 };

struct hints {
	struct hint of[HINTS];
};

static struct hints *pieces[PIECES];
static bool blind; /* a piece could not be mapped */

static struct hints *hints_of(int fd)
{
	struct hints *piece;

	if (fd < 0 || fd >= PIECE * PIECES)
		return NULL;
	piece = __atomic_load_n(&pieces[fd / PIECE], __ATOMIC_ACQUIRE);
	return piece ? &piece[fd % PIECE] : NULL;
}

static struct hints *make_hints(int fd)
{
	struct hints *piece, *other = NULL;

	if (fd < 0 || fd >= PIECE * PIECES)
		return NULL;
	piece = mmap(NULL, sizeof(*piece) * PIECE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (piece == MAP_FAILED) {
		blind = true;
		return NULL;
	}
	if (!__atomic_compare_exchange_n(&pieces[fd / PIECE], &other, piece,
					 false, __ATOMIC_ACQ_REL,
					 __ATOMIC_ACQUIRE))
		munmap(piece, sizeof(*piece) * PIECE);
	return hints_of(fd);
}

/* What is registered next may come in a way that no hook sees. */
static void forget(int set, int fd)
{
	struct hints *hints = hints_of(fd);

	for (int i = 0; hints && i < HINTS; i++)
		if (hints->of[i].set == set + 1)
			hints->of[i].set = 0;
}

void xs_epoll_track_note(int set, int operation, int fd,
			 const struct epoll_event *event)
{
	int saved = errno;
	struct hints *hints = hints_of(fd);
	struct hint *hint;
	int i, at = HINTS;

	xs_epoll_sets_note(set);
	if (operation == EPOLL_CTL_DEL) {
		forget(set, fd);
		return;
	}
	if (!hints)
		hints = make_hints(fd);
	errno = saved;
	if (!hints)
		return;
	/* The same set's, else a free one. */
	for (i = HINTS - 1; i >= 0 && at == HINTS; i--)
		if (hints->of[i].set == set + 1)
			at = i;
	for (i = HINTS - 1; i >= 0 && at == HINTS; i--)
		if (!hints->of[i].set)
			at = i;
	if (at == HINTS) {
		hints->of[0].set = UNKNOWN;
		return;
	}
	hint = &hints->of[at];
	hint->events = event->events;
	memcpy(&hint->data, &event->data, sizeof(hint->data));
	hint->set = set + 1;
}

/* --- what the kernel lists ---------------------------------------------- */

/* A search through all descriptors for epoll sets that watch fd. */
struct search {
	int fd;
	struct xs_epoll_track *left;
	size_t count;
};

/* Deletes the registration, if it is there and not that of another file which
 * had the number before. */
static void leave_set(struct search *search, const struct xs_epoll_track *one)
{
	struct epoll_event unused = { .events = 0 };

	if (search->count < XS_EPOLL_TRACK_MAX &&
	    epoll_ctl(one->set, EPOLL_CTL_DEL, search->fd, &unused) == 0)
		search->left[search->count++] = *one;
}

static uint64_t number_behind(const char *line, const char *key, int base)
{
	const char *at = strstr(line, key);

	return at ? strtoull(at + strlen(key), NULL, base) : 0;
}

/* "tfd:       12 events:       19 data:                7  pos:0 …" */
static void read_line(struct search *search, int set, const char *line)
{
	struct xs_epoll_track one = {
		.set = set,
		.events = (uint32_t)number_behind(line, "events:", 16),
		.data = number_behind(line, "data:", 16),
	};

	if (strncmp(line, "tfd:", 4) == 0 &&
	    number_behind(line, "tfd:", 10) == (uint64_t)search->fd)
		leave_set(search, &one);
}

static void read_set(struct search *search, int set, int info)
{
	char buffer[1024];
	size_t have = 0;
	ssize_t got;

	while ((got = read(info, buffer + have, sizeof(buffer) - 1 - have)) >
	       0) {
		char *line = buffer, *end;

		have += (size_t)got;
		buffer[have] = '\0';
		while ((end = strchr(line, '\n'))) {
			*end = '\0';
			read_line(search, set, line);
			line = end + 1;
		}
		have -= (size_t)(line - buffer);
		memmove(buffer, line, have);
		if (have == sizeof(buffer) - 1)
			return;
	}
}

static void visit(int set, void *with)
{
	static const char what[] = "anon_inode:[eventpoll]";
	char target[sizeof(what)];
	int info;

	if (xs_procfs_link(set, target, sizeof(target)) != sizeof(what) - 1 ||
	    memcmp(target, what, sizeof(what) - 1) != 0)
		return;
	xs_epoll_sets_note(set);
	info = xs_procfs_info(set);
	if (info < 0)
		return;
	read_set(with, set, info);
	close(info);
}

/* The kernel says that the set watches the number, and nobody else has said
 * so. */
static void visit_unseen(int set, void *with)
{
	struct search *search = with;
	size_t before = search->count;
	int info = xs_procfs_info(set);

	if (info < 0)
		return;
	read_set(search, set, info);
	close(info);
	if (search->count > before)
		xs_epoll_sets_distrust(set);
}

/* --- both --------------------------------------------------------------- */

/* Does the hint tell less than the whole?  One shot may have been fired, which
 * only the kernel knows; a number that is no epoll set any more may be one that
 * the program has under another number. */
static bool is_vague(const struct hint *hint)
{
	return hint->set == UNKNOWN || (hint->events & EPOLLONESHOT);
}

/* A set that is told what to watch in other ways, too, is asked itself. */
static bool is_useless(const struct hint *hint)
{
	return hint->set <= 0 || xs_epoll_sets_is_distrusted(hint->set - 1);
}

size_t xs_epoll_track_leave(int fd,
			    struct xs_epoll_track left[XS_EPOLL_TRACK_MAX])
{
	struct search search = { .fd = fd, .left = left };
	const struct hints *hints = hints_of(fd);
	struct epoll_event unused = { .events = 0 };
	bool vague = blind || fd >= PIECE * PIECES;

	for (int i = 0; hints && i < HINTS; i++)
		vague |= is_vague(&hints->of[i]);
	if (vague)
		xs_procfs_each(visit, &search);
	/* Also where /proc is not to be had. */
	for (int i = 0; hints && i < HINTS; i++) {
		struct hint hint = hints->of[i];
		struct xs_epoll_track one = { hint.set - 1, hint.events,
					      hint.data };

		if (is_useless(&hint) || search.count == XS_EPOLL_TRACK_MAX)
			continue;
		if (epoll_ctl(one.set, EPOLL_CTL_DEL, fd, &unused) == 0)
			left[search.count++] = one;
		else if (errno != ENOENT && !vague) {
			vague = true;
			xs_procfs_each(visit, &search);
		}
	}
	/* Where nothing is left of it, there is nothing to be found. */
	if (!vague)
		xs_epoll_sets_each(fd, visit_unseen, &search);
	return search.count;
}

void xs_epoll_track_join(int fd, const struct xs_epoll_track *left,
			 size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct epoll_event event = { .events = left[i].events };

		memcpy(&event.data, &left[i].data, sizeof(event.data));
		epoll_ctl(left[i].set, EPOLL_CTL_ADD, fd, &event);
	}
}
