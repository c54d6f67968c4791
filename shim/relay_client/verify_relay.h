/* Is whoever listens on a relay's name a relay that this process may trust?
 *
 * Anybody can bind an abstract name.  A relay gets sockets, plaintext and
 * passphrases, so the library asks first.  The kernel tells the user and the
 * process that listens (base/peer.h; a relay calls listen(2) itself, so it is
 * not the program that started it).  Into a relay nobody may look, so it shows
 * where it lives (spaces.h): in the same namespaces and under the same root.
 * Its capabilities are no fewer than what a relay of this process would keep.
 *
 * A relay that was found good is remembered, so the question costs a round trip
 * only at the first connect of a process, or of one that it was forked from.
 *
 * System calls only; any thread, any signal context.
 */
#ifndef XS_VERIFY_RELAY_H
#define XS_VERIFY_RELAY_H

#include <stdbool.h>
#include <sys/types.h>

enum xs_listener {
	XS_LISTENER_OURS,
	/* Somebody else, or a relay that does not serve this process. */
	XS_LISTENER_STRANGE,
	/* It has ended, or is about to. */
	XS_LISTENER_GONE,
	/* This process is short of descriptors or memory; errno says of what.
	 */
	XS_LISTENER_UNKNOWN,
};

/* Who listens at the other end of control, which is connected by the name of
 * this key.  The connection stays fit for a request only if the answer is
 * XS_LISTENER_OURS.  Waits two seconds at most. */
enum xs_listener xs_verify_relay(int control, const char *key);

/* The same without a question to whoever listens on behalf of another user:
 * true where it is root, whose relay made the connection that this process has
 * inherited. */
bool xs_verify_relay_inherited(int control, const char *key);

/* Remembers that this process has started the relay with this key: pid. */
void xs_verify_relay_started(const char *key, pid_t pid);

/* Tells the relay behind control who this process is, where the relay cannot
 * see it by itself.  Before each request.  False with errno. */
bool xs_verify_relay_introduce(int control);

#endif
