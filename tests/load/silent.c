/* Connects that no server answers: COUNT of them, non-blocking, to PORT of
 * 127.0.0.1, held for SECONDS.
 *
 *     silent COUNT SECONDS PORT
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	if (argc != 4)
		return 2;
	to.sin_port = htons((uint16_t)atoi(argv[3]));
	for (int i = atoi(argv[1]); i > 0; i--) {
		int fd = socket(AF_INET,
				SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

		if (fd < 0 ||
		    (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 &&
		     errno != EINPROGRESS)) {
			perror("silent");
			return 1;
		}
	}
	printf("begun\n");
	fflush(stdout);
	sleep((unsigned)atoi(argv[2]));
	return 0;
}
