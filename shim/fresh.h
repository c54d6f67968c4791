/* A TCP socket that has everything the application has set on its own.
 *
 * The relay does not get the application's socket but a new one that is like
 * it.  So the application's socket never connects where a rule says TLS:
 * whoever else holds it, a process that was forked before, one that got it by
 * SCM_RIGHTS, a copy that nobody found, can write no plaintext to the server;
 * it gets EPIPE.
 *
 * System calls only; any thread, any signal context.
 */
#ifndef XS_FRESH_H
#define XS_FRESH_H

/* The setsockopt hook: this process sets that option, on whatever socket.  What
 * it never sets is not looked for in its sockets, but for what says where a
 * connection goes. */
void xs_fresh_note(int level, int option);

/* Makes the socket, unconnected, non-blocking and close-on-exec, above the
 * standard descriptors.  Returns -1 with errno when the system has none left,
 * and -1 with errno 0 when none can be like own: it is no TCP socket that could
 * connect now, or it has what this process may not give to another (a mark, a
 * device, an address, a filter); then own itself is the only one that will
 * do. */
int xs_fresh(int own);

#endif
