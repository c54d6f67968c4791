/* One connection: from the request until the server has the last byte.  It is
 * begun by the control connection that asks for it (control.h). */
#ifndef XS_CONNECTION_H
#define XS_CONNECTION_H

#include "relay/client/control.h"

/* For xs_control_set_connector. */
extern const struct xs_control_connector xs_connection_connector;

#endif
