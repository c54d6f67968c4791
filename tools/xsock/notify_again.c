/* A connect that is made again, because a signal handler has run; see notify.h.
 *
 * The kernel lets a signal end the wait for an answer, which nobody gets then.
 * The same thread connects again, by itself or by SA_RESTART, while the first
 * call is answered still.  So the second one waits for the first, and tells
 * what that would have told.
 */
#include "xsock/notify.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

/* Those that are being answered. */
static struct xs_notify *first;

/* Answers that nobody has got, by the inode of the socket.  As many as there
 * are calls that can be answered at a time; one more takes the place of
 * another. */
static struct {
	ino_t inode;
	int errnum;
} untold[4096];
enum { UNTOLD = sizeof(untold) / sizeof(*untold) };
static unsigned untold_count;

/* Returns its place, or untold_count. */
static unsigned find(ino_t inode)
{
	unsigned at = 0;

	while (at < untold_count && untold[at].inode != inode)
		at++;
	return at;
}

static void forget(ino_t inode)
{
	unsigned at = find(inode);

	if (at < untold_count)
		untold[at] = untold[--untold_count];
}

static void remember(ino_t inode, int errnum)
{
	static unsigned next;
	unsigned at = find(inode);

	if (at == UNTOLD)
		at = next++ % UNTOLD;
	else if (at == untold_count)
		untold_count++;
	untold[at].inode = inode;
	untold[at].errnum = errnum;
}

/* Is another call of this thread answered still?  Wakes who does that, and may
 * be waiting for the network. */
static bool has_another(const struct xs_notify *n)
{
	for (const struct xs_notify *at = first; at; at = at->next) {
		if (at->thread != n->thread)
			continue;
		/* Workers may come here in another order than the calls. */
		if (!xs_notify_is_valid(n))
			return false;
		pthread_kill(at->worker, SIGUSR1);
		return true;
	}
	return false;
}

void xs_notify_again_begin(struct xs_notify *n)
{
	pthread_mutex_lock(&lock);
	while (has_another(n))
		pthread_cond_wait(&changed, &lock);
	n->worker = pthread_self();
	n->next = first;
	first = n;
	pthread_mutex_unlock(&lock);
}

void xs_notify_again_end(const struct xs_notify *n, bool told)
{
	struct xs_notify **at = &first;

	pthread_mutex_lock(&lock);
	while (*at != n)
		at = &(*at)->next;
	*at = n->next;
	if (told)
		forget(n->inode);
	else if (!n->pass && (n->errnum == 0 || n->errnum == EINPROGRESS))
		remember(n->inode, n->errnum);
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

void xs_notify_again_answer(struct xs_notify *n)
{
	unsigned at;

	if (n->errnum != EISCONN && n->errnum != EALREADY)
		return;
	pthread_mutex_lock(&lock);
	at = find(n->inode);
	if (at < untold_count) {
		n->errnum = untold[at].errnum;
		n->result = n->errnum ? -1 : 0;
	}
	pthread_mutex_unlock(&lock);
}
