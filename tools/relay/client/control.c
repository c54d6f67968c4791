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
#include "relay/client/control.h"

#include "base/ids.h"
#include "base/peer.h"
#include "relay/base/forget.h"
#include "relay/base/shortage.h"
#include "relay/client/admit.h"
#include "relay/client/bridge.h"
#include "relay/client/ftp_data.h"
#include "relay/client/lookups.h"
#include "relay/client/release.h"
#include "relay/client/sockopt.h"
#include "relay/loop/lifetime.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
	REQUEST_MS = 5000, /* for a request to arrive */
	RETRY_MS = 1,	   /* first pause before asking again … */
	RETRY_MAX_MS = 64, /* … which doubles until here */
	RETRY_TOTAL_MS = 2000,
	/* Another user has a question about a connection that it has inherited,
	 * and asks it at once. */
	STRANGER_MS = 500,
	STRANGERS_MAX = 16,
	/* Those of a worker that have not asked yet.  The oldest has to go when
	 * there are more, unless it is as young as this. */
	SILENT_MAX = 64,
	SILENT_MS = 100,
	/* Nor may they have more than this share of the descriptors. */
	SILENT_SHARE = 16,
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
	int64_t accepted_ms; /* CLOCK_BOOTTIME */
	bool stranger;	     /* is another user, and counted */
	bool looks;	     /* and does nothing else */
	bool silent;	     /* has not asked, and is listed: */
	struct xs_control *older, *younger;
	bool showed; /* where it lives: */
	struct xs_spaces spaces;
};

static const struct xs_control_connector *connector;

void xs_control_set_connector(const struct xs_control_connector *functions)
{
	connector = functions;
}

static void free_control(struct xs_task *task)
{
	struct xs_control *control =
		xs_container(task, struct xs_control, task);

	if (control->looks)
		xs_lifetime_leave_unnoticed();
	else
		xs_lifetime_leave();
	free(control);
}

/* Those of this thread's worker that have not asked yet. */
static _Thread_local struct {
	struct xs_control *oldest, *youngest;
	size_t count;
} silent;

static atomic_int strangers;

static void list_silent(struct xs_control *control)
{
	control->silent = true;
	control->older = silent.youngest;
	if (silent.youngest)
		silent.youngest->younger = control;
	else
		silent.oldest = control;
	silent.youngest = control;
	silent.count++;
}

/* It has asked, or goes. */
static void unlist_silent(struct xs_control *control)
{
	if (!control->silent)
		return;
	control->silent = false;
	if (control->older)
		control->older->younger = control->younger;
	else
		silent.oldest = control->younger;
	if (control->younger)
		control->younger->older = control->older;
	else
		silent.youngest = control->older;
	silent.count--;
}

static void end(struct xs_control *control)
{
	if (control->fd < 0)
		return;
	unlist_silent(control);
	if (control->stranger)
		atomic_fetch_sub(&strangers, 1);
	if (control->connection)
		connector->client_left(control->connection);
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

/* NULL, or why this client may not share the relay. */
static const char *refuse(const struct xs_control *control)
{
	return xs_admit_refuse(control->fd, control->accepted_ms,
			       control->showed ? &control->spaces : NULL);
}

static void begin_connection(struct xs_control *control, const void *datagram,
			     size_t len, const int *fds, size_t nfds)
{
	if (!connector || refuse(control)) {
		close_all(fds, nfds);
		end(control);
		return;
	}
	xs_timer_cancel(&control->worker->timers, &control->timer);
	if (connector->begin(control->worker, control, datagram, len, fds,
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

/* A client that does not read its answers is noticed by the last. */
static void tell_name(struct xs_control *control, const struct xs_wire *answer,
		      bool last)
{
	if (last)
		xs_control_answer(control, answer);
	else
		xs_wire_send(control->fd, answer, NULL, 0);
}

/* Only for those who may share the relay: what their name servers say is nobody
 * else's affair. */
static void begin_lookups(struct xs_control *control,
			  const struct xs_wire *question)
{
	if (!refuse(control))
		control->lookups = xs_lookups_begin(
			control, control->worker,
			question->string[XS_WIRE_HOST], tell_name);
	if (control->lookups)
		xs_timer_cancel(&control->worker->timers, &control->timer);
	else
		end(control);
}

/* Only for them, too. */
static void answer_ftp_data(struct xs_control *control,
			    const struct xs_wire *question)
{
	struct xs_ftp_data_answer found;
	struct xs_address asked;
	struct xs_wire answer;

	if (refuse(control) || !xs_address_from(&asked, &question->head.to.any,
						question->head.to.len)) {
		end(control);
		return;
	}
	xs_wire_init(&answer, XS_WIRE_FTP_DATA_ANSWER);
	answer.head.errnum = ENOENT;
	if (xs_ftp_data_find(&asked, &found)) {
		answer.head.errnum = 0;
		answer.head.to = found.to;
		memcpy(answer.head.token, found.token, sizeof(found.token));
		answer.string[XS_WIRE_NAME] = found.name;
		answer.string[XS_WIRE_SCHEME] = found.scheme;
		answer.string[XS_WIRE_RULE] = found.rule;
	}
	xs_control_answer(control, &answer);
}

/* Only for them, too. */
static void answer_bridge(struct xs_control *control,
			  const struct xs_wire *question, const int *fds,
			  size_t nfds)
{
	struct xs_error err = { .kind = XS_ERR_NONE };
	char handle[XS_SEGMENT_HANDLE_MAX] = "";
	struct xs_wire answer;

	if (refuse(control) || nfds < 1 || nfds > 2) {
		close_all(fds, nfds);
		end(control);
		return;
	}
	xs_lifetime_set_idle(question->head.idle);
	xs_wire_init(&answer, XS_WIRE_BRIDGED);
	if (xs_shortage_meets(fds, nfds, &err))
		close_all(fds, nfds);
	else
		xs_bridge_begin(control->worker, fds[0],
				nfds == 2 ? fds[1] : -1, handle, &err);
	if (!xs_error_is_set(&err)) {
		answer.string[XS_WIRE_SENTENCE] = handle;
	} else {
		answer.head.errnum = err.errnum;
		answer.string[XS_WIRE_SENTENCE] = err.text;
	}
	xs_control_answer(control, &answer);
}

/* Only for them, too.  The answer comes from the last worker that has looked.
 */
static void begin_release(struct xs_control *control,
			  const struct xs_wire *question)
{
	if (!refuse(control))
		xs_release_begin(control->fd, question->head.port);
	end(control);
}

static void answer_refused(struct xs_control *control, const char *why)
{
	struct xs_wire answer;

	xs_wire_init(&answer, XS_WIRE_REFUSED);
	answer.string[XS_WIRE_SENTENCE] = why;
	xs_control_answer(control, &answer);
}

/* Also for root, from whom this user hides nothing. */
static void answer_list(struct xs_control *control,
			const struct xs_wire *question)
{
	const char *why =
		xs_admit_refuse_look(control->fd, control->accepted_ms,
				     control->showed ? &control->spaces : NULL);

	control->looks = true;
	if (why) {
		answer_refused(control, why);
		return;
	}
	if (connector)
		connector->list(control->fd, question);
	end(control);
}

static void answer_proof(struct xs_control *control)
{
	const char *why = refuse(control);
	const int *proof = xs_admit_proof();
	struct xs_wire answer;

	if (!why && proof) {
		xs_wire_init(&answer, XS_WIRE_PROOF);
		if (xs_wire_send(control->fd, &answer, proof, XS_SPACES) < 0)
			end(control);
		return;
	}
	answer_refused(control,
		       why ? why : "the relay cannot tell where it lives");
}

/* The request comes next. */
static void begin_proof(struct xs_control *control,
			const struct xs_wire *question, const int *fds,
			size_t nfds)
{
	if (nfds == XS_SPACES)
		control->showed = xs_spaces_shown(fds, &control->spaces);
	close_all(fds, nfds);
	if (question->head.more)
		answer_proof(control);
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
	if (message.head.type != XS_WIRE_PROVE)
		unlist_silent(control);
	switch ((enum xs_wire_type)message.head.type) {
	case XS_WIRE_CONNECT:
		begin_connection(control, buffer, (size_t)len, fds, nfds);
		/* There may be a passphrase in it, and nothing else overwrites
		 * a buffer that is idle. */
		xs_forget_options(buffer, (size_t)len);
		break;
	case XS_WIRE_GETOPT:
	case XS_WIRE_SETOPT:
		begin_sockopt(control, &message, fds, nfds);
		break;
	case XS_WIRE_RESOLVE:
		close_all(fds, nfds);
		begin_lookups(control, &message);
		break;
	case XS_WIRE_FTP_DATA:
		close_all(fds, nfds);
		answer_ftp_data(control, &message);
		break;
	case XS_WIRE_BRIDGE:
		answer_bridge(control, &message, fds, nfds);
		break;
	case XS_WIRE_RELEASE:
		close_all(fds, nfds);
		begin_release(control, &message);
		break;
	case XS_WIRE_LIST:
		close_all(fds, nfds);
		answer_list(control, &message);
		break;
	case XS_WIRE_PROVE:
		begin_proof(control, &message, fds, nfds);
		break;
	case XS_WIRE_VERDICT: /* those are for clients */
	case XS_WIRE_VALUE:
	case XS_WIRE_ADDRESSES:
	case XS_WIRE_FTP_DATA_ANSWER:
	case XS_WIRE_PROOF:
	case XS_WIRE_REFUSED:
	case XS_WIRE_ROW:
	case XS_WIRE_TOTALS:
	case XS_WIRE_BRIDGED:
	case XS_WIRE_RELEASED:
	case XS_WIRE_TYPES:
		close_all(fds, nfds);
		end(control);
		break;
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

/* A worker that was busy is late itself: what has come meanwhile is among its
 * next events. */
static bool has_asked(const struct xs_control *control)
{
	struct pollfd asked = { .fd = control->fd, .events = POLLIN };

	return poll(&asked, 1, 0) > 0;
}

static void too_late(struct xs_timer *timer)
{
	struct xs_control *control =
		xs_container(timer, struct xs_control, timer);

	if (has_asked(control))
		xs_worker_timer(control->worker, timer, REQUEST_MS);
	else
		end(control);
}

/* The clock of /proc/PID/stat. */
static int64_t boot_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Is there room for another user's?  Counts it if so. */
static bool admit_stranger(struct xs_control *control)
{
	control->stranger = true;
	if (atomic_fetch_add(&strangers, 1) < STRANGERS_MAX)
		return true;
	atomic_fetch_sub(&strangers, 1);
	return false;
}

/* The oldest that has not asked; NULL: all have. */
static struct xs_control *find_silent(void)
{
	while (silent.oldest && has_asked(silent.oldest))
		unlist_silent(silent.oldest);
	return silent.oldest;
}

bool xs_control_give_way(void)
{
	struct xs_control *oldest = find_silent();

	if (!oldest)
		return false;
	end(oldest);
	return true;
}

static size_t silent_most(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return SILENT_MAX;
	return files.rlim_cur / SILENT_SHARE;
}

static bool is_crowded(void)
{
	return silent.count > SILENT_MAX || silent.count > silent_most();
}

/* Who asks at once never meets this. */
static void make_room(int64_t now_ms)
{
	while (is_crowded()) {
		struct xs_control *oldest = find_silent();

		if (!oldest || !is_crowded() ||
		    (now_ms - oldest->accepted_ms < SILENT_MS &&
		     silent.count <= silent_most()))
			return;
		end(oldest);
	}
}

void xs_control_begin(struct xs_worker *worker, int fd)
{
	struct xs_control *control = calloc(1, sizeof(*control));

	if (!control) {
		close(fd);
		xs_lifetime_leave();
		return;
	}
	control->source.event = control_event;
	control->timer.expire = too_late;
	control->worker = worker;
	control->fd = fd;
	control->accepted_ms = boot_ms();
	if (peer_of(control).uid != xs_ids_own_user() &&
	    !admit_stranger(control)) {
		control->stranger = false;
		end(control);
		/* A task frees it.
		 * NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
		return;
	}
	list_silent(control);
	make_room(control->accepted_ms);
	if (xs_worker_watch(worker, fd, EPOLLIN | EPOLLRDHUP,
			    &control->source) < 0) {
		end(control);
		return;
	}
	xs_worker_timer(worker, &control->timer,
			control->stranger ? STRANGER_MS : REQUEST_MS);
}
