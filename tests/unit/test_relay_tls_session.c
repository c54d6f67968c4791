/* Tests: tools/relay/tls/tls_session.c.
 *
 * The session of a connection that goes on, when another one has resumed it: an
 * FTP server may demand it for data connections. */
#include "tls_line.h"

static void finish_line(struct line *line, bool resumed)
{
	struct xs_tls_summary summary;

	line_finish(line, &summary);
	cr_assert_eq(summary.resumed, resumed);
}

static struct line open_line(struct bench *b, bool resumed)
{
	struct line line = line_make(b);

	line.tls = client_make(b);
	finish_line(&line, resumed);
	return line;
}

/* It ends without close_notify, as when the program was killed. */
static void break_line(struct line *line)
{
	SSL_free(line->server);
	xs_tls_free(line->tls);
}

/* As long as there are tickets of the first connection others resume them. */
static void stays_resumable(const char *options, int tickets)
{
	struct bench b = bench_make(options);
	struct line first = open_line(&b, false), other;
	struct xs_tls_session *session;

	for (int i = 0; i < tickets; i++) {
		other = open_line(&b, true);
		break_line(&other);
		session = xs_tls_session_take(first.tls);
		cr_assert(session, "after %d others", i + 1);
		xs_tls_session_free(session);
	}
	line_end(&first);
	bench_end(&b);
}

Test(relay_tls_session, others_may_break)
{
	stays_resumable("min_version=1.3", 2);
}

Test(relay_tls_session, others_may_break_tls_1_2)
{
	stays_resumable("max_version=1.2", 4);
}

/* The server does not answer, and the connect's time runs out. */
static void is_forgotten(const char *options)
{
	struct bench b = bench_make(options);
	struct line line = open_line(&b, false);
	struct xs_tls_summary summary;

	line_end(&line);
	line = open_line(&b, true);
	line_end(&line);
	line = line_make(&b);
	line.tls = client_make(&b);
	cr_assert_eq(line_shake(&line, &summary), XS_TLS_WANT);
	break_line(&line);
	line = open_line(&b, false);
	line_end(&line);
	bench_end(&b);
}

Test(relay_tls_session, an_unfinished_handshake_makes_it_forgotten)
{
	is_forgotten("min_version=1.3");
}

Test(relay_tls_session, an_unfinished_handshake_makes_it_forgotten_tls_1_2)
{
	is_forgotten("max_version=1.2");
}

/* Who the server was is not known, so its session stands for nothing. */
Test(relay_tls_session, of_nobody_is_not_resumed)
{
	struct bench b = bench_make("max_version=1.2&verify_peer=0&"
				    "verify_peer_name=0&security_level=0&"
				    "ciphers=AECDH-AES128-SHA");
	struct xs_tls_session *session;
	struct line line, data;

	SSL_CTX_set_cipher_list(b.server, "aNULL:@SECLEVEL=0");
	line = open_line(&b, false);
	session = xs_tls_session_take(line.tls);
	cr_assert(session);
	/* Neither by the next one, nor by a data connection of its own. */
	data = line_make(&b);
	data.tls = client_make(&b);
	xs_tls_session_use(data.tls, session);
	xs_tls_session_free(session);
	finish_line(&data, false);
	line_end(&data);
	line_end(&line);
	line = open_line(&b, false);
	line_end(&line);
	bench_end(&b);
}
