/* Bytes through a STARTTLS dialogue, which stands between the application and
 * the server; see pump.h.
 *
 * What one side says goes into the dialogue, and what the dialogue has to say
 * to either of them goes on.  Where there is no dialogue, or not any more,
 * bytes go straight on.
 */
#include "relay/connection/pump_private.h"

static bool empty_up(struct xs_pump *pump, struct xs_buffers *buffers,
		     struct xs_error *err)
{
	struct xs_queue *queue = xs_dialogue_to_server(pump->dialogue);
	bool sent = true;

	/* What was held back, and what was read: more than one read's worth. */
	while (sent && xs_queue_len(queue)) {
		size_t len = xs_queue_len(queue);

		len = len < XS_READ_MAX ? len : XS_READ_MAX;
		sent = xs_pump_carry_up(pump, buffers, xs_queue_first(queue),
					len, err);
		queue->start += len;
	}
	xs_queue_free(queue);
	return sent;
}

static bool empty_down(struct xs_pump *pump, struct xs_error *err)
{
	struct xs_queue *queue = xs_dialogue_to_app(pump->dialogue);
	bool sent;

	if (!pump->opened)
		return true;
	sent = xs_pump_send_down(pump, xs_queue_first(queue),
				 xs_queue_len(queue), err);
	xs_queue_free(queue);
	return sent;
}

/* Carries on what the dialogue has to say and remembers what it wants.  On a
 * refusal, too, the application reads what the server said. */
static bool apply_judgement(struct xs_pump *pump, struct xs_buffers *buffers,
			    enum xs_dialogue_result result,
			    struct xs_error *err)
{
	struct xs_error other = { 0 };
	bool ends =
		result == XS_DIALOGUE_REFUSED || result == XS_DIALOGUE_BROKEN;
	struct xs_error *why = ends ? &other : err;

	const char *remark = xs_dialogue_take_remark(pump->dialogue);

	if (remark)
		pump->remark = remark;
	if (!empty_up(pump, buffers, why) || !empty_down(pump, why) || ends)
		return false;
	if (result == XS_DIALOGUE_PASS && pump->opened) {
		xs_dialogue_free(pump->dialogue);
		pump->dialogue = NULL;
		result = XS_DIALOGUE_MORE;
	}
	/* A server that speaks early takes nothing of it back. */
	if (result == XS_DIALOGUE_MORE && !pump->opened &&
	    pump->wants == XS_DIALOGUE_OPEN)
		return true;
	pump->wants = result;
	return true;
}

bool xs_pump_carry_down(struct xs_pump *pump, struct xs_buffers *buffers,
			const void *data, size_t len, struct xs_error *err)
{
	if (!pump->dialogue)
		return xs_pump_send_down(pump, data, len, err);
	if (pump->wants == XS_DIALOGUE_PASS) {
		if (xs_queue_append(xs_dialogue_to_app(pump->dialogue), data,
				    len))
			return true;
		return xs_pump_fail_memory(err);
	}
	return apply_judgement(
		pump, buffers,
		xs_dialogue_server(pump->dialogue, data, len, err), err);
}

bool xs_pump_hear_app(struct xs_pump *pump, struct xs_buffers *buffers,
		      size_t len, struct xs_error *err)
{
	if (!pump->dialogue)
		return xs_pump_carry_up(pump, buffers, buffers->plain, len,
					err);
	return apply_judgement(
		pump, buffers,
		xs_dialogue_app(pump->dialogue, buffers->plain, len, err), err);
}

bool xs_pump_end_dialogue(struct xs_pump *pump, struct xs_buffers *buffers,
			  struct xs_error *err)
{
	return !pump->dialogue ||
	       apply_judgement(pump, buffers,
			       xs_dialogue_end(pump->dialogue, err), err);
}

/* What lies in the dialogue already may be enough to go on with. */
static bool feed_kept(struct xs_pump *pump, struct xs_buffers *buffers,
		      struct xs_error *err)
{
	if (pump->dialogue && pump->wants == XS_DIALOGUE_MORE &&
	    !xs_pump_carry_down(pump, buffers, NULL, 0, err))
		return false;
	if (pump->dialogue && pump->opened && pump->wants == XS_DIALOGUE_MORE)
		return xs_pump_hear_app(pump, buffers, 0, err);
	return true;
}

bool xs_pump_begin_dialogue(struct xs_pump *pump, struct xs_buffers *buffers,
			    struct xs_error *err)
{
	return apply_judgement(pump, buffers,
			       xs_dialogue_begin(pump->dialogue, err), err);
}

bool xs_pump_secured(struct xs_pump *pump, struct xs_buffers *buffers,
		     struct xs_error *err)
{
	return apply_judgement(pump, buffers,
			       xs_dialogue_secured(pump->dialogue, err), err) &&
	       feed_kept(pump, buffers, err);
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
	return apply_judgement(pump, buffers, wants, err) &&
	       feed_kept(pump, buffers, err);
}

bool xs_pump_pass(struct xs_pump *pump, struct xs_buffers *buffers,
		  struct xs_error *err)
{
	return apply_judgement(pump, buffers, XS_DIALOGUE_PASS, err);
}
