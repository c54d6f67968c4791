/* What completion*.c share; no other file includes this.
 *
 * The answer is for the shells' scripts in completion/: a line with its kind, a
 * line with the head, which is the part of the word that stays, and for "words"
 * a line for each, which may stand behind the head, with a tabulator and a
 * summary.
 */
#ifndef XS_COMPLETION_H
#define XS_COMPLETION_H

#include <stddef.h>

/* Begins an answer of this kind, "words", "files" or "folders".  The head goes
 * from word to end. */
void xs_completion_begin(const char *kind, const char *word, const char *end);

/* One of "words": name, and suffix right behind it.  summary may be NULL. */
void xs_completion_word(const char *name, const char *suffix,
			const char *summary);

/* What may stand at value in the word, where --help writes NAME ("FILE",
 * "RULES", "0|1").  Answers nothing where that is not known. */
void xs_completion_value(const char *name, const char *word, const char *value);

#endif
