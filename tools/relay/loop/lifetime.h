/* How long the relay stays: as long as a program needs it, and then for the
 * idle time.
 *
 * Everything that must not be lost is counted: a control connection from
 * before it is accepted until it is closed, a connection from its request
 * until its last byte is out.  Any thread.
 */
#ifndef XS_LIFETIME_H
#define XS_LIFETIME_H

#include <stdbool.h>
#include <stdint.h>

void xs_lifetime_enter(void);
void xs_lifetime_leave(void);
/* The same for who only looked: the idle time goes on as if nobody had come. */
void xs_lifetime_leave_unnoticed(void);

/* Seconds that an idle relay stays; 0: leaves with its last connection. The
 * most recent request's wish counts. */
void xs_lifetime_set_idle(int32_t seconds);

/* The relay is to leave with its last connection, at once where there is none,
 * and takes no new client from now on.  For a signal handler. */
void xs_lifetime_end(void);

/* Sleeps until nothing has been counted for the idle time, or xs_lifetime_end
 * has been called; then closes the listener so that no connect is lost, lets
 * what came in last finish, and returns.  give hands over what came in last, a
 * control connection that was accepted and counted; false: it could not.
 * Returns 0, or -1 with errno. */
int xs_lifetime_wait(int listen_fd, bool (*give)(int fd));

#endif
