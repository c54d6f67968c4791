/* All processes of this machine, and who has started whom. */
#ifndef XS_PROCESS_TREE_H
#define XS_PROCESS_TREE_H

#include "xsock/process.h"

/* Nobody starts so many, one below the other. */
enum { XS_PROCESSES_DEPTH = 64 };

struct xs_processes {
	struct xs_process *process;
	size_t count;
};

/* Reads those that there are now. */
void xs_processes_read(struct xs_processes *all);
void xs_processes_free(struct xs_processes *all);

/* NULL: there is no such process. */
const struct xs_process *xs_processes_find(const struct xs_processes *all,
					   pid_t pid);

/* Calls visit for pid and all that it has started, each before its children,
 * with how deep it is below the first.  False: there is no such process. */
bool xs_processes_walk(const struct xs_processes *all, pid_t pid,
		       void (*visit)(const struct xs_process *process,
				     int depth, void *with),
		       void *with);

#endif
