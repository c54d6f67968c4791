/* Which walls this relay has not: what it gives up and forbids itself, but this
 * machine, or what confines it, does not let it.  The programs whose log wants
 * it are told (connection/log_words.h).
 *
 * Noted before the first thread; read by any.
 */
#ifndef XS_WALLS_H
#define XS_WALLS_H

/* Notes that there is no such wall, and why; errnum 0: it is there. */
void xs_walls_note(const char *wall, int errnum);

/* Those that are missing, as a sentence; NULL: none is. */
const char *xs_walls_missing(void);

#endif
