/* What a failed read or write means; see late_error.h. */
#include "connect/late_error.h"

#include "base/descriptor.h"
#include "base/pair.h"
#include "connect/report.h"

#include <errno.h>
#include <sys/socket.h>

uint64_t xs_late_error_hints[XS_LATE_ERROR_HINTS / 64];

void xs_late_error_note(int fd)
{
	unsigned entry = xs_late_error_entry(fd);

	__atomic_fetch_or(&xs_late_error_hints[entry / 64],
			  UINT64_C(1) << entry % 64, __ATOMIC_RELAXED);
}

/* One that shares its entry is not forgotten: another may be a pair. */
void xs_late_error_forget(int fd)
{
	unsigned entry = xs_late_error_entry(fd);

	if (entry == XS_LATE_ERROR_HINTS - 1)
		return;
	__atomic_fetch_and(&xs_late_error_hints[entry / 64],
			   ~(UINT64_C(1) << entry % 64), __ATOMIC_RELAXED);
}

int xs_late_error_refine(const struct xs_pair_info *pair, int errnum)
{
	if (errnum != ECONNRESET)
		return errnum;
	switch (pair->state) {
	case XS_PAIR_CONNECTED:
		break;
	case XS_PAIR_FAILED:
		return pair->errnum;
	case XS_PAIR_CONNECTING:
		xs_report_lost(&pair->asked);
		return EACCES;
	}
	return errnum;
}

/* The error that a pair has to tell to who sends; 0 for none. */
static int take_error(int fd)
{
	struct xs_pair_info pair;
	int pending;

	if (!xs_pair_read(fd, &pair)) {
		xs_late_error_forget(fd);
		return 0;
	}
	/* Reading clears it: the next send is EPIPE. */
	pending = xs_socket_int(fd, SOL_SOCKET, SO_ERROR);
	return pending > 0 ? xs_late_error_refine(&pair, pending) : 0;
}

bool xs_late_error_of_send(int fd, ssize_t sent, int before)
{
	int error;

	if (sent >= 0 || errno != EPIPE)
		return true;
	error = take_error(fd);
	errno = error ? error : before;
	return error;
}

void xs_late_error_of_read(int fd)
{
	struct xs_pair_info pair;

	errno = ECONNRESET;
	if (xs_pair_read(fd, &pair))
		errno = xs_late_error_refine(&pair, ECONNRESET);
}
