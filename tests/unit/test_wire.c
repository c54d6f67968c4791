/* Tests: shim/base/wire.c.
 *
 * The messages between library and relay. */
#include "base/wire.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char buffer[XS_WIRE_MESSAGE_MAX];

static struct xs_wire sample(void)
{
	struct xs_wire m;

	xs_wire_init(&m, XS_WIRE_CONNECT);
	m.head.id = 0x1a2b3c4d;
	m.head.filler = 4480;
	m.head.port = 465;
	m.string[XS_WIRE_PROGRAM] = "mutt";
	m.string[XS_WIRE_OPTIONS] = "cafile=%2Fetc%2Fca.pem";
	m.string[XS_WIRE_VERIFIED] = "last";
	return m;
}

/* The datagram that the message is sent as, in buffer.  Returns its length, or
 * 0 when it is refused as too long. */
static size_t send_and_receive(const struct xs_wire *m)
{
	int end[2];
	ssize_t len = 0;
	size_t n;

	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, end), 0);
	if (xs_wire_send(end[0], m, NULL, 0) == 0)
		len = xs_wire_receive(end[1], buffer, sizeof(buffer), NULL, 0,
				      &n, MSG_DONTWAIT);
	else
		cr_assert_eq(errno, EMSGSIZE);
	cr_assert_geq(len, 0);
	close(end[0]);
	close(end[1]);
	return (size_t)len;
}

Test(wire, what_is_sent_is_decoded)
{
	struct xs_wire m = sample(), back;
	struct xs_error err = { 0 };
	size_t len = send_and_receive(&m);

	cr_assert_gt(len, sizeof(m.head));
	cr_assert_eq(xs_wire_decode(&back, buffer, len, &err), 0, "%s",
		     err.text);
	cr_assert_eq(memcmp(&m.head, &back.head, sizeof(m.head)), 0);
	cr_assert_str_eq(back.string[XS_WIRE_PROGRAM], "mutt");
	cr_assert_str_eq(back.string[XS_WIRE_VERIFIED], "last");
	for (int i = 0; i < XS_WIRE_STRINGS; i++)
		cr_assert_str_eq(back.string[i],
				 m.string[i] ? m.string[i] : "");
}

Test(wire, a_value_follows_in_setopt_only)
{
	struct xs_wire m, back;
	struct xs_error err = { 0 };
	int one = 1;
	size_t len;

	xs_wire_init(&m, XS_WIRE_SETOPT);
	m.head.value_len = sizeof(one);
	m.value = &one;
	len = send_and_receive(&m);
	cr_assert_eq(xs_wire_decode(&back, buffer, len, &err), 0);
	cr_assert_eq(memcmp(back.value, &one, sizeof(one)), 0);
	m.head.type = XS_WIRE_GETOPT;
	m.head.value_len = XS_WIRE_VALUE_MAX;
	len = send_and_receive(&m);
	cr_assert_eq(xs_wire_decode(&back, buffer, len, &err), 0);
	cr_assert_eq(back.head.value_len, XS_WIRE_VALUE_MAX);
}

Test(wire, every_cut_and_every_extra_byte_is_refused)
{
	struct xs_wire m = sample(), back;
	size_t len = send_and_receive(&m);

	for (size_t cut = 0; cut < len; cut++) {
		struct xs_error err = { 0 };
		/* Its own allocation, so that a sanitizer sees the end. */
		char *copy = malloc(cut ? cut : 1);

		memcpy(copy, buffer, cut);
		cr_assert_eq(xs_wire_decode(&back, copy, cut, &err), -1);
		cr_assert(xs_error_is_set(&err));
		free(copy);
	}
	buffer[len] = 'x';
	cr_assert_eq(xs_wire_decode(&back, buffer, len + 1, NULL), -1);
}

static int decode_changed(void (*change)(struct xs_wire_head *))
{
	struct xs_wire m = sample(), back;
	size_t len = send_and_receive(&m);

	change(&m.head);
	memcpy(buffer, &m.head, sizeof(m.head));
	return xs_wire_decode(&back, buffer, len, NULL);
}

static void change_magic(struct xs_wire_head *head)
{
	head->magic++;
}
static void change_version(struct xs_wire_head *head)
{
	head->version++;
}
static void change_type(struct xs_wire_head *head)
{
	head->type = 99;
}
static void change_type_0(struct xs_wire_head *head)
{
	head->type = 0;
}
static void change_value(struct xs_wire_head *head)
{
	head->type = XS_WIRE_GETOPT;
	head->value_len = XS_WIRE_VALUE_MAX + 1;
}
static void change_nothing(struct xs_wire_head *head)
{
	(void)head;
}

Test(wire, a_head_that_is_not_ours_is_refused)
{
	cr_assert_eq(decode_changed(change_nothing), 0);
	cr_assert_eq(decode_changed(change_magic), -1);
	cr_assert_eq(decode_changed(change_version), -1);
	cr_assert_eq(decode_changed(change_type), -1);
	cr_assert_eq(decode_changed(change_type_0), -1);
	cr_assert_eq(decode_changed(change_value), -1);
}

Test(wire, a_string_that_is_too_long_is_not_sent)
{
	static char text[XS_WIRE_STRING_MAX + 1];
	struct xs_wire m = sample();

	memset(text, 'a', sizeof(text) - 1);
	m.string[XS_WIRE_HOST] = text;
	cr_assert_eq(send_and_receive(&m), 0);
	text[XS_WIRE_STRING_MAX - 1] = '\0';
	cr_assert_gt(send_and_receive(&m), 0);
}

Test(wire, what_is_too_long_as_a_whole_is_not_sent)
{
	static char text[XS_WIRE_STRING_MAX];
	struct xs_wire m = sample();

	memset(text, 'a', sizeof(text) - 1);
	for (int i = 0; i < XS_WIRE_STRINGS; i++)
		m.string[i] = text;
	cr_assert_eq(send_and_receive(&m), 0);
	for (int i = XS_WIRE_MESSAGE_MAX / XS_WIRE_STRING_MAX - 1;
	     i < XS_WIRE_STRINGS; i++)
		m.string[i] = "";
	cr_assert_gt(send_and_receive(&m), 0);
}

static int count_descriptors(void)
{
	int count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

Test(wire, descriptors_travel_and_do_not_leak)
{
	struct xs_wire m = sample(), back;
	int end[2], fds[4] = { 0, 1, 2, 0 }, got[4];
	int before;
	ssize_t len;
	size_t n;

	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, end), 0);
	before = count_descriptors();
	cr_assert_eq(xs_wire_send(end[0], &m, fds, 3), 0);
	len = xs_wire_receive(end[1], buffer, sizeof(buffer), got, 4, &n, 0);
	cr_assert_gt(len, 0);
	cr_assert_eq(n, 3);
	cr_assert_eq(xs_wire_decode(&back, buffer, (size_t)len, NULL), 0);
	for (size_t i = 0; i < n; i++) {
		cr_assert(fcntl(got[i], F_GETFD) & FD_CLOEXEC);
		close(got[i]);
	}
	/* More than asked for: refused, and closed. */
	cr_assert_eq(xs_wire_send(end[0], &m, fds, 4), 0);
	cr_assert_eq(
		xs_wire_receive(end[1], buffer, sizeof(buffer), got, 1, &n, 0),
		-1);
	cr_assert_eq(errno, EMSGSIZE);
	/* A datagram that does not fit likewise. */
	cr_assert_eq(xs_wire_send(end[0], &m, fds, 2), 0);
	cr_assert_eq(xs_wire_receive(end[1], buffer, 64, got, 4, &n, 0), -1);
	cr_assert_eq(errno, EMSGSIZE);
	cr_assert_eq(count_descriptors(), before);
}
