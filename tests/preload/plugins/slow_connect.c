/* A library behind libxsock.so in LD_PRELOAD, whose connect waits: what the
 * library asks the relay comes late. */
#include <dlfcn.h>
#include <sys/socket.h>
#include <unistd.h>

int connect(int fd, __CONST_SOCKADDR_ARG to, socklen_t len)
{
	int (*next)(int, __CONST_SOCKADDR_ARG, socklen_t) =
		(int (*)(int, __CONST_SOCKADDR_ARG, socklen_t))dlsym(RTLD_NEXT,
								     "connect");

	usleep(50000);
	return next(fd, to, len);
}
