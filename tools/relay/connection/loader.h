/* TLS contexts for connections, without holding up their workers.
 *
 * A context is made of files, and a file may be on a file system that does not
 * answer.  So threads of their own (pool.h) read the files, and look whether
 * they have changed.  There are few: a thread that waits for ever is one less,
 * and what finds none waits for its turn.
 *
 * Connections that want the same context share one load.  One that is under way
 * when a connection comes may have read a file before it was changed: then
 * another load follows, for all who came meanwhile.
 */
#ifndef XS_LOADER_H
#define XS_LOADER_H

#include "relay/loop/worker.h"
#include "relay/tls/tls.h"

struct xs_load;

/* Asks for the context of policy, which has no NULL and is copied.  answer is
 * called on worker's thread, once, with owner and with a context, which is then
 * the owner's, or NULL and the reason.  Returns NULL when memory or threads are
 * short. */
struct xs_load *xs_loader_ask(struct xs_worker *worker,
			      const struct xs_tls_policy *policy, void *owner,
			      void (*answer)(void *owner,
					     struct xs_tls_context *context,
					     struct xs_error *err));

/* The owner does not want the answer any more.  Worker's thread; not from
 * within answer or after it. */
void xs_loader_forget(struct xs_load *load);

/* The owner has waited for so many seconds: sets *err to what it has waited
 * for. */
void xs_loader_late(const struct xs_load *load, double seconds,
		    struct xs_error *err);

/* Lets the threads leave, at the end of the program.  False when one still
 * waits for a file, which cannot be ended. */
bool xs_loader_stop(void);

#endif
