/* Moves bytes both ways; see pump.h.
 *
 * A turn costs three system calls for a message: a read, a send, and the wait
 * around them.  What saves the others:
 *
 * - A read that comes back short has emptied a stream socket, so the read that
 *   would only say EAGAIN is not made; the next edge tells.  That does not
 *   hold when the end of the stream or an error is already there, because
 *   that edge has come and gone: then ended is set, and reads go on to the
 *   end.
 * - All of a read is encrypted into one buffer and sent at once, several
 *   records in one call.
 *
 * Nothing is read for a way whose queue is not empty, so each queue holds at
 * most one buffer, and what TLS itself answers.
 */
#include "pump.h"

#include "linger.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* Reads of one way in one turn. */
enum { TURN = 4 };

/* TLS's own answers (KeyUpdate) wait behind data that the server does not
 * take.  Above this nothing more is read that could cause another. */
#define UP_MAX (512 * 1024)

void xs_pump_init(struct xs_pump *pump, int app_fd, int server_fd)
{
	memset(pump, 0, sizeof(*pump));
	pump->app = (struct xs_pump_end){ .fd = app_fd, .readable = true };
	pump->server =
		(struct xs_pump_end){ .fd = server_fd, .readable = true };
}

void xs_pump_free(struct xs_pump *pump)
{
	xs_queue_free(&pump->up);
	xs_queue_free(&pump->down);
	xs_dialogue_free(pump->dialogue);
	pump->dialogue = NULL;
}

/* EPOLLPRI: a byte sent with MSG_OOB cuts the read before it short. */
static void note_event(struct xs_pump_end *end, uint32_t events)
{
	if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI))
		end->ended = true;
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI))
		end->readable = true;
	if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
		end->blocked = false;
}

void xs_pump_app_event(struct xs_pump *pump, uint32_t events)
{
	note_event(&pump->app, events);
	/* We shut down our own half when the server ends; only with the other
	 * half closed, too, it is HUP, and then nobody can write or read. */
	if (events & EPOLLHUP)
		pump->app_gone = true;
}

void xs_pump_server_event(struct xs_pump *pump, uint32_t events)
{
	note_event(&pump->server, events);
}

static bool fail_memory(struct xs_error *err)
{
	xs_error_set(err, XS_ERR_SYSTEM, ENOMEM, "the relay is out of memory");
	return false;
}

static bool fail_server(struct xs_error *err, int errnum)
{
	xs_error_set(err, XS_ERR_NETWORK, errnum,
		     "the connection to the server broke: %s",
		     strerror(errnum));
	return false;
}

/* Takes count of a send to the server.  When it failed, what the server said
 * before may still wait to be read, an answer such as "too large" perhaps: so
 * that is carried down first, to its end. */
static bool judge_up(struct xs_pump *pump, enum xs_queue_result result,
		     struct xs_error *err)
{
	pump->server.blocked = result == XS_QUEUE_WAITS;
	if (result != XS_QUEUE_FAILED)
		return true;
	if (errno == ENOMEM)
		return fail_memory(err);
	pump->up_errno = errno;
	xs_queue_free(&pump->up);
	pump->server.readable = true;
	pump->server.ended = true;
	return true;
}

static bool send_up(struct xs_pump *pump, const void *data, size_t len,
		    struct xs_error *err)
{
	if (!len || pump->up_errno)
		return true;
	pump->sent_up += len;
	return judge_up(pump,
			xs_queue_send(&pump->up, pump->server.fd, data, len),
			err);
}

/* Takes count of a send to the application.  One that cannot be reached any
 * more is no error: TCP, too, throws away what comes for a closed socket. */
static bool judge_down(struct xs_pump *pump, enum xs_queue_result result,
		       struct xs_error *err)
{
	pump->app.blocked = result == XS_QUEUE_WAITS;
	if (result != XS_QUEUE_FAILED)
		return true;
	if (errno == ENOMEM)
		return fail_memory(err);
	xs_queue_free(&pump->down);
	pump->app_deaf = true;
	/* Its end, which has come or is about to, is looked for. */
	pump->app.readable = true;
	pump->app.ended = true;
	return true;
}

static bool send_down(struct xs_pump *pump, const void *data, size_t len,
		      struct xs_error *err)
{
	if (!len || pump->app_gone || pump->app_deaf)
		return true;
	return judge_down(
		pump, xs_queue_send(&pump->down, pump->app.fd, data, len), err);
}

static struct xs_tls_io io_of(struct xs_buffers *buffers, const uint8_t *in,
			      size_t len)
{
	return (struct xs_tls_io){ .in = in,
				   .in_len = len,
				   .out = buffers->cipher_out,
				   .out_size = sizeof(buffers->cipher_out) };
}

/* Sends to the server, over TLS where it stands. */
static bool carry_up(struct xs_pump *pump, struct xs_buffers *buffers,
		     const void *data, size_t len, struct xs_error *err)
{
	struct xs_tls_io io = io_of(buffers, NULL, 0);
	enum xs_tls_result result;

	if (!pump->tls)
		return send_up(pump, data, len, err);
	result = xs_tls_write(pump->tls, &io, data, len, err);
	return send_up(pump, io.out, io.out_len, err) && result == XS_TLS_DONE;
}

/* --- with a dialogue between ------------------------------------------ */

static bool empty_up(struct xs_pump *pump, struct xs_buffers *buffers,
		     struct xs_error *err)
{
	struct xs_queue *queue = xs_dialogue_to_server(pump->dialogue);
	size_t len = xs_queue_len(queue);
	bool sent = !len || carry_up(pump, buffers, queue->data + queue->start,
				     len, err);

	xs_queue_free(queue);
	return sent;
}

static bool empty_down(struct xs_pump *pump, struct xs_error *err)
{
	struct xs_queue *queue = xs_dialogue_to_app(pump->dialogue);
	bool sent;

	if (!pump->opened)
		return true;
	sent = send_down(pump, queue->data + queue->start, xs_queue_len(queue),
			 err);
	xs_queue_free(queue);
	return sent;
}

/* Carries on what the dialogue has to say and remembers what it wants.  On a
 * refusal, too, the application reads what the server said. */
static bool heed(struct xs_pump *pump, struct xs_buffers *buffers,
		 enum xs_dialogue_result result, struct xs_error *err)
{
	struct xs_error other = { 0 };
	bool ends =
		result == XS_DIALOGUE_REFUSED || result == XS_DIALOGUE_BROKEN;
	struct xs_error *why = ends ? &other : err;

	if (!empty_up(pump, buffers, why) || !empty_down(pump, why) || ends)
		return false;
	if (result == XS_DIALOGUE_PASS && pump->opened) {
		xs_dialogue_free(pump->dialogue);
		pump->dialogue = NULL;
		result = XS_DIALOGUE_MORE;
	}
	pump->wants = result;
	return true;
}

/* What the server said, decrypted: through the dialogue, or straight on. */
static bool carry_down(struct xs_pump *pump, struct xs_buffers *buffers,
		       const void *data, size_t len, struct xs_error *err)
{
	if (!pump->dialogue)
		return send_down(pump, data, len, err);
	if (pump->wants == XS_DIALOGUE_PASS) {
		if (xs_queue_append(xs_dialogue_to_app(pump->dialogue), data,
				    len))
			return true;
		return fail_memory(err);
	}
	return heed(pump, buffers,
		    xs_dialogue_server(pump->dialogue, data, len, err), err);
}

static bool hear_app(struct xs_pump *pump, struct xs_buffers *buffers,
		     size_t len, struct xs_error *err)
{
	if (!pump->dialogue)
		return carry_up(pump, buffers, buffers->plain, len, err);
	return heed(pump, buffers,
		    xs_dialogue_app(pump->dialogue, buffers->plain, len, err),
		    err);
}

/* What lies in the dialogue already may be enough to go on with. */
static bool stir(struct xs_pump *pump, struct xs_buffers *buffers,
		 struct xs_error *err)
{
	if (pump->dialogue && pump->wants == XS_DIALOGUE_MORE &&
	    !carry_down(pump, buffers, NULL, 0, err))
		return false;
	if (pump->dialogue && pump->opened && pump->wants == XS_DIALOGUE_MORE)
		return hear_app(pump, buffers, 0, err);
	return true;
}

bool xs_pump_begin_dialogue(struct xs_pump *pump, struct xs_buffers *buffers,
			    struct xs_error *err)
{
	return heed(pump, buffers, xs_dialogue_begin(pump->dialogue, err), err);
}

bool xs_pump_secured(struct xs_pump *pump, struct xs_buffers *buffers,
		     struct xs_error *err)
{
	return heed(pump, buffers, xs_dialogue_secured(pump->dialogue, err),
		    err) &&
	       stir(pump, buffers, err);
}

bool xs_pump_open(struct xs_pump *pump, struct xs_buffers *buffers,
		  struct xs_error *err)
{
	enum xs_dialogue_result wants = pump->wants;

	pump->opened = true;
	if (!pump->dialogue)
		return true;
	if (wants == XS_DIALOGUE_OPEN)
		wants = XS_DIALOGUE_MORE;
	return heed(pump, buffers, wants, err) && stir(pump, buffers, err);
}

bool xs_pump_pass(struct xs_pump *pump, struct xs_buffers *buffers,
		  struct xs_error *err)
{
	return heed(pump, buffers, XS_DIALOGUE_PASS, err);
}

bool xs_pump_feed(struct xs_pump *pump, struct xs_buffers *buffers,
		  const uint8_t *in, size_t len, struct xs_error *err)
{
	struct xs_tls_io io = io_of(buffers, in, len);
	enum xs_tls_result result;
	size_t plain;
	bool sent;

	if (!pump->tls)
		return carry_down(pump, buffers, in, len, err);
	result = xs_tls_read(pump->tls, &io, buffers->plain,
			     sizeof(buffers->plain), &plain, err);
	sent = send_up(pump, io.out, io.out_len, err) &&
	       carry_down(pump, buffers, buffers->plain, plain, err);
	if (result == XS_TLS_CLOSED)
		pump->down_eof = true;
	if (sent && pump->down_eof && pump->dialogue &&
	    xs_dialogue_cut(pump->dialogue, err))
		return false;
	return sent && result != XS_TLS_FAILED;
}

/* When reading has come to an urgent byte, sends that on as one: a read would
 * stop in front of it, and the next leave it out.  False when the other end
 * takes nothing now. */
static bool carry_urgent(struct xs_pump_end *from, struct xs_pump_end *to)
{
	int at_mark = 0;
	char byte;
	ssize_t sent;

	/* Behind a byte that was carried, the mark may still be told. */
	if (ioctl(from->fd, SIOCATMARK, &at_mark) < 0 || !at_mark ||
	    recv(from->fd, &byte, 1, MSG_OOB | MSG_PEEK | MSG_DONTWAIT) != 1)
		return true;
	do
		sent = send(to->fd, &byte, 1,
			    MSG_OOB | MSG_DONTWAIT | MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent < 0 && errno == EAGAIN) {
		to->blocked = true;
		return false;
	}
	recv(from->fd, &byte, 1, MSG_OOB | MSG_DONTWAIT);
	return true;
}

/* One read of an end.  Returns what recv(2) would, with EAGAIN as -1 and every
 * error in errno; keeps account of whether there may be more. */
static ssize_t read_end(struct xs_pump_end *end, void *data, size_t size)
{
	ssize_t got;

	do
		got = recv(end->fd, data, size, MSG_DONTWAIT);
	while (got < 0 && errno == EINTR);
	if (got <= 0 || ((size_t)got < size && !end->ended))
		end->readable = false;
	return got;
}

static void drop_mark(struct xs_pump *pump)
{
	char byte;

	if (pump->mark)
		pump->mark = recv(pump->app.fd, &byte, 1, MSG_DONTWAIT) != 1;
}

/* As long as nothing lies behind the mark it stays.  True when it is gone. */
static bool take_mark(struct xs_pump *pump)
{
	int waiting = 0;

	if (!pump->mark)
		return true;
	if (!pump->app.ended && ioctl(pump->app.fd, FIONREAD, &waiting) == 0 &&
	    waiting == 1) {
		pump->app.readable = false;
		return false;
	}
	drop_mark(pump);
	return !pump->mark;
}

/* Reads once from the application.  ECONNRESET is how the kernel says that it
 * closed without reading everything that we sent. */
static bool step_up(struct xs_pump *pump, struct xs_buffers *buffers,
		    struct xs_error *err)
{
	ssize_t got;

	if (!take_mark(pump) ||
	    (pump->plain && !carry_urgent(&pump->app, &pump->server)))
		return true;
	got = read_end(&pump->app, buffers->plain, XS_APP_READ_MAX);
	pump->wrote |= got > 0;
	if (got > 0) {
		buffers->moved += (size_t)got;
		return hear_app(pump, buffers, (size_t)got, err);
	}
	if (got < 0 && errno == EAGAIN)
		return true;
	pump->unread |= got < 0;
	pump->up_eof = true;
	return true;
}

/* Is it nothing special that the server ends without close_notify?  It has said
 * so before; or it is a strict stream up, or one that nobody reads. */
static bool may_end(const struct xs_pump *pump)
{
	if (pump->strict)
		return pump->wrote || pump->app_gone;
	return pump->dialogue && xs_dialogue_goodbye(pump->dialogue);
}

/* The server has ended TCP. */
static void note_end(struct xs_pump *pump)
{
	if (pump->tls && !pump->down_eof && !may_end(pump)) {
		pump->cut = true;
		pump->torn = pump->strict;
	}
	pump->down_eof = true;
}

/* What breaks then does not matter to anybody. */
static bool is_nobody_there(const struct xs_pump *pump)
{
	return pump->strict && !pump->wrote &&
	       (pump->app_gone || pump->app_deaf);
}

/* Reads once from the server.  After close_notify nothing that comes counts,
 * but for the end. */
static bool step_down(struct xs_pump *pump, struct xs_buffers *buffers,
		      struct xs_error *err)
{
	ssize_t got;

	if (pump->plain && !carry_urgent(&pump->server, &pump->app))
		return true;
	got = read_end(&pump->server, buffers->cipher_in,
		       sizeof(buffers->cipher_in));
	if (got > 0) {
		buffers->moved += (size_t)got;
		return pump->down_eof ||
		       xs_pump_feed(pump, buffers, buffers->cipher_in,
				    (size_t)got, err);
	}
	if (got < 0 && errno == EAGAIN)
		return true;
	if (pump->dialogue && xs_dialogue_cut(pump->dialogue, err))
		return false;
	if (got < 0 || pump->up_errno) {
		/* FIN came first (tcp_reset): for the application, too. */
		if (got == 0 && pump->up_errno == EPIPE) {
			pump->down_eof = true;
			drop_mark(pump);
		}
		if (!is_nobody_there(pump))
			return fail_server(err,
					   got < 0 ? errno : pump->up_errno);
		pump->unread = true;
		return true;
	}
	note_end(pump);
	return true;
}

/* An urgent byte waits for the other end without being in its queue. */
static bool is_held_up(const struct xs_pump *pump, const struct xs_pump_end *to)
{
	return pump->plain && to->blocked;
}

static bool can_step_up(const struct xs_pump *pump)
{
	return pump->opened && pump->wants == XS_DIALOGUE_MORE &&
	       pump->app.readable && !pump->up_eof && !pump->up_errno &&
	       !xs_queue_len(&pump->up) && !is_held_up(pump, &pump->server);
}

static bool can_step_down(const struct xs_pump *pump)
{
	return pump->wants == XS_DIALOGUE_MORE && pump->server.readable &&
	       !xs_queue_len(&pump->down) && !is_held_up(pump, &pump->app) &&
	       xs_queue_len(&pump->up) < UP_MAX;
}

bool xs_pump_flush(struct xs_pump *pump, struct xs_error *err)
{
	if (xs_queue_len(&pump->up) && !pump->server.blocked &&
	    !judge_up(pump, xs_queue_flush(&pump->up, pump->server.fd), err))
		return false;
	if (pump->app_gone) {
		pump->unread |= xs_queue_len(&pump->down) > 0;
		xs_queue_free(&pump->down);
	}
	if (xs_queue_len(&pump->down) && !pump->app.blocked)
		return judge_down(
			pump, xs_queue_flush(&pump->down, pump->app.fd), err);
	return true;
}

/* Tells the server that the application has ended its side: close_notify
 * behind all data, and then FIN. */
static bool end_up(struct xs_pump *pump, struct xs_buffers *buffers,
		   struct xs_error *err)
{
	struct xs_tls_io io = io_of(buffers, NULL, 0);

	if (!pump->up_eof || pump->up_done || pump->up_errno)
		return true;
	if (pump->tls) {
		xs_tls_close(pump->tls, &io);
		if (!send_up(pump, io.out, io.out_len, err))
			return false;
	}
	if (xs_queue_len(&pump->up))
		return true;
	pump->up_done = true;
	shutdown(pump->server.fd, SHUT_WR);
	return true;
}

/* Tells the application that the server has ended its side. */
static void end_down(struct xs_pump *pump)
{
	if (!pump->down_eof || pump->down_done || xs_queue_len(&pump->down))
		return;
	pump->down_done = true;
	if (pump->torn)
		return;
	drop_mark(pump);
	shutdown(pump->app.fd, SHUT_WR);
}

/* Does close(2) send RST instead of FIN?  The kernel does so with SO_LINGER and
 * a time of 0, and when something was not read.  For the second, what the
 * application wrote must have arrived: RST could cost it. */
static bool is_aborted(const struct xs_pump *pump)
{
	int fd = pump->server.fd;

	return pump->plain && pump->app_gone && pump->up_eof &&
	       !pump->up_done && !xs_queue_len(&pump->up) &&
	       (xs_linger_aborts(fd) ||
		(pump->unread && xs_linger_is_acknowledged(fd)));
}

/* A farewell would look as if it had something to say.  (proftpd takes FIN
 * amid a download for a fault of TLS.) */
static bool is_given_up(const struct xs_pump *pump)
{
	return (pump->strict && pump->unread && !pump->wrote) ||
	       is_aborted(pump);
}

bool xs_pump_needs_mark(const struct xs_pump *pump)
{
	return !pump->mark && !pump->down_eof;
}

enum xs_pump_result xs_pump_run(struct xs_pump *pump,
				struct xs_buffers *buffers,
				struct xs_error *err)
{
	bool more = true;

	for (int turn = 0; more && turn < TURN; turn++) {
		if (!xs_pump_flush(pump, err))
			return XS_PUMP_FAILED;
		if (can_step_up(pump) && !step_up(pump, buffers, err))
			return XS_PUMP_FAILED;
		if (can_step_down(pump) && !step_down(pump, buffers, err))
			return XS_PUMP_FAILED;
		more = can_step_up(pump) || can_step_down(pump);
	}
	if (pump->wants != XS_DIALOGUE_MORE)
		return XS_PUMP_DIALOGUE;
	if (is_given_up(pump))
		return XS_PUMP_GIVEN_UP;
	if (!end_up(pump, buffers, err))
		return XS_PUMP_FAILED;
	end_down(pump);
	if (pump->down_done && pump->torn)
		return XS_PUMP_TORN;
	if (pump->up_done && pump->down_done)
		return XS_PUMP_CLOSED;
	if (pump->up_done && pump->app_gone)
		return XS_PUMP_LINGER;
	return more ? XS_PUMP_AGAIN : XS_PUMP_WAITS;
}
