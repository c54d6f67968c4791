/* Tests: tools/relay/client/lookups.c, loop/resolver.c, behind a real relay.
 *
 * Names that the library asks a real relay for. */
#include "client.h"

#include <arpa/inet.h>

static char buffer[XS_WIRE_MESSAGE_MAX];

static int ask_names(const struct relay *relay, const char *names)
{
	struct xs_wire question;
	int control = relay_connect(relay);

	cr_assert(control >= 0);
	xs_wire_init(&question, XS_WIRE_RESOLVE);
	question.string[XS_WIRE_HOST] = names;
	cr_assert_eq(xs_wire_send(control, &question, NULL, 0), 0);
	return control;
}

static bool has_loopback(const struct xs_wire *answer)
{
	struct xs_address address;
	size_t count = answer->head.value_len / sizeof(address);

	for (size_t i = 0; i < count; i++) {
		memcpy(&address,
		       (const char *)answer->value + i * sizeof(address),
		       sizeof(address));
		if (address.any.sa_family == AF_INET &&
		    address.v4.sin_addr.s_addr == htonl(INADDR_LOOPBACK))
			return true;
	}
	return false;
}

/* Each name has its own answer, in any order; then the relay closes. */
Test(relay_resolve, names, .timeout = 60)
{
	struct relay relay = relay_start("1");
	int control = ask_names(&relay, "localhost nothing.invalid 127.0.0.1");
	struct xs_wire answer;
	int seen[3] = { 0 };

	for (int i = 0; i < 3; i++) {
		cr_assert(wire_answer(control, buffer, &answer));
		cr_assert_eq(answer.head.type, XS_WIRE_ADDRESSES);
		cr_assert_lt(answer.head.name, 3);
		cr_assert_eq(answer.head.more, 0);
		seen[answer.head.name]++;
		if (answer.head.name == 1) {
			cr_assert_eq(answer.head.value_len, 0);
			cr_assert(answer.head.errnum == 0 ||
				  answer.head.errnum == EAGAIN);
		} else {
			cr_assert_eq(answer.head.errnum, 0);
			cr_assert(has_loopback(&answer));
		}
	}
	cr_assert(seen[0] && seen[1] && seen[2]);
	cr_assert_not(wire_answer(control, buffer, &answer));
	close(control);
	cr_assert_eq(relay_wait(&relay, 20), 0);
}

Test(relay_resolve, too_many_or_none, .timeout = 60)
{
	struct relay relay = relay_start("1");
	struct xs_wire answer;
	char names[2 * XS_WIRE_NAMES_MAX + 2] = "";
	int control = ask_names(&relay, "");

	cr_assert_not(wire_answer(control, buffer, &answer));
	close(control);
	for (int i = 0; i <= XS_WIRE_NAMES_MAX; i++)
		strcat(names, i ? " a" : "a");
	control = ask_names(&relay, names);
	cr_assert_not(wire_answer(control, buffer, &answer));
	close(control);
	cr_assert_eq(relay_wait(&relay, 20), 0);
}

/* Who does not wait leaves nothing behind: the relay can leave. */
Test(relay_resolve, nobody_waits, .timeout = 60)
{
	struct relay relay = relay_start("1");

	for (int i = 0; i < 20; i++)
		close(ask_names(&relay, "localhost nothing.invalid"));
	cr_assert_eq(relay_wait(&relay, 30), 0);
}
