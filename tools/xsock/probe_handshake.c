/* The handshake of a probe, on a socket, and a second one that resumes.
 *
 * The calls are those of the relay's handshake.c, one after the other, and
 * what STARTTLS needs before is the relay's dialogue (upgrade.c).  A server may
 * say more behind the handshake: a TLS 1.3 session, or that it wants a
 * client certificate after all; so there is a moment to listen.  What it says
 * as an application is thrown away, and no application data is ever sent.
 */
#include "xsock/probe.h"

#include "relay/base/buffers.h"
#include "relay/starttls/dialogue.h"
#include "relay/starttls/table.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

enum {
	/* How long to listen behind the handshake, in microseconds. */
	LISTEN_US = 500000,
	/* What resuming may take at most. */
	RESUME_US = 5000000,
};

struct line {
	const struct xs_probe *probe;
	const struct xs_dial *dial;
	struct xs_tls *tls;
	struct xs_dialogue *dialogue; /* STARTTLS; else NULL */
	bool opened;		      /* its OPEN came before TLS */
	int fd;
	int64_t deadline;
	struct xs_tls_io io;
	uint8_t in[XS_READ_MAX];
	uint8_t out[XS_TLS_OUT_ROOM(XS_READ_MAX)];
	uint8_t plain[XS_TLS_PLAIN_ROOM(XS_READ_MAX)];
};

/* True when fd is ready before deadline. */
static bool wait_for(const struct line *line, short events, int64_t deadline)
{
	struct pollfd poll_fd = { .fd = line->fd, .events = events };
	int left = xs_probe_left(deadline);

	return left > 0 && poll(&poll_fd, 1, left) != 0;
}

/* Sends what the last call of xs_tls_* left: 0, or -1 with errno. */
static int flush(struct line *line)
{
	size_t done = 0;

	while (done < line->io.out_len) {
		ssize_t sent = send(line->fd, line->out + done,
				    line->io.out_len - done, MSG_NOSIGNAL);

		if (sent > 0)
			done += (size_t)sent;
		else if (errno == EAGAIN &&
			 !wait_for(line, POLLOUT, line->deadline))
			errno = ETIMEDOUT;
		if (sent < 0 && errno != EAGAIN && errno != EINTR)
			return -1;
	}
	line->io.out_len = 0;
	return 0;
}

/* Receives into the empty line->io: bytes, 0 at the end, -1 with errno. */
static ssize_t receive(struct line *line, int64_t deadline)
{
	ssize_t got;

	do {
		if (!wait_for(line, POLLIN, deadline)) {
			errno = ETIMEDOUT;
			return -1;
		}
		got = recv(line->fd, line->in, sizeof(line->in), MSG_DONTWAIT);
	} while (got < 0 && (errno == EINTR || errno == EAGAIN));
	line->io.in = line->in;
	line->io.in_len = got > 0 ? (size_t)got : 0;
	return got;
}

static int fail_line(const struct line *line, int errnum, struct xs_error *err)
{
	if (errnum == ETIMEDOUT && xs_probe_left(line->deadline) == 0) {
		xs_connect_error_timeout(err, XS_CONNECT_ERROR_HANDSHAKE,
					 line->probe->host, line->dial,
					 line->probe->rule->options.timeout);
		xs_tls_explain_silence(line->tls, err);
	} else if (errnum == 0 || errnum == ECONNRESET) {
		xs_tls_handshake_cut(line->tls, err);
	} else {
		xs_dial_failed(xs_dial_address(line->dial), errnum, err);
	}
	return -1;
}

static int shake(struct line *line, struct xs_tls_summary *summary,
		 struct xs_error *err)
{
	for (;;) {
		enum xs_tls_result result =
			xs_tls_handshake(line->tls, &line->io, summary, err);
		ssize_t got;

		if (flush(line) < 0 && result != XS_TLS_FAILED)
			return fail_line(line, errno, err);
		if (result == XS_TLS_DONE)
			return 0;
		if (result == XS_TLS_FAILED)
			return -1;
		got = receive(line, line->deadline);
		if (got <= 0)
			return fail_line(line, got < 0 ? errno : 0, err);
	}
}

/* Listens for a moment behind the handshake, until there is a session.
 * Returns -1 with *err set when the server breaks off. */
static int listen_behind(struct line *line, struct xs_error *err)
{
	int64_t until = xs_probe_now() + LISTEN_US;

	for (;;) {
		size_t len;
		enum xs_tls_result result =
			xs_tls_read(line->tls, &line->io, line->plain,
				    sizeof(line->plain), &len, err);

		if (flush(line) < 0 && result == XS_TLS_WANT)
			return 0;
		if (result == XS_TLS_FAILED)
			return -1;
		if (result == XS_TLS_CLOSED ||
		    xs_tls_report_has_session(line->tls))
			return 0;
		/* Older versions send it in the handshake or not at all. */
		if (strcmp(line->probe->report.version, "TLSv1.3") != 0)
			return 0;
		if (receive(line, until) <= 0)
			return 0;
	}
}

/* --- STARTTLS ----------------------------------------------------------- */

/* Takes a dialogue's bytes for the server: 0, or -1 with errno. */
static int send_words(struct line *line, struct xs_queue *words)
{
	size_t len = xs_queue_len(words);

	if (len > line->io.out_size) {
		errno = EMSGSIZE;
		return -1;
	}
	if (len)
		memcpy(line->out, words->data + words->start, len);
	line->io.out_len = len;
	xs_queue_free(words);
	return flush(line);
}

/* The server does not go on. */
static int fail_words(const struct line *line,
		      const struct xs_dialogue *dialogue, int errnum,
		      struct xs_error *err)
{
	double timeout = line->probe->rule->options.timeout;

	if (errnum == ETIMEDOUT)
		xs_dialogue_late(dialogue, timeout, err);
	else if (errnum == 0 || errnum == ECONNRESET)
		xs_dialogue_cut(dialogue, err);
	if (!xs_error_is_set(err))
		xs_dial_failed(xs_dial_address(line->dial), errnum, err);
	return -1;
}

/* Says what is said before TLS, and in MySQL's case what an application would
 * say: 0, or -1 with *err set. */
static int converse(struct line *line, struct xs_dialogue *dialogue,
		    struct xs_error *err)
{
	enum xs_dialogue_result result = xs_dialogue_begin(dialogue, err);
	const void *hello;
	size_t len;
	ssize_t got;

	for (;;) {
		if (send_words(line, xs_dialogue_to_server(dialogue)) < 0)
			return fail_words(line, dialogue, errno, err);
		switch (result) {
		case XS_DIALOGUE_TLS:
			line->io.in_len = 0;
			return 0;
		case XS_DIALOGUE_OPEN:
			line->opened = true;
			hello = xs_dialogue_hello(dialogue, &len);
			result = xs_dialogue_app(dialogue, hello, len, err);
			break;
		case XS_DIALOGUE_MORE:
			got = receive(line, line->deadline);
			if (got <= 0)
				return fail_words(line, dialogue,
						  got < 0 ? errno : 0, err);
			result = xs_dialogue_server(dialogue, line->in,
						    (size_t)got, err);
			break;
		case XS_DIALOGUE_AGREED: /* only to an application */
		case XS_DIALOGUE_PASS:
		case XS_DIALOGUE_REFUSED:
		case XS_DIALOGUE_BROKEN:
			return -1;
		}
	}
}

static int upgrade(struct line *line, struct xs_error *err)
{
	const struct xs_rule *rule = line->probe->rule;
	const struct xs_protocol *protocol =
		xs_protocol_find(rule->target.scheme->name);
	struct xs_dialogue_setup setup = {
		.domain = rule->options.peer_name ? rule->options.peer_name
						  : line->probe->host,
	};

	if (!protocol)
		return 0;
	setup.local.len = sizeof(setup.local.v6);
	if (getsockname(line->fd, &setup.local.any, &setup.local.len) < 0)
		setup.local.len = 0;
	line->dialogue = xs_dialogue_new(protocol, &setup);
	if (!line->dialogue)
		return xs_error_set(err, XS_ERR_SYSTEM, ENOMEM,
				    "out of memory");
	return converse(line, line->dialogue, err);
}

/* Sends the dialogue's words by TLS, and hears what the server answers. */
static enum xs_dialogue_result exchange(struct line *line, struct xs_error *err)
{
	struct xs_queue *words = xs_dialogue_to_server(line->dialogue);
	size_t len = 0;
	ssize_t got;

	if (xs_queue_len(words) &&
	    xs_tls_write(line->tls, &line->io, words->data + words->start,
			 xs_queue_len(words), err) != XS_TLS_DONE)
		return XS_DIALOGUE_BROKEN;
	if (flush(line) < 0) {
		fail_words(line, line->dialogue, errno, err);
		return XS_DIALOGUE_BROKEN;
	}
	xs_queue_free(words);
	if (!line->io.in_len) {
		got = receive(line, line->deadline);
		if (got <= 0) {
			fail_words(line, line->dialogue, got < 0 ? errno : 0,
				   err);
			return XS_DIALOGUE_BROKEN;
		}
	}
	if (xs_tls_read(line->tls, &line->io, line->plain, sizeof(line->plain),
			&len, err) == XS_TLS_FAILED)
		return XS_DIALOGUE_BROKEN;
	return xs_dialogue_server(line->dialogue, line->plain, len, err);
}

/* What must be said behind TLS before an application's connect succeeds: 0, or
 * -1 with *err set. */
static int confirm(struct line *line, struct xs_error *err)
{
	enum xs_dialogue_result result;

	/* Whose connect succeeds before TLS would begin to log in here. */
	if (!line->dialogue || line->opened)
		return 0;
	result = xs_dialogue_secured(line->dialogue, err);
	while (result == XS_DIALOGUE_MORE)
		result = exchange(line, err);
	return result == XS_DIALOGUE_OPEN || result == XS_DIALOGUE_PASS ? 0
									: -1;
}

/* --- one connection ------------------------------------------------------- */

static int line_begin(struct line *line, const struct xs_probe *probe,
		      const struct xs_dial *dial,
		      struct xs_tls_context *context, int fd, int64_t deadline,
		      struct xs_error *err)
{
	char server[XS_ADDRESS_TEXT_MAX];
	const int on = 1;

	line->probe = probe;
	line->dial = dial;
	line->fd = fd;
	line->deadline = deadline;
	line->dialogue = NULL;
	line->opened = false;
	line->io = (struct xs_tls_io){ .in = line->in,
				       .out = line->out,
				       .out_size = sizeof(line->out) };
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	line->tls = xs_tls_new(context, probe->host, err);
	if (!line->tls)
		return -1;
	xs_address_format(xs_dial_address(dial), server, sizeof(server));
	xs_tls_resume(line->tls, server);
	return 0;
}

static void line_end(struct line *line)
{
	xs_dialogue_free(line->dialogue);
	if (line->tls) {
		xs_tls_close(line->tls, &line->io);
		flush(line);
		xs_tls_free(line->tls);
	}
	shutdown(line->fd, SHUT_WR);
	close(line->fd);
}

/* Does the server resume the session that it gave?  Whatever goes wrong means
 * no. */
static void try_to_resume(struct xs_probe *probe,
			  struct xs_tls_context *context)
{
	struct xs_address address = *xs_dial_address(&probe->dial);
	struct xs_dial dial = { .address = &address, .count = 1 };
	int64_t deadline = xs_probe_now() + RESUME_US;
	struct xs_tls_summary summary = { .version = NULL };
	struct xs_error err = { .kind = XS_ERR_NONE };
	static struct line line;
	int64_t begin;
	int fd = xs_probe_connect(probe, &dial, deadline, &err);

	probe->resumption_tried = true;
	if (fd < 0)
		return;
	begin = xs_probe_now();
	if (line_begin(&line, probe, &dial, context, fd, deadline, &err) == 0 &&
	    upgrade(&line, &err) == 0 && shake(&line, &summary, &err) == 0) {
		probe->resumed = xs_tls_report_resumed(line.tls);
		probe->resumed_ms = (double)(xs_probe_now() - begin) / 1000;
	}
	/* The next one begins with a line of its own.
	 * NOLINTNEXTLINE(clang-analyzer-core.StackAddressEscape) */
	line_end(&line);
}

int xs_probe_handshake(struct xs_probe *probe, struct xs_tls_context *context,
		       int fd, int64_t deadline, struct xs_error *err)
{
	struct xs_error unread = { .kind = XS_ERR_NONE };
	int64_t begin = xs_probe_now();
	static struct line line;
	bool again;
	int result;

	result = line_begin(&line, probe, &probe->dial, context, fd, deadline,
			    err);
	if (result == 0)
		result = upgrade(&line, err);
	if (result == 0) {
		result = shake(&line, &probe->summary, err);
		probe->ms[XS_CONNECT_ERROR_HANDSHAKE] =
			(double)(xs_probe_now() - begin) / 1000;
		probe->shook = xs_tls_report_read(line.tls, probe->arena,
						  &probe->report, &unread) == 0;
		if (result == 0 && !probe->shook) {
			*err = unread;
			result = -1;
		}
	}
	if (result == 0)
		result = confirm(&line, err);
	if (result == 0)
		result = listen_behind(&line, err);
	again = result == 0 && probe->rule->options.session_reuse &&
		xs_tls_report_has_session(line.tls);
	line_end(&line);
	if (again)
		try_to_resume(probe, context);
	return result;
}
