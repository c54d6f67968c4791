/* A wrapped UDP socket; see datagram.h. */
#include "connect/datagram.h"

#include "base/clock.h"
#include "base/descriptor.h"
#include "connect/connect.h"
#include "connect/datagram_option.h"
#include "connect/dup_track.h"
#include "connect/late_error.h"
#include "connect/replace_fd.h"
#include "connect/report.h"
#include "connect/sockopt.h"
#include "connect/undisturbed.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

bool xs_datagram_is(int fd, struct xs_pair_info *pair)
{
	return xs_pair_read(fd, pair) && pair->kind != XS_PAIR_TCP;
}

/* --- a new pair in the place of the old one ------------------------------ */

static void put(int fd, int made)
{
	struct xs_flags flags;

	if (xs_flags_read(fd, &flags) == 0 &&
	    xs_flags_carry(fd, made, &flags) == 0 &&
	    xs_replace_fd(fd, made, &flags) == 0)
		xs_late_error_note(fd);
}

/* Behind the descriptor, and behind every copy that dup(2) has made of it. */
static void put_everywhere(int fd, int made)
{
	int shared[XS_DUP_TRACK_MAX];
	size_t count = xs_dup_track_find(fd, fd, shared);

	for (size_t i = 0; i < count && i < XS_DUP_TRACK_MAX; i++)
		put(shared[i], made);
	put(fd, made);
}

/* The rules are asked again.  What they say may have changed with the names
 * that the program has looked up; plaintext is never the answer. */
static void renew(int fd, const struct xs_pair_info *pair)
{
	struct xs_undisturbed before;
	struct xs_pair_info now;
	int made;

	xs_undisturbed_begin(&before);
	made = xs_above_stdio(socket(pair->asked.any.sa_family,
				     SOCK_DGRAM | SOCK_CLOEXEC, 0));
	if (made >= 0)
		xs_datagram_option_to_udp(fd, made);
	if (made >= 0 &&
	    xs_connect(made, &pair->asked.any, pair->asked.len) == 0 &&
	    xs_datagram_is(made, &now))
		put_everywhere(fd, made);
	if (made >= 0)
		close(made);
	xs_undisturbed_end(&before);
}

/* --- errors --------------------------------------------------------------- */

/* (Not on the stack of everybody.) */
__attribute__((noinline)) static void
report_lost(const struct xs_pair_info *pair)
{
	const struct xs_decision decision = { .rule = NULL };
	struct xs_error err = { .kind = XS_ERR_NONE };

	xs_error_set(&err, XS_ERR_RELAY, ECONNREFUSED,
		     "the relay ended, and what was on the way is lost (was it "
		     "killed?)");
	xs_report_failure(&pair->asked, &decision, &err);
}

/* The application's own shutdown(2) of both directions looks the same. */
static bool is_closed(int fd)
{
	struct pollfd end = { .fd = fd };

	return poll(&end, 1, 0) == 1 && (end.revents & POLLHUP) &&
	       xs_pair_asker(fd) != XS_PAIR_SHUT;
}

bool xs_datagram_is_closed(int fd)
{
	struct xs_pair_info pair;
	int saved = errno;
	bool closed = xs_datagram_is(fd, &pair) && is_closed(fd);

	errno = saved;
	return closed;
}

int xs_datagram_error(int fd)
{
	struct xs_pair_info pair;
	int saved = errno, error = 0;

	if (xs_datagram_is(fd, &pair) && is_closed(fd)) {
		/* Once more: it may have been named just before. */
		xs_pair_read(fd, &pair);
		error = ECONNREFUSED;
		if (pair.state == XS_PAIR_FAILED)
			error = pair.errnum;
		else
			report_lost(&pair);
		renew(fd, &pair);
	}
	errno = saved;
	return error;
}

ssize_t xs_datagram_refine(int fd, ssize_t result)
{
	int error = 0;

	/* EPIPE and the end are what a closed pair says, and ECONNRESET where
	 * the relay had not read everything. */
	if (result == 0 || errno == EPIPE || errno == ECONNRESET)
		error = xs_datagram_error(fd);
	if (!error)
		return result;
	errno = error;
	return -1;
}

/* --- sizes ---------------------------------------------------------------- */

/* What the relay has said lately of a pair: its id, the second, and the longest
 * datagram (at most 16384).  A question costs more than a datagram, and one to
 * a relay that is stopped much more. */
static uint64_t last_answer;

enum { NO_ANSWER = 0xffff }; /* everything fits */

static unsigned int largest_of(int fd, const struct xs_pair_info *pair)
{
	uint64_t now = (uint64_t)pair->id << 32 |
		       ((uint64_t)xs_clock_coarse_ms() / 1000 & 0xffff) << 16;
	uint64_t last = __atomic_load_n(&last_answer, __ATOMIC_RELAXED);
	int largest;

	if ((last & ~(uint64_t)0xffff) == now && (last & 0xffff))
		return (unsigned int)(last & 0xffff);
	largest = xs_sockopt_largest(fd, pair);
	if (largest < 0 || largest > NO_ANSWER)
		largest = NO_ANSWER;
	now |= (unsigned int)largest;
	__atomic_store_n(&last_answer, now, __ATOMIC_RELAXED);
	return (unsigned int)largest;
}

/* What the estimate lets through, and a cipher that takes much may not. */
static bool fits_cipher(int fd, const struct xs_pair_info *pair, size_t size)
{
	unsigned int largest;

	if (pair->kind != XS_PAIR_DTLS ||
	    size + XS_PAIR_RECORD_MOST <= pair->limit + XS_PAIR_RECORD)
		return true;
	largest = largest_of(fd, pair);
	return !largest || size <= largest;
}

bool xs_datagram_fits(int fd, size_t size)
{
	struct xs_pair_info pair;

	if (size <= XS_DATAGRAM_SMALL || !xs_datagram_is(fd, &pair) ||
	    (size <= pair.limit && fits_cipher(fd, &pair, size)))
		return true;
	errno = EMSGSIZE;
	return false;
}
