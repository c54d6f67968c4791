/* One question to a server, for "xsock trace"; see trace.h.
 *
 * A process of its own: what a probe keeps (a lookup under way, the environment
 * of the relay) goes with it, and it can be ended at any moment.
 */
#include "xsock/probe.h"
#include "xsock/trace.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	LOOK_MS = 50,	    /* how often it is asked whether to go on */
	GREETING_MS = 2000, /* some servers look up who comes first */
	GRACE_MS = 2000,    /* beyond the seconds of a probe */
};

typedef void question(struct xs_probe *probe, struct xs_answer *answer);

/* --- in the process ------------------------------------------------------- */

static void take_error(struct xs_answer *answer, const struct xs_error *err)
{
	answer->kind = err->kind;
	snprintf(answer->text, sizeof(answer->text), "%s", err->text);
}

static void ask_tls(struct xs_probe *probe, struct xs_answer *answer)
{
	struct xs_error err = { .kind = XS_ERR_NONE };

	if (xs_probe_run(probe, &err) < 0) {
		take_error(answer, &err);
		return;
	}
	snprintf(answer->text, sizeof(answer->text), "%s", probe->summary.how);
	snprintf(answer->version, sizeof(answer->version), "%s",
		 probe->summary.version ? probe->summary.version : "");
}

/* What servers say first, without being asked. */
static const struct {
	const char *begins, *has, *protocol;
} greetings[] = {
	{ "220", "LMTP", "lmtp" },
	{ "220", "SMTP", "smtp" },	       /* RFC 5321, 4.2 */
	{ "220", "FTP", "ftp" },	       /* RFC 959, 5.4 */
	{ "* OK", "", "imap" },		       /* RFC 9051, 7.1.1 */
	{ "* PREAUTH", "", "imap" },	       /* RFC 9051, 7.1.4 */
	{ "+OK", "", "pop3" },		       /* RFC 1939, 4 */
	{ "200 ", "", "nntp" },		       /* RFC 3977, 5.1 */
	{ "201 ", "", "nntp" },		       /* RFC 3977, 5.1 */
	{ "INFO {", "", "nats" },	       /* the NATS protocol, "INFO" */
	{ "\"IMPLEMENTATION\"", "", "sieve" }, /* RFC 5804, 1.7 */
};

/* A packet with number 0, and version 10 of the protocol (MySQL's "Protocol::
 * HandshakeV10"). */
static bool is_mysql(const char *said, size_t len)
{
	return len > 5 && said[3] == 0 && said[4] == 10 &&
	       (unsigned char)said[5] >= '0' && (unsigned char)said[5] <= '9';
}

static const char *protocol_of(char *said, size_t len)
{
	if (is_mysql(said, len))
		return "mysql";
	said[len] = '\0';
	for (size_t i = 0; i < sizeof(greetings) / sizeof(*greetings); i++)
		if (strncmp(said, greetings[i].begins,
			    strlen(greetings[i].begins)) == 0 &&
		    strcasestr(said, greetings[i].has))
			return greetings[i].protocol;
	return "";
}

static void listen_there(struct xs_probe *probe, struct xs_answer *answer)
{
	const int64_t deadline =
		xs_probe_now() +
		(int64_t)(probe->rule->options.timeout * 1000) * 1000;
	struct xs_error err = { .kind = XS_ERR_NONE };
	struct pollfd ready = { .fd = -1, .events = POLLIN };
	char said[512];
	ssize_t len = -1;

	if (xs_probe_resolve(probe, deadline, &err) == 0)
		ready.fd =
			xs_probe_connect(probe, &probe->dial, deadline, &err);
	if (ready.fd < 0) {
		take_error(answer, &err);
		return;
	}
	if (poll(&ready, 1, GREETING_MS) == 1)
		len = recv(ready.fd, said, sizeof(said) - 1, 0);
	snprintf(answer->text, sizeof(answer->text), "%s",
		 len > 0 ? protocol_of(said, (size_t)len) : "");
	close(ready.fd);
}

__attribute__((noreturn)) static void be_process(question *ask, const char *url,
						 const char *options, int to)
{
	struct xs_answer answer = { .kind = XS_ERR_NONE };
	struct xs_arena arena = { NULL };
	struct xs_probe probe = { .arena = &arena, .ms = { -1, -1, -1 } };
	struct xs_error err = { .kind = XS_ERR_NONE };
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (xs_probe_read_url(&probe, url, options, &err) < 0)
		take_error(&answer, &err);
	else
		ask(&probe, &answer);
	_exit(write(to, &answer, sizeof(answer)) == sizeof(answer) ? 0 : 1);
}

/* --- outside -------------------------------------------------------------- */

static void fail(struct xs_answer *answer, enum xs_error_kind kind,
		 const char *text)
{
	*answer = (struct xs_answer){ .kind = kind };
	snprintf(answer->text, sizeof(answer->text), "%s", text);
}

/* An answer is less than PIPE_BUF, so it comes whole or not at all. */
_Static_assert(sizeof(struct xs_answer) < 4096, "PIPE_BUF");

static void hear(int from, int ms, struct xs_answer *answer)
{
	struct pollfd ready = { .fd = from, .events = POLLIN };

	for (; ms > 0; ms -= LOOK_MS) {
		if (xs_trace_interrupted()) {
			fail(answer, XS_ERR_SYSTEM, "interrupted");
			return;
		}
		if (poll(&ready, 1, LOOK_MS) != 1)
			continue;
		if (read(from, answer, sizeof(*answer)) != sizeof(*answer))
			fail(answer, XS_ERR_SYSTEM, "the probe has ended");
		return;
	}
	fail(answer, XS_ERR_TIMEOUT, "no answer in time");
}

static void ask(question *what, const char *url, const char *options,
		int seconds, struct xs_answer *answer)
{
	char bounded[XS_BOOK_TEXT_MAX + 64];
	int ends[2];
	pid_t pid;

	snprintf(bounded, sizeof(bounded), "%s?timeout=%d", url, seconds);
	if (xs_trace_pipe(ends) < 0) {
		fail(answer, XS_ERR_SYSTEM, strerror(errno));
		return;
	}
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		be_process(what, bounded, options, ends[1]);
	close(ends[1]);
	if (pid < 0)
		fail(answer, XS_ERR_SYSTEM, strerror(errno));
	else
		hear(ends[0], seconds * 1000 + GRACE_MS, answer);
	close(ends[0]);
	if (pid < 0)
		return;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

void xs_trace_probe(const char *url, const char *options, int seconds,
		    struct xs_answer *answer)
{
	ask(ask_tls, url, options, seconds, answer);
}

void xs_trace_listen(const char *url, int seconds, struct xs_answer *answer)
{
	/* Options of TLS mean nothing here. */
	ask(listen_there, url, "", seconds, answer);
}
