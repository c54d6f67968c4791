/* Tests: tools/relay/client/ftp_data.c, behind a real relay.
 *
 * What the library asks about FTP's data connections, asked by hand, and a
 * token that a client has made up. */
#include "client.h"
#include "server.h"

/* The answer's errno, -1 when the relay closed instead. */
static int ask(const struct relay *relay, const struct xs_address *to)
{
	static char buffer[XS_WIRE_MESSAGE_MAX];
	struct xs_wire question, answer;
	int control = relay_connect(relay), error = -1;

	xs_wire_init(&question, XS_WIRE_FTP_DATA);
	question.head.to = *to;
	cr_assert_eq(xs_wire_send(control, &question, NULL, 0), 0);
	if (wire_answer(control, buffer, &answer)) {
		cr_assert_eq(answer.head.type, XS_WIRE_FTP_DATA_ANSWER);
		error = answer.head.errnum;
	}
	close(control);
	return error;
}

Test(relay_ftp_data, nothing_is_announced_unasked, .timeout = 60)
{
	struct relay relay = relay_start("2");
	struct xs_address to = loopback(21), nowhere = { .len = 0 };

	cr_assert_eq(ask(&relay, &to), ENOENT);
	cr_assert_eq(ask(&relay, &nowhere), -1, "no address");
	nowhere.len = 1000;
	cr_assert_eq(ask(&relay, &nowhere), -1, "no address");
	cr_assert_eq(relay_wait(&relay, 20), 0);
}

/* A token that the relay has not given is no way around the rule. */
Test(relay_ftp_data, a_token_cannot_be_made_up, .timeout = 60)
{
	struct server *server = server_start("DNS:localhost", serve_echo);
	struct relay relay = relay_start("0");
	struct wrapped w = wrap_prepare(server->port, server->cafile);
	struct xs_wire verdict;
	char log[4096];

	w.request.head.port = server->port;
	w.request.head.token[0] = 1;
	wrap_send(&w, &relay);
	cr_assert_eq(wrap_verdict(&w, &verdict), EACCES);
	cr_assert_eq(wrap_log(&w, log), 1);
	cr_assert(strstr(log, "not expected any more"), "%s", log);
	wrap_close(&w);
	cr_assert_eq(relay_wait(&relay, 20), 0);
	server_end(server);
}
