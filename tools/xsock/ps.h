/* What the files of "xsock ps" share. */
#ifndef XS_PS_H
#define XS_PS_H

#include "xsock/process_tree.h"
#include "xsock/relays.h"

#include <stdbool.h>
#include <stdio.h>

struct xs_ps {
	enum xs_wire_list what;
	pid_t pid;  /* of one process tree; 0: all */
	bool wide;  /* no column is cut or left out */
	bool rates; /* are known */
	struct xs_relays relays;
	struct xs_relay_row **row; /* those to show, in order */
	size_t rows;
	struct xs_processes processes; /* with pid: all of them */
	/* The same: those of the tree, each with its depth. */
	struct {
		const struct xs_process *process;
		int depth;
	} * tree;
	size_t tree_size;
};

/* Asks the relays, and looks at the processes.  Returns 0, or -1 with *err set;
 * ESRCH: there is no process pid.  Call xs_ps_release in any case, which leaves
 * ps fit to gather anew. */
int xs_ps_gather(struct xs_ps *ps, struct xs_error *err);
void xs_ps_release(struct xs_ps *ps);

/* "alice", or a number; lives until the next call. */
const char *xs_ps_user(uid_t user);

/* The state in small letters; the same. */
const char *xs_ps_state(const struct xs_relay_row *row);

/* "yes", "no", or NULL: it may not be looked at. */
const char *xs_ps_mapped(const struct xs_process *process);

/* Writes the table of the connections, cut to so many columns; 0: whole. */
void xs_ps_print_table(const struct xs_ps *ps, FILE *out, int room,
		       bool colour);

/* A live screen, until its user ends it.  Returns 0, or -1 with *err set. */
bool xs_ps_has_watch(void);
int xs_ps_watch(struct xs_ps *ps, struct xs_error *err);

/* Each prints all of it, and returns 0, or -1 when that failed. */
int xs_ps_print_screen(const struct xs_ps *ps);
int xs_ps_print_metrics(const struct xs_ps *ps);
int xs_ps_print_json(const struct xs_ps *ps);
bool xs_ps_has_json(void);

#endif
