/* Memory that ended connections leave behind.
 *
 * malloc keeps what is freed, for the next connection.  After a crowd it would
 * keep all of it: only the end of a heap goes back to the kernel by itself,
 * and one connection that stays near the end holds everything below.  So when
 * many have ended, the main thread gives back the pages that nothing is in
 * (malloc_trim(3)).  It has nothing else to do.
 */
#ifndef XS_MEMORY_H
#define XS_MEMORY_H

#include <stdbool.h>

/* One client or connection has ended.  True if the main thread is to be woken:
 * so many have ended that xs_memory_due has something to say.  Any thread. */
bool xs_memory_ended(void);

/* Main thread only: in how many milliseconds xs_memory_give_back is due; -1 if
 * it is not.  Not at once, because more are likely to end, and not each second
 * where they come and go. */
int xs_memory_due(void);

/* Main thread only: gives back the free pages, and counts from nothing. */
void xs_memory_give_back(void);

#endif
