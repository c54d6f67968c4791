/* What a program is told of the table of names when another one starts it.
 *
 *     XSOCK_NAMES=NUMBER.COOKIE[,KIND WORTH/ADDRESS/NAME]…
 *
 * The number leads to the memory that both share (names_memory.h).  But a
 * process that replaces itself by exec may be the last to have that attached,
 * and then the memory goes: so the latest names that matter to rules stand
 * behind it.  They are read only if the memory is not there any more.
 */
#ifndef XS_NAMES_HAND_ON_H
#define XS_NAMES_HAND_ON_H

#include <stdbool.h>
#include <stddef.h>

#define XS_NAMES_VARIABLE "XSOCK_NAMES"

/* Room for the longest text of xs_names_tell. */
enum { XS_NAMES_TEXT_MAX = 2048 };

/* The variable with the number alone, "NAME=value"; its text follows the table
 * (xs_names_follow_user).  NULL before there is a table. */
const char *xs_names_variable(void);

/* Writes the variable with names, and returns its length: less than
 * XS_NAMES_TEXT_MAX.  Any thread, any signal context, a vfork child. */
size_t xs_names_tell(char text[XS_NAMES_TEXT_MAX]);

/* Shares the table of the variable's value (NULL: it is not set), else makes
 * one and takes the names from the value.  False when memory is short.  Once
 * per process, before it forks. */
bool xs_names_take(const char *value);

#endif
