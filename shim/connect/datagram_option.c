/* Options that a pair of datagrams knows; see datagram_option.h. */
#include "connect/datagram_option.h"

#include "base/descriptor.h"

#include <netinet/in.h>
#include <stddef.h>
#include <string.h>

/* How the pair's end has it.  AF_UNIX makes no use of the first two, and tells
 * times as UDP does.  (What the application asks for by these numbers is the
 * UDP socket's: sockopt.h.) */
static const struct {
	int level, option, own;
} options[] = {
	{ IPPROTO_IP, IP_RECVERR, SO_NO_CHECK },
	{ IPPROTO_IPV6, IPV6_RECVERR, SO_BROADCAST },
	{ SOL_SOCKET, SO_TIMESTAMP, SO_TIMESTAMP },
	{ SOL_SOCKET, SO_TIMESTAMPNS, SO_TIMESTAMPNS },
};

enum { OPTIONS = sizeof(options) / sizeof(*options) };

static void put(int fd, int level, int option, int value)
{
	setsockopt(fd, level, option, &value, sizeof(value));
}

/* The kernel takes one byte for IP_RECVERR, too (do_ip_setsockopt). */
static int read_value(const void *value, socklen_t len)
{
	unsigned char byte;
	int number;

	if (len >= sizeof(number)) {
		memcpy(&number, value, sizeof(number));
		return number != 0;
	}
	if (!len)
		return 0;
	memcpy(&byte, value, sizeof(byte));
	return byte != 0;
}

void xs_datagram_option_set(int pair, int level, int option, const void *value,
			    socklen_t len)
{
	for (size_t i = 0; i < OPTIONS; i++)
		if (options[i].level == level && options[i].option == option)
			put(pair, SOL_SOCKET, options[i].own,
			    read_value(value, len));
}

/* What is off is left alone: SO_TIMESTAMP off is SO_TIMESTAMPNS off, too. */

void xs_datagram_option_to_pair(int udp, int pair)
{
	for (size_t i = 0; i < OPTIONS; i++)
		if (xs_socket_int(udp, options[i].level, options[i].option) > 0)
			put(pair, SOL_SOCKET, options[i].own, 1);
}

void xs_datagram_option_to_udp(int pair, int udp)
{
	for (size_t i = 0; i < OPTIONS; i++)
		if (xs_socket_int(pair, SOL_SOCKET, options[i].own) > 0)
			put(udp, options[i].level, options[i].option, 1);
}

bool xs_datagram_option_errors(int pair)
{
	return xs_socket_int(pair, SOL_SOCKET, SO_NO_CHECK) > 0 ||
	       xs_socket_int(pair, SOL_SOCKET, SO_BROADCAST) > 0;
}
