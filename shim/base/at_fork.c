/* Being told of forks; see at_fork.h.
 *
 * In glibc pthread_atfork(3) lies in each library that calls it, with the
 * library's handle, which this library has not: it is linked without the files
 * that have it.
 */
#include "base/at_fork.h"

#include <features.h>
#include <stddef.h>

#ifdef __GLIBC__
int __register_atfork(void (*prepare)(void), void (*parent)(void),
		      void (*child)(void), void *handle);
#else
#include <pthread.h>
#endif

void xs_at_fork(void (*before)(void), void (*in_child)(void))
{
#ifdef __GLIBC__
	__register_atfork(before, NULL, in_child, NULL);
#else
	pthread_atfork(before, NULL, in_child);
#endif
}
