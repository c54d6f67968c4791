/* Hooks: setuid, seteuid, setreuid, setresuid.
 *
 * A process that gives its user up shares no memory any more with those that
 * have not: what it writes there would decide where they connect to, and what
 * they tell.
 */
#include "connect/config.h"
#include "exec/exec.h"
#include "hooks/libc.h"
#include "rules/names_memory.h"

/* What the call has returned, passed on. */
static int follow(int result)
{
	if (result == 0 && xs_config_active() && xs_names_follow_user())
		xs_exec_follow_user();
	return result;
}

XS_EXPORT int setuid(uid_t user)
{
	xs_libc_need();
	return follow(xs_libc.setuid(user));
}

XS_EXPORT int seteuid(uid_t user)
{
	xs_libc_need();
	return follow(xs_libc.seteuid(user));
}

XS_EXPORT int setreuid(uid_t real, uid_t effective)
{
	xs_libc_need();
	return follow(xs_libc.setreuid(real, effective));
}

XS_EXPORT int setresuid(uid_t real, uid_t effective, uid_t saved)
{
	xs_libc_need();
	return follow(xs_libc.setresuid(real, effective, saved));
}
