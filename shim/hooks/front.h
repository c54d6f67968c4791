/* Another library in front of this one, which gets the program's connects
 * first.
 */
#ifndef XS_FRONT_H
#define XS_FRONT_H

/* Ends the program with a line, if such a library is there, and XSOCK_FRONT
 * does not allow it.  Once, by the constructor, in a process that has rules. */
void xs_front_judge(void);

#endif
