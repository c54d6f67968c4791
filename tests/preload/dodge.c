/* One connect in a corner where a rule could be overlooked; run by
 * plaintext.sh, which knows what each must print.
 *
 *     dodge HOW [ARGUMENT…]
 *
 * What it has to tell is written to every descriptor that says it is
 * connected; the servers know whether it came by TLS.
 */
#include "victim.h"
#include <locale.h>
#include <pthread.h>
#include <setjmp.h>
#include <sys/resource.h>
#include <sys/stat.h>

static const char secret[] = "SECRET-that-must-not-travel";

static struct place at(const char *ip, const char *port)
{
	struct place p = place(ip, NULL);

	p.v4.sin_port = htons((uint16_t)strtoul(port, NULL, 10));
	return p;
}

static void try_connect(const char *key, int fd, const struct place *p)
{
	int result = connect(fd, &p->any, p->len);

	say(key, result);
	if (result == 0) {
		send(fd, secret, strlen(secret), MSG_NOSIGNAL);
		shutdown(fd, SHUT_WR);
		/* Until the server has it. */
		recv(fd, (char[64]){ 0 }, 64, 0);
	}
	close(fd);
}

/* addresses IP PORT …: by address, one after the other */
static void addresses(char **argument)
{
	for (int i = 0; argument[2 * i]; i++) {
		struct place p = at(argument[2 * i], argument[2 * i + 1]);
		char key[32];

		snprintf(key, sizeof(key), "connect %d", i + 1);
		try_connect(key, socket(p.any.sa_family, SOCK_STREAM, 0), &p);
	}
}

/* full IP PORT: no descriptor is free */
static void full(char **argument)
{
	struct place p = at(argument[0], argument[1]);
	int fd = socket(p.any.sa_family, SOCK_STREAM, 0);
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = (rlim_t)fd + 1;
	setrlimit(RLIMIT_NOFILE, &limit);
	try_connect("connect", fd, &p);
}

/* names PORT NAME …: looks all up, connects to what the first gave */
static void names(char **argument)
{
	const struct addrinfo hints = { .ai_family = AF_INET,
					.ai_socktype = SOCK_STREAM };
	struct addrinfo *found, *first = NULL;
	struct place p;

	for (int i = 1; argument[i]; i++) {
		if (getaddrinfo(argument[i], argument[0], &hints, &found)) {
			say_text(argument[i], "unknown");
			return;
		}
		if (!first)
			first = found;
	}
	/* As a program would that keeps the numbers only. */
	p = place("127.0.0.1", NULL);
	p.v4.sin_addr = ((struct sockaddr_in *)first->ai_addr)->sin_addr;
	p.v4.sin_port = ((struct sockaddr_in *)first->ai_addr)->sin_port;
	try_connect("connect, address kept",
		    socket(AF_INET, SOCK_STREAM, 0), &p);
	memcpy(&p.v4, first->ai_addr, sizeof(p.v4));
	try_connect("connect, as looked up",
		    socket(AF_INET, SOCK_STREAM, 0), &p);
}

struct waiting {
	int fd;
	struct place to;
};

static void *wait_in_connect(void *argument)
{
	struct waiting *w = argument;

	say("connect", connect(w->fd, &w->to.any, w->to.len));
	return NULL;
}

/* reuse IP PORT FILE: while connect waits, its number becomes a file's */
static void reuse(char **argument)
{
	struct waiting w = { socket(AF_INET, SOCK_STREAM, 0),
			     at(argument[0], argument[1]) };
	struct stat file;
	pthread_t thread;
	int fd;

	pthread_create(&thread, NULL, wait_in_connect, &w);
	usleep(300000);
	close(w.fd);
	fd = open(argument[2], O_CREAT | O_TRUNC | O_RDWR, 0600);
	say("the same number", fd == w.fd);
	pthread_join(thread, NULL);
	fstat(fd, &file);
	say_text("it is", S_ISREG(file.st_mode) ? "a file" : "no file");
	say("write", write(fd, "text\n", 5));
}

static sigjmp_buf out;

static void jump(int number)
{
	(void)number;
	siglongjmp(out, 1);
}

/* jump IP PORT: a handler leaves connect; then close, and the program lives on
 * until its standard input ends */
static void jumps(char **argument)
{
	struct place p = at(argument[0], argument[1]);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	signal(SIGALRM, jump);
	if (sigsetjmp(out, 1) == 0) {
		ualarm(300000, 0);
		say("connect", connect(fd, &p.any, p.len));
	}
	close(fd);
	say_text("jumped", "closed");
	while (read(STDIN_FILENO, (char[64]){ 0 }, 64) > 0)
		;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(char **argument);
	} hows[] = {
		{ "addresses", addresses }, { "full", full },
		{ "names", names },	    { "reuse", reuse },
		{ "jump", jumps },
	};

	setlocale(LC_ALL, "");
	for (size_t i = 0; argc > 1 && i < sizeof(hows) / sizeof(*hows); i++)
		if (strcmp(argv[1], hows[i].name) == 0) {
			hows[i].run(argv + 2);
			return 0;
		}
	return 2;
}
