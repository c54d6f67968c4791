/* A TCP or UDP socket that has everything the application has set on its own.
 *
 * The relay does not get the application's socket but a new one that is like
 * it.  So the application's socket never connects where a rule says TLS.  A
 * process may hold a copy of it: from a fork, by SCM_RIGHTS, or in a way that
 * the library does not see.  It can write no plaintext to the server, and gets
 * EPIPE.
 *
 * System calls only; any thread, any signal context.
 */
#ifndef XS_CLONE_SOCKET_H
#define XS_CLONE_SOCKET_H

/* The setsockopt hook: this process sets that option, on some socket.  An
 * option that it never sets is not copied, unless the option says where a
 * connection goes. */
void xs_clone_socket_note(int level, int option);

/* Bytes of a reason. */
enum { XS_CLONE_WHY_MAX = 96 };

/* Makes the socket, unconnected, non-blocking and close-on-exec, above the
 * standard descriptors.  Returns -1 with errno: what connect(2) says of own,
 * which is in use (EISCONN, EALREADY), or why the system has no socket.
 * Returns -1 with errno 0 when none can be like own, and *why says the reason:
 * it has what cannot be read, or what this process may not give to another (a
 * mark, a device, an address, a filter). */
int xs_clone_socket(int own, char why[XS_CLONE_WHY_MAX]);

#endif
