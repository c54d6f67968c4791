/* Finding and asking relays; see relays.h.
 *
 * Anybody can bind a relay's name, and as many as he likes.  So nobody is
 * waited for alone: all are asked at once, until one deadline.  The kernel
 * tells whose each is.  A user takes a relay for his own if it proves where it
 * lives (verify_relay.h); root takes the kernel's word for the user, and the
 * rest for what that user says.
 */
#include "xsock/relays.h"

#include "base/clock.h"
#include "base/peer.h"
#include "relay_client/find_relay.h"
#include "relay/association/state.h"
#include "relay/connection/state.h"
#include "relay_client/verify_relay.h"
#include "xsock/process.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	ANSWER_MS = 5000, /* for all of them */
	/* More is not honest. */
	RELAYS_OF_USER_MAX = 128,
	ROWS_OF_RELAY_MAX = 200000,
	/* What is kept of rows: a user must not take the memory of root. */
	BYTES_OF_USER_MAX = 256 << 20,
	BYTES_MAX = 1 << 30,
};

/* A relay that is being asked. */
struct asking {
	struct xs_relay relay;
	int fd;		     /* -1: it has told all, or will not */
	bool strange;	     /* it is asked only why it does not serve us */
	uint32_t name, more; /* the place from which on it was asked */
	size_t rows;
	size_t before; /* rows when it was asked last */
	size_t first;  /* of this user's relays; there: */
	size_t bytes;  /* of all their rows */
};

struct survey {
	enum xs_wire_list what;
	struct asking *asking;
	size_t count, room;
	struct xs_relays *to;
	size_t room_rows;
	size_t bytes;  /* of all rows */
	int64_t until; /* when everybody has had his time */
};

static void fail(struct asking *asking, const char *problem)
{
	snprintf(asking->relay.problem, sizeof(asking->relay.problem), "%s",
		 problem);
	xs_process_make_printable(asking->relay.problem);
	if (asking->fd >= 0)
		close(asking->fd);
	asking->fd = -1;
}

static void fail_errno(struct asking *asking)
{
	fail(asking, xs_error_name(errno));
}

/* --- which there are -------------------------------------------------- */

/* Without waiting.  The socket, or -1 with errno. */
static int reach(const char *key)
{
	struct sockaddr_un name;
	socklen_t len = xs_find_relay_name(&name, key);
	int saved,
		fd = socket(AF_UNIX,
			    SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&name, len) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static bool is_known(const struct survey *survey, const char *key)
{
	for (size_t i = 0; i < survey->count; i++)
		if (strcmp(survey->asking[i].relay.key, key) == 0)
			return true;
	return false;
}

/* *first is the index of the first one, or that of the next to be added. */
static size_t count_of(const struct survey *survey, uid_t user, size_t *first)
{
	size_t count = 0;

	*first = survey->count;
	for (size_t i = survey->count; i-- > 0;) {
		if (survey->asking[i].relay.user != user)
			continue;
		*first = i;
		count++;
	}
	return count;
}

static struct asking *new_asking(struct survey *survey)
{
	struct asking *more;

	if (survey->count == survey->room) {
		size_t room = survey->room ? 2 * survey->room : 16;

		more = reallocarray(survey->asking, room, sizeof(*more));
		if (!more)
			return NULL;
		survey->asking = more;
		survey->room = room;
	}
	more = &survey->asking[survey->count++];
	memset(more, 0, sizeof(*more));
	return more;
}

/* fd is taken over. */
static void add(struct survey *survey, const char *key, int fd,
		const struct xs_peer *peer)
{
	size_t first, before = count_of(survey, peer->user, &first);
	struct asking *asking = NULL;

	if (before <= RELAYS_OF_USER_MAX)
		asking = new_asking(survey);
	if (!asking) {
		close(fd);
		return;
	}
	snprintf(asking->relay.key, sizeof(asking->relay.key), "%s", key);
	asking->relay.user = peer->user;
	asking->relay.pid = peer->pid;
	asking->fd = fd;
	asking->first = first;
	if (before == RELAYS_OF_USER_MAX)
		fail(asking, "this user has too many, and neither this one nor "
			     "those behind it have been asked");
}

/* Is it for us to ask?  Whoever has ended, or takes no connection, is not
 * counted: whose it is cannot be told. */
static void look_at(struct survey *survey, const char *key)
{
	struct xs_peer peer;
	bool known;
	int fd;

	if (is_known(survey, key))
		return;
	fd = reach(key);
	known = fd >= 0 && xs_peer_of(fd, &peer);
	if (!known && (errno == EMFILE || errno == ENFILE))
		survey->to->incomplete = true;
	if (known && (geteuid() == 0 || peer.user == geteuid()))
		add(survey, key, fd, &peer);
	else if (fd >= 0)
		close(fd);
}

/* As many descriptors as may be: one for each relay, and whoever has bound many
 * names must not hide the relays behind them. */
static void allow_many_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* "NUM: REFERENCES PROTOCOL FLAGS TYPE STATE INODE NAME"; the flag is
 * __SO_ACCEPTCON, of one that listens. */
static int find_relays(struct survey *survey, struct xs_error *err)
{
	FILE *file = fopen("/proc/net/unix", "re");
	char line[512], key[XS_PAIR_KEY_LEN + 1];
	unsigned flags, type;

	if (!file)
		return xs_error_set(err, XS_ERR_SYSTEM, errno,
				    "/proc/net/unix cannot be read: %s",
				    xs_error_name(errno));
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line,
			   "%*s %*s %*s %x %x %*s %*s "
			   "@xsock-relay/%16[0-9a-f]",
			   &flags, &type, key) == 3 &&
		    flags & 0x10000 && type == SOCK_SEQPACKET &&
		    strlen(key) == XS_PAIR_KEY_LEN)
			look_at(survey, key);
	}
	fclose(file);
	return 0;
}

/* --- asking one ------------------------------------------------------- */

/* It has ended, or is about to. */
static void forget(struct asking *asking)
{
	if (asking->fd >= 0)
		close(asking->fd);
	asking->fd = -1;
	asking->relay.told = false;
}

/* It closed without an answer. */
static void judge_silence(struct asking *asking)
{
	close(asking->fd);
	asking->fd = reach(asking->relay.key);
	if (asking->fd < 0)
		return;
	fail(asking, "it does not know the question (is it of another version "
		     "of xsock?)");
}

static void send_question(struct survey *survey, struct asking *asking)
{
	struct xs_wire question;

	xs_wire_init(&question, XS_WIRE_LIST);
	question.head.option = survey->what;
	question.head.name = asking->name;
	question.head.more = asking->more;
	asking->before = asking->rows;
	if (xs_wire_send(asking->fd, &question, NULL, 0) < 0)
		judge_silence(asking);
}

/* Is it fit to be asked?  If not, fd is -1, or the connection is a new one that
 * only gets to know why. */
static bool verify(struct asking *asking)
{
	if (geteuid() == 0)
		return true;
	switch (xs_verify_relay(asking->fd, asking->relay.key)) {
	case XS_LISTENER_OURS:
		if (xs_verify_relay_introduce(asking->fd))
			return true;
		break;
	case XS_LISTENER_STRANGE:
		asking->strange = true;
		close(asking->fd);
		asking->fd = reach(asking->relay.key);
		return asking->fd >= 0;
	case XS_LISTENER_GONE:
		judge_silence(asking);
		return false;
	case XS_LISTENER_UNKNOWN:
		break;
	}
	fail_errno(asking);
	return false;
}

/* The connection is new.  To verify a relay that is silent takes seconds, so
 * the deadline is for that, too; whoever comes behind it is told of by
 * hear_all. */
static void ask(struct survey *survey, struct asking *asking)
{
	if (xs_clock_coarse_ms() < survey->until && verify(asking))
		send_question(survey, asking);
}

/* On another connection, to the same process. */
static void ask_again(struct survey *survey, struct asking *asking)
{
	struct xs_peer peer;
	int fd = reach(asking->relay.key);

	close(asking->fd);
	asking->fd = fd;
	if (fd < 0)
		return;
	if (xs_peer_of(fd, &peer) && peer.user == asking->relay.user &&
	    peer.pid == asking->relay.pid)
		ask(survey, asking);
	else
		forget(asking);
}

/* --- answers ---------------------------------------------------------- */

static void free_row(struct xs_relay_row *row)
{
	for (int i = 0; i < XS_WIRE_STRINGS; i++)
		free(row->text[i]);
}

static struct xs_relay_row *new_row(struct survey *survey)
{
	struct xs_relays *to = survey->to;
	struct xs_relay_row *more;

	if (to->rows == survey->room_rows) {
		size_t room = survey->room_rows ? 2 * survey->room_rows : 64;

		more = reallocarray(to->row, room, sizeof(*more));
		if (!more)
			return NULL;
		to->row = more;
		survey->room_rows = room;
	}
	more = &to->row[to->rows];
	memset(more, 0, sizeof(*more));
	return more;
}

/* About what a row takes, each string with what malloc(3) adds. */
static size_t bytes_of(const struct xs_wire *answer)
{
	enum { ADDED = 32 };
	size_t bytes = sizeof(struct xs_relay_row);

	for (int i = 0; i < XS_WIRE_STRINGS; i++)
		bytes += strlen(answer->string[i]) + ADDED;
	return bytes;
}

/* Is there room for one more?  Then it is counted. */
static bool count_bytes(struct survey *survey, const struct asking *asking,
			const struct xs_wire *answer)
{
	size_t *of_user = &survey->asking[asking->first].bytes;
	size_t bytes = bytes_of(answer);

	*of_user += bytes;
	survey->bytes += bytes;
	return *of_user <= BYTES_OF_USER_MAX && survey->bytes <= BYTES_MAX;
}

static bool has_state(const struct xs_wire_row *row)
{
	return row->state < (row->association ? (int)XS_ASSOCIATION_STATES
					      : (int)XS_CONNECTION_STATES);
}

static bool fill_row(struct xs_relay_row *row, const struct xs_wire *answer)
{
	if (answer->head.value_len != sizeof(row->row))
		return false;
	memcpy(&row->row, answer->value, sizeof(row->row));
	if (!has_state(&row->row))
		return false;
	row->id = answer->head.id;
	row->pid = answer->head.pid;
	for (int i = 0; i < XS_WIRE_STRINGS; i++) {
		row->text[i] = strdup(answer->string[i]);
		if (!row->text[i])
			return false;
		xs_process_make_printable(row->text[i]);
	}
	return true;
}

/* False: it says what no relay says. */
static bool take_row(struct survey *survey, struct asking *asking,
		     const struct xs_wire *answer)
{
	struct xs_relay_row *row = new_row(survey);

	if (!row || asking->rows == ROWS_OF_RELAY_MAX)
		return false;
	if (!fill_row(row, answer)) {
		free_row(row);
		return false;
	}
	row->relay = (size_t)(asking - survey->asking);
	asking->name = answer->head.name;
	asking->more = answer->head.more;
	asking->rows++;
	survey->to->rows++;
	return true;
}

static bool take_totals(struct asking *asking, const struct xs_wire *answer)
{
	if (answer->head.value_len != sizeof(asking->relay.totals))
		return false;
	memcpy(&asking->relay.totals, answer->value,
	       sizeof(asking->relay.totals));
	asking->relay.told = true;
	close(asking->fd);
	asking->fd = -1;
	return true;
}

static void take(struct survey *survey, struct asking *asking,
		 const struct xs_wire *answer)
{
	bool good = false;

	if (answer->head.type == XS_WIRE_REFUSED) {
		fail(asking, answer->string[XS_WIRE_SENTENCE]);
		return;
	}
	if (asking->strange) {
		fail(asking, "it does not show that it lives where this "
			     "process lives");
		return;
	}
	if (answer->head.type == XS_WIRE_ROW &&
	    !count_bytes(survey, asking, answer)) {
		fail(asking, "the relays tell more than can be kept: its rows "
			     "are not all here");
		return;
	}
	if (answer->head.type == XS_WIRE_ROW)
		good = take_row(survey, asking, answer);
	else if (answer->head.type == XS_WIRE_TOTALS)
		good = take_totals(asking, answer);
	if (!good)
		fail(asking, "what it answers cannot be understood");
}

/* It closed: the rest is for another answer, if it has told anything. */
static void go_on(struct survey *survey, struct asking *asking)
{
	if (asking->rows == asking->before) {
		judge_silence(asking);
		return;
	}
	ask_again(survey, asking);
}

static void receive(struct survey *survey, struct asking *asking)
{
	static char datagram[XS_WIRE_MESSAGE_MAX];
	struct xs_wire answer;
	size_t nfds;
	/* list_waiting has found it.
	 * NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
	ssize_t got = xs_wire_receive(asking->fd, datagram, sizeof(datagram),
				      NULL, 0, &nfds, MSG_DONTWAIT);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0)
		go_on(survey, asking);
	else if (xs_wire_decode(&answer, datagram, (size_t)got, NULL) < 0)
		fail(asking, "what it answers cannot be understood");
	else
		take(survey, asking, &answer);
}

/* --- all of them ------------------------------------------------------ */

/* Those that are not done.  ready has room for all; the index is in which. */
static nfds_t list_waiting(const struct survey *survey, struct pollfd *ready,
			   size_t *which)
{
	nfds_t waiting = 0;

	for (size_t i = 0; i < survey->count; i++) {
		if (survey->asking[i].fd < 0)
			continue;
		which[waiting] = i;
		ready[waiting++] = (struct pollfd){ .fd = survey->asking[i].fd,
						    .events = POLLIN };
	}
	return waiting;
}

static void hear(struct survey *survey, struct pollfd *ready, size_t *which)
{
	nfds_t waiting;
	int64_t left;

	while ((waiting = list_waiting(survey, ready, which)) > 0 &&
	       (left = survey->until - xs_clock_coarse_ms()) > 0) {
		if (poll(ready, waiting, (int)left) < 0 && errno != EINTR)
			return;
		for (nfds_t i = 0; i < waiting; i++)
			if (ready[i].revents)
				receive(survey, &survey->asking[which[i]]);
	}
}

static void hear_all(struct survey *survey)
{
	struct pollfd *ready = calloc(survey->count + 1, sizeof(*ready));
	size_t *which = calloc(survey->count + 1, sizeof(*which));

	if (ready && which)
		hear(survey, ready, which);
	free(ready);
	free(which);
	for (size_t i = 0; i < survey->count; i++)
		if (survey->asking[i].fd >= 0)
			fail(&survey->asking[i],
			     "it has not told all within 5 seconds (is it "
			     "stopped?)");
}

/* Rows keep the number of their relay, so none is left out that has one. */
static int hand_over(struct survey *survey, struct xs_error *err)
{
	struct xs_relays *to = survey->to;

	to->relay = calloc(survey->count + 1, sizeof(*to->relay));
	if (!to->relay)
		return xs_error_set(err, XS_ERR_SYSTEM, ENOMEM,
				    "out of memory");
	to->relays = survey->count;
	for (size_t i = 0; i < survey->count; i++)
		to->relay[i] = survey->asking[i].relay;
	return 0;
}

int xs_relays_ask(struct xs_relays *relays, enum xs_wire_list what,
		  struct xs_error *err)
{
	struct survey survey = { .what = what, .to = relays };
	int result;

	survey.until = xs_clock_coarse_ms() + ANSWER_MS;
	memset(relays, 0, sizeof(*relays));
	allow_many_files();
	if (find_relays(&survey, err) < 0)
		return -1;
	for (size_t i = 0; i < survey.count; i++)
		if (survey.asking[i].fd >= 0)
			ask(&survey, &survey.asking[i]);
	hear_all(&survey);
	result = hand_over(&survey, err);
	free(survey.asking);
	if (result < 0)
		xs_relays_free(relays);
	return result;
}

void xs_relays_free(struct xs_relays *relays)
{
	for (size_t i = 0; i < relays->rows; i++)
		free_row(&relays->row[i]);
	free(relays->row);
	free(relays->relay);
	memset(relays, 0, sizeof(*relays));
}
