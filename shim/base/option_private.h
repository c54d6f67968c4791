/* What the files option*.c share; no other file includes this. */
#ifndef XS_OPTION_PRIVATE_H
#define XS_OPTION_PRIVATE_H

#include "base/option.h"

/* In front of a secret that is to be taken as it is. */
#define XS_SECRET_LITERAL "pass:"

/* One "name=value" on its way into the structure. */
struct xs_setting {
	const struct xs_option *row;
	const char *text;	/* all of it, from its first byte */
	struct xs_span written; /* the value as it stands in the text */
	const char *value;	/* the value decoded, in the arena */
	const char *cwd;
	bool check_files;
};

/* The place of a row's value. */
static inline const void *xs_option_field(const struct xs_options *options,
					  const struct xs_option *row)
{
	return (const char *)options + row->offset;
}

size_t xs_option_size(enum xs_option_type type);

/* Fails with 'option "timeout" takes …, not "x"'. */
int xs_option_bad_value(struct xs_parse *parse,
			const struct xs_setting *setting, const char *takes);

/* option_value.c: the value of a setting, whose row says what it is, to its
 * field.  Returns 0, or -1 with the error set. */
int xs_option_set(struct xs_parse *parse, const struct xs_setting *setting,
		  void *to);

/* option_file.c: the same for FILE, DIR, STORE and OUTPUT. */
int xs_option_set_file(struct xs_parse *parse, const struct xs_setting *setting,
		       const char **to);
/* The absolute path of name, in the arena; NULL with the error set. */
const char *xs_option_path(struct xs_parse *parse,
			   const struct xs_setting *setting, const char *name);

/* option_secret.c: the same for SECRET. */
int xs_option_set_secret(struct xs_parse *parse,
			 const struct xs_setting *setting, const char **to);

/* option_digest.c: the same for DIGEST. */
int xs_option_set_digest(struct xs_parse *parse,
			 const struct xs_setting *setting, const char **to);

#endif
