/* What the files of the pump share: pump.c, pump_dialogue.c and pump_send.c,
 * each of which uses those behind it.  No other file includes this. */
#ifndef XS_PUMP_PRIVATE_H
#define XS_PUMP_PRIVATE_H

#include "relay/connection/pump.h"

/* pump_send.c: sends to one of the sides, behind what waits for it.  What is
 * for a side that cannot be reached any more is thrown away.  False with *err
 * set. */
bool xs_pump_send_up(struct xs_pump *pump, const void *data, size_t len,
		     struct xs_error *err);
bool xs_pump_send_down(struct xs_pump *pump, const void *data, size_t len,
		       struct xs_error *err);

/* pump_send.c: sends plaintext to the server, over TLS where it stands.  False
 * with *err set. */
bool xs_pump_carry_up(struct xs_pump *pump, struct xs_buffers *buffers,
		      const void *data, size_t len, struct xs_error *err);

/* pump_send.c: what a call of TLS takes and gives: in is the server's
 * ciphertext. */
struct xs_tls_io xs_pump_io(struct xs_buffers *buffers, const uint8_t *in,
			    size_t len);

/* pump_send.c: sets *err; returns false. */
bool xs_pump_fail_memory(struct xs_error *err);

/* pump_dialogue.c: what the server said, decrypted: through the dialogue, or
 * straight on.  False with *err set. */
bool xs_pump_carry_down(struct xs_pump *pump, struct xs_buffers *buffers,
			const void *data, size_t len, struct xs_error *err);

/* pump_dialogue.c: the same for what the application said, which is in
 * buffers->plain. */
bool xs_pump_hear_app(struct xs_pump *pump, struct xs_buffers *buffers,
		      size_t len, struct xs_error *err);

/* pump_dialogue.c: one of the sides has ended.  False with *err set. */
bool xs_pump_end_dialogue(struct xs_pump *pump, struct xs_buffers *buffers,
			  struct xs_error *err);

/* A send to the server failed with errnum; one to the application failed. */
void xs_pump_note_up_failed(struct xs_pump *pump, int errnum);
void xs_pump_note_down_failed(struct xs_pump *pump);

#endif
