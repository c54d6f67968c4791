/* Hooks: dlopen, dlmopen.
 *
 * RTLD_DEEPBIND lets a plug-in find its own libraries before everything else,
 * and among them libc: it would not see the hooks, and its connections would
 * be plaintext (PHP loads its extensions so).  Where there are rules, the flag
 * is taken off.  A namespace of its own (LM_ID_NEWLM) has another libc, which
 * no preloaded library reaches.
 *
 * The surprising thing: libc looks at the return address, to know whose
 * RUNPATH and $ORIGIN count.  So these must end in a jump, not in a call, and
 * can do nothing afterwards.
 */
#include "connect/config.h"
#include "hooks/libc.h"

#ifdef __GLIBC__

/* Clang and gcc 15 have an attribute for such a jump, which holds at every
 * level of optimization.  Older gcc makes the jump at level 2, unless it has to
 * check the stack's canary behind the call. */
#if __has_attribute(musttail)
#define ENDS_IN_A_JUMP __attribute__((no_stack_protector))
#define JUMP	       __attribute__((musttail))
#else
#define ENDS_IN_A_JUMP __attribute__((optimize("O2", "no-stack-protector")))
#define JUMP
#endif

static inline int without_deepbind(int flags)
{
	if (__builtin_expect(flags & RTLD_DEEPBIND, 0) && xs_config_active())
		flags &= ~RTLD_DEEPBIND;
	return flags;
}

XS_EXPORT ENDS_IN_A_JUMP void *dlopen(const char *file, int flags)
{
	xs_libc_need();
	JUMP return xs_libc.dlopen(file, without_deepbind(flags));
}

XS_EXPORT ENDS_IN_A_JUMP void *dlmopen(Lmid_t where, const char *file,
				       int flags)
{
	xs_libc_need();
	JUMP return xs_libc.dlmopen(where, file, without_deepbind(flags));
}

#endif
