/* The library's side of the control channel: find the relay, or start it.
 *
 * A relay listens on an abstract name made of a key: a hash of everything that
 * must agree before two processes may share one: user, groups, capabilities
 * and limits, namespaces, root directory, control group (so that stopping one
 * service does not stop the relay of another), what the environment tells the
 * resolver, the relay's file, the version of the messages.  Whoever finds
 * nobody listening binds the name itself and hands the listening socket to a
 * new relay, so there is no moment to wait for and no race to lose.
 */
#ifndef XS_HANDOFF_H
#define XS_HANDOFF_H

#include "error.h"
#include "pair.h"

/* Connects to the relay of this process, starting it when there is none.
 * key gets its key.  Returns the control socket (close-on-exec), or -1 with
 * *err set. */
int xs_handoff_open(char key[XS_PAIR_KEY_LEN + 1], struct xs_error *err);

/* Remembers that the relay with this key has a connection that may announce
 * others (scheme.h). */
void xs_handoff_note(const char *key);

/* Connects to the relay that has the last such connection of this process, or
 * of one that it was forked from, or else to the one that it would use; starts
 * none.  Returns the control socket, -1 with *err set, or -2 when there is
 * none. */
int xs_handoff_find(struct xs_error *err);

/* Connects to the relay with that key, which another process may have
 * started.  Returns the control socket, or -1 with errno. */
int xs_handoff_reach(const char *key);

#endif
