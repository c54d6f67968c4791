/* Small questions about a descriptor; see descriptor.h. */
#include "base/descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

int xs_above_stdio(int fd)
{
	int above, saved;

	if (fd < 0 || fd > 2)
		return fd;
	above = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	saved = errno;
	close(fd);
	errno = saved;
	return above;
}

int xs_socket_int(int fd, int level, int option)
{
	int value = -1;
	socklen_t len = sizeof(value);

	return getsockopt(fd, level, option, &value, &len) == 0 ? value : -1;
}

bool xs_socket_has_udp(int fd)
{
	int protocol = xs_socket_int(fd, SOL_SOCKET, SO_PROTOCOL);

	return protocol == IPPROTO_UDP || protocol < 0;
}

bool xs_socket_is_udp(int fd)
{
	int family = xs_socket_int(fd, SOL_SOCKET, SO_DOMAIN);

	return (family == AF_INET || family == AF_INET6) &&
	       xs_socket_int(fd, SOL_SOCKET, SO_TYPE) == SOCK_DGRAM &&
	       xs_socket_has_udp(fd);
}

int xs_nothing(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd;
}
