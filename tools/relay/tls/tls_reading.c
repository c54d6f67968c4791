/* Which file a thread waits for, so that another thread can tell it.
 *
 * A thread that waits for a dead file system cannot say so.  Therefore it notes
 * each file before it touches it, and that it has answered, where somebody has
 * asked for that.
 *
 * Any thread.
 */
#include "relay/tls/tls_private.h"

#include <stdio.h>

static _Thread_local struct xs_tls_reading *watched;

void xs_tls_reading_begin(struct xs_tls_reading *reading)
{
	watched = reading;
	xs_tls_reading_done();
}

void xs_tls_reading_end(void)
{
	watched = NULL;
}

void xs_tls_reading_note(const char *file, const char *name)
{
	if (!watched)
		return;
	pthread_mutex_lock(&watched->lock);
	snprintf(watched->file, sizeof(watched->file), "%s%s%s", file,
		 name ? "/" : "", name ? name : "");
	pthread_mutex_unlock(&watched->lock);
}

void xs_tls_reading_done(void)
{
	xs_tls_reading_note("", NULL);
}

void xs_tls_reading_file(struct xs_tls_reading *reading,
			 char file[XS_TLS_READING_MAX])
{
	pthread_mutex_lock(&reading->lock);
	snprintf(file, XS_TLS_READING_MAX, "%s", reading->file);
	pthread_mutex_unlock(&reading->lock);
}
