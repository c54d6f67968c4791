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
#include "config.h"
#include "libc.h"

#ifdef __GLIBC__

#define ENDS_IN_A_JUMP                                                         \
	__attribute__((optimize("O2", "no-stack-protector")))

static inline int without_deepbind(int flags)
{
	if (__builtin_expect(flags & RTLD_DEEPBIND, 0) && xs_config_active())
		flags &= ~RTLD_DEEPBIND;
	return flags;
}

XS_EXPORT ENDS_IN_A_JUMP void *dlopen(const char *file, int flags)
{
	xs_libc_need();
	return xs_libc.dlopen(file, without_deepbind(flags));
}

XS_EXPORT ENDS_IN_A_JUMP void *dlmopen(Lmid_t where, const char *file,
				       int flags)
{
	xs_libc_need();
	return xs_libc.dlmopen(where, file, without_deepbind(flags));
}

#endif
