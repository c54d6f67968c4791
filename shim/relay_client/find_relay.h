/* The library's side of the control channel: find the relay, or start it.
 *
 * A relay listens on an abstract name made of a key: a hash of everything that
 * must agree before two processes may share one (identity.h).  If no relay
 * listens on the name, the library binds it and hands the listening socket to a
 * new relay.  So it need not wait until that one listens, and of two programs
 * that start at once only one can bind the name.
 *
 * Whoever listens is looked at before it is trusted (verify_relay.h).  A
 * process that finds somebody else on the name, or that the relay does not let
 * in, has a relay of its own under a name of its own: one, and no more.
 */
#ifndef XS_FIND_RELAY_H
#define XS_FIND_RELAY_H

#include "base/error.h"
#include "base/pair.h"

#include <limits.h>
#include <sys/socket.h>
#include <sys/un.h>

/* What this process has configured about its relay.  Whoever asks for a relay
 * has filled it before. */
struct xs_relay_settings {
	/* For the relay's environment: "NAME=value"; ended by NULL. */
	const char *const *variables;
	int idle; /* seconds without work until it ends; -1: its default */
	char path[PATH_MAX]; /* of xsock-relay */
};

extern struct xs_relay_settings xs_relay_settings;

/* Fills *name with the address of the relay with that key; returns its length.
 */
socklen_t xs_find_relay_name(struct sockaddr_un *name, const char *key);

/* Connects to the relay of this process, starting it when there is none.
 * key gets its key.  Returns the control socket (close-on-exec), or -1 with
 * *err set. */
int xs_find_relay(char key[XS_PAIR_KEY_LEN + 1], struct xs_error *err);

/* Remembers that the relay with this key has a connection that may announce
 * others (scheme.h). */
void xs_find_relay_note(const char *key);

/* Connects to the relay that has the last such connection of this process, or
 * of one that it was forked from, or else to the one that it would use; starts
 * none.  Returns 1, with the control socket in *control; 0 when there is no
 * relay; or -1 with *err set. */
int xs_find_relay_noted(int *control, struct xs_error *err);

/* Connects to the relay with that key, which another process may have
 * started, to ask about a connection that this process has inherited.  Returns
 * the control socket, or -1 with errno: ECONNREFUSED also where whoever listens
 * is not trusted. */
int xs_find_relay_by_key(const char *key);

#endif
