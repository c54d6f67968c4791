/* The way between a client and a server of datagrams: it counts what is DTLS
 * and what is not, and it loses, doubles, reorders and forges.
 *
 *     wire FOLDER NAME SERVER_PORT [WORD…]
 *
 * Listens on one port of 127.0.0.1 and ::1; FOLDER/NAME.port gets its number.
 * What comes goes to 127.0.0.1:SERVER_PORT, from a socket for each client, and
 * back.  FOLDER/NAME.count has one line: "dtls N other N back N": datagrams of
 * clients that are whole records of DTLS with no application data in the clear,
 * all others, and answers.  FOLDER/NAME.other keeps the others.
 *
 *     port=N            listens there
 *     seed=N            of all chances
 *     lose=PERCENT      of the datagrams of both ways
 *     double=PERCENT
 *     reorder=PERCENT   held back by 20 ms at most
 *     delay=MS          all of them, at most so long
 *     only-dtls         what is not DTLS does not reach the server
 *
 * And towards the client, for each datagram of the server, from the server's
 * address, as one who can forge that would.  It begins when the client has sent
 * application data, because nothing protects a handshake from a forger:
 *
 *     garbage=N         bytes of chance
 *     forged=N          records of the same epoch and of the next numbers, with
 *                       bytes of chance
 *     replay=N          datagrams that the client has had already
 *     hellos=N          HelloVerifyRequest and ServerHello, in the clear
 *     pieces=N          pieces of messages of a handshake that claim 16 MB,
 * with offsets and numbers of chance alerts=N          alerts in the clear:
 * close_notify and fatal ones
 */
#include "udp.h"

enum {
	RECORD_HEADER = 13,
	RECORD_CHANGE_CIPHER = 20,
	RECORD_ALERT,
	RECORD_HANDSHAKE,
	RECORD_DATA,
	KEPT = 16,
	REORDER_MS = 20,
};

/* A datagram that is under way. */
struct held {
	struct held *next;
	int64_t due;
	int fd;
	union place to; /* AF_UNSPEC: the socket is connected */
	size_t len;
	unsigned char data[];
};

struct client {
	union place from;
	int heard_on, server;
	bool established; /* it has sent application data */
	/* What it was sent, for replays. */
	unsigned char *kept[KEPT];
	size_t kept_len[KEPT];
	unsigned kept_count;
};

static struct {
	unsigned seed, lose, twice, reorder, delay;
	unsigned garbage, forged, replay, hellos, pieces, alerts;
	unsigned only_dtls, early, port;
	unsigned long dtls, other, back;
	unsigned server;
	int fd[2], count_file, other_file;
	struct client clients[PEERS_MAX];
	size_t count;
	struct held *held;
} wire;

/* --- Chance, the same with each run. ------------------------------------ */

static unsigned chance(unsigned below)
{
	static uint64_t state;

	if (!state)
		state = wire.seed * 2654435761ULL + 88172645463325252ULL;
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)((state >> 11) % below);
}

static bool percent(unsigned of)
{
	return of && chance(100) < of;
}

static void fill(unsigned char *to, size_t len)
{
	while (len > 0)
		to[--len] = (unsigned char)chance(256);
}

/* --- What is DTLS (RFC 6347, 4.1). -------------------------------------- */

static bool is_record(const unsigned char *at, size_t left, size_t *len)
{
	unsigned epoch;

	if (left < RECORD_HEADER || at[1] != 0xfe ||
	    (at[2] != 0xfd && at[2] != 0xff))
		return false;
	epoch = (unsigned)at[3] << 8 | at[4];
	*len = RECORD_HEADER + ((size_t)at[11] << 8 | at[12]);
	if (*len > left)
		return false;
	if (at[0] == RECORD_DATA)
		return epoch > 0;
	return at[0] >= RECORD_CHANGE_CIPHER && at[0] <= RECORD_HANDSHAKE;
}

static bool is_dtls(const unsigned char *data, size_t left)
{
	size_t len;

	if (!left)
		return false;
	for (; left > 0; data += len, left -= len)
		if (!is_record(data, left, &len))
			return false;
	return true;
}

static void write_counts(void)
{
	char line[128];
	int len = snprintf(line, sizeof(line),
			   "dtls %-9lu other %-9lu back %-9lu\n", wire.dtls,
			   wire.other, wire.back);

	if (pwrite(wire.count_file, line, (size_t)len, 0) < 0)
		die("count");
}

/* --- Sending, now or later. --------------------------------------------- */

static void put(int fd, const union place *to, const void *data, size_t len)
{
	if (to->any.sa_family == AF_UNSPEC)
		send(fd, data, len, 0);
	else
		sendto(fd, data, len, 0, &to->any, place_len(to));
}

static void hold(int fd, const union place *to, const void *data, size_t len,
		 unsigned ms)
{
	struct held *h = malloc(sizeof(*h) + len), **at = &wire.held;

	if (!h)
		die("malloc");
	h->due = now_ms() + ms;
	h->fd = fd;
	h->to = *to;
	h->len = len;
	memcpy(h->data, data, len);
	while (*at && (*at)->due <= h->due)
		at = &(*at)->next;
	h->next = *at;
	*at = h;
}

static void release_due(void)
{
	struct held *h;

	while ((h = wire.held) && h->due <= now_ms()) {
		wire.held = h->next;
		put(h->fd, &h->to, h->data, h->len);
		free(h);
	}
}

static void pass(int fd, const union place *to, const void *data, size_t len)
{
	unsigned times = percent(wire.twice) ? 2 : 1, ms;

	if (percent(wire.lose))
		return;
	while (times-- > 0) {
		ms = wire.delay ? chance(wire.delay + 1) : 0;
		if (percent(wire.reorder))
			ms += 1 + chance(REORDER_MS);
		if (ms)
			hold(fd, to, data, len, ms);
		else
			put(fd, to, data, len);
	}
}

/* --- Forging. ----------------------------------------------------------- */

static void header(unsigned char *at, unsigned type, unsigned number,
		   size_t len)
{
	memset(at, 0, RECORD_HEADER);
	at[0] = (unsigned char)type;
	at[1] = 0xfe;
	at[2] = 0xfd;
	at[9] = (unsigned char)(number >> 8);
	at[10] = (unsigned char)number;
	at[11] = (unsigned char)(len >> 8);
	at[12] = (unsigned char)len;
}

static void forge_garbage(const struct client *c)
{
	unsigned char data[1500];
	size_t len = chance(sizeof(data));

	fill(data, len);
	put(c->heard_on, &c->from, data, len);
}

/* A record as the last one, but for its number and what it holds. */
static void forge_record(const struct client *c, const unsigned char *like,
			 size_t len)
{
	unsigned char data[DATAGRAM_MAX];

	if (len <= RECORD_HEADER + 1)
		return;
	memcpy(data, like, RECORD_HEADER);
	data[10] = (unsigned char)(data[10] + chance(64));
	fill(data + RECORD_HEADER, len - RECORD_HEADER);
	put(c->heard_on, &c->from, data, len);
}

static void forge_replay(const struct client *c)
{
	unsigned have = c->kept_count < KEPT ? c->kept_count : KEPT, i;

	if (!have)
		return;
	i = chance(have);
	put(c->heard_on, &c->from, c->kept[i], c->kept_len[i]);
}

/* HelloVerifyRequest (3) with a cookie of chance, or ServerHello (2). */
static void forge_hello(const struct client *c)
{
	unsigned char data[RECORD_HEADER + 12 + 80];
	unsigned char *message = data + RECORD_HEADER;
	size_t body = 35;

	header(data, RECORD_HANDSHAKE, chance(65536), 12 + body);
	memset(message, 0, 12);
	message[0] = chance(2) ? 3 : 2;
	message[3] = message[11] = (unsigned char)body;
	fill(message + 12, body);
	message[12] = 0xfe;
	message[13] = 0xfd;
	message[14] = 32;
	put(c->heard_on, &c->from, data, RECORD_HEADER + 12 + body);
}

static void forge_piece(const struct client *c)
{
	unsigned char data[RECORD_HEADER + 12 + 400];
	unsigned char *message = data + RECORD_HEADER;
	size_t piece = 1 + chance(400);

	header(data, RECORD_HANDSHAKE, chance(65536), 12 + piece);
	fill(message, 12 + piece);
	message[0] = (unsigned char)(chance(2) ? 11 : 1 + chance(20));
	message[1] = (unsigned char)(chance(2) ? 0xff : 0); /* its length */
	message[4] = 0;
	message[5] = (unsigned char)chance(16); /* its number */
	message[9] = 0;
	message[10] = (unsigned char)(piece >> 8);
	message[11] = (unsigned char)piece;
	put(c->heard_on, &c->from, data, RECORD_HEADER + 12 + piece);
}

static void forge_alert(const struct client *c)
{
	unsigned char data[RECORD_HEADER + 2];
	static const unsigned char kinds[][2] = {
		{ 1, 0 }, { 2, 10 }, { 2, 20 }, { 2, 40 }, { 2, 80 }, { 1, 90 },
	};

	header(data, RECORD_ALERT, chance(65536), 2);
	memcpy(data + RECORD_HEADER, kinds[chance(6)], 2);
	put(c->heard_on, &c->from, data, sizeof(data));
}

static void forge(const struct client *c, const unsigned char *data, size_t len)
{
	unsigned i;

	if (!c->established && !wire.early)
		return;
	for (i = 0; i < wire.garbage; i++)
		forge_garbage(c);
	for (i = 0; i < wire.forged; i++)
		forge_record(c, data, len);
	for (i = 0; i < wire.hellos; i++)
		forge_hello(c);
	for (i = 0; i < wire.pieces; i++)
		forge_piece(c);
	for (i = 0; i < wire.alerts; i++)
		forge_alert(c);
	for (i = 0; i < wire.replay; i++)
		forge_replay(c);
}

static void keep(struct client *c, const unsigned char *data, size_t len)
{
	unsigned i = c->kept_count % KEPT;

	if (!wire.replay)
		return;
	free(c->kept[i]);
	c->kept[i] = malloc(len + 1);
	if (!c->kept[i])
		die("malloc");
	memcpy(c->kept[i], data, len);
	c->kept_len[i] = len;
	c->kept_count++;
}

/* --- Both ways. --------------------------------------------------------- */

static struct client *client_of(const union place *from, int heard_on)
{
	struct client *c;
	size_t i;

	for (i = 0; i < wire.count; i++)
		if (place_same(&wire.clients[i].from, from))
			return &wire.clients[i];
	if (wire.count == PEERS_MAX)
		return NULL;
	c = &wire.clients[wire.count++];
	*c = (struct client){ .from = *from,
			      .heard_on = heard_on,
			      .server = udp_connect(wire.server) };
	return c;
}

static void from_client(int fd)
{
	static const union place connected;
	unsigned char data[DATAGRAM_MAX];
	union place from;
	socklen_t len = sizeof(from);
	struct client *c;
	ssize_t got;
	bool dtls;

	while ((got = recvfrom(fd, data, sizeof(data), 0, &from.any, &len)) >=
	       0) {
		dtls = is_dtls(data, (size_t)got);
		if (dtls)
			wire.dtls++;
		else
			wire.other++;
		if (!dtls && (write(wire.other_file, data, (size_t)got) < 0 ||
			      write(wire.other_file, "\n", 1) < 0))
			die("other");
		write_counts();
		c = client_of(&from, fd);
		if (c && dtls && data[0] == RECORD_DATA)
			c->established = true;
		if (c && (dtls || !wire.only_dtls))
			pass(c->server, &connected, data, (size_t)got);
		len = sizeof(from);
	}
}

static void from_server(struct client *c)
{
	unsigned char data[DATAGRAM_MAX];
	ssize_t got;

	while ((got = recv(c->server, data, sizeof(data), 0)) >= 0) {
		wire.back++;
		write_counts();
		pass(c->heard_on, &c->from, data, (size_t)got);
		forge(c, data, (size_t)got);
		keep(c, data, (size_t)got);
	}
}

static int wait_ms(void)
{
	int64_t left;

	if (!wire.held)
		return -1;
	left = wire.held->due - now_ms();
	return left > 0 ? (int)left : 0;
}

static void carry_for_ever(void)
{
	struct pollfd *at = calloc(PEERS_MAX + 2, sizeof(*at));
	size_t i, count;

	if (!at)
		die("calloc");
	for (;;) {
		count = wire.count;
		for (i = 0; i < 2; i++)
			at[i] = (struct pollfd){ .fd = wire.fd[i],
						 .events = POLLIN };
		for (i = 0; i < count; i++)
			at[2 + i] =
				(struct pollfd){ .fd = wire.clients[i].server,
						 .events = POLLIN };
		if (poll(at, 2 + count, wait_ms()) < 0)
			die("poll");
		for (i = 0; i < 2; i++)
			if (at[i].revents)
				from_client(wire.fd[i]);
		for (i = 0; i < count; i++)
			if (at[2 + i].revents)
				from_server(&wire.clients[i]);
		release_due();
	}
}

static const struct {
	const char *name;
	unsigned *value;
} numbers[] = {
	{ "seed", &wire.seed },	    { "lose", &wire.lose },
	{ "double", &wire.twice },  { "reorder", &wire.reorder },
	{ "delay", &wire.delay },   { "garbage", &wire.garbage },
	{ "forged", &wire.forged }, { "replay", &wire.replay },
	{ "hellos", &wire.hellos }, { "pieces", &wire.pieces },
	{ "alerts", &wire.alerts }, { "only-dtls", &wire.only_dtls },
	{ "early", &wire.early },   { "port", &wire.port },
};

static void read_word(const char *word)
{
	const char *end = strchr(word, '=');
	size_t len = end ? (size_t)(end - word) : strlen(word), i;

	for (i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		if (strlen(numbers[i].name) == len &&
		    strncmp(numbers[i].name, word, len) == 0) {
			*numbers[i].value =
				end ? (unsigned)strtoul(end + 1, NULL, 10) : 1;
			return;
		}
	fprintf(stderr, "wire: what is \"%s\"?\n", word);
	exit(2);
}

int main(int argc, char **argv)
{
	char name[256], port[16];
	int i;

	if (argc < 4) {
		fprintf(stderr, "usage: wire FOLDER NAME SERVER_PORT WORD…\n");
		return 2;
	}
	wire.server = (unsigned)strtoul(argv[3], NULL, 10);
	for (i = 4; i < argc; i++)
		read_word(argv[i]);
	wire.other_file = open_file(argv[1], argv[2], ".other");
	wire.count_file = open_file(argv[1], argv[2], ".count");
	/* pwrite(2) appends otherwise, whatever the offset. */
	if (fcntl(wire.count_file, F_SETFL, 0) < 0)
		die("fcntl");
	write_counts();
	snprintf(port, sizeof(port), "%u\n", udp_listen(wire.fd, wire.port));
	snprintf(name, sizeof(name), "%s.port", argv[2]);
	tell(argv[1], name, port);
	carry_for_ever();
}
