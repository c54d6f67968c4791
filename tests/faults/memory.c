/* Connects again and again while memory runs out at the first, the second …
 * call of the relay or of this process, until a connect needs no more calls.
 *
 *     memory tls|smtp|never PORT SECRET MEMORY once|on STEP LINES [TOUCH]
 *
 * MEMORY is the file of the process whose memory runs out (memory.h); STEP the
 * distance between the calls that fail; LINES the file of XSOCK_LOG; TOUCH a
 * file of the rule, which changes before each connect.  Each connect must end
 * soon: with what the server says to SECRET, or with an errno, and a line.  One
 * that did not connect must be the only one: the next, with memory enough, must
 * connect.  never: the server has the wrong certificate, and must not be
 * connected to.
 *
 * The last line says how many came to which end.  The exit status is 0 if all
 * were good.
 */
#include "memory.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* The rule's timeout is shorter. */
enum { PATIENCE_MS = 15000, HANGS_S = 60, ENDS = 3, MANY = 200 };

static struct memory *memory;
static const char *secret, *lines, *port;
static char all[64 * 1024];
static size_t all_len;

/* What a connect came to. */
enum end { TLS, TOLD, SILENT, WRONG, HANG, KINDS };
static const char *const names[KINDS] = { "TLS", "told", "silent", "wrong",
					  "hang" };
static unsigned counts[KINDS];

static off_t length_of(const char *path)
{
	struct stat file;

	return stat(path, &file) == 0 ? file.st_size : 0;
}

/* One read; 0 at the end, -1 for an error or when nothing came: *late. */
static ssize_t hear(int fd, char *to, size_t room, bool *late)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };

	if (poll(&wait, 1, PATIENCE_MS) <= 0) {
		*late = true;
		return -1;
	}
	return recv(fd, to, room, 0);
}

/* What is sent comes back, and then the end. */
static bool echo(int fd, bool *late)
{
	static char back[sizeof(all)];
	size_t got = 0;
	ssize_t part;

	if (send(fd, all, all_len, MSG_NOSIGNAL) != (ssize_t)all_len ||
	    shutdown(fd, SHUT_WR) < 0)
		return false;
	while ((part = hear(fd, back + got, sizeof(back) - got, late)) > 0)
		got += (size_t)part;
	return part == 0 && got == all_len && memcmp(back, all, got) == 0;
}

/* A reply of SMTP, to its last line. */
static bool reply(int fd, bool *late)
{
	char text[4096];
	size_t got = 0, at = 0;
	ssize_t part;

	while ((part = hear(fd, text + got, sizeof(text) - 1 - got, late)) >
	       0) {
		char *end;

		got += (size_t)part;
		text[got] = '\0';
		while ((end = strchr(text + at, '\n'))) {
			if (text[at + 3] == ' ')
				return text[at] == '2';
			at = (size_t)(end - text) + 1;
		}
	}
	return false;
}

static bool say(int fd, const char *verb, const char *rest)
{
	char text[300];

	snprintf(text, sizeof(text), "%s %s\r\n", verb, rest);
	return send(fd, text, strlen(text), MSG_NOSIGNAL) ==
	       (ssize_t)strlen(text);
}

static bool mail(int fd, bool *late)
{
	return reply(fd, late) && say(fd, "EHLO", "me") && reply(fd, late) &&
	       say(fd, "AUTH PLAIN", secret) && reply(fd, late);
}

/* Looks the name up, too: that is what allocates in a program. */
static int connect_to(bool *resolved)
{
	const struct addrinfo hints = { .ai_family = AF_INET,
					.ai_socktype = SOCK_STREAM };
	struct addrinfo *found;
	int fd, saved;

	*resolved = getaddrinfo("localhost", port, &hints, &found) == 0;
	if (!*resolved)
		return -1;
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, found->ai_addr, found->ai_addrlen) < 0) {
		saved = errno;
		close(fd);
		errno = saved;
		fd = -1;
	}
	saved = errno;
	freeaddrinfo(found);
	errno = saved;
	return fd;
}

/* In connect, or in what comes before it. */
static void hangs(int number)
{
	static const char text[] = "a call of the program hangs\n";

	(void)number;
	if (write(STDOUT_FILENO, text, sizeof(text) - 1) > 0)
		_exit(3);
	_exit(4);
}

static void arm(unsigned call, bool on)
{
	atomic_store(&memory->calls, 0);
	atomic_store(&memory->failed, 0);
	atomic_store(&memory->fails, call);
	atomic_store(&memory->on, on);
	atomic_store(&memory->armed, 1);
}

static enum end attempt(bool smtp)
{
	off_t before = length_of(lines);
	bool late = false, resolved, good;
	int fd = connect_to(&resolved);

	/* The C library has told it. */
	if (!resolved)
		return TOLD;
	if (fd < 0 && !errno)
		return WRONG;
	good = fd >= 0 && (smtp ? mail(fd, &late) : echo(fd, &late));
	if (fd >= 0)
		close(fd);
	atomic_store(&memory->armed, 0);
	if (good)
		return TLS;
	if (late)
		return HANG;
	/* A line behind the verdict may come after the end. */
	for (int i = 0; i < MANY && length_of(lines) == before; i++)
		usleep(10000);
	return length_of(lines) > before ? TOLD : SILENT;
}

int main(int argc, char **argv)
{
	unsigned call, step, runs = 0, unused = 0, most = 0;
	bool smtp, never, on;
	int fd;

	if (argc < 8)
		return 2;
	smtp = strcmp(argv[1], "smtp") == 0;
	never = strcmp(argv[1], "never") == 0;
	port = argv[2];
	secret = argv[3];
	on = strcmp(argv[5], "on") == 0;
	step = (unsigned)atoi(argv[6]);
	lines = argv[7];
	fd = open(argv[4], O_RDWR | O_CLOEXEC);
	memory = mmap(NULL, sizeof(*memory), PROT_READ | PROT_WRITE, MAP_SHARED,
		      fd, 0);
	if (fd < 0 || memory == MAP_FAILED)
		return 2;
	while (all_len + strlen(secret) < sizeof(all) / 2) {
		memcpy(all + all_len, secret, strlen(secret));
		all_len += strlen(secret);
	}
	/* glibc keeps a lock of its own when there is no memory at the first
	 * lookup of a process (get_locked_global, 2.36). */
	if (attempt(smtp) != (never ? TOLD : TLS)) {
		printf("with memory enough: another end\n");
		return 1;
	}
	signal(SIGALRM, hangs);
	/* Not every connect needs as many. */
	for (call = 1; unused < ENDS; call += step) {
		enum end end;

		if (argc > 8)
			utimensat(AT_FDCWD, argv[8], NULL, 0);
		alarm(HANGS_S);
		arm(call, on);
		end = attempt(smtp);
		atomic_store(&memory->armed, 0);
		if (atomic_load(&memory->calls) > most)
			most = atomic_load(&memory->calls);
		unused += call > most && !atomic_load(&memory->failed);
		if (never ? end == TLS : end != TLS && attempt(smtp) != TLS)
			end = WRONG;
		runs++;
		counts[end]++;
		if (end > TOLD)
			printf("call %u: %s\n", call, names[end]);
	}
	printf("%u connects, %u calls at most:", runs, most);
	for (int i = 0; i < KINDS; i++)
		printf(" %s %u", names[i], counts[i]);
	printf("\n");
	return counts[SILENT] || counts[WRONG] || counts[HANG];
}
