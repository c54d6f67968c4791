/* How long the relay stays: as long as anybody needs it, and then idle.
 *
 * Everything that must not be lost is counted: a control connection from
 * before it is accepted until it is closed, a connection from its request
 * until its last byte is out.  Any thread.
 */
#ifndef XS_LIFE_H
#define XS_LIFE_H

#include <stdint.h>

void xs_life_enter(void);
void xs_life_leave(void);

/* Seconds that an idle relay stays; 0: leaves with its last connection. The
 * most recent request's wish counts. */
void xs_life_set_idle(int32_t seconds);

/* Counts a connection that the server cut without close_notify. */
void xs_life_count_cut(void);

/* Sleeps until nothing has been counted for the idle time; then closes the
 * listener so that no connect is lost, lets what came in last finish, and
 * returns.  Returns 0, or -1 with errno. */
int xs_life_wait(int listen_fd);

#endif
