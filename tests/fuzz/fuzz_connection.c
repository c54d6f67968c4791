/* A whole connection of the relay, between a program and a server that do what
 * the input says.
 *
 * The relay's own code runs from the request to the last byte, with real
 * sockets on loopback and a real pair.  Three things stand in for others: the
 * loop (worker.h), so that no thread runs and each turn is the same every time;
 * the control connection (control.h), which only notes the verdict; and recv,
 * send and shutdown (ld --wrap), which fail or stop short where the input says
 * so.  The server is OpenSSL on memory.  Random numbers are the same for each
 * input.
 *
 * An input has one step a line: `steps` has them all, `rules` those for "rule".
 * Behind each the loop has one turn.  What must be true:
 *
 * - what the program writes never reaches the server unencrypted, nor the log
 * - before the verdict the program cannot write
 * - a connect fails with an errno and a sentence, for the pair as for the
 *   client, and its TCP socket is not connected any more
 * - a server with the wrong certificate is never connected to
 * - bytes arrive as they were sent, both ways; without a fault, all of them
 *   arrive, and both ends
 * - when both sides have left, the connection goes, with every descriptor
 */
#include "connection_setup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#ifndef XS_LIBFUZZER
static const char *const words[] = { "\nserve\n",
				     "\nwrite 5\n",
				     "\nwrite 60000\n",
				     "\nsend 7\n",
				     "\nsend 50000\n",
				     "\nread\n",
				     "\nend\n",
				     "\nleave\n",
				     "\nforget\n",
				     "\nbye\n",
				     "\nfinish\n",
				     "\nreset\n",
				     "\ntick\n",
				     "\nturn\n",
				     "\nupdate\n",
				     "\nticket\n",
				     "\nrenegotiate\n",
				     "\nflip 9\n",
				     "\ndrop 30\n",
				     "\nrecv 3 cut\n",
				     "\nrecv 1 EINTR\n",
				     "\nrecv 2 EAGAIN\n",
				     "\nrecv 1 ECONNRESET\n",
				     "\nrecv 1 ENOMEM\n",
				     "\nshutdown 2 EPERM\n",
				     "\nsent 2 EAGAIN\n",
				     "\nsent 5 cut\n",
				     "\nsent 1 EPIPE\n",
				     "\nsent 1 ENOBUFS\n",
				     "\nshutdown 1 ENOTCONN\n",
				     "\n< ",
				     "\n{ ",
				     "wrong\n",
				     "refused\n",
				     "dialled\n",
				     "rule tls\n",
				     "rule tls1.2\n",
				     "rule early\n",
				     "rule plain\n",
				     "rule smtp\n",
				     "rule imap\n",
				     "rule pop3\n",
				     "rule ftp\n",
				     "rule postgres\n",
				     "rule mysql\n",
				     "rule ldap\n",
				     "rule xmpp\n",
				     "rule watched\n",
				     "220 hello",
				     "250 STARTTLS",
				     "\\x16\\x03\\x01\\",
				     NULL };
#endif

/* --- what must be true ---------------------------------------------------- */

static void check_failure(void)
{
	const char *text = play.control.sentence;
	struct sockaddr_in peer;
	socklen_t len = sizeof(peer);
	struct xs_pair_info info;

	must(*text, "a failure has a sentence");
	for (; *text; text++)
		must(*text >= ' ' && *text <= '~', "a sentence is printable");
	must(getpeername(play.tcp, (struct sockaddr *)&peer, &len) < 0,
	     "TCP is taken away from a connect that failed");
	if (play.app >= 0)
		must(xs_pair_read(play.app, &info) &&
			     info.state == XS_PAIR_FAILED &&
			     info.errnum == play.control.errnum,
		     "the pair tells the same errno");
}

static void check_success(void)
{
	struct xs_pair_info info;

	if (play.app >= 0)
		must(xs_pair_read(play.app, &info) &&
			     info.state == XS_PAIR_CONNECTED,
		     "the pair tells of success");
	if (!play.rule->early && !play.rule->open)
		must(play.shaking && !play.wrong,
		     "only the right server is connected to");
}

static void check(void)
{
	if (play.control.answered && !play.connected) {
		play.connected = true;
		if (play.control.errnum)
			check_failure();
		else
			check_success();
	}
	if (!play.rule->open)
		must(!play.wire.len || !memmem(play.wire.at, play.wire.len,
					       secret, SECRET),
		     "nothing of the program's travels in plaintext");
	if (!play.rule->strict)
		return;
	must(is_begin_of(&play.sent_up, &play.up),
	     "the server reads what the program wrote");
	must(is_begin_of(&play.sent_down, &play.down),
	     "the program reads what the server wrote");
}

/* --- time and faults ------------------------------------------------------ */

static void do_tick(const char *rest)
{
	(void)rest;
	play.spoiled = true;
	tick();
}

static void do_turn(const char *rest)
{
	(void)rest;
	turn();
}

/* "COUNT WHAT"; what the kernel may do at any time spoils nothing. */
static void set_fault(enum call call, const char *rest)
{
	static const struct {
		const char *name;
		int errnum;
		bool spoils;
	} kinds[] = {
		{ "cut", CUT, false },
		{ "EINTR", EINTR, false },
		{ "EAGAIN", EAGAIN, false },
		{ "ECONNRESET", ECONNRESET, true },
		{ "EPIPE", EPIPE, true },
		{ "ENOMEM", ENOMEM, true },
		{ "ENOBUFS", ENOBUFS, true },
		{ "ENOTCONN", ENOTCONN, true },
		{ "EPERM", EPERM, true },
	};
	char *name;
	unsigned count = (unsigned)strtoul(rest, &name, 10) % 100;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (*name != ' ' || strcmp(name + 1, kinds[i].name) != 0)
			continue;
		faults[call] = (struct fault){ kinds[i].errnum, count };
		play.spoiled |= kinds[i].spoils || call == SHUTDOWN;
	}
}

static void fail_recv(const char *rest)
{
	set_fault(RECV, rest);
}

static void fail_sent(const char *rest)
{
	set_fault(SENT, rest);
}

static void fail_shutdown(const char *rest)
{
	set_fault(SHUTDOWN, rest);
}

static const struct step {
	const char *word;
	void (*run)(const char *rest);
} steps[] = {
	/* The program: writes so many bytes, writes these, reads all, ends its
	 * side, closes; the library closes its control connection. */
	{ "send", do_send },
	{ "{", app_says },
	{ "read", do_read },
	{ "end", do_end },
	{ "leave", do_leave },
	{ "forget", do_forget },
	/* The server: goes on with TLS, says these bytes whatever they are,
	 * writes so many in TLS, close_notify, FIN, RST. */
	{ "serve", do_serve },
	{ "<", server_says },
	{ "write", do_write },
	{ "bye", do_bye },
	{ "finish", do_finish },
	{ "reset", do_reset },
	{ "update", do_update },
	{ "ticket", do_ticket },
	{ "renegotiate", do_renegotiate },
	{ "flip", do_flip },
	{ "drop", do_drop },
	/* The next deadline; a turn more; the next so many calls. */
	{ "tick", do_tick },
	{ "turn", do_turn },
	{ "recv", fail_recv },
	{ "sent", fail_sent },
	{ "shutdown", fail_shutdown },
};
enum { STEPS = sizeof(steps) / sizeof(*steps) };

static void run_line(const char *line)
{
	size_t len = strcspn(line, " ");

	for (int i = 0; i < STEPS; i++) {
		if (strlen(steps[i].word) != len ||
		    memcmp(steps[i].word, line, len) != 0)
			continue;
		steps[i].run(line + len + (line[len] == ' '));
		turn();
		check();
		return;
	}
}

/* --- the end -------------------------------------------------------------- */

/* Nothing was spoiled, so everything must arrive, and both ends. */
static void complete(void)
{
	for (int i = 0;
	     i < 400 && !(play.app_eof && play.heard_bye && play.server_eof);
	     i++) {
		do_serve("");
		do_read("");
		if (play.connected && !play.app_ended)
			do_end("");
		if (play.heard_bye && !play.said_bye)
			do_bye("");
		if (play.said_bye)
			do_finish("");
		turn();
		check();
	}
	must(play.connected && !play.control.errnum,
	     "the right server is connected to");
	must(play.app_eof && play.heard_bye && play.server_eof,
	     "both ends arrive");
	must(is_same(&play.sent_up, &play.up) &&
		     is_same(&play.sent_down, &play.down),
	     "all bytes arrive");
}

static void check_log(void)
{
	static char text[256 * 1024];
	ssize_t len = pread(log_fd, text, sizeof(text), 0);

	for (ssize_t i = 0; i < len; i++)
		must(text[i] == '\n' || (text[i] >= ' ' && text[i] <= '~'),
		     "the log is printable");
	must(len <= 0 || !memmem(text, (size_t)len, secret, SECRET),
	     "nothing of the program's is in the log");
	must(ftruncate(log_fd, 0) == 0 && lseek(log_fd, 0, SEEK_SET) == 0,
	     "a log");
}

/* Both sides leave. */
static void part(void)
{
	do_leave("");
	do_reset("");
	for (int i = 0; i < 1000 && atomic_load(&worker.load); i++) {
		turn();
		check();
		if (i % 4 == 3)
			tick();
	}
	must(!atomic_load(&worker.load),
	     "the connection ends when both sides have left");
	turn();
	for (int i = 0; i < WATCHED; i++)
		must(!watched[i].source, "nothing is watched any more");
	must(!worker.tasks, "nothing is left to be done");
}

static void clean_up(void)
{
	close(play.tcp);
	SSL_free(play.ssl);
	free(play.wire.at);
	free(play.up.at);
	free(play.down.at);
	free(play.sent_up.at);
	free(play.sent_down.at);
	ERR_clear_error();
}

/* Numbers are given from below, so none is above these. */
static int count_open(void)
{
	int count = 0;

	for (int fd = 0; fd < 128; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

/* What is known before the connection begins. */
static void read_setup(const char *text)
{
	const char *name = strstr(text, "rule ");
	size_t len = name ? strcspn(name + 5, "\n") : 0;

	play.rule = &rules[0];
	for (int i = 0; i < RULES; i++)
		if (strlen(rules[i].name) == len &&
		    memcmp(rules[i].name, name + 5, len) == 0)
			play.rule = &rules[i];
	play.wrong = strstr(text, "wrong\n");
	play.refused = strstr(text, "refused\n");
	play.dialled = strstr(text, "dialled\n");
	play.spoiled = play.wrong || play.refused;
}

static void play_text(char *text)
{
	memset(&play, 0, sizeof(play));
	memset(faults, 0, sizeof(faults));
	memset(watched, 0, sizeof(watched));
	worker.timers.first = NULL;
	worker.tasks = NULL;
	worker.tasks_end = &worker.tasks;
	random_state = 1;
	play.text = text;
	read_setup(text);
	begin();
	play.ssl = SSL_new(play.wrong ? stranger : right);
	SSL_set_bio(play.ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	SSL_set_accept_state(play.ssl);
	check();
	while (*text) {
		size_t len = strcspn(text, "\n");
		char line[512];

		snprintf(line, sizeof(line), "%.*s", (int)len, text);
		run_line(line);
		text += len + (text[len] == '\n');
	}
	memset(faults, 0, sizeof(faults));
	if (play.rule->strict && !play.spoiled)
		complete();
	part();
	check_log();
	clean_up();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	int open;

	must(text, "memory");
	if (!right)
		set_up();
	open = count_open();
	memcpy(text, data, size);
	text[size] = '\0';
	play_text(text);
	must(count_open() == open, "every descriptor is closed");
	free(text);
	return 0;
}

#include "driver.h"
