/* The stage on which fuzz_connection.c plays an input: what it keeps of it, and
 * what stands in for the loop, for the control connection, and for calls that
 * fail.  Only fuzz_connection.c includes this.
 */
#ifndef XS_FUZZ_CONNECTION_STAGE_H
#define XS_FUZZ_CONNECTION_STAGE_H

#define OPENSSL_SUPPRESS_DEPRECATED /* RAND_set_rand_method */
#include "base/log.h"
#include "base/pair.h"
#include "base/wire.h"
#include "relay/client/control.h"
#include "relay/connection/connection.h"
#include "relay/loop/worker.h"
#include "relay/tls/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

/* So that the log and the server's bytes can be searched for it. */
static const char secret[] = "SECRET-of-the-program.";
enum { SECRET = sizeof(secret) - 1 };

/* strict: TLS from the first byte, so what arrives can be compared.  open: what
 * the program says may travel in plaintext. */
static const struct rule {
	const char *name, *scheme, *options;
	bool strict, early, open;
} rules[] = {
	{ "tls", "tls", "", true, false, false },
	{ "tls1.2", "tlsv1.2", "", true, false, false },
	{ "early", "tls", "&connect=early", true, true, false },
	{ "smtp", "smtp+starttls", "", false, false, false },
	{ "imap", "imap+starttls", "", false, false, false },
	{ "pop3", "pop3+starttls", "", false, false, false },
	{ "ftp", "ftp+starttls", "", false, false, false },
	{ "ldap", "ldap+starttls", "", false, false, false },
	{ "xmpp", "xmpp+starttls", "", false, false, false },
	{ "postgres", "postgres+starttls", "", false, false, false },
	{ "mysql", "mysql+starttls", "", false, false, false },
	{ "ftps", "ftp+tls", "", false, false, false },
	{ "watched", "starttls", "", false, false, true },
	{ "optional", "smtp+starttls", "&starttls=optional", false, false,
	  true },
	{ "plain", "tcp", "relay=1", false, false, true },
};
enum { RULES = sizeof(rules) / sizeof(*rules) };

/* --- what stands in for the control connection ---------------------------- */

struct xs_control {
	struct xs_connection *connection;
	bool answered;
	int errnum;
	char sentence[XS_ERROR_TEXT_MAX];
};

void xs_control_attach(struct xs_control *control,
		       struct xs_connection *connection)
{
	control->connection = connection;
}

pid_t xs_control_pid(const struct xs_control *control)
{
	(void)control;
	return getpid();
}

void xs_control_answer(struct xs_control *control, const struct xs_wire *answer)
{
	const char *sentence = answer->string[XS_WIRE_SENTENCE];

	control->answered = true;
	control->errnum = answer->head.errnum;
	snprintf(control->sentence, sizeof(control->sentence), "%s",
		 sentence ? sentence : "");
	control->connection = NULL;
}

/* --- one input ------------------------------------------------------------ */

struct bytes {
	uint8_t *at;
	size_t len;
};

static struct play {
	const char *text; /* the input, to be shown */
	const struct rule *rule;
	bool wrong;   /* the server's certificate is another */
	bool refused; /* nobody listens */
	bool dialled; /* the relay connects, not the library */
	bool spoiled; /* not all needs to arrive */
	struct xs_control control;
	bool connected;
	int app;		   /* the program's end; -1: it has left */
	int server;		   /* the server's; -1: it has ended */
	int tcp;		   /* what the library keeps of the relay's */
	int relay_tcp, relay_pair; /* the relay's own numbers */
	bool app_ended, app_eof;   /* SHUT_WR; it has read the end */
	bool server_eof, said_bye, heard_bye;
	SSL *ssl;
	bool shaking;		/* the server has seen a ClientHello */
	unsigned flip, drop;	/* of what TLS sends next */
	struct bytes wire;	/* what came over TCP */
	struct bytes up, down;	/* what was written */
	struct bytes sent_up;	/* what the server has of it, decrypted */
	struct bytes sent_down; /* and the program */
} play;

static void must(bool condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "not true: %s (verdict %d, errno %d, %s)\n%s\n", what,
		play.control.answered, play.control.errnum,
		play.control.sentence, play.text);
	abort();
}

static void append(struct bytes *to, const void *data, size_t len)
{
	if (!len)
		return;
	to->at = realloc(to->at, to->len + len);
	must(to->at, "memory");
	memcpy(to->at + to->len, data, len);
	to->len += len;
}

static bool is_begin_of(const struct bytes *part, const struct bytes *whole)
{
	return part->len <= whole->len &&
	       (!part->len || memcmp(part->at, whole->at, part->len) == 0);
}

static bool is_same(const struct bytes *one, const struct bytes *other)
{
	return one->len == other->len && is_begin_of(one, other);
}

/* --- faults --------------------------------------------------------------- */

enum call { RECV, SENT, SHUTDOWN, CALLS };
enum { CUT = -1 };

/* The next so many calls fail with errnum, or do less than they were asked. */
static struct fault {
	int errnum;
	unsigned left;
} faults[CALLS];

/* Is this call one of them?  Only what the relay does counts, and not what the
 * kernel would not do: the filler of a gate is there. */
static int next_fault(enum call call, int fd)
{
	struct fault *fault = &faults[call];

	if (!fault->left || (fd != play.relay_tcp &&
			     (fd != play.relay_pair || !play.control.answered)))
		return 0;
	fault->left--;
	return fault->errnum;
}

ssize_t __real_recv(int fd, void *data, size_t size, int flags);
ssize_t __wrap_recv(int fd, void *data, size_t size, int flags);
ssize_t __real_send(int fd, const void *data, size_t len, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t len, int flags);
int __real_shutdown(int fd, int how);
int __wrap_shutdown(int fd, int how);

ssize_t __wrap_recv(int fd, void *data, size_t size, int flags)
{
	int fault = flags & MSG_PEEK ? 0 : next_fault(RECV, fd);

	if (fault > 0) {
		errno = fault;
		return -1;
	}
	return __real_recv(fd, data, fault && size > 3 ? 3 : size, flags);
}

ssize_t __wrap_send(int fd, const void *data, size_t len, int flags)
{
	int fault = next_fault(SENT, fd);

	if (fault > 0) {
		errno = fault;
		return -1;
	}
	return __real_send(fd, data, fault && len > 3 ? 3 : len, flags);
}

int __wrap_shutdown(int fd, int how)
{
	int fault = next_fault(SHUTDOWN, fd);

	if (fault > 0) {
		errno = fault;
		return -1;
	}
	return __real_shutdown(fd, how);
}

/* --- what stands in for the loop ------------------------------------------ */

static struct xs_worker worker;

static struct watched {
	struct xs_source *source; /* NULL: free */
	uint32_t events;
	int fd;
} watched[8];
enum { WATCHED = sizeof(watched) / sizeof(*watched) };

static struct watched *find_watched(int fd)
{
	for (int i = 0; i < WATCHED; i++)
		if (watched[i].source && watched[i].fd == fd)
			return &watched[i];
	return NULL;
}

int xs_worker_watch(struct xs_worker *unused, int fd, uint32_t events,
		    struct xs_source *source)
{
	(void)unused;
	must(!find_watched(fd), "a descriptor is watched once");
	for (int i = 0; i < WATCHED; i++) {
		if (watched[i].source)
			continue;
		watched[i] = (struct watched){ source, events, fd };
		return 0;
	}
	errno = ENOSPC;
	return -1;
}

int xs_worker_rewatch(struct xs_worker *unused, int fd, uint32_t events,
		      struct xs_source *source)
{
	struct watched *at = find_watched(fd);

	(void)unused;
	must(at && at->source == source, "what is watched is known");
	at->events = events;
	return 0;
}

void xs_worker_unwatch(struct xs_worker *unused, int fd)
{
	struct watched *at = find_watched(fd);

	(void)unused;
	if (at)
		at->source = NULL;
}

void xs_worker_later(struct xs_worker *unused, struct xs_task *task)
{
	(void)unused;
	if (task->queued)
		return;
	task->queued = true;
	task->next = NULL;
	*worker.tasks_end = task;
	worker.tasks_end = &task->next;
}

void xs_worker_timer(struct xs_worker *unused, struct xs_timer *timer,
		     int64_t milliseconds)
{
	(void)unused;
	xs_timer_set(&worker.timers, timer, xs_now_ms() + milliseconds);
}

/* Only "xsock ps" asks. */
void xs_workers_traffic(uint64_t *sent, uint64_t *received)
{
	*sent = *received = 0;
}

void xs_worker_post(struct xs_worker *unused, struct xs_message *message)
{
	(void)unused;
	(void)message;
	must(false, "no other thread has work");
}

/* As in worker.c: events are told although one before may have ended what they
 * are about, and tasks come behind them. */
static void turn(void)
{
	struct pollfd now[WATCHED];
	struct xs_source *source[WATCHED];
	struct xs_task *task = NULL;

	/* The bits of poll(2) are those of epoll(7). */
	for (int i = 0; i < WATCHED; i++) {
		source[i] = watched[i].source;
		now[i] = (struct pollfd){
			.fd = source[i] ? watched[i].fd : -1,
			.events = (short)(watched[i].events & 0xffff),
		};
	}
	poll(now, WATCHED, 0);
	for (int i = 0; i < WATCHED; i++)
		if (source[i] && now[i].revents)
			source[i]->event(source[i],
					 (uint32_t)now[i].revents & 0xffff);
	task = worker.tasks;
	worker.tasks = NULL;
	worker.tasks_end = &worker.tasks;
	while (task) {
		struct xs_task *next = task->next;

		task->queued = false;
		task->run(task);
		task = next;
	}
}

/* The next deadline has come. */
static void tick(void)
{
	if (worker.timers.first)
		xs_timers_run(&worker.timers, worker.timers.first->due);
}

#endif
