/* Daemons that need more than the library and the rules. */
#ifndef XS_UNIT_DAEMON_H
#define XS_UNIT_DAEMON_H

struct xs_unit_daemon {
	const char *program; /* of ExecStart, without its folder */
	const char *why;     /* why XSOCK_EXEC=keep; NULL: it needs none */
	const char *more;    /* what no drop-in can mend; NULL: nothing */
};

/* The row of this program, or NULL. */
const struct xs_unit_daemon *xs_unit_daemon_find(const char *program);

#endif
