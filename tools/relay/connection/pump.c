/* Moves bytes both ways; see pump.h.
 *
 * Here bytes are read, and ends are noticed and told.  What is read goes
 * through the dialogue (pump_dialogue.c) to where it is sent (pump_send.c).
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
#include "relay/connection/pump_private.h"

#include "base/descriptor.h"
#include "relay/connection/linger.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* Reads of one way in one turn. */
enum { TURN = 4 };

/* How much a read of TLS takes.  A KeyUpdate is 27 bytes and costs 10 µs, so a
 * full read of them or of other small records would cost 40 ms and more: who
 * sends such records is read in small portions, one in each turn. */
enum { ROOM_FIRST = 16 * 1024, ROOM_LEAST = 4 * 1024 };
enum { RECORDS_FEW = 16, RECORD_SMALL = 256 };

/* TLS's own answers (KeyUpdate) wait behind data that the server does not
 * take.  Above this nothing more is read that could cause another. */
#define UP_MAX (512 * 1024)

void xs_pump_init(struct xs_pump *pump, int app_fd, int server_fd)
{
	memset(pump, 0, sizeof(*pump));
	pump->app = (struct xs_pump_end){ .fd = app_fd, .readable = true };
	pump->server =
		(struct xs_pump_end){ .fd = server_fd, .readable = true };
	pump->room = ROOM_FIRST;
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

/* Asks the kernel: the application may have been read to its end before epoll
 * tells the rest. */
static bool is_app_gone(struct xs_pump *pump)
{
	struct pollfd app = { .fd = pump->app.fd };

	if (poll(&app, 1, 0) > 0 && app.revents & POLLHUP)
		pump->app_gone = true;
	return pump->app_gone;
}

/* Before TLS 1.3 there is no half-close: a server answers close_notify with its
 * own and throws away what it has not sent yet (RFC 5246, 7.2.1).  Many do not;
 * Java does.  Only an application that is still there misses anything. */
static void note_answer(struct xs_pump *pump, size_t plain)
{
	if (plain)
		pump->asked = false;
	pump->unanswered = pump->asked && pump->up_done && pump->down_eof &&
			   !xs_tls_has_half_close(pump->tls) &&
			   !xs_pump_is_over(pump) && !is_app_gone(pump);
}

bool xs_pump_feed(struct xs_pump *pump, struct xs_buffers *buffers,
		  const uint8_t *in, size_t len, struct xs_error *err)
{
	struct xs_tls_io io = xs_pump_io(buffers, in, len);
	enum xs_tls_result result;
	size_t plain;
	bool sent;

	if (!pump->tls)
		return xs_pump_carry_down(pump, buffers, in, len, err);
	result = xs_tls_read(pump->tls, &io, buffers->plain,
			     sizeof(buffers->plain), &plain, err);
	if (plain)
		xs_goodbye_answered(&pump->goodbye);
	sent = xs_pump_send_up(pump, io.out, io.out_len, err) &&
	       xs_pump_carry_down(pump, buffers, buffers->plain, plain, err);
	if (result == XS_TLS_CLOSED)
		pump->down_eof = true;
	note_answer(pump, plain);
	if (!sent || result == XS_TLS_FAILED)
		return false;
	/* A dialogue that has let everything pass misses nothing more. */
	if (!pump->down_eof || pump->wants == XS_DIALOGUE_PASS)
		return true;
	if (pump->dialogue && xs_dialogue_cut(pump->dialogue, err))
		return false;
	return xs_pump_end_dialogue(pump, buffers, err);
}

static bool fail_server(struct xs_error *err, int errnum)
{
	xs_error_set(err, XS_ERR_NETWORK, errnum,
		     "the connection to the server broke: %s",
		     strerror(errnum));
	return false;
}

static ssize_t send_urgent(const struct xs_pump_end *to, char byte)
{
	ssize_t sent;

	do
		sent = send(to->fd, &byte, 1,
			    MSG_OOB | MSG_DONTWAIT | MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent;
}

/* An urgent byte was not sent.  False when it is to be sent later, or the
 * server takes nothing any more; true when it can be thrown away. */
static bool judge_urgent(struct xs_pump *pump, struct xs_pump_end *to,
			 int errnum)
{
	to->blocked = errnum == EAGAIN;
	if (to->blocked)
		return false;
	if (to == &pump->server) {
		xs_pump_note_up_failed(pump, errnum);
		return false;
	}
	xs_pump_note_down_failed(pump);
	return true;
}

/* When reading has come to an urgent byte, sends that on as one: a read would
 * stop in front of it, and the next leave it out.  False when the other end
 * takes nothing now, or nothing any more. */
static bool carry_urgent(struct xs_pump *pump, struct xs_pump_end *from,
			 struct xs_pump_end *to)
{
	int at_mark = 0;
	char byte;

	/* Behind a byte that was carried, the mark may still be told. */
	if (ioctl(from->fd, SIOCATMARK, &at_mark) < 0 || !at_mark ||
	    recv(from->fd, &byte, 1, MSG_OOB | MSG_PEEK | MSG_DONTWAIT) != 1)
		return true;
	if (send_urgent(to, byte) < 0 && !judge_urgent(pump, to, errno))
		return false;
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

void xs_pump_drop_mark(struct xs_pump *pump)
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
	xs_pump_drop_mark(pump);
	return !pump->mark;
}

/* Reads once from the application.  ECONNRESET is how the kernel says that it
 * closed without reading everything that we sent. */
static bool step_up(struct xs_pump *pump, struct xs_buffers *buffers,
		    struct xs_error *err)
{
	ssize_t got;

	if (!take_mark(pump) ||
	    (pump->plain && !carry_urgent(pump, &pump->app, &pump->server)))
		return true;
	got = read_end(&pump->app, buffers->plain, XS_APP_READ_MAX);
	/* Linux 6.1 tells the end where an urgent byte was taken, once, though
	 * more lies behind it. */
	if (got == 0 && pump->plain)
		got = read_end(&pump->app, buffers->plain, XS_APP_READ_MAX);
	pump->wrote |= got > 0;
	pump->asked |= got > 0;
	if (got > 0) {
		buffers->moved += (size_t)got;
		pump->app_sent += (size_t)got;
		xs_goodbye_hear(&pump->goodbye, buffers->plain, (size_t)got);
		return xs_pump_hear_app(pump, buffers, (size_t)got, err);
	}
	if (got < 0 && errno == EAGAIN)
		return true;
	if (got < 0 && errno != ECONNRESET) {
		xs_error_set(err, XS_ERR_SYSTEM, errno,
			     "the program's data cannot be read: %s",
			     xs_error_name(errno));
		return false;
	}
	pump->unread |= got < 0;
	pump->up_eof = true;
	xs_goodbye_leave(&pump->goodbye);
	/* An end by close(2) is not the same as one by shutdown(2), and epoll
	 * may tell which it was only after this. */
	is_app_gone(pump);
	return xs_pump_end_dialogue(pump, buffers, err);
}

/* Is it nothing special that the server ends without close_notify?  It has said
 * so before; or it is a strict stream up, or one that nobody reads. */
static bool may_end(const struct xs_pump *pump)
{
	if (pump->strict)
		return pump->wrote || pump->app_gone;
	return pump->dialogue && xs_dialogue_goodbye(pump->dialogue);
}

/* What a strict stream carries is no talk. */
bool xs_pump_is_over(const struct xs_pump *pump)
{
	if (pump->strict)
		return false;
	return xs_goodbye_is(&pump->goodbye) ||
	       (pump->dialogue && xs_dialogue_goodbye(pump->dialogue));
}

/* The server has ended TCP.  That is a cut only for an application that can
 * still read.  When one has left, some servers, nginx among them, end without
 * an answer to its close_notify. */
static void note_end(struct xs_pump *pump)
{
	if (pump->tls && !pump->down_eof && !may_end(pump) &&
	    !is_app_gone(pump)) {
		pump->cut = true;
		pump->torn = pump->strict;
	}
	pump->down_eof = true;
}

/* What breaks then does not matter to anybody. */
static bool is_nobody_there(struct xs_pump *pump)
{
	return pump->strict && !pump->wrote &&
	       (pump->app_deaf || is_app_gone(pump));
}

static size_t room_of(const struct xs_pump *pump,
		      const struct xs_buffers *buffers)
{
	return pump->tls ? pump->room : sizeof(buffers->cipher_in);
}

/* got bytes have been read and handled. */
static void weigh(struct xs_pump *pump, size_t got)
{
	unsigned records = pump->tls ? xs_tls_take_records(pump->tls) : 0;

	pump->costly = records > RECORDS_FEW && got / records < RECORD_SMALL;
	if (pump->costly)
		pump->room = ROOM_LEAST;
	else if (got >= pump->room && pump->room < XS_READ_MAX)
		pump->room *= 2;
}

/* Behind FIN, a read gives 0 for ever, and does not tell of a reset that came
 * later (tcp_recvmsg_locked, SOCK_DONE): that is the server's answer to what
 * was sent to it since. */
static void note_reset(struct xs_pump *pump)
{
	int reset = xs_socket_int(pump->server.fd, SOL_SOCKET, SO_ERROR);

	if (reset > 0 && !pump->up_errno)
		pump->up_errno = reset;
}

/* Reads once from the server.  After close_notify nothing that comes counts,
 * but for the end. */
static bool step_down(struct xs_pump *pump, struct xs_buffers *buffers,
		      struct xs_error *err)
{
	ssize_t got;
	bool good;

	if (pump->plain && !carry_urgent(pump, &pump->server, &pump->app))
		return true;
	got = read_end(&pump->server, buffers->cipher_in,
		       room_of(pump, buffers));
	if (got > 0) {
		buffers->moved += (size_t)got;
		good = pump->down_eof ||
		       xs_pump_feed(pump, buffers, buffers->cipher_in,
				    (size_t)got, err);
		weigh(pump, (size_t)got);
		return good;
	}
	if (got < 0 && errno == EAGAIN)
		return true;
	if (pump->dialogue && xs_dialogue_cut(pump->dialogue, err))
		return false;
	if (got == 0)
		note_reset(pump);
	if (got < 0 || pump->up_errno) {
		/* FIN came first (tcp_reset): for the application, too. */
		if (got == 0 && pump->up_errno == EPIPE) {
			pump->down_eof = true;
			xs_pump_drop_mark(pump);
		}
		if (!is_nobody_there(pump))
			return fail_server(err,
					   got < 0 ? errno : pump->up_errno);
		pump->unread = true;
		return true;
	}
	note_end(pump);
	return xs_pump_end_dialogue(pump, buffers, err);
}

/* An urgent byte waits for the other end without being in its queue. */
static bool is_held_up(const struct xs_pump *pump, const struct xs_pump_end *to)
{
	return pump->plain && to->blocked;
}

/* In a handshake that the server has begun, nothing can be written. */
static bool is_busy(const struct xs_pump *pump)
{
	return pump->tls && xs_tls_is_busy(pump->tls);
}

static bool can_step_up(const struct xs_pump *pump)
{
	return pump->opened && !is_busy(pump) &&
	       pump->wants == XS_DIALOGUE_MORE && pump->app.readable &&
	       !pump->up_eof && !pump->up_errno && !xs_queue_len(&pump->up) &&
	       !is_held_up(pump, &pump->server);
}

static bool can_step_down(const struct xs_pump *pump)
{
	return pump->wants == XS_DIALOGUE_MORE && pump->server.readable &&
	       !xs_queue_len(&pump->down) && !is_held_up(pump, &pump->app) &&
	       xs_queue_len(&pump->up) < UP_MAX;
}

/* The end of one way only is not for this server. */
static bool must_wait(const struct xs_pump *pump)
{
	return pump->tls && !pump->app_gone && !pump->down_eof &&
	       xs_tls_ends_late(pump->tls);
}

/* Ends one direction.  Where that is refused, the connection breaks: who waits
 * for the end would wait for ever. */
static bool send_end(int fd, struct xs_error *err)
{
	/* A reset has come first. */
	if (shutdown(fd, SHUT_WR) == 0 || errno == ENOTCONN)
		return true;
	xs_error_set(err, XS_ERR_SYSTEM, errno,
		     "the end of the data cannot be passed on: %s",
		     xs_error_name(errno));
	return false;
}

/* Tells the server that the application has ended its side: close_notify
 * behind all data, and then FIN. */
static bool end_up(struct xs_pump *pump, struct xs_buffers *buffers,
		   struct xs_error *err)
{
	struct xs_tls_io io = xs_pump_io(buffers, NULL, 0);

	if (!pump->up_eof || pump->up_done || pump->up_errno ||
	    (is_busy(pump) && !pump->app_gone) || must_wait(pump))
		return true;
	if (pump->tls) {
		xs_tls_close(pump->tls, &io);
		if (!xs_pump_send_up(pump, io.out, io.out_len, err))
			return false;
	}
	if (xs_queue_len(&pump->up))
		return true;
	pump->up_done = true;
	return send_end(pump->server.fd, err);
}

/* Tells the application that the server has ended its side. */
static bool end_down(struct xs_pump *pump, struct xs_error *err)
{
	if (!pump->down_eof || pump->down_done || xs_queue_len(&pump->down))
		return true;
	pump->down_done = true;
	if (pump->torn)
		return true;
	xs_pump_drop_mark(pump);
	return send_end(pump->app.fd, err);
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

	for (int turn = 0; more && turn < (pump->costly ? 1 : TURN); turn++) {
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
	if (!end_up(pump, buffers, err) || !end_down(pump, err))
		return XS_PUMP_FAILED;
	if (pump->down_done && pump->torn)
		return XS_PUMP_TORN;
	if (pump->up_done && pump->down_done)
		return XS_PUMP_CLOSED;
	if (pump->up_done && pump->app_gone)
		return XS_PUMP_LINGER;
	return more ? XS_PUMP_AGAIN : XS_PUMP_WAITS;
}
