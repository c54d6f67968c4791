/* Bytes that the kernel did not take yet; see queue.h.
 *
 * The one surprising thing: a send that is cut short counts as "takes no
 * more", without the second send that would say EAGAIN, because a stream
 * socket cuts a non-blocking send only when its buffer is full.
 */
#include "relay/base/queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Makes room for len more bytes behind end. */
static bool make_room(struct xs_queue *queue, size_t len)
{
	size_t waiting = xs_queue_len(queue), room = waiting + len;
	uint8_t *data;

	if (len <= queue->size - queue->end)
		return true;
	if (room > queue->size || queue->start < queue->size / 2) {
		/* What comes in many pieces is not copied for each of them. */
		room += waiting ? room / 2 : 0;
		data = malloc(room);
		if (!data)
			return false;
		if (waiting)
			/* What waits is somewhere.
			 * NOLINTNEXTLINE(analyzer-null-argument) */
			memcpy(data, xs_queue_first(queue), waiting);
		free(queue->data);
		queue->data = data;
		queue->size = room;
	} else {
		memmove(queue->data, queue->data + queue->start, waiting);
	}
	queue->start = 0;
	queue->end = waiting;
	return true;
}

bool xs_queue_append(struct xs_queue *queue, const void *data, size_t len)
{
	if (!len)
		return true;
	if (!make_room(queue, len))
		return false;
	memcpy(queue->data + queue->end, data, len);
	queue->end += len;
	return true;
}

/* One send(2).  Returns how much was taken, 0 for EAGAIN, or -1. */
static ssize_t send_some(int fd, const void *data, size_t len)
{
	ssize_t sent;

	do
		sent = send(fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return 0;
	return sent;
}

enum xs_queue_result xs_queue_flush(struct xs_queue *queue, int fd)
{
	size_t len = xs_queue_len(queue);
	ssize_t sent;

	if (!len)
		return XS_QUEUE_EMPTY;
	sent = send_some(fd, xs_queue_first(queue), len);
	if (sent < 0)
		return XS_QUEUE_FAILED;
	if ((size_t)sent < len) {
		queue->start += (size_t)sent;
		return XS_QUEUE_WAITS;
	}
	xs_queue_free(queue);
	return XS_QUEUE_EMPTY;
}

enum xs_queue_result xs_queue_send(struct xs_queue *queue, int fd,
				   const void *data, size_t len)
{
	ssize_t sent = 0;

	if (!xs_queue_len(queue)) {
		sent = send_some(fd, data, len);
		if (sent < 0)
			return XS_QUEUE_FAILED;
		if ((size_t)sent == len)
			return XS_QUEUE_EMPTY;
	}
	if (!xs_queue_append(queue, (const uint8_t *)data + sent,
			     len - (size_t)sent)) {
		errno = ENOMEM;
		return XS_QUEUE_FAILED;
	}
	return XS_QUEUE_WAITS;
}

void xs_queue_free(struct xs_queue *queue)
{
	free(queue->data);
	*queue = (struct xs_queue){ 0 };
}
