/* All processes; see process_tree.h. */
#include "xsock/process_tree.h"

#include <stdlib.h>

void xs_processes_read(struct xs_processes *all)
{
	pid_t *list;
	size_t count = xs_process_list(&list);

	all->count = 0;
	all->process = calloc(count ? count : 1, sizeof(*all->process));
	for (size_t i = 0; all->process && i < count; i++)
		if (xs_process_read(list[i], &all->process[all->count]))
			all->count++;
	free(list);
}

void xs_processes_free(struct xs_processes *all)
{
	for (size_t i = 0; i < all->count; i++)
		xs_process_free(&all->process[i]);
	free(all->process);
}

const struct xs_process *xs_processes_find(const struct xs_processes *all,
					   pid_t pid)
{
	for (size_t i = 0; i < all->count; i++)
		if (all->process[i].pid == pid)
			return &all->process[i];
	return NULL;
}

/* They were not all read at one moment, so a circle is possible. */
static void walk(const struct xs_processes *all,
		 const struct xs_process *process, int depth,
		 void (*visit)(const struct xs_process *process, int depth,
			       void *with),
		 void *with)
{
	visit(process, depth, with);
	for (size_t i = 0; depth < XS_PROCESSES_DEPTH - 1 && i < all->count;
	     i++)
		if (all->process[i].parent == process->pid)
			walk(all, &all->process[i], depth + 1, visit, with);
}

bool xs_processes_walk(const struct xs_processes *all, pid_t pid,
		       void (*visit)(const struct xs_process *process,
				     int depth, void *with),
		       void *with)
{
	const struct xs_process *process = xs_processes_find(all, pid);

	if (process)
		walk(all, process, 0, visit, with);
	return process != NULL;
}
