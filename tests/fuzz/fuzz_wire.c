/* Any bytes, with any number of descriptors, as a message of the control
 * connection: received without harm or a descriptor that stays open, and what
 * is accepted is sent again as the same message.
 *
 * The first byte of an input says how many descriptors come along; the rest is
 * the datagram.  Version 7 in it stands for the present one, so that what is
 * kept as input does not have to change with it. */
#include "base/wire.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#ifndef XS_LIBFUZZER
static const char *const words[] = { "XSOK",	 "\x07\x01", "\x07\x02",
				     "tls",	 "a.b",	     "127.0.0.1",
				     "\xff\xff", "\n",	     NULL };
#endif

enum { PASSED_MAX = 8 };

static char received[XS_WIRE_MESSAGE_MAX];
static char again[XS_WIRE_MESSAGE_MAX];

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* The lowest free number: it tells that nothing below has stayed open. */
static int lowest(void)
{
	int fd = fcntl(0, F_DUPFD_CLOEXEC, 0);

	must(fd >= 0);
	close(fd);
	return fd;
}

static void send_raw(int to, const char *data, size_t size, size_t nfds)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(PASSED_MAX * sizeof(int))];
	} control;
	struct iovec part = { (void *)data, size };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	struct cmsghdr *head = &control.align;

	memset(&control, 0, sizeof(control));
	if (nfds) {
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN(nfds * sizeof(int));
		for (size_t i = 0; i < nfds; i++)
			memcpy(CMSG_DATA(head) + i * sizeof(int), &to,
			       sizeof(to));
	}
	must(sendmsg(to, &message, MSG_NOSIGNAL) == (ssize_t)size);
}

static ssize_t receive(int from, char *buffer)
{
	int fds[XS_WIRE_FDS];
	size_t nfds;
	ssize_t len = xs_wire_receive(from, buffer, XS_WIRE_MESSAGE_MAX, fds,
				      XS_WIRE_FDS, &nfds, MSG_DONTWAIT);

	for (size_t i = 0; len >= 0 && i < nfds; i++) {
		must(fcntl(fds[i], F_GETFD) == FD_CLOEXEC);
		close(fds[i]);
	}
	return len;
}

static void check_message(const struct xs_wire *message, int pair[2])
{
	struct xs_error err = { .kind = XS_ERR_NONE };
	struct xs_wire other;
	ssize_t len;

	for (int i = 0; i < XS_WIRE_STRINGS; i++)
		must(strlen(message->string[i]) < XS_WIRE_STRING_MAX);
	must(xs_wire_send(pair[0], message, NULL, 0) == 0);
	len = receive(pair[1], again);
	must(len > 0 && xs_wire_decode(&other, again, (size_t)len, &err) == 0);
	must(memcmp(&message->head, &other.head, sizeof(other.head)) == 0);
	for (int i = 0; i < XS_WIRE_STRINGS; i++)
		must(strcmp(message->string[i], other.string[i]) == 0);
}

static char sent[XS_WIRE_MESSAGE_MAX];

static void put_version(const uint8_t *data, size_t size)
{
	const uint16_t kept = 7, now = XS_WIRE_VERSION;
	const size_t at = offsetof(struct xs_wire_head, version);

	memcpy(sent, data, size);
	if (size >= at + sizeof(kept) &&
	    memcmp(sent + at, &kept, sizeof(kept)) == 0)
		memcpy(sent + at, &now, sizeof(now));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct xs_error err = { .kind = XS_ERR_NONE };
	struct xs_wire message;
	int pair[2], before = lowest();
	ssize_t len;

	if (size < 2 || size > XS_WIRE_MESSAGE_MAX ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0)
		return 0;
	put_version(data + 1, size - 1);
	send_raw(pair[0], sent, size - 1, *data % (PASSED_MAX + 1));
	len = receive(pair[1], received);
	if (len > 0) {
		if (xs_wire_decode(&message, received, (size_t)len, &err) == 0)
			check_message(&message, pair);
		else
			must(err.kind != XS_ERR_NONE && err.text[0]);
	}
	close(pair[0]);
	close(pair[1]);
	must(lowest() == before);
	return 0;
}

#include "driver.h"
