/* Which function answers which system call; see notify.h. */
#include "xsock/notify.h"

#include <errno.h>
#include <stddef.h>
#include <sys/syscall.h>

/* All of which the filter tells. */
static const struct {
	int call;
	void (*answer)(struct xs_notify *n);
} calls[] = {
	{ SYS_connect, xs_notify_connect },
	{ SYS_getsockname, xs_notify_getsockname },
	{ SYS_getpeername, xs_notify_getpeername },
	{ SYS_getsockopt, xs_notify_getsockopt },
	{ SYS_setsockopt, xs_notify_setsockopt },
	{ SYS_sendto, xs_notify_send },
	{ SYS_sendmsg, xs_notify_send },
	{ SYS_sendmmsg, xs_notify_send },
};
enum { CALLS = sizeof(calls) / sizeof(*calls) };

void xs_notify_answer(struct xs_notify *n)
{
	if (n->call < 0)
		return;
	n->result = -1;
	n->errnum = ENOSYS;
	for (size_t i = 0; i < CALLS; i++) {
		if (calls[i].call == n->call) {
			n->errnum = 0;
			calls[i].answer(n);
			return;
		}
	}
}

bool xs_notify_may_wait(const struct xs_notify *n)
{
	return n->call == SYS_connect || n->call == SYS_sendto ||
	       n->call == SYS_sendmsg || n->call == SYS_sendmmsg;
}
