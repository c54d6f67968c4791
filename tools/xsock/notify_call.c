/* Which system call a supervised process has made; see notify.h.
 *
 * A program of 32 bits makes it by another number.  All else is as in one of 64
 * bits: the kernel tells its arguments as such, and addresses, their lengths
 * and the values of the options that are not left to the kernel have one layout
 * in both.  Those that have two (SO_RCVTIMEO, SO_SNDTIMEO) are the kernel's,
 * and an option whose value has a pointer the relay cannot give to another
 * process in any case.
 */
#include "xsock/notify.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/net.h>
#include <string.h>
#include <sys/syscall.h>

struct call {
	uint32_t number;
	int call;
	int arguments; /* as socketcall(2) has them in memory */
};

/* The rows of supervise_filter.c that are told. */
#ifdef __x86_64__
enum { ARCH_32 = AUDIT_ARCH_I386, MULTIPLEX = 102 };

static const struct call calls_32[] = {
	{ 362, SYS_connect, 0 },     { 365, SYS_getsockopt, 0 },
	{ 366, SYS_setsockopt, 0 },  { 367, SYS_getsockname, 0 },
	{ 368, SYS_getpeername, 0 }, { 369, SYS_sendto, 0 },
	{ 370, SYS_sendmsg, 0 },     { 345, SYS_sendmmsg, 0 },
};
#else
enum { ARCH_32 = AUDIT_ARCH_ARM, MULTIPLEX = -1 };

static const struct call calls_32[] = {
	{ 283, SYS_connect, 0 },     { 286, SYS_getsockname, 0 },
	{ 287, SYS_getpeername, 0 }, { 294, SYS_setsockopt, 0 },
	{ 295, SYS_getsockopt, 0 },  { 290, SYS_sendto, 0 },
	{ 296, SYS_sendmsg, 0 },     { 374, SYS_sendmmsg, 0 },
};
#endif

/* nargs of net/socket.c */
static const struct call calls_multiplex[] = {
	{ SYS_CONNECT, SYS_connect, 3 },
	{ SYS_GETSOCKNAME, SYS_getsockname, 3 },
	{ SYS_GETPEERNAME, SYS_getpeername, 3 },
	{ SYS_SENDTO, SYS_sendto, 6 },
	{ SYS_SETSOCKOPT, SYS_setsockopt, 5 },
	{ SYS_GETSOCKOPT, SYS_getsockopt, 5 },
	{ SYS_SENDMSG, SYS_sendmsg, 3 },
	{ SYS_SENDMMSG, SYS_sendmmsg, 4 },
};

#define COUNT(calls) (sizeof(calls) / sizeof(*(calls)))

/* NULL: none. */
static const struct call *find(const struct call *calls, size_t count,
			       uint64_t number)
{
	for (size_t i = 0; i < count; i++)
		if (calls[i].number == number)
			return &calls[i];
	return NULL;
}

static void fail(struct xs_notify *n, int errnum)
{
	n->call = -1;
	n->result = -1;
	n->errnum = errnum;
}

static bool is_send(int call)
{
	return call == SYS_sendto || call == SYS_sendmsg ||
	       call == SYS_sendmmsg;
}

/* socketcall(number, array of longs) */
static void read_multiplex(struct xs_notify *n, const struct seccomp_data *told)
{
	uint32_t words[6] = { 0 };
	const struct call *call = find(calls_multiplex, COUNT(calls_multiplex),
				       (uint32_t)told->args[0]);

	if (!call) {
		fail(n, ENOSYS);
		return;
	}
	if (xs_notify_read(n, (uint32_t)told->args[1], words,
			   (size_t)call->arguments * sizeof(*words)) < 0 &&
	    (errno != EPERM || is_send(call->call))) {
		fail(n, errno == EPERM ? EACCES : errno);
		return;
	}
	/* With EPERM there are none, and its socket cannot be had, either. */
	for (int i = 0; i < call->arguments; i++)
		n->args[i] = words[i];
	n->call = call->call;
}

/* A program of 64 bits that makes such a call may have anything in the upper
 * halves of its registers. */
static void read_32(struct xs_notify *n, const struct seccomp_data *told)
{
	const struct call *call =
		find(calls_32, COUNT(calls_32), (uint32_t)told->nr);

	if (!call) {
		fail(n, ENOSYS);
		return;
	}
	for (int i = 0; i < 6; i++)
		n->args[i] = (uint32_t)told->args[i];
	n->call = call->call;
}

void xs_notify_read_call(struct xs_notify *n, const struct seccomp_data *told)
{
	n->narrow = told->arch == ARCH_32;
	if (told->arch == ARCH_32 && told->nr == MULTIPLEX) {
		read_multiplex(n, told);
		return;
	}
	if (told->arch == ARCH_32) {
		read_32(n, told);
		return;
	}
	for (int i = 0; i < 6; i++)
		n->args[i] = told->args[i];
	n->call = told->nr;
}
