/* Variables of the environment that the relay has of the application's.
 *
 * Some things inside of the relay can be told in no other way: libc's resolver,
 * and the modules that an OpenSSL configuration loads, read the environment of
 * their process.  So a relay is only shared by programs in which these
 * variables are the same (find_relay.h).  To add one: a row.
 */
#ifndef XS_RELAY_VARIABLE_H
#define XS_RELAY_VARIABLE_H

#include <stdbool.h>

struct xs_relay_variable {
	const char *name;
	bool is_path; /* of a file or folder: the relay has another directory */
};

enum { XS_RELAY_VARIABLES = 22 };

extern const struct xs_relay_variable xs_relay_variables[XS_RELAY_VARIABLES];

#endif
