/* One control connection; see control.h.
 *
 * Whatever a client sends is bounded: one message of bounded size, with the
 * descriptors that its type has and no others, within a few seconds.  A client
 * that does not keep to that is dropped without a word; it is not ours.
 *
 * A GETOPT may come before the CONNECT that it is about: a program may set an
 * option as soon as its non-blocking connect returns, on a control connection
 * that another worker serves.  So while the pair says "connecting" and nobody
 * knows it, the question is asked again a little later.
 */
#include "control.h"

#include "connection.h"
#include "expect.h"
#include "life.h"
#include "lookups.h"
#include "sockopt.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
	REQUEST_MS = 5000, /* for a request to arrive */
	RETRY_MS = 1,	   /* first pause before asking again … */
	RETRY_MAX_MS = 64, /* … which doubles until here */
	RETRY_TOTAL_MS = 2000,
};

struct xs_control {
	struct xs_source source;
	struct xs_task task; /* frees it */
	struct xs_timer timer;
	struct xs_worker *worker;
	int fd;				  /* -1: ended */
	struct xs_connection *connection; /* waits for its verdict */
	struct xs_lookups *lookups;	  /* names that were asked for */
	struct xs_wire *question;	  /* a socket option, to ask again */
	int question_fd;
	int64_t retry_ms, retried_ms;
};

static void free_control(struct xs_task *task)
{
	free(xs_container(task, struct xs_control, task));
	xs_life_leave();
}

static void end(struct xs_control *control)
{
	if (control->fd < 0)
		return;
	if (control->connection)
		xs_connection_forget_control(control->connection);
	xs_timer_cancel(&control->worker->timers, &control->timer);
	xs_worker_unwatch(control->worker, control->fd);
	close(control->fd);
	control->fd = -1;
	if (control->question) {
		close(control->question_fd);
		free(control->question);
	}
	if (control->lookups)
		xs_lookups_end(control->lookups);
	control->task.run = free_control;
	xs_worker_later(control->worker, &control->task);
}

void xs_control_tell(struct xs_control *control, const struct xs_wire *answer)
{
	xs_wire_send(control->fd, answer, NULL, 0);
}

void xs_control_answer(struct xs_control *control, const struct xs_wire *answer)
{
	/* Not answered is answered by closing. */
	xs_wire_send(control->fd, answer, NULL, 0);
	control->connection = NULL;
	end(control);
}

static void close_all(const int *fds, size_t nfds)
{
	for (size_t i = 0; i < nfds; i++)
		close(fds[i]);
}

/* Who connected; uid -1 and pid 0 when it cannot be told. */
static struct ucred peer_of(const struct xs_control *control)
{
	struct ucred peer = { .uid = (uid_t)-1, .gid = (gid_t)-1 };
	socklen_t len = sizeof(peer);

	getsockopt(control->fd, SOL_SOCKET, SO_PEERCRED, &peer, &len);
	return peer;
}

pid_t xs_control_pid(const struct xs_control *control)
{
	return peer_of(control).pid;
}

static void begin_connection(struct xs_control *control, const void *datagram,
			     size_t len, const int *fds, size_t nfds)
{
	if (peer_of(control).uid != geteuid()) {
		close_all(fds, nfds);
		end(control);
		return;
	}
	xs_timer_cancel(&control->worker->timers, &control->timer);
	if (xs_connection_begin(control->worker, control, datagram, len, fds,
				nfds) < 0)
		end(control);
}

void xs_control_attach(struct xs_control *control,
		       struct xs_connection *connection)
{
	control->connection = connection;
}

/* Asks the socket and answers; false: not known yet, ask again. */
static bool serve_sockopt(struct xs_control *control,
			  const struct xs_wire *question, int app_fd)
{
	char value[XS_WIRE_VALUE_MAX];
	struct xs_wire answer;

	if (!xs_sockopt_serve(question, app_fd, peer_of(control).uid == 0,
			      &answer, value))
		return false;
	xs_control_answer(control, &answer);
	return true;
}

static void ask_again(struct xs_timer *timer)
{
	struct xs_control *control =
		xs_container(timer, struct xs_control, timer);

	control->retried_ms += control->retry_ms;
	if (serve_sockopt(control, control->question, control->question_fd))
		return;
	if (control->retried_ms > RETRY_TOTAL_MS) {
		end(control);
		return;
	}
	if (control->retry_ms < RETRY_MAX_MS)
		control->retry_ms *= 2;
	xs_worker_timer(control->worker, timer, control->retry_ms);
}

/* Keeps the question, with its value behind it, and the descriptor. */
static void keep_question(struct xs_control *control,
			  const struct xs_wire *question, int app_fd)
{
	size_t bytes = question->head.type == XS_WIRE_SETOPT
			       ? question->head.value_len
			       : 0;
	struct xs_wire *copy = malloc(sizeof(*copy) + bytes);

	if (!copy) {
		close(app_fd);
		end(control);
		return;
	}
	*copy = *question;
	copy->value = memcpy(copy + 1, question->value, bytes);
	control->question = copy;
	control->question_fd = app_fd;
	control->timer.expire = ask_again;
	control->retry_ms = RETRY_MS;
	xs_worker_timer(control->worker, &control->timer, control->retry_ms);
}

static void begin_sockopt(struct xs_control *control,
			  const struct xs_wire *question, const int *fds,
			  size_t nfds)
{
	if (nfds != 1) {
		close_all(fds, nfds);
		end(control);
		return;
	}
	if (serve_sockopt(control, question, fds[0]))
		close(fds[0]);
	else
		keep_question(control, question, fds[0]);
}

/* Only for this user: what his name servers say is nobody else's affair. */
static void begin_lookups(struct xs_control *control,
			  const struct xs_wire *question)
{
	if (peer_of(control).uid == geteuid())
		control->lookups =
			xs_lookups_begin(control, control->worker,
					 question->string[XS_WIRE_HOST]);
	if (control->lookups)
		xs_timer_cancel(&control->worker->timers, &control->timer);
	else
		end(control);
}

/* Only for this user, too. */
static void answer_expected(struct xs_control *control,
			    const struct xs_wire *question)
{
	struct xs_expect_answer found;
	struct xs_address asked;
	struct xs_wire answer;

	if (peer_of(control).uid != geteuid() ||
	    !xs_address_from(&asked, &question->head.to.any,
			     question->head.to.len)) {
		end(control);
		return;
	}
	xs_wire_init(&answer, XS_WIRE_EXPECTATION);
	answer.head.errnum = ENOENT;
	if (xs_expect_find(&asked, &found)) {
		answer.head.errnum = 0;
		answer.head.to = found.to;
		memcpy(answer.head.token, found.token, sizeof(found.token));
		answer.string[XS_WIRE_NAME] = found.name;
		answer.string[XS_WIRE_SCHEME] = found.scheme;
		answer.string[XS_WIRE_RULE] = found.rule;
	}
	xs_control_answer(control, &answer);
}

static void take_request(struct xs_control *control)
{
	uint8_t *buffer = control->worker->buffers->plain;
	struct xs_error err = { 0 };
	struct xs_wire message;
	int fds[XS_WIRE_FDS];
	size_t nfds;
	ssize_t len;

	_Static_assert(sizeof(control->worker->buffers->plain) >=
			       XS_WIRE_MESSAGE_MAX,
		       "a message fits");
	len = xs_wire_receive(control->fd, buffer, XS_WIRE_MESSAGE_MAX, fds,
			      XS_WIRE_FDS, &nfds, MSG_DONTWAIT);
	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (len <= 0 ||
	    xs_wire_decode(&message, buffer, (size_t)len, &err) < 0) {
		close_all(fds, nfds);
		end(control);
		return;
	}
	switch (message.head.type) {
	case XS_WIRE_CONNECT:
		begin_connection(control, buffer, (size_t)len, fds, nfds);
		break;
	case XS_WIRE_GETOPT:
	case XS_WIRE_SETOPT:
		begin_sockopt(control, &message, fds, nfds);
		break;
	case XS_WIRE_RESOLVE:
		close_all(fds, nfds);
		begin_lookups(control, &message);
		break;
	case XS_WIRE_EXPECTED:
		close_all(fds, nfds);
		answer_expected(control, &message);
		break;
	default:
		close_all(fds, nfds);
		end(control);
	}
}

static void control_event(struct xs_source *source, uint32_t events)
{
	struct xs_control *control =
		xs_container(source, struct xs_control, source);

	(void)events;
	if (control->fd < 0)
		return;
	/* Having asked, it can only go, or break the rule to ask once. */
	if (control->connection || control->question || control->lookups)
		end(control);
	else
		take_request(control);
}

static void too_late(struct xs_timer *timer)
{
	end(xs_container(timer, struct xs_control, timer));
}

void xs_control_begin(struct xs_worker *worker, int fd)
{
	struct xs_control *control = calloc(1, sizeof(*control));

	if (!control) {
		close(fd);
		xs_life_leave();
		return;
	}
	control->source.event = control_event;
	control->timer.expire = too_late;
	control->worker = worker;
	control->fd = fd;
	if (xs_worker_watch(worker, fd, EPOLLIN | EPOLLRDHUP,
			    &control->source) < 0) {
		end(control);
		return;
	}
	xs_worker_timer(worker, &control->timer, REQUEST_MS);
}
