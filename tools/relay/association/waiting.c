/* Datagrams that wait; see waiting.h. */
#include "relay/association/waiting.h"

#include <stdlib.h>
#include <string.h>

struct xs_waiting_datagram {
	struct xs_waiting_datagram *next;
	size_t len;
	char data[];
};

void xs_waiting_init(struct xs_waiting *waiting)
{
	*waiting = (struct xs_waiting){ .end = &waiting->first };
}

bool xs_waiting_put(struct xs_waiting *waiting, const void *data, size_t len)
{
	struct xs_waiting_datagram *datagram;

	if (waiting->count == XS_WAITING_DATAGRAMS ||
	    len > XS_WAITING_BYTES - waiting->bytes)
		return false;
	datagram = malloc(sizeof(*datagram) + len);
	if (!datagram)
		return false;
	datagram->next = NULL;
	datagram->len = len;
	memcpy(datagram->data, data, len);
	*waiting->end = datagram;
	waiting->end = &datagram->next;
	waiting->count++;
	waiting->bytes += len;
	return true;
}

bool xs_waiting_first(const struct xs_waiting *waiting, const void **data,
		      size_t *len)
{
	if (!waiting->first)
		return false;
	*data = waiting->first->data;
	*len = waiting->first->len;
	return true;
}

void xs_waiting_drop(struct xs_waiting *waiting)
{
	struct xs_waiting_datagram *first = waiting->first;

	waiting->first = first->next;
	if (!waiting->first)
		waiting->end = &waiting->first;
	waiting->count--;
	waiting->bytes -= first->len;
	/* What has not been encrypted yet is the program's. */
	explicit_bzero(first->data, first->len);
	free(first);
}

void xs_waiting_clear(struct xs_waiting *waiting)
{
	while (waiting->first)
		xs_waiting_drop(waiting);
}
