/* Leaves at once after its last write: by exit, by SIGKILL, by exec.  Run by
 * run.sh, which knows what the server must have received. */
#include "victim.h"

enum { BYTES = 10 << 20 };

static void write_all(int fd)
{
	static unsigned char buffer[65536];
	int sent = 0;

	while (sent < BYTES) {
		ssize_t put;

		for (size_t i = 0; i < sizeof(buffer); i++)
			buffer[i] = (unsigned char)(((size_t)sent + i) % 251);
		put = write(fd, buffer,
			    BYTES - sent < (int)sizeof(buffer)
				    ? (size_t)(BYTES - sent)
				    : sizeof(buffer));
		if (put <= 0) {
			say("write", put);
			exit(1);
		}
		sent += (int)put;
	}
}

int main(int argc, char **argv)
{
	int fd;

	if (argc < 2)
		return 2;
	fd = connected("127.0.0.1", "SINK");
	write_all(fd);
	if (strcmp(argv[1], "exit") == 0)
		_exit(0);
	if (strcmp(argv[1], "kill") == 0)
		raise(SIGKILL);
	if (strcmp(argv[1], "exec") == 0)
		execl("/bin/true", "true", (char *)NULL);
	return 1;
}
