/* The filter of system calls; see supervise_filter.h.
 *
 * One row for each call that may lead a connection past the rules, or that
 * answers differently of a wrapped descriptor.  What takes its address or its
 * flags from memory that the filter cannot read is told to the supervisor; what
 * has no other use is answered here.
 *
 * The surprising thing is the last argument of lseek(2): a call that no program
 * makes is how the library asks whether it is supervised (supervised.h).
 */
#include "xsock/supervise_filter.h"

#include "base/seccomp_code.h"
#include "base/supervised.h"

#include <linux/audit.h>
#include <linux/net.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__) || defined(__aarch64__)

enum what {
	TELL,
	QUESTION,  /* is allowed, but for the library's question; the argument
		      is lseek(2)'s offset */
	SENDTO,	   /* MSG_FASTOPEN in the argument is refused, as a kernel
		      refuses it that has it switched off; an address may be
		      told */
	FASTOPEN,  /* the same of those whose address is in memory */
	MULTIPLEX, /* socketcall(2): the call is in the first argument */
	REFUSE,	   /* there is no such call */
};

struct row {
	uint32_t call;
	enum what what;
	uint32_t argument;
};

/* Of the architecture that this is built for. */
static const struct row rows_own[] = {
	{ SYS_connect, TELL, 0 },	   { SYS_getsockname, TELL, 0 },
	{ SYS_getpeername, TELL, 0 },	   { SYS_getsockopt, TELL, 0 },
	{ SYS_setsockopt, TELL, 0 },	   { SYS_sendto, SENDTO, 3 },
	{ SYS_sendmsg, FASTOPEN, 2 },	   { SYS_sendmmsg, FASTOPEN, 3 },
	{ SYS_io_uring_setup, REFUSE, 0 }, { SYS_lseek, QUESTION, 1 },
};

#ifdef __x86_64__
/* Programs of 32 bits, and those of 64 that use their gate
 * (arch/x86/entry/syscalls/syscall_32.tbl).  What is told of them is what
 * notify_call.c knows. */
static const struct row rows_32[] = {
	{ 102, MULTIPLEX, 0 }, /* socketcall */
	{ 140, QUESTION, 2 },  /* _llseek, which libc's lseek is */
	{ 345, FASTOPEN, 3 },  /* sendmmsg */
	{ 362, TELL, 0 },      /* connect */
	{ 365, TELL, 0 },      /* getsockopt */
	{ 366, TELL, 0 },      /* setsockopt */
	{ 367, TELL, 0 },      /* getsockname */
	{ 368, TELL, 0 },      /* getpeername */
	{ 369, SENDTO, 3 },    /* sendto */
	{ 370, FASTOPEN, 2 },  /* sendmsg */
	{ 425, REFUSE, 0 },    /* io_uring_setup */
};
#elif defined(__aarch64__)
/* Programs of 32 bits (arch/arm/tools/syscall.tbl).  socketcall(2) was of an
 * older ABI, which arm64 has not. */
static const struct row rows_32[] = {
	{ 140, QUESTION, 2 }, /* _llseek */
	{ 283, TELL, 0 },     /* connect */
	{ 286, TELL, 0 },     /* getsockname */
	{ 287, TELL, 0 },     /* getpeername */
	{ 290, SENDTO, 3 },   /* sendto */
	{ 294, TELL, 0 },     /* setsockopt */
	{ 295, TELL, 0 },     /* getsockopt */
	{ 296, FASTOPEN, 2 }, /* sendmsg */
	{ 374, FASTOPEN, 3 }, /* sendmmsg */
	{ 425, REFUSE, 0 },   /* io_uring_setup */
};
#endif

/* By socketcall(2).  MSG_FASTOPEN is in memory, as all arguments are. */
static const uint32_t told_of_multiplex[] = {
	SYS_CONNECT,	SYS_GETSOCKNAME, SYS_GETPEERNAME, SYS_SENDTO,
	SYS_SETSOCKOPT, SYS_GETSOCKOPT,	 SYS_SENDMSG,	  SYS_SENDMMSG,
};

#define COUNT(rows) (sizeof(rows) / sizeof(*(rows)))

#ifdef __x86_64__
enum { ARCH_OWN = AUDIT_ARCH_X86_64, ARCH_32 = AUDIT_ARCH_I386 };
#else
enum { ARCH_OWN = AUDIT_ARCH_AARCH64, ARCH_32 = AUDIT_ARCH_ARM };
#endif

/* What the x32 ABI of x86-64 adds to the number of a call. */
enum { X32_BIT = 0x40000000 };

/* lseek(fd, offset, whence), or _llseek(fd, high, low, result, whence).  Beside
 * who only looks on, a library with rules of its own follows them. */
static void add_question(struct xs_seccomp_code *code, uint32_t offset,
			 const struct xs_supervise_wish *wish)
{
	unsigned short question, of_library, same;

	xs_seccomp_load_argument(code, 2 * offset);
	question = xs_seccomp_begin_block(code, BPF_JEQ, XS_SUPERVISED_WHENCE);
	xs_seccomp_load_argument(code, 0);
	of_library = xs_seccomp_begin_block(code, BPF_JEQ, UINT32_MAX);
	xs_seccomp_load_argument(code, offset);
	same = xs_seccomp_begin_block(code, BPF_JEQ, wish->rules);
	xs_seccomp_give(code, SECCOMP_RET_ERRNO | XS_SUPERVISED_ERRNO);
	xs_seccomp_end_block(code, same);
	xs_seccomp_give(code, wish->look_on ? SECCOMP_RET_ALLOW
					    : SECCOMP_RET_ERRNO |
						      XS_SUPERVISED_OTHERS);
	xs_seccomp_end_block(code, of_library);
	xs_seccomp_end_block(code, question);
	xs_seccomp_give(code, SECCOMP_RET_ALLOW);
}

/* sendto(fd, data, size, flags, address, length): without an address it has
 * none in either half of that argument. */
static void allow_without_address(struct xs_seccomp_code *code)
{
	enum { ADDRESS = 4 };
	unsigned short low, high;

	xs_seccomp_load_argument(code, ADDRESS);
	low = xs_seccomp_begin_block(code, BPF_JEQ, 0);
	xs_seccomp_load(code, offsetof(struct seccomp_data, args) +
				      ADDRESS * sizeof(uint64_t) +
				      sizeof(uint32_t));
	high = xs_seccomp_begin_block(code, BPF_JEQ, 0);
	xs_seccomp_give(code, SECCOMP_RET_ALLOW);
	xs_seccomp_end_block(code, high);
	xs_seccomp_end_block(code, low);
}

static void add_send(struct xs_seccomp_code *code, const struct row *row,
		     const struct xs_supervise_wish *wish)
{
	unsigned short flag;

	xs_seccomp_load_argument(code, row->argument);
	flag = xs_seccomp_begin_block(code, BPF_JSET, MSG_FASTOPEN);
	xs_seccomp_give(code, SECCOMP_RET_ERRNO | EOPNOTSUPP);
	xs_seccomp_end_block(code, flag);
	if (wish->datagrams && row->what == SENDTO)
		allow_without_address(code);
	xs_seccomp_give(code, wish->datagrams ? SECCOMP_RET_USER_NOTIF
					      : SECCOMP_RET_ALLOW);
}

static void add_multiplex(struct xs_seccomp_code *code)
{
	xs_seccomp_load_argument(code, 0);
	for (size_t i = 0; i < COUNT(told_of_multiplex); i++) {
		unsigned short call = xs_seccomp_begin_block(
			code, BPF_JEQ, told_of_multiplex[i]);

		xs_seccomp_give(code, SECCOMP_RET_USER_NOTIF);
		xs_seccomp_end_block(code, call);
	}
	xs_seccomp_give(code, SECCOMP_RET_ALLOW);
}

/* Is the row for rules alone?  Who only looks on refuses nothing. */
static bool is_for_rules(const struct row *row)
{
	switch (row->what) {
	case SENDTO:
	case FASTOPEN:
	case MULTIPLEX:
	case REFUSE:
		return true;
	case TELL:
	case QUESTION:
		break;
	}
	return row->call == SYS_setsockopt || row->call == SYS_getsockname ||
	       row->call == SYS_getpeername;
}

/* What is done about a call. */
static void add_what(struct xs_seccomp_code *code, const struct row *row,
		     const struct xs_supervise_wish *wish)
{
	switch (row->what) {
	case TELL:
		xs_seccomp_give(code, SECCOMP_RET_USER_NOTIF);
		return;
	case QUESTION:
		add_question(code, row->argument, wish);
		return;
	case MULTIPLEX:
		add_multiplex(code);
		return;
	case SENDTO:
	case FASTOPEN:
		add_send(code, row, wish);
		return;
	case REFUSE:
		xs_seccomp_give(code, SECCOMP_RET_ERRNO | ENOSYS);
		return;
	}
}

static void add_rows(struct xs_seccomp_code *code, const struct row *rows,
		     size_t count, const struct xs_supervise_wish *wish)
{
	for (size_t i = 0; i < count; i++) {
		unsigned short row;

		if (wish->look_on && is_for_rules(&rows[i]))
			continue;
		row = xs_seccomp_begin_block(code, BPF_JEQ, rows[i].call);
		add_what(code, &rows[i], wish);
		xs_seccomp_end_block(code, row);
	}
	xs_seccomp_give(code, SECCOMP_RET_ALLOW);
}

static void fill(struct xs_seccomp_code *code,
		 const struct xs_supervise_wish *wish)
{
	unsigned short block;

	xs_seccomp_load(code, offsetof(struct seccomp_data, arch));
	block = xs_seccomp_begin_block(code, BPF_JEQ, ARCH_32);
	xs_seccomp_load(code, offsetof(struct seccomp_data, nr));
	/* socketcall(2) cannot be told of without being answered. */
	add_rows(code, rows_32, wish->look_on ? 0 : COUNT(rows_32), wish);
	xs_seccomp_end_block(code, block);
	xs_seccomp_load(code, offsetof(struct seccomp_data, nr));
	block = xs_seccomp_begin_block(code, BPF_JGE, X32_BIT);
	xs_seccomp_give(code, wish->look_on ? SECCOMP_RET_ALLOW
					    : SECCOMP_RET_ERRNO | ENOSYS);
	xs_seccomp_end_block(code, block);
	add_rows(code, rows_own, COUNT(rows_own), wish);
}

int xs_supervise_filter(const struct xs_supervise_wish *wish)
{
	struct xs_seccomp_code code = { .len = 0 };
	struct sock_fprog given = { .filter = code.at };

	fill(&code, wish);
	given.len = code.len;
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
			    SECCOMP_FILTER_FLAG_NEW_LISTENER, &given);
}

#else

int xs_supervise_filter(const struct xs_supervise_wish *wish)
{
	(void)wish;
	errno = ENOSYS;
	return -1;
}

#endif
