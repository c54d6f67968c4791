/* Connects in a constructor, to 127.0.0.1 and the port in ECHO. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

__attribute__((constructor)) static void begin(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	const char *port = getenv("ECHO");
	char back[8] = "";
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (!port)
		return;
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	to.sin_port = htons((unsigned short)strtoul(port, NULL, 10));
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		printf("constructor: not connected\n");
	else if (write(fd, "early", 5) == 5 &&
		 recv(fd, back, 5, MSG_WAITALL) == 5)
		printf("constructor: %s\n", back);
	fflush(stdout);
	close(fd);
}
