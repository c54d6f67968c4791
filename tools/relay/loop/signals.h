/* Signals that a process gets as one of many: what systemd, a supervisor or
 * "systemctl kill" sends to all processes of a unit, the relay among them.
 *
 * They mean the program that the unit is about.  The relay may serve others,
 * and has what was written and not sent yet: so what asks for an end makes it
 * leave with its last connection, and what asks a daemon for something else
 * (read your files, open your log) is not for it.  SIGKILL ends it at once, as
 * ever.
 */
#ifndef XS_SIGNALS_H
#define XS_SIGNALS_H

/* Before the first thread.  end is called in a signal handler, on any thread,
 * perhaps more than once. */
void xs_signals_heed(void (*end)(void));

#endif
