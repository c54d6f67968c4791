/* Asking the relay about FTP's data connections; see ftp_data.h. */
#include "relay_client/ftp_data.h"

#include "relay_client/find_relay.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

/* How long the answer may take; it is in the relay's memory. */
enum { ANSWER_MS = 10000 };

static int fail(struct xs_error *err)
{
	return xs_error_set(err, XS_ERR_RELAY, EACCES,
			    "the relay does not tell whether this is an FTP "
			    "data connection (was it killed, or stopped?)");
}

static int send_question(int control, const struct xs_address *asked,
			 struct xs_error *err)
{
	struct xs_wire question;

	xs_wire_init(&question, XS_WIRE_FTP_DATA);
	question.head.to = *asked;
	return xs_wire_send(control, &question, NULL, 0) == 0 ? 0 : fail(err);
}

/* Returns as xs_ftp_data_ask. */
static int receive_answer(int control, struct xs_ftp_data *ftp_data,
			  struct xs_error *err)
{
	struct pollfd ready = { .fd = control, .events = POLLIN };
	size_t nfds;
	ssize_t got;
	int polled;

	do
		polled = poll(&ready, 1, ANSWER_MS);
	while (polled < 0 && errno == EINTR);
	got = polled == 1 ? xs_wire_receive(control, ftp_data->datagram,
					    sizeof(ftp_data->datagram), NULL, 0,
					    &nfds, MSG_DONTWAIT)
			  : -1;
	if (got <= 0 ||
	    xs_wire_decode(&ftp_data->wire, ftp_data->datagram, (size_t)got,
			   NULL) < 0 ||
	    ftp_data->wire.head.type != XS_WIRE_FTP_DATA_ANSWER)
		return fail(err);
	return ftp_data->wire.head.errnum == 0;
}

int xs_ftp_data_ask(const struct xs_address *asked,
		    struct xs_ftp_data *ftp_data, struct xs_error *err)
{
	int control;
	int answer = xs_find_relay_noted(&control, err);

	if (answer != 1)
		return answer;
	answer = send_question(control, asked, err);
	if (answer == 0)
		answer = receive_answer(control, ftp_data, err);
	close(control);
	return answer;
}
