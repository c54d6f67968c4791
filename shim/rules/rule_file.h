/* "@file": the text of a file of rules. */
#ifndef XS_RULE_FILE_H
#define XS_RULE_FILE_H

#include "base/parse.h"

/* Reads the regular file name, which starts from cwd (NULL: must be absolute)
 * unless it is absolute.  Its text is in parse->scratch and has at most max
 * bytes.  Returns 0, or -1 with the error set at name.start. */
int xs_rule_file_read(struct xs_parse *parse, struct xs_span name,
		      const char *cwd, size_t max, struct xs_span *text);

#endif
