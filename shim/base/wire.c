/* Writing, reading and moving control messages; see wire.h. */
#include "base/wire.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

void xs_wire_init(struct xs_wire *message, enum xs_wire_type type)
{
	memset(message, 0, sizeof(*message));
	message->head.magic = XS_WIRE_MAGIC;
	message->head.version = XS_WIRE_VERSION;
	message->head.type = (uint16_t)type;
	message->head.idle = -1;
}

/* How many bytes of a value stand behind the strings. */
static size_t bytes_that_follow(const struct xs_wire_head *head)
{
	switch ((enum xs_wire_type)head->type) {
	case XS_WIRE_GETOPT: /* only announces how much room there is */
	case XS_WIRE_TYPES:
		return 0;
	case XS_WIRE_CONNECT:
	case XS_WIRE_VERDICT:
	case XS_WIRE_SETOPT:
	case XS_WIRE_VALUE:
	case XS_WIRE_RESOLVE:
	case XS_WIRE_ADDRESSES:
	case XS_WIRE_FTP_DATA:
	case XS_WIRE_FTP_DATA_ANSWER:
	case XS_WIRE_PROVE:
	case XS_WIRE_PROOF:
	case XS_WIRE_REFUSED:
	case XS_WIRE_LIST:
	case XS_WIRE_ROW:
	case XS_WIRE_TOTALS:
	case XS_WIRE_BRIDGE:
	case XS_WIRE_BRIDGED:
	case XS_WIRE_RELEASE:
	case XS_WIRE_RELEASED:
		return head->value_len;
	}
	return 0;
}

static int decode_head(struct xs_wire_head *head, struct xs_error *err)
{
	if (head->magic != XS_WIRE_MAGIC || head->version != XS_WIRE_VERSION)
		return xs_error_set(err, XS_ERR_RELAY, 0,
				    "control message of another xsock (version "
				    "%u, this one speaks %u)",
				    head->version, XS_WIRE_VERSION);
	if (head->type == 0 || head->type >= XS_WIRE_TYPES)
		return xs_error_set(err, XS_ERR_RELAY, 0,
				    "control message of unknown type %u",
				    head->type);
	if (head->value_len > XS_WIRE_VALUE_MAX)
		return xs_error_set(err, XS_ERR_RELAY, 0,
				    "control message with a value of %u bytes",
				    head->value_len);
	return 0;
}

int xs_wire_decode(struct xs_wire *message, const void *datagram, size_t len,
		   struct xs_error *err)
{
	const char *in = datagram;
	size_t used = sizeof(message->head);

	memset(message, 0, sizeof(*message));
	if (len < used)
		return xs_error_set(err, XS_ERR_RELAY, 0,
				    "control message of only %zu bytes", len);
	memcpy(&message->head, in, used);
	if (decode_head(&message->head, err) < 0)
		return -1;
	for (size_t i = 0; i < XS_WIRE_STRINGS; i++) {
		size_t room = len - used;
		size_t max =
			room < XS_WIRE_STRING_MAX ? room : XS_WIRE_STRING_MAX;
		size_t text = strnlen(in + used, max);

		if (text == max)
			return xs_error_set(err, XS_ERR_RELAY, 0,
					    "control message is cut in "
					    "string %zu",
					    i);
		message->string[i] = in + used;
		used += text + 1;
	}
	if (len - used != bytes_that_follow(&message->head))
		return xs_error_set(err, XS_ERR_RELAY, 0,
				    "control message with %zu bytes too many "
				    "or too few",
				    len - used);
	message->value = in + used;
	return 0;
}

/* The pieces of a datagram, to be gathered by sendmsg: the application's
 * thread may have a small stack.  Returns how many, 0 when one is too long. */
static size_t gather(const struct xs_wire *message,
		     struct iovec parts[XS_WIRE_STRINGS + 2])
{
	size_t n = 0;
	size_t total =
		sizeof(message->head) + bytes_that_follow(&message->head);

	parts[n].iov_base = (void *)&message->head;
	parts[n++].iov_len = sizeof(message->head);
	for (size_t i = 0; i < XS_WIRE_STRINGS; i++) {
		const char *text = message->string[i] ? message->string[i] : "";
		size_t len = strlen(text) + 1;

		if (len > XS_WIRE_STRING_MAX)
			return 0;
		parts[n].iov_base = (void *)text;
		parts[n++].iov_len = len;
		total += len;
	}
	parts[n].iov_base = (void *)message->value;
	parts[n++].iov_len = bytes_that_follow(&message->head);
	return message->head.value_len > XS_WIRE_VALUE_MAX ||
			       total > XS_WIRE_MESSAGE_MAX
		       ? 0
		       : n;
}

int xs_wire_send(int fd, const struct xs_wire *message, const int *fds,
		 size_t nfds)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(XS_WIRE_FDS * sizeof(int))];
	} control = { .bytes = { 0 } };
	struct iovec parts[XS_WIRE_STRINGS + 2];
	struct msghdr msg = { .msg_iov = parts,
			      .msg_iovlen = gather(message, parts) };
	ssize_t sent;

	if (!msg.msg_iovlen || nfds > XS_WIRE_FDS) {
		errno = EMSGSIZE;
		return -1;
	}
	if (nfds) {
		struct cmsghdr *header = &control.align;

		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(nfds * sizeof(int));
		memcpy(CMSG_DATA(header), fds, nfds * sizeof(int));
		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
	}
	do
		sent = sendmsg(fd, &msg, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -1 : 0;
}

/* Takes the descriptors out of a received message; those over max_fds are
 * closed.  Returns how many there were. */
static size_t take_descriptors(struct msghdr *msg, int *fds, size_t max_fds)
{
	size_t count = 0;

	for (struct cmsghdr *header = CMSG_FIRSTHDR(msg); header;
	     header = CMSG_NXTHDR(msg, header)) {
		size_t here;

		if (header->cmsg_level != SOL_SOCKET ||
		    header->cmsg_type != SCM_RIGHTS)
			continue;
		here = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < here; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(header) + i * sizeof(int),
			       sizeof(fd));
			if (count < max_fds)
				fds[count] = fd;
			else
				close(fd);
			count++;
		}
	}
	return count;
}

ssize_t xs_wire_receive(int fd, void *buffer, size_t size, int *fds,
			size_t max_fds, size_t *nfds, int flags)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE((XS_WIRE_FDS + 1) * sizeof(int))];
	} control;
	struct iovec part = { .iov_base = buffer, .iov_len = size };
	struct msghdr msg = { .msg_iov = &part,
			      .msg_iovlen = 1,
			      .msg_control = control.bytes,
			      .msg_controllen = sizeof(control.bytes) };
	ssize_t got = recvmsg(fd, &msg, flags | MSG_CMSG_CLOEXEC);
	size_t count;

	*nfds = 0;
	if (got < 0)
		return -1;
	count = take_descriptors(&msg, fds, max_fds);
	*nfds = count < max_fds ? count : max_fds;
	if (count > max_fds || (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
		for (size_t i = 0; i < *nfds; i++)
			close(fds[i]);
		*nfds = 0;
		errno = EMSGSIZE;
		return -1;
	}
	return got;
}
