/* The "#!" line of a script, as the kernel reads it (load_script in
 * fs/binfmt_script.c).
 *
 * System calls only: any thread, any signal context, a vfork child.
 */
#ifndef XS_SCRIPT_H
#define XS_SCRIPT_H

#include <stdbool.h>

/* What the kernel reads of the line (BINPRM_BUF_SIZE). */
#define XS_SCRIPT_LINE_MAX 256

/* Interpreters of interpreters: the kernel stops after so many (fs/exec.c). */
#define XS_SCRIPT_CHAIN_MAX 5

struct xs_script {
	char line[XS_SCRIPT_LINE_MAX + 1]; /* the others point into it */
	char *interpreter;
	char *argument; /* all that is behind; NULL: nothing */
};

/* Reads the line of the file fd.  False: it is no script. */
bool xs_script_read(int fd, struct xs_script *script);

#endif
