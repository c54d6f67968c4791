/* A program with a malloc of its own, whose lock is not recursive: a signal
 * arrives while it holds it, and the handler connects.  Run by plaintext.sh.
 *
 *     inside PORT TEXT
 */
#include "victim.h"

static volatile sig_atomic_t interrupt_malloc, inside_malloc, malloc_again;
static struct place to;
static const char *text;

void *__libc_malloc(size_t size);

void *malloc(size_t size)
{
	void *got;

	if (inside_malloc) {
		malloc_again++;
		return __libc_malloc(size);
	}
	inside_malloc = interrupt_malloc;
	if (inside_malloc)
		raise(SIGUSR1);
	got = __libc_malloc(size);
	inside_malloc = 0;
	return got;
}

static volatile sig_atomic_t connects;

static void on_signal(int number)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	(void)number;
	if (connect(fd, &to.any, to.len) == 0) {
		connects++;
		send(fd, text, strlen(text), MSG_NOSIGNAL);
		shutdown(fd, SHUT_WR);
		recv(fd, (char[64]){ 0 }, 64, 0);
	}
	close(fd);
}

int main(int argc, char **argv)
{
	/* Volatile: a compiler may leave out a malloc that only free sees. */
	void *volatile got;

	if (argc < 3)
		return 2;
	to = place("127.0.0.1", NULL);
	to.v4.sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10));
	text = argv[2];
	signal(SIGUSR1, on_signal);
	interrupt_malloc = 1;
	got = malloc(100);
	interrupt_malloc = 0;
	free(got);
	say("connects inside malloc", connects);
	say("malloc called", malloc_again);
	return 0;
}
