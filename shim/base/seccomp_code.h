/* A program for seccomp(2), put together step by step.
 *
 * Only what the filters of relay and supervisor need: loads from struct
 * seccomp_data, tests against a constant, answers.  The caller knows that its
 * steps fit.  No memory is allocated.
 */
#ifndef XS_SECCOMP_CODE_H
#define XS_SECCOMP_CODE_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>

enum { XS_SECCOMP_CODE_MAX = 1024 };

struct xs_seccomp_code {
	struct sock_filter at[XS_SECCOMP_CODE_MAX];
	unsigned short len;
};

static inline void xs_seccomp_add(struct xs_seccomp_code *code,
				  struct sock_filter step)
{
	code->at[code->len++] = step;
}

/* A member of struct seccomp_data. */
static inline void xs_seccomp_load(struct xs_seccomp_code *code, size_t offset)
{
	xs_seccomp_add(code,
		       (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						    (uint32_t)offset));
}

/* The lower half of an argument, on these little endian machines. */
static inline void xs_seccomp_load_argument(struct xs_seccomp_code *code,
					    unsigned number)
{
	xs_seccomp_load(code, offsetof(struct seccomp_data, args) +
				      number * sizeof(uint64_t));
}

/* Opens a block that is left out where the test (BPF_JEQ and its like) of what
 * was loaded fails; at most 255 steps.  Returns its place, for
 * xs_seccomp_end_block. */
static inline unsigned short
xs_seccomp_begin_block(struct xs_seccomp_code *code, uint16_t test,
		       uint32_t value)
{
	xs_seccomp_add(code, (struct sock_filter)BPF_JUMP(
				     BPF_JMP | test | BPF_K, value, 0, 0));
	return code->len;
}

static inline void xs_seccomp_end_block(struct xs_seccomp_code *code,
					unsigned short begin)
{
	code->at[begin - 1].jf = (uint8_t)(code->len - begin);
}

/* Ends the program with an answer, SECCOMP_RET_…. */
static inline void xs_seccomp_give(struct xs_seccomp_code *code, uint32_t what)
{
	xs_seccomp_add(code,
		       (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, what));
}

#endif
