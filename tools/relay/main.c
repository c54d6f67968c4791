/* xsock-relay: arguments, environment, listener.
 *
 * The relay is started by the library inside anybody's process: with unknown
 * signal handlers and masks, limits, descriptors.  All of that is put right
 * here and in surroundings.c, before the first thread.  The rest is done by the
 * workers (worker.h); the main thread only waits for the time to leave
 * (lifetime.h).
 *
 * Main is also the one file that knows all layers.  A lower layer that needs
 * something of a higher one gets a function from here: the workers get what
 * serves an accepted client, and the clients get what begins a connection.
 */
#include "base/descriptor.h"
#include "relay/association/connected.h"
#include "relay/client/admit.h"
#include "relay/client/control.h"
#include "relay/client/ftp_data.h"
#include "relay/connection/connection.h"
#include "relay/connection/loader.h"
#include "relay/connection/log_put.h"
#include "relay/loop/lifetime.h"
#include "relay/loop/resolver.h"
#include "relay/loop/signals.h"
#include "relay/loop/worker.h"
#include "relay/surroundings.h"
#include "relay/tls/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#ifndef XS_VERSION
#define XS_VERSION "unknown"
#endif

enum { EXIT_USAGE = 2, BACKLOG = 4096, WORKERS_MIN = 2, WORKERS_MAX = 8 };

struct arguments {
	const char *name; /* listen on this abstract name; NULL: not given */
	int listen_fd;	  /* or on this descriptor; -1: not given */
	int idle;	  /* seconds; -1: not given */
	int workers;	  /* 0: not given */
	/* What the library tells: */
	int starter;	   /* the process that waits for us; 0: none does */
	bool alone;	   /* and that nobody else is served */
	const char *label; /* its security label; NULL: it has none */
};

static const char usage[] =
	"Usage: xsock-relay --listen=NAME [OPTION]...\n"
	"Does TLS for programs that run under libxsock.so; started by it.\n"
	"\n"
	"  --listen=NAME   listen on the abstract AF_UNIX address NAME\n"
	"  --listen-fd=FD  use this listening SOCK_SEQPACKET socket\n"
	"  --idle=SECONDS  leave after so long without a connection (30)\n"
	"  --workers=N     number of threads (processors, 2 to 8)\n"
	"  --help          show this\n"
	"  --version       show the version\n"
	"\n"
	"See xsock-relay(8).\n";

/* A number from 0 to max; -1 when text is anything else. */
static int read_number(const char *text, int max)
{
	char *end;
	long number;

	errno = 0;
	number = strtol(text, &end, 10);
	if (errno || end == text || *end || number < 0 || number > max)
		return -1;
	return (int)number;
}

static int bad_value(const char *option, const char *value)
{
	fprintf(stderr,
		"xsock-relay: --%s=%s is not a number that it takes "
		"(try --help)\n",
		option, value);
	return EXIT_USAGE;
}

/* Returns -1 to go on, or an exit status. */
static int read_arguments(struct arguments *arguments, int argc, char **argv)
{
	enum {
		LISTEN = 1,
		LISTEN_FD,
		IDLE,
		WORKERS,
		STARTER,
		PRIVATE,
		LABEL,
		HELP,
		VERSION
	};
	static const struct option options[] = {
		{ "listen", required_argument, NULL, LISTEN },
		{ "listen-fd", required_argument, NULL, LISTEN_FD },
		{ "idle", required_argument, NULL, IDLE },
		{ "workers", required_argument, NULL, WORKERS },
		{ "starter", required_argument, NULL, STARTER },
		{ "private", no_argument, NULL, PRIVATE },
		{ "label", required_argument, NULL, LABEL },
		{ "help", no_argument, NULL, HELP },
		{ "version", no_argument, NULL, VERSION },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case LISTEN:
			arguments->name = optarg;
			break;
		case LISTEN_FD:
			arguments->listen_fd = read_number(optarg, 1 << 20);
			if (arguments->listen_fd < 3)
				return bad_value("listen-fd", optarg);
			break;
		case IDLE:
			arguments->idle = read_number(optarg, 1 << 30);
			if (arguments->idle < 0)
				return bad_value("idle", optarg);
			break;
		case WORKERS:
			arguments->workers = read_number(optarg, 64);
			if (arguments->workers < 1)
				return bad_value("workers", optarg);
			break;
		case STARTER:
			arguments->starter = read_number(optarg, INT_MAX);
			if (arguments->starter < 1)
				return bad_value("starter", optarg);
			break;
		case PRIVATE:
			arguments->alone = true;
			break;
		case LABEL:
			arguments->label = optarg;
			break;
		case HELP:
			fputs(usage, stdout);
			return EXIT_SUCCESS;
		case VERSION:
			puts("xsock-relay " XS_VERSION);
			return EXIT_SUCCESS;
		default:
			return EXIT_USAGE;
		}
	}
	if (optind < argc || !arguments->name == (arguments->listen_fd < 0) ||
	    (arguments->alone && !arguments->starter)) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	return -1;
}

/* Descriptors 0 to 2 must be something, or a socket would become "standard
 * error" and get a line meant for a person. */
static bool fill_standard_descriptors(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 &&
		    (xs_nothing() != fd || fcntl(fd, F_SETFD, 0) < 0))
			return false;
	return true;
}

/* Handlers do not survive execve(2), but ignored signals and the mask do. */
static void reset_signals(void)
{
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	/* The children of base/allowed.h are nobody's business. */
	signal(SIGCHLD, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static int listen_on(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t len = strlen(name);
	int fd;

	if (!len || len > sizeof(address.sun_path) - 1) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(address.sun_path + 1, name, len);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	len += offsetof(struct sockaddr_un, sun_path) + 1;
	if (bind(fd, (struct sockaddr *)&address, (socklen_t)len) == 0 &&
	    listen(fd, BACKLOG) == 0)
		return fd;
	close(fd);
	return -1;
}

/* A descriptor that was given must be what the library gives. */
static bool is_listener(int fd)
{
	return xs_socket_int(fd, SOL_SOCKET, SO_TYPE) == SOCK_SEQPACKET &&
	       xs_socket_int(fd, SOL_SOCKET, SO_ACCEPTCONN) > 0;
}

static int open_listener(const struct arguments *arguments)
{
	int fd = arguments->listen_fd;

	if (fd < 0)
		fd = listen_on(arguments->name);
	else if (!is_listener(fd)) {
		errno = ENOTSOCK;
		return -1;
	}
	if (fd < 0)
		return -1;
	/* Once more: clients are told who has called it last (unix(7),
	 * SO_PEERCRED). */
	if (listen(fd, BACKLOG) < 0)
		return -1;
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	return fd;
}

/* Until now standard error was a pipe to the starter, which waits for a zero
 * (shim/relay_client/start_relay.h). */
static void tell_starter(void)
{
	int null = xs_nothing();

	/* It does not wait for long. */
	if (write(STDERR_FILENO, "", 1) < 0)
		errno = 0;
	if (null >= 0)
		dup2(null, STDERR_FILENO);
	else
		close(STDERR_FILENO);
	if (null > STDERR_FILENO)
		close(null);
}

static int count_workers(int wanted)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	if (wanted > 0)
		return wanted;
	if (processors < WORKERS_MIN)
		return WORKERS_MIN;
	return processors > WORKERS_MAX ? WORKERS_MAX : (int)processors;
}

/* A CONNECT is about a stream or about datagrams. */
static int begin(struct xs_worker *worker, struct xs_control *control,
		 const void *datagram, size_t len, const int *fds, size_t nfds)
{
	if (xs_connected_is(datagram, len))
		return xs_connected_begin(worker, control, datagram, len, fds,
					  nfds);
	return xs_connection_connector.begin(worker, control, datagram, len,
					     fds, nfds);
}

static void client_left(struct xs_connection *connection)
{
	xs_connection_connector.client_left(connection);
}

static void list(int fd, const struct xs_wire *question)
{
	xs_connection_connector.list(fd, question);
}

static const struct xs_control_connector connector = {
	.begin = begin,
	.client_left = client_left,
	.list = list,
};

static int serve(const struct arguments *arguments)
{
	int listen_fd = open_listener(arguments);

	if (listen_fd < 0) {
		fprintf(stderr, "xsock-relay: cannot listen: %s\n",
			strerror(errno));
		return EXIT_FAILURE;
	}
	if (arguments->starter)
		tell_starter();
	xs_lifetime_set_idle(arguments->idle);
	xs_control_set_connector(&connector);
	if (xs_workers_start(count_workers(arguments->workers), listen_fd,
			     xs_control_begin, xs_control_give_way) < 0 ||
	    xs_lifetime_wait(listen_fd, xs_workers_give) < 0) {
		fprintf(stderr, "xsock-relay: %s\n", strerror(errno));
		return EXIT_FAILURE;
	}
	xs_log_put_end();
	/* A lookup that nobody waits for may hang for long, and would answer
	 * to a worker; so may a file, in the middle of OpenSSL, whose part of
	 * a worker may be left over: then there is no tidying up. */
	if (!xs_resolver_stop() || !xs_loader_stop() ||
	    !xs_tls_threads_may_end())
		_exit(EXIT_SUCCESS);
	xs_workers_stop();
	xs_ftp_data_forget();
	xs_tls_context_forget();
	close(listen_fd);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct arguments arguments = { .listen_fd = -1, .idle = -1 };
	int status;

	if (!fill_standard_descriptors())
		return EXIT_FAILURE;
	reset_signals();
	status = read_arguments(&arguments, argc, argv);
	if (status >= 0)
		return status;
	xs_surroundings_reset();
	xs_admit_prepare(arguments.starter, arguments.alone, arguments.label);
	xs_admit_keep(xs_surroundings_give_up());
	xs_surroundings_close();
	xs_signals_heed(xs_lifetime_end);
	return serve(&arguments);
}
