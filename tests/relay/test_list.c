/* Tests: tools/relay/connection/list.c, failures.c and totals.c, and
 * xs_admit_refuse_look in tools/relay/client/admit.c, behind a real relay.
 *
 * What a relay tells of its connections, and to whom. */
#include "datagrams.h"
#include "server.h"

#include "relay/association/state.h"
#include "relay/connection/failures.h"
#include "relay/connection/state.h"

#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/syscall.h>

enum { ROWS_KEPT = 512 };

/* What one or several answers told. */
struct told {
	int rows, answers;
	bool complete;	    /* TOTALS came */
	char sentence[512]; /* of REFUSED */
	struct xs_wire_totals totals;
	struct {
		uint32_t id;
		int32_t pid;
		struct xs_wire_row row;
		char text[XS_WIRE_STRINGS][128];
	} row[ROWS_KEPT];
};

static struct xs_wire list_of(int what, uint32_t name, uint32_t more)
{
	struct xs_wire question;

	xs_wire_init(&question, XS_WIRE_LIST);
	question.head.option = what;
	question.head.name = name;
	question.head.more = more;
	return question;
}

static void note_row(struct told *told, const struct xs_wire *answer)
{
	cr_assert_lt(told->rows, ROWS_KEPT);
	cr_assert_eq(answer->head.value_len, sizeof(struct xs_wire_row));
	told->row[told->rows].id = answer->head.id;
	told->row[told->rows].pid = answer->head.pid;
	memcpy(&told->row[told->rows].row, answer->value,
	       sizeof(struct xs_wire_row));
	for (int i = 0; i < XS_WIRE_STRINGS; i++)
		snprintf(told->row[told->rows].text[i], 128, "%s",
			 answer->string[i]);
	told->rows++;
}

/* Everything that comes on control; puts the place for the next question into
 * *next. */
static void hear(int control, struct told *told, struct xs_wire *next)
{
	static char buffer[XS_WIRE_MESSAGE_MAX];
	struct xs_wire answer;

	told->answers++;
	while (wire_answer(control, buffer, &answer)) {
		if (answer.head.type == XS_WIRE_ROW) {
			note_row(told, &answer);
			next->head.name = answer.head.name;
			next->head.more = answer.head.more;
		} else if (answer.head.type == XS_WIRE_TOTALS) {
			cr_assert_eq(answer.head.value_len,
				     sizeof(told->totals));
			memcpy(&told->totals, answer.value,
			       sizeof(told->totals));
			told->complete = true;
		} else {
			cr_assert_eq(answer.head.type, XS_WIRE_REFUSED);
			snprintf(told->sentence, sizeof(told->sentence), "%s",
				 answer.string[XS_WIRE_SENTENCE]);
		}
	}
	close(control);
}

/* Asks until all is told, or nothing is. */
static struct told *list(const struct relay *relay, int what)
{
	static struct told told;
	struct xs_wire question = list_of(what, 0, 0);
	int before;

	memset(&told, 0, sizeof(told));
	do {
		int control = relay_connect(relay);

		cr_assert_geq(control, 0);
		before = told.rows;
		cr_assert_eq(xs_wire_send(control, &question, NULL, 0), 0);
		hear(control, &told, &question);
	} while (!told.complete && told.rows > before);
	return &told;
}

static void end_relay(struct relay *relay)
{
	kill(relay->pid, SIGTERM);
	cr_assert_eq(relay_wait(relay, 20), 0);
}

static void open_to(struct wrapped *w, struct relay *relay,
		    struct server *server)
{
	struct xs_wire verdict;

	cr_assert_eq(
		wrap_open(w, relay, server->port, server->cafile, &verdict), 0,
		"%s", verdict.string[XS_WIRE_SENTENCE]);
}

/* Back from an echo. */
static void carry(const struct wrapped *w, const char *bytes, size_t len)
{
	char back[64];

	cr_assert_eq(send(w->end[0], bytes, len, 0), (ssize_t)len);
	cr_assert_eq(recv(w->end[0], back, len, MSG_WAITALL), (ssize_t)len);
}

Test(relay_list, connection, .timeout = 60)
{
	struct server *server = server_start("DNS:localhost", serve_echo);
	struct relay relay = relay_start("20");
	struct wrapped w;
	struct told *told = list(&relay, XS_WIRE_LIST_CONNECTIONS);

	cr_assert(told->complete);
	cr_assert_eq(told->rows, 0);
	cr_assert_eq(told->totals.open, 0);
	open_to(&w, &relay, server);
	carry(&w, "hello", 5);
	/* Told a moment after it has been carried. */
	do
		told = list(&relay, XS_WIRE_LIST_CONNECTIONS);
	while (told->rows && told->row[0].row.received < 5);
	cr_assert_eq(told->rows, 1);
	cr_assert_eq(told->row[0].id, w.request.head.id);
	cr_assert_eq(told->row[0].pid, getpid());
	cr_assert_eq(told->row[0].row.sent, 5);
	cr_assert_eq(told->row[0].row.received, 5);
	cr_assert_eq(told->row[0].row.state, OPEN);
	cr_assert(told->row[0].row.secure);
	cr_assert_not(told->row[0].row.resumed);
	cr_assert_str_eq(told->row[0].text[XS_WIRE_PROGRAM], "test");
	cr_assert_str_eq(told->row[0].text[XS_WIRE_ASKED], "localhost:443");
	cr_assert_str_eq(told->row[0].text[XS_WIRE_RULE], "rule");
	cr_assert_str_eq(told->row[0].text[XS_WIRE_VERSION_NAME], "TLSv1.3");
	cr_assert_str_eq(told->row[0].text[XS_WIRE_VERIFIED], "localhost");
	/* What the rule's options are is not told. */
	cr_assert_str_eq(told->row[0].text[XS_WIRE_OPTIONS], "");
	cr_assert_eq(told->totals.open, 1);
	cr_assert_eq(told->totals.succeeded, 1);
	cr_assert_eq(told->totals.handshakes, 1);
	cr_assert_eq(told->totals.sent, 5);
	cr_assert_eq(told->totals.received, 5);
	wrap_close(&w);
	/* What it has carried still counts when it is gone. */
	do
		told = list(&relay, XS_WIRE_LIST_CONNECTIONS);
	while (told->rows);
	cr_assert_eq(told->totals.sent, 5);
	end_relay(&relay);
	server_end(server);
}

Test(relay_list, resumed, .timeout = 60)
{
	struct server *server = server_start("DNS:localhost", serve_echo);
	struct relay relay = relay_start("20");
	struct wrapped w[2];
	struct told *told;
	int resumed = 0;

	for (int i = 0; i < 2; i++) {
		open_to(&w[i], &relay, server);
		carry(&w[i], "x", 1); /* a ticket has come with it */
	}
	told = list(&relay, XS_WIRE_LIST_CONNECTIONS);
	cr_assert_eq(told->rows, 2);
	for (int i = 0; i < 2; i++)
		resumed += told->row[i].row.resumed;
	cr_assert_eq(resumed, 1);
	cr_assert_eq(told->totals.resumptions, 1);
	for (int i = 0; i < 2; i++)
		wrap_close(&w[i]);
	end_relay(&relay);
	server_end(server);
}

Test(relay_list, handshake_under_way, .timeout = 60)
{
	struct server *server = server_start(NULL, serve_nothing);
	struct relay relay = relay_start("20");
	struct wrapped w = wrap_prepare(server->port, "timeout=50");
	struct told *told;

	wrap_send(&w, &relay);
	do
		told = list(&relay, XS_WIRE_LIST_CONNECTIONS);
	while (told->rows == 0 || told->row[0].row.state != HANDSHAKE);
	cr_assert_not(told->row[0].row.secure);
	cr_assert_str_eq(told->row[0].text[XS_WIRE_VERSION_NAME], "");
	cr_assert_str_eq(told->row[0].text[XS_WIRE_VERIFIED], "");
	wrap_close(&w);
	end_relay(&relay);
	server_end(server);
}

/* An association has a row from its request on, with what it has carried, and
 * none when the program has closed its end. */
Test(relay_list, association, .timeout = 60)
{
	struct xs_address own, from;
	int server = udp_socket(&own);
	struct relay relay = relay_start("20");
	struct datagrams d = opened(&relay, &own, "udp", "relay=1");
	struct told *told;
	char data[64];

	cr_assert_eq(send(d.end[0], "hello", 5, 0), 5);
	cr_assert_eq(send(d.end[0], "", 0, 0), 0);
	for (int i = 0; i < 2; i++)
		serve_datagram(server, data, sizeof(data), &from);
	sendto(server, "back", 4, 0, &from.any, from.len);
	cr_assert_eq(receive(d.end[0], data, sizeof(data)), 4);
	told = list(&relay, XS_WIRE_LIST_CONNECTIONS);
	cr_assert_eq(told->rows, 1);
	cr_assert_eq(told->row[0].id, d.request.head.id);
	cr_assert_eq(told->row[0].pid, getpid());
	cr_assert(told->row[0].row.association);
	cr_assert_eq(told->row[0].row.state, XS_ASSOCIATION_OPEN);
	cr_assert_not(told->row[0].row.secure);
	cr_assert_eq(told->row[0].row.sent, 5);
	cr_assert_eq(told->row[0].row.datagrams_sent, 2);
	cr_assert_eq(told->row[0].row.received, 4);
	cr_assert_eq(told->row[0].row.datagrams_received, 1);
	cr_assert_str_eq(told->row[0].text[XS_WIRE_PROGRAM], "test");
	cr_assert_str_eq(told->row[0].text[XS_WIRE_ASKED], "localhost:514");
	cr_assert_str_eq(told->row[0].text[XS_WIRE_RULE], "rule");
	cr_assert_str_eq(told->row[0].text[XS_WIRE_SCHEME], "udp");
	cr_assert_str_eq(told->row[0].text[XS_WIRE_OPTIONS], "");
	cr_assert_eq(told->totals.sent, 5);
	cr_assert_eq(told->totals.received, 4);
	forget(&d);
	do
		told = list(&relay, XS_WIRE_LIST_CONNECTIONS);
	while (told->rows);
	cr_assert_eq(told->totals.sent, 5);
	end_relay(&relay);
	close(server);
}

/* One that has said nothing yet, and one whose server does not answer. */
Test(relay_list, association_before_it_is_open, .timeout = 60)
{
	struct xs_address own;
	int server = udp_socket(&own);
	struct relay relay = relay_start("20");
	struct datagrams d = opened(&relay, &own, "dtls", "timeout=50");
	struct told *told = list(&relay, XS_WIRE_LIST_CONNECTIONS);

	cr_assert_eq(told->rows, 1);
	cr_assert_eq(told->row[0].row.state, XS_ASSOCIATION_IDLE);
	cr_assert_eq(send(d.end[0], "hello", 5, 0), 5);
	do
		told = list(&relay, XS_WIRE_LIST_CONNECTIONS);
	while (told->row[0].row.state != XS_ASSOCIATION_HANDSHAKE);
	cr_assert_not(told->row[0].row.secure);
	/* It waits. */
	cr_assert_eq(told->row[0].row.datagrams_sent, 0);
	cr_assert_eq(told->row[0].row.sent, 0);
	/* The next ClientHello finds nobody. */
	close(server);
	forget(&d);
	end_relay(&relay);
}

/* An answer is bounded, and the places lead through all of them; also where
 * somebody has chosen ids that all fall together. */
static void expect_all(bool same_bucket)
{
	enum { MANY = 150, BUCKETS = 8192 };
	struct server *server = server_start("DNS:localhost", serve_echo);
	struct relay relay = relay_start("20");
	static struct wrapped w[MANY];
	struct xs_wire verdict;
	struct told *told;

	for (int i = 0; i < MANY; i++) {
		w[i] = wrap_prepare(server->port, server->cafile);
		if (same_bucket) {
			char name[64];
			struct sockaddr_un own = { .sun_family = AF_UNIX };
			int len;

			/* The name is the library's to give: a pair anew. */
			close(w[i].end[0]);
			close(w[i].end[1]);
			socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
				   w[i].end);
			w[i].request.head.id = (uint32_t)(i * BUCKETS + 5);
			len = snprintf(name, sizeof(name),
				       "xsock/%08x/" TEST_KEY "/127.0.0.1:1<",
				       w[i].request.head.id);
			memcpy(own.sun_path + 1, name, (size_t)len);
			cr_assert_eq(bind(w[i].end[0], (struct sockaddr *)&own,
					  (socklen_t)(sizeof(sa_family_t) + 1 +
						      (size_t)len)),
				     0);
		}
		wrap_send(&w[i], &relay);
		cr_assert_eq(wrap_verdict(&w[i], &verdict), 0, "%s",
			     verdict.string[XS_WIRE_SENTENCE]);
	}
	told = list(&relay, XS_WIRE_LIST_CONNECTIONS);
	cr_assert(told->complete);
	cr_assert_eq(told->rows, MANY);
	cr_assert_geq(told->answers, 3);
	for (int i = 0; i < MANY; i++)
		for (int k = 0; k < i; k++)
			cr_assert_neq(told->row[i].id, told->row[k].id);
	for (int i = 0; i < MANY; i++)
		wrap_close(&w[i]);
	end_relay(&relay);
	server_end(server);
}

Test(relay_list, many, .timeout = 100)
{
	expect_all(false);
}

Test(relay_list, many_in_one_place, .timeout = 100)
{
	expect_all(true);
}

/* Nobody is waited for: who does not read gets less, and others all. */
Test(relay_list, who_does_not_read, .timeout = 60)
{
	enum { ASKED = 200 };
	struct server *server = server_start("DNS:localhost", serve_echo);
	struct relay relay = relay_start("20");
	struct xs_wire question = list_of(XS_WIRE_LIST_CONNECTIONS, 0, 0);
	struct wrapped w;
	int control[ASKED];

	open_to(&w, &relay, server);
	for (int i = 0; i < ASKED; i++) {
		control[i] = relay_connect(&relay);
		cr_assert_eq(xs_wire_send(control[i], &question, NULL, 0), 0);
	}
	carry(&w, "hello", 5);
	cr_assert_eq(list(&relay, XS_WIRE_LIST_CONNECTIONS)->rows, 1);
	for (int i = 0; i < ASKED; i++)
		close(control[i]);
	wrap_close(&w);
	end_relay(&relay);
	server_end(server);
}

/* Strange questions: places that are none, lists that are none, values,
 * strings and descriptors that do not belong there. */
Test(relay_list, hostile_questions, .timeout = 60)
{
	static char text[XS_WIRE_STRING_MAX];
	static const uint32_t place[] = { 0,	     1,		 8191,
					  8192,	     0x7fffffff, 0x80000000,
					  0xffffffff };
	enum { PLACES = sizeof(place) / sizeof(place[0]) };
	struct server *server = server_start("DNS:localhost", serve_echo);
	struct relay relay = relay_start("20");
	static struct told told;
	struct wrapped w;

	memset(text, 'a', sizeof(text) - 1);
	open_to(&w, &relay, server);
	for (int i = 0; i < PLACES * PLACES * 3; i++) {
		struct xs_wire question =
			list_of(i % 3 + 1, place[i / 3 % PLACES],
				place[i / 3 / PLACES]);
		int control = relay_connect(&relay);

		question.head.value_len = i % 2 ? XS_WIRE_VALUE_MAX : 0;
		question.value = text;
		question.string[i % XS_WIRE_STRINGS] = text;
		cr_assert_geq(control, 0);
		cr_assert_eq(xs_wire_send(control, &question, &control,
					  (size_t)i % 2),
			     0);
		memset(&told, 0, sizeof(told));
		hear(control, &told, &question);
		cr_assert_eq(told.complete, i % 3 != 2);
		cr_assert_leq(told.rows, 1);
	}
	for (int type = XS_WIRE_ROW; type <= XS_WIRE_TOTALS; type++) {
		struct xs_wire question;
		int control = relay_connect(&relay);

		xs_wire_init(&question, (enum xs_wire_type)type);
		cr_assert_eq(xs_wire_send(control, &question, NULL, 0), 0);
		memset(&told, 0, sizeof(told));
		hear(control, &told, &question);
		cr_assert_not(told.complete);
	}
	carry(&w, "hello", 5);
	wrap_close(&w);
	end_relay(&relay);
	server_end(server);
}

/* --- failures ------------------------------------------------------------ */

static void fail_once(struct relay *relay, struct server *server)
{
	struct xs_wire verdict;
	struct wrapped w;

	cr_assert_eq(wrap_open(&w, relay, server->port, "", &verdict),
		     EKEYREJECTED);
	wrap_close(&w);
}

Test(relay_list, failures, .timeout = 100)
{
	struct server *server = server_start("DNS:localhost", serve_echo);
	struct relay relay = relay_start("20");
	struct told *told = list(&relay, XS_WIRE_LIST_FAILURES);

	cr_assert(told->complete);
	cr_assert_eq(told->rows, 0);
	fail_once(&relay, server);
	told = list(&relay, XS_WIRE_LIST_FAILURES);
	cr_assert_eq(told->rows, 1);
	cr_assert_eq(told->row[0].row.errnum, EKEYREJECTED);
	cr_assert_not(told->row[0].row.late);
	cr_assert_eq(told->row[0].pid, getpid());
	cr_assert_str_eq(told->row[0].text[XS_WIRE_PROGRAM], "test");
	cr_assert(strstr(told->row[0].text[XS_WIRE_SENTENCE], "certificate"));
	cr_assert_eq(told->totals.failed[XS_ERR_CERTIFICATE], 1);
	for (int i = 0; i < XS_FAILURES_MAX + 10; i++)
		fail_once(&relay, server);
	told = list(&relay, XS_WIRE_LIST_FAILURES);
	cr_assert_eq(told->rows, XS_FAILURES_MAX);
	cr_assert(told->complete);
	cr_assert_eq(told->totals.failed[XS_ERR_CERTIFICATE],
		     XS_FAILURES_MAX + 11);
	cr_assert_eq(told->totals.succeeded, 0);
	end_relay(&relay);
	server_end(server);
}

/* Ends TCP without close_notify. */
static void serve_cut(struct served *served)
{
	char byte;

	SSL_read(served->ssl, &byte, 1);
	shutdown(served->fd, SHUT_RDWR);
}

Test(relay_list, cut, .timeout = 60)
{
	struct server *server = server_start("DNS:localhost", serve_cut);
	struct relay relay = relay_start("20");
	struct wrapped w;
	struct told *told;
	char byte;

	open_to(&w, &relay, server);
	cr_assert_eq(send(w.end[0], "x", 1, 0), 1);
	while (recv(w.end[0], &byte, 1, 0) > 0)
		;
	do
		told = list(&relay, XS_WIRE_LIST_FAILURES);
	while (told->rows == 0);
	cr_assert(told->row[0].row.late);
	cr_assert(strstr(told->row[0].text[XS_WIRE_SENTENCE], "close_notify"));
	cr_assert_eq(told->totals.broken, 1);
	cr_assert_eq(told->totals.cuts, 1);
	wrap_close(&w);
	end_relay(&relay);
	server_end(server);
}

/* --- who may look --------------------------------------------------------- */

static bool nothing(void)
{
	return true;
}

static bool as_user(uid_t user)
{
	return setgroups(0, NULL) == 0 && setresgid(user, user, user) == 0 &&
	       setresuid(user, user, user) == 0 &&
	       prctl(PR_SET_DUMPABLE, 1) == 0;
}

static bool as_nobody(void)
{
	return as_user(65534);
}

static bool as_somebody(void)
{
	return as_user(65533);
}

static bool in_other_mounts(void)
{
	return unshare(CLONE_NEWNS) == 0;
}

static bool in_other_users(void)
{
	int fd;

	if (unshare(CLONE_NEWUSER) < 0)
		return false;
	fd = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);
	return fd >= 0 && write(fd, "0 0 1", 5) == 5;
}

/* Which begins with the next child. */
static bool in_other_pids(void)
{
	int status;
	pid_t pid;

	if (unshare(CLONE_NEWPID) < 0 || (pid = fork()) < 0)
		return false;
	if (pid == 0)
		return true;
	waitpid(pid, &status, 0);
	_exit(WEXITSTATUS(status));
}

static bool without_ptrace(void)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct sets[2];

	if (syscall(SYS_capget, &head, sets) < 0)
		return false;
	for (int i = 0; i < 2; i++)
		sets[i].inheritable = 0;
	sets[0].effective &= ~(1u << CAP_SYS_PTRACE);
	sets[0].permitted &= ~(1u << CAP_SYS_PTRACE);
	return syscall(SYS_capset, &head, sets) == 0;
}

static bool behind_a_filter(void)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog program = { 1, &allow };

	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* What a client gets that has made itself what it is by become: 'a' for an
 * answer, 'r' for a refusal with a reason, '-' for none, 'x' if it could not.
 */
static char look(const struct relay *relay, bool (*become)(void))
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		const struct told *told;

		if (!become())
			_exit('x');
		told = list(relay, XS_WIRE_LIST_CONNECTIONS);
		_exit(told->complete ? 'a' : *told->sentence ? 'r' : '-');
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFEXITED(status));
	return (char)WEXITSTATUS(status);
}

static void be_nobody(void)
{
	if (!as_nobody())
		_exit(1);
}

Test(relay_list, who_may_look, .timeout = 60)
{
	struct relay relay;

	if (geteuid() != 0)
		cr_skip("only root can be somebody else");
	relay_before = be_nobody;
	relay = relay_start("20");
	cr_assert_eq(look(&relay, as_nobody), 'a', "the user");
	cr_assert_eq(look(&relay, as_somebody), 'r', "another user");
	cr_assert_eq(look(&relay, nothing), 'a', "root");
	/* Services have mount namespaces of their own, and so have containers.
	 */
	cr_assert_eq(look(&relay, in_other_mounts), 'a',
		     "root with other mounts");
	cr_assert_eq(look(&relay, in_other_pids), 'r',
		     "root in another PID namespace");
	cr_assert_eq(look(&relay, without_ptrace), 'r',
		     "root without CAP_SYS_PTRACE");
	cr_assert_eq(look(&relay, behind_a_filter), 'r',
		     "root confined by seccomp");
	cr_assert_eq(look(&relay, in_other_users), 'r',
		     "root of a user namespace");
	end_relay(&relay);
}

/* Looking keeps no relay. */
Test(relay_list, looking_does_not_keep_it, .timeout = 60)
{
	struct server *server = server_start("DNS:localhost", serve_echo);
	struct relay relay = relay_start("2");
	struct wrapped w;
	int status, control;

	open_to(&w, &relay, server);
	wrap_close(&w);
	/* Every 50 ms, until it has left: 2 seconds, and 30 on a busy machine.
	 */
	for (int i = 0; waitpid(relay.pid, &status, WNOHANG) == 0; i++) {
		cr_assert_lt(i, 600, "it stays");
		control = relay_connect(&relay);
		if (control >= 0) {
			struct xs_wire question =
				list_of(XS_WIRE_LIST_FAILURES, 0, 0);

			xs_wire_send(control, &question, NULL, 0);
			close(control);
		}
		usleep(50000);
	}
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	server_end(server);
}
