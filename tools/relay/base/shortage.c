/* Short of descriptors; see shortage.h. */
#include "relay/base/shortage.h"

#include <errno.h>
#include <sys/resource.h>

/* So many are kept, or this share of the limit. */
enum { KEPT = 64, KEPT_SHARE = 8 };

/* The first of the last ones. */
static rlim_t first_kept(rlim_t limit)
{
	const rlim_t share = limit / KEPT_SHARE;

	return limit - (share < KEPT ? share : KEPT);
}

bool xs_shortage_meets(const int *fds, size_t nfds, struct xs_error *err)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 ||
	    limit.rlim_cur == RLIM_INFINITY)
		return false;
	for (size_t i = 0; i < nfds; i++)
		if ((rlim_t)fds[i] >= first_kept(limit.rlim_cur)) {
			xs_error_set(err, XS_ERR_SYSTEM, EMFILE,
				     "the relay has no descriptor left for it "
				     "(raise the hard limit of descriptors, "
				     "which is %llu)",
				     (unsigned long long)limit.rlim_cur);
			return true;
		}
	return false;
}
