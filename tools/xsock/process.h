/* What /proc says of a process and of its connections (proc(5)). */
#ifndef XS_PROCESS_H
#define XS_PROCESS_H

#include "base/address.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum xs_process_library {
	XS_PROCESS_UNKNOWN, /* this user may not look, or it has just ended */
	XS_PROCESS_LOADED,
	XS_PROCESS_REPLACED, /* loaded, and the file has been replaced since */
	XS_PROCESS_ABSENT,
};

struct xs_process {
	pid_t pid, parent;
	char name[32];
	enum xs_process_library library;
	bool active;	       /* the library that is loaded follows rules */
	char *rules;	       /* XSOCK_RULES when it was started; NULL: not
				     set, or overwritten since */
	char *options;	       /* XSOCK_OPTIONS; NULL: not set */
	char folder[PATH_MAX]; /* its working directory; "": unknown */
};

/* Reads what is known of pid.  False when there is no such process, or it has
 * ended and its parent does not know yet.  Free it
 * with xs_process_free. */
bool xs_process_read(pid_t pid, struct xs_process *process);
void xs_process_free(struct xs_process *process);

/* Puts "?" where a terminal would obey a character instead of showing it. */
void xs_process_make_printable(char *text);

/* Fills *list with the IDs of all processes, for the caller to free.  Returns
 * how many; 0 with errno when /proc cannot be read. */
size_t xs_process_list(pid_t **list);

/* One TCP connection of a process, or one UDP socket. */
struct xs_process_connection {
	int fd;
	bool wrapped;	   /* carried by the relay */
	char text[128];	   /* "192.0.2.7:443", "udp://192.0.2.7:514", what was
			      asked for; or the peer */
	const char *state; /* "connected", "connecting", "failed: …" */
};

/* Calls visit for each connection that the process has made or is making, each
 * UDP socket that is connected, and each that has peers by the relay.
 * (The kernel does not tell which connections were accepted.  One
 * counts as accepted if the process listens on the same port.)  False when this
 * user may not look. */
bool xs_process_connections(pid_t pid,
			    void (*visit)(const struct xs_process_connection *,
					  void *with),
			    void *with);

#endif
