/* Any bytes as the names of the two ends of a pair.
 *
 * The first line is the name of the application's end, the rest that of its
 * peer.  What is no name of ours must be no pair; what is one has a key of
 * letters, a family and a state. */
#include "base/pair.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#ifndef XS_LIBFUZZER
static const char *const words[] = { "xsock/",
				     "1a2b3c4d",
				     "/",
				     "<",
				     ">",
				     "=",
				     "!",
				     "!111",
				     "[::1]:443",
				     "[fe80::1%1]:1",
				     "192.0.2.7:443",
				     ":",
				     "%",
				     "0123456789abcdef",
				     "\n",
				     NULL };
#endif

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* Abstract; a name that is another's, or too long, is left out. */
static void bind_to(int fd, const uint8_t *name, size_t len)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (!len || len >= sizeof(address.sun_path))
		return;
	memcpy(address.sun_path + 1, name, len);
	if (bind(fd, (struct sockaddr *)&address,
		 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
			     len)) < 0)
		return;
}

static void check(const struct xs_pair_info *info)
{
	must(memchr(info->key, '\0', sizeof(info->key)) != NULL);
	must(info->asked.len == sizeof(struct sockaddr_in) ||
	     info->asked.len == sizeof(struct sockaddr_in6));
	must(info->state == XS_PAIR_CONNECTING ||
	     info->state == XS_PAIR_CONNECTED || info->state == XS_PAIR_FAILED);
	must(info->state != XS_PAIR_FAILED || info->errnum != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *newline = size ? memchr(data, '\n', size) : NULL;
	size_t first = newline ? (size_t)(newline - data) : size;
	struct xs_pair_info info;
	struct xs_address asked;
	uint32_t id;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		return 0;
	bind_to(pair[0], data, first);
	if (newline)
		bind_to(pair[1], newline + 1, size - first - 1);
	errno = E2BIG;
	if (xs_pair_read(pair[0], &info))
		check(&info);
	must(errno == E2BIG);
	xs_pair_read_asked(pair[1], &asked);
	xs_pair_read_id(pair[0], &id);
	close(pair[0]);
	close(pair[1]);
	return 0;
}

#include "driver.h"
