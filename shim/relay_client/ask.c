/* Asking the relay for addresses; see ask.h. */
#include "relay_client/ask.h"

#include "relay_client/find_relay.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A name without an answer. */
#define UNANSWERED ((uint8_t)ETIMEDOUT)

void xs_ask_init(struct xs_ask *ask)
{
	ask->count = 0;
	ask->len = 0;
	ask->names[0] = '\0';
}

bool xs_ask_add(struct xs_ask *ask, const char *name)
{
	size_t len = strlen(name);

	if (ask->count == XS_WIRE_NAMES_MAX ||
	    ask->len + len + 2 > sizeof(ask->names))
		return false;
	if (ask->count)
		ask->names[ask->len++] = ' ';
	memcpy(ask->names + ask->len, name, len + 1);
	ask->len += len;
	ask->state[ask->count++] = UNANSWERED;
	return true;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Sends the question.  Returns the control connection, or -1 with *err set. */
static int send_question(const struct xs_ask *ask, struct xs_error *err)
{
	char key[XS_PAIR_KEY_LEN + 1];
	struct xs_wire question;
	int control = xs_find_relay(key, err);

	if (control < 0)
		return -1;
	xs_wire_init(&question, XS_WIRE_RESOLVE);
	question.string[XS_WIRE_HOST] = ask->names;
	if (xs_wire_send(control, &question, NULL, 0) == 0)
		return control;
	xs_error_set(err, XS_ERR_RELAY, errno,
		     "the relay does not take the question for a name (was it "
		     "killed?)");
	close(control);
	return -1;
}

/* Takes one answer.  False when there will be no more. */
static bool take_answer(struct xs_ask *ask, int control,
			void (*found)(void *with, size_t name,
				      const struct xs_address *address),
			void *with)
{
	char datagram[2048];
	struct xs_wire answer;
	struct xs_address raw, address;
	size_t nfds, count;
	ssize_t got = xs_wire_receive(control, datagram, sizeof(datagram), NULL,
				      0, &nfds, MSG_DONTWAIT);

	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	if (got <= 0 ||
	    xs_wire_decode(&answer, datagram, (size_t)got, NULL) < 0 ||
	    answer.head.type != XS_WIRE_ADDRESSES ||
	    answer.head.name >= ask->count)
		return false;
	count = answer.head.value_len / sizeof(raw);
	for (size_t i = 0; i < count; i++) {
		memcpy(&raw, (const char *)answer.value + i * sizeof(raw),
		       sizeof(raw));
		if (xs_address_from(&address, &raw.any, raw.len))
			found(with, answer.head.name, &address);
	}
	if (!answer.head.more)
		ask->state[answer.head.name] = (uint8_t)answer.head.errnum;
	return true;
}

static bool is_waiting(const struct xs_ask *ask)
{
	return memchr(ask->state, UNANSWERED, ask->count) != NULL;
}

int xs_ask_run(struct xs_ask *ask, unsigned seconds,
	       void (*found)(void *with, size_t name,
			     const struct xs_address *address),
	       void *with, struct xs_error *err)
{
	int64_t until = now_ms() + (int64_t)seconds * 1000, left;
	int control = send_question(ask, err);
	struct pollfd ready = { .fd = control, .events = POLLIN };

	if (control < 0)
		return -1;
	while (is_waiting(ask) && (left = until - now_ms()) > 0) {
		int got = poll(&ready, 1, (int)left);

		if (got < 0 && errno != EINTR)
			break;
		if (got > 0 && !take_answer(ask, control, found, with))
			break;
	}
	close(control);
	return 0;
}
