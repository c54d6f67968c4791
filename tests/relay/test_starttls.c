/* STARTTLS through a real relay, where it is about sockets and not about words:
 * between the server's go-ahead and the application's first byte. */
#include "client.h"
#include "server.h"

enum { LINES = 40, LINE = 1000 };

static void read_line(int fd)
{
	char byte = 0;

	while (byte != '\n' && recv(fd, &byte, 1, 0) == 1)
		;
}

static void say(int fd, const char *line)
{
	cr_assert_eq(send(fd, line, strlen(line), MSG_NOSIGNAL),
		     (ssize_t)strlen(line));
}

/* Agrees at great length, all at once, and waits for the first byte of TLS. */
static void serve_much(struct served *served)
{
	static const char last[] = "220 go ahead\r\n";
	char reply[LINES * LINE + sizeof(last)];
	unsigned char byte = 0;

	memset(reply, 'x', sizeof(reply));
	for (int i = 0; i < LINES; i++) {
		memcpy(reply + i * LINE, "220-", 4);
		memcpy(reply + (i + 1) * LINE - 2, "\r\n", 2);
	}
	memcpy(reply + LINES * LINE, last, sizeof(last));
	say(served->fd, "220 hello ESMTP\r\n");
	read_line(served->fd);
	say(served->fd, reply);
	if (recv(served->fd, &byte, 1, 0) == 1)
		served->server->received = byte;
}

static struct wrapped open_starttls(struct relay *relay, struct server *server)
{
	struct wrapped w = wrap_prepare(server->port, "");
	struct xs_wire verdict;
	const int small = 1;

	w.request.string[XS_WIRE_SCHEME] = "starttls";
	setsockopt(w.end[1], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	wrap_send(&w, relay);
	cr_assert_eq(wrap_verdict(&w, &verdict), 0, "%s",
		     verdict.string[XS_WIRE_SENTENCE]);
	return w;
}

/* Reads until the last line of this reply has come. */
static void read_to(int fd, const char *last)
{
	size_t len = strlen(last), got = 0;
	char byte;

	while (got < len) {
		struct pollfd ready = { .fd = fd, .events = POLLIN };

		cr_assert_eq(poll(&ready, 1, 20000), 1, "%s does not come",
			     last);
		cr_assert_eq(recv(fd, &byte, 1, 0), 1);
		got = byte == last[got] ? got + 1 : byte == last[0];
	}
}

/* What the application waits for is behind more than the pair holds: it comes
 * when there is room, although the relay waits for the application. */
Test(relay_starttls, go_ahead_behind_much, .timeout = 60)
{
	struct server *server = server_start(NULL, serve_much);
	struct relay relay = relay_start("0");
	struct wrapped w = open_starttls(&relay, server);

	read_to(w.end[0], "hello ESMTP\r\n");
	say(w.end[0], "STARTTLS\r\n");
	read_to(w.end[0], "220 go ahead\r\n");
	say(w.end[0], "EHLO me\r\n");
	server_wait(server, 1);
	cr_assert_eq(server->received, 0x16);
	wrap_close(&w);
	cr_assert_eq(relay_wait(&relay, 20), 0);
}

static void serve_agree(struct served *served)
{
	char byte;

	say(served->fd, "220 hello ESMTP\r\n");
	read_line(served->fd);
	say(served->fd, "220 go ahead\r\n");
	while (recv(served->fd, &byte, 1, 0) > 0)
		;
}

/* Three bytes of what may be a ClientHello, and no more: the server hears of
 * the end. */
Test(relay_starttls, leaving_in_a_hello, .timeout = 60)
{
	struct server *server = server_start(NULL, serve_agree);
	struct relay relay = relay_start("0");
	struct wrapped w = open_starttls(&relay, server);

	read_to(w.end[0], "hello ESMTP\r\n");
	say(w.end[0], "STARTTLS\r\n");
	read_to(w.end[0], "go ahead\r\n");
	say(w.end[0], "\x16\x03\x01");
	wrap_close(&w);
	server_wait(server, 1);
	cr_assert_eq(relay_wait(&relay, 20), 0);
}
