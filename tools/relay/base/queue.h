/* Bytes that the kernel did not take yet.
 *
 * Empty almost always, and then without memory: an idle connection owns no
 * buffer.  One thread at a time.
 */
#ifndef XS_QUEUE_H
#define XS_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct xs_queue {
	uint8_t *data;
	size_t start; /* data[start..end) wait to be sent */
	size_t end;
	size_t size;
};

static inline size_t xs_queue_len(const struct xs_queue *queue)
{
	return queue->end - queue->start;
}

/* What waits, xs_queue_len bytes.  NULL where a queue has no memory: C allows
 * no sum with NULL, not even of 0 (C11, 6.5.6). */
static inline const uint8_t *xs_queue_first(const struct xs_queue *queue)
{
	return queue->data ? queue->data + queue->start : NULL;
}

/* Adds len bytes behind what waits.  False when memory is short; the queue is
 * as before then. */
bool xs_queue_append(struct xs_queue *queue, const void *data, size_t len);

enum xs_queue_result {
	XS_QUEUE_EMPTY,	 /* everything is sent; no memory is held */
	XS_QUEUE_WAITS,	 /* the kernel takes no more now (EAGAIN) */
	XS_QUEUE_FAILED, /* errno tells */
};

/* Sends what waits to the socket fd, without blocking. */
enum xs_queue_result xs_queue_flush(struct xs_queue *queue, int fd);

/* Sends data, behind what waits; what the kernel does not take is queued.
 * FAILED with ENOMEM when it cannot be. */
enum xs_queue_result xs_queue_send(struct xs_queue *queue, int fd,
				   const void *data, size_t len);

/* Forgets what waits and gives the memory back. */
void xs_queue_free(struct xs_queue *queue);

#endif
