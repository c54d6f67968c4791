/* Secrets leave more behind than the buffers that they lay in.
 *
 * A call that reads a text has pieces of it in registers, and the dynamic
 * linker saves all of them on the stack when such a call reaches a function for
 * the first time (_dl_runtime_resolve in glibc).  Nothing overwrites them but
 * another call that happens to be as deep.  So a thread that has forgotten a
 * secret also clears its stack, when it is back in its outermost loop.
 *
 * Any thread, each for its own stack.
 */
#ifndef XS_FORGET_H
#define XS_FORGET_H

#include <stddef.h>

/* Overwrites a secret of len bytes at data. */
void xs_forget(void *data, size_t len);

/* Overwrites len bytes at data, strings with the options of a rule among them.
 * They are a secret only where there is a passphrase or a PIN in them. */
void xs_forget_options(void *data, size_t len);

/* For the outermost loop of a thread, between two pieces of work: clears the
 * stack below the caller, if it has forgotten a secret since it was last done.
 */
void xs_forget_stack(void);

#endif
