/* The pump sends; see pump.h.
 *
 * A send that fails is no end of the other way: what the server said before
 * may still be read, and an application that does not read may still write.
 */
#include "relay/connection/pump_private.h"

#include <errno.h>
#include <sys/socket.h>

bool xs_pump_fail_memory(struct xs_error *err)
{
	xs_error_set(err, XS_ERR_SYSTEM, ENOMEM, "the relay is out of memory");
	return false;
}

/* What the server said before may still wait to be read, an answer such as "too
 * large" perhaps: so that is carried down first, to its end. */
void xs_pump_note_up_failed(struct xs_pump *pump, int errnum)
{
	pump->up_errno = errnum;
	xs_queue_free(&pump->up);
	/* It may wait in a write, and read only behind that. */
	shutdown(pump->app.fd, SHUT_RD);
	pump->server.readable = true;
	pump->server.ended = true;
}

/* Its end, which has come or is about to, is looked for. */
void xs_pump_note_down_failed(struct xs_pump *pump)
{
	xs_queue_free(&pump->down);
	pump->app_deaf = true;
	pump->app.readable = true;
	pump->app.ended = true;
}

/* Takes count of a send to the server. */
static bool judge_up(struct xs_pump *pump, enum xs_queue_result result,
		     struct xs_error *err)
{
	pump->server.blocked = result == XS_QUEUE_WAITS;
	if (result != XS_QUEUE_FAILED)
		return true;
	if (errno == ENOMEM)
		return xs_pump_fail_memory(err);
	xs_pump_note_up_failed(pump, errno);
	return true;
}

bool xs_pump_send_up(struct xs_pump *pump, const void *data, size_t len,
		     struct xs_error *err)
{
	/* Behind FIN: an answer of TLS itself, to a server that goes on. */
	if (!len || pump->up_errno || pump->up_done)
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
		return xs_pump_fail_memory(err);
	xs_pump_note_down_failed(pump);
	return true;
}

bool xs_pump_send_down(struct xs_pump *pump, const void *data, size_t len,
		       struct xs_error *err)
{
	if (!len || pump->app_gone || pump->app_deaf)
		return true;
	pump->app_received += len;
	return judge_down(
		pump, xs_queue_send(&pump->down, pump->app.fd, data, len), err);
}

struct xs_tls_io xs_pump_io(struct xs_buffers *buffers, const uint8_t *in,
			    size_t len)
{
	return (struct xs_tls_io){ .in = in,
				   .in_len = len,
				   .out = buffers->cipher_out,
				   .out_size = sizeof(buffers->cipher_out) };
}

bool xs_pump_carry_up(struct xs_pump *pump, struct xs_buffers *buffers,
		      const void *data, size_t len, struct xs_error *err)
{
	struct xs_tls_io io = xs_pump_io(buffers, NULL, 0);
	enum xs_tls_result result;

	if (!pump->tls)
		return xs_pump_send_up(pump, data, len, err);
	result = xs_tls_write(pump->tls, &io, data, len, err);
	return xs_pump_send_up(pump, io.out, io.out_len, err) &&
	       result == XS_TLS_DONE;
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
