/* A program that is linked dynamically, and does all by libc: looks a name up,
 * connects, and gets "hello" back from an echo server.
 *
 *     lookup HOST PORT
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int fail(const char *what)
{
	printf("%s: %s\n", what, strerrorname_np(errno));
	return 1;
}

int main(int argc, char **argv)
{
	const struct addrinfo hints = { .ai_family = AF_INET,
					.ai_socktype = SOCK_STREAM };
	struct sockaddr_in name = { .sin_port = 0 };
	socklen_t len = sizeof(name);
	char text[16] = "";
	struct addrinfo *found;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (argc != 3 || getaddrinfo(argv[1], argv[2], &hints, &found))
		return 2;
	if (connect(fd, found->ai_addr, found->ai_addrlen) < 0)
		return fail("connect");
	if (getpeername(fd, (struct sockaddr *)&name, &len) < 0 ||
	    name.sin_port != htons((in_port_t)atoi(argv[2])))
		return fail("getpeername");
	freeaddrinfo(found);
	if (write(fd, "hello\n", 6) != 6 || read(fd, text, 6) != 6)
		return fail("talk");
	printf("got %s", text);
	return strcmp(text, "hello\n") != 0;
}
