/* What is done when the library is loaded.
 *
 * A program without rules pays for nothing but the look into its environment:
 * the originals can wait for the first call that needs them.  With rules that
 * call may come in a signal handler, where dlsym(3) should not.
 */
#include "connect/config.h"
#include "exec/exec.h"
#include "hooks/front.h"
#include "hooks/libc.h"

__attribute__((constructor)) static void start(void)
{
	if (!xs_config_active()) {
		xs_libc_resolve_common();
		return;
	}
	xs_libc_resolve();
	xs_config_prepare();
	xs_front_judge();
	xs_exec_prepare();
	xs_exec_judge_own();
}
