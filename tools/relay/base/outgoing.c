/* Datagrams that are sent by one system call; see outgoing.h.
 *
 * A message of sendmmsg(2) is a run: datagrams that go through the kernel
 * together, or one datagram.
 */
#include "relay/base/outgoing.h"

#include "relay/base/allowed.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>

/* What one run may have: UDP's length has 16 bits (RFC 768), with the head. */
enum { RUN_MAX = 65535 - 8 - 40 };

struct run {
	unsigned count;
	size_t len;
	struct iovec part;
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(uint16_t))];
	} control;
};

struct sending {
	struct xs_outgoing *outgoing;
	int fd;
	bool *segments;
	bool in_runs;	/* for the rest of this call */
	unsigned at;	/* the next datagram … */
	uint8_t *place; /* … and where it lies */
};

void xs_outgoing_begin(struct xs_outgoing *outgoing, void *room, size_t size)
{
	outgoing->room = room;
	outgoing->size = size;
	outgoing->used = 0;
	outgoing->count = 0;
}

bool xs_outgoing_has_room(const struct xs_outgoing *outgoing, size_t len)
{
	return outgoing->count < XS_OUTGOING &&
	       len <= outgoing->size - outgoing->used;
}

bool xs_outgoing_put(struct xs_outgoing *outgoing, const void *data, size_t len,
		     size_t asked)
{
	if (!xs_outgoing_has_room(outgoing, len))
		return false;
	memcpy(outgoing->room + outgoing->used, data, len);
	outgoing->used += len;
	outgoing->asked[outgoing->count] = asked;
	outgoing->len[outgoing->count++] = len;
	return true;
}

/* The kernel cuts at each multiple of the first length: only the last one may
 * be shorter. */
static void find_run(const struct sending *sending, unsigned at,
		     struct run *run)
{
	const struct xs_outgoing *outgoing = sending->outgoing;
	const size_t first = outgoing->len[at];

	run->count = 1;
	run->len = first;
	while (sending->in_runs && first && at + run->count < outgoing->count) {
		size_t next = outgoing->len[at + run->count];

		if (!next || next > first || run->len + next > RUN_MAX)
			break;
		run->count++;
		run->len += next;
		if (next < first)
			break;
	}
}

static void cut(struct msghdr *msg, struct run *run, size_t each)
{
	const uint16_t segment = (uint16_t)each;
	struct cmsghdr *part;

	msg->msg_control = run->control.bytes;
	msg->msg_controllen = sizeof(run->control.bytes);
	part = CMSG_FIRSTHDR(msg);
	part->cmsg_level = IPPROTO_UDP;
	part->cmsg_type = UDP_SEGMENT;
	part->cmsg_len = CMSG_LEN(sizeof(segment));
	memcpy(CMSG_DATA(part), &segment, sizeof(segment));
}

/* Makes the messages of all that is left; returns how many. */
static unsigned make_list(const struct sending *sending, struct run *run,
			  struct mmsghdr *list)
{
	uint8_t *place = sending->place;
	unsigned count = 0;

	for (unsigned at = sending->at; at < sending->outgoing->count;
	     at += run[count++].count) {
		struct msghdr *msg = &list[count].msg_hdr;

		find_run(sending, at, &run[count]);
		run[count].part = (struct iovec){ .iov_base = place,
						  .iov_len = run[count].len };
		*msg = (struct msghdr){ .msg_iov = &run[count].part,
					.msg_iovlen = 1 };
		if (run[count].count > 1)
			cut(msg, &run[count], sending->outgoing->len[at]);
		place += run[count].len;
	}
	return count;
}

/* How many messages of the list have been sent; -1 with errno: not even the
 * first one. */
static int send_list(int fd, struct mmsghdr *list, unsigned count)
{
	const int flags = MSG_DONTWAIT | MSG_NOSIGNAL;
	int sent;

	do
		sent = count > 1 && xs_allowed(XS_CALL_MANY)
			       ? sendmmsg(fd, list, count, flags)
		       : sendmsg(fd, &list->msg_hdr, flags) < 0 ? -1
								: 1;
	while (sent < 0 && errno == EINTR);
	return sent;
}

/* Is it the run that was refused, and not the datagrams in it? */
static bool is_of_run(struct sending *sending, const struct run *run,
		      int errnum)
{
	if (run->count == 1)
		return false;
	switch (errnum) {
	case EINVAL:
	case EIO: /* the device computes no checksums */
	case EOPNOTSUPP:
	case ENOPROTOOPT:
		*sending->segments = false;
		return true;
	case EAGAIN:
	case EMSGSIZE:
	case ENOBUFS:
	case ENOMEM:
		return true;
	default:
		return false;
	}
}

/* So many datagrams are done with; false: nothing more is to be sent. */
static bool tell(struct sending *sending, unsigned count, int error,
		 xs_outgoing_told *told, void *user)
{
	const struct xs_outgoing *outgoing = sending->outgoing;

	for (; count; count--) {
		unsigned at = sending->at++;

		sending->place += outgoing->len[at];
		if (!told(user, outgoing->asked[at], error))
			return false;
	}
	return true;
}

/* By one system call.  False as above. */
static bool step(struct sending *sending, xs_outgoing_told *told, void *user)
{
	struct run run[XS_OUTGOING];
	struct mmsghdr list[XS_OUTGOING];
	unsigned datagrams = 0;
	int sent = send_list(sending->fd, list, make_list(sending, run, list));

	if (sent < 0 && is_of_run(sending, run, errno)) {
		sending->in_runs = false;
		return true;
	}
	if (sent < 0)
		return tell(sending, 1, errno, told, user);
	for (int i = 0; i < sent; i++)
		datagrams += run[i].count;
	return tell(sending, datagrams, 0, told, user);
}

bool xs_outgoing_drop(void *user, size_t asked, int error)
{
	(void)user;
	(void)asked;
	(void)error;
	return true;
}

void xs_outgoing_send(struct xs_outgoing *outgoing, int fd, bool *segments,
		      xs_outgoing_told *told, void *user)
{
	struct sending sending = {
		.outgoing = outgoing,
		.fd = fd,
		.segments = segments,
		.in_runs = *segments,
		.place = outgoing->room,
	};

	while (sending.at < outgoing->count && step(&sending, told, user))
		;
	outgoing->count = 0;
	outgoing->used = 0;
}
