/* Tests: tools/relay/tls/tls_cost.c and the shares of a turn in
 * connection/pump.c and handshake.c, behind a real relay.
 *
 * Servers that say much and mean nothing: they are given up, and no neighbour
 * waits for them. */
#include "client.h"
#include "server.h"

#include <stdatomic.h>

enum { FLOOD_SECONDS = 6 };

/* The test has seen enough. */
static atomic_bool is_over;

/* Floods until the relay has had enough, or the time is over. */
static void flood(struct served *served, bool (*once)(SSL *ssl))
{
	double end = seconds_now() + FLOOD_SECONDS;

	while (!is_over && seconds_now() < end && once(served->ssl))
		;
}

static bool key_update(SSL *ssl)
{
	return SSL_key_update(ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1 &&
	       SSL_do_handshake(ssl) == 1;
}

static bool asking_key_update(SSL *ssl)
{
	return SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED) == 1 &&
	       SSL_do_handshake(ssl) == 1;
}

static bool ticket(SSL *ssl)
{
	return SSL_new_session_ticket(ssl) == 1 && SSL_do_handshake(ssl) == 1;
}

static bool key_update_and_byte(SSL *ssl)
{
	return key_update(ssl) && SSL_write(ssl, "x", 1) == 1;
}

static bool byte_alone(SSL *ssl)
{
	return SSL_write(ssl, "x", 1) == 1;
}

static void serve_key_updates(struct served *served)
{
	flood(served, key_update);
}

static void serve_asking_key_updates(struct served *served)
{
	flood(served, asking_key_update);
}

static void serve_tickets(struct served *served)
{
	flood(served, ticket);
}

static void serve_key_updates_and_bytes(struct served *served)
{
	flood(served, key_update_and_byte);
}

static void serve_bytes(struct served *served)
{
	flood(served, byte_alone);
}

/* Records of a handshake that has not begun. */
static void flood_plain(struct served *served, const char *record, size_t len)
{
	double end = seconds_now() + FLOOD_SECONDS;
	char many[16384];
	size_t used = 0;

	for (; used + len <= sizeof(many); used += len)
		memcpy(many + used, record, len);
	if (recv(served->fd, many + used, 1, 0) < 0)
		return;
	while (seconds_now() < end &&
	       send(served->fd, many, used, MSG_NOSIGNAL) > 0)
		;
}

static void serve_hello_requests(struct served *served)
{
	flood_plain(served, "\x16\x03\x03\0\x04\0\0\0\0", 9);
}

static void serve_warnings(struct served *served)
{
	flood_plain(served, "\x15\x03\x03\0\x02\x01\x5a", 7);
}

static void serve_ccs(struct served *served)
{
	flood_plain(served, "\x14\x03\x03\0\x01\x01", 6);
}

static void serve_empty(struct served *served)
{
	flood_plain(served, "\x16\x03\x03\0\0", 5);
}

/* How long until the connection with that server has ended, and its log. */
static double lasts(struct relay *relay, const char *names,
		    void (*serve)(struct served *), char log[4096])
{
	struct server *server = server_start(names, serve);
	double begin = seconds_now(), lasted;
	char options[300], bytes[4096];
	struct xs_wire verdict;
	struct wrapped w;

	snprintf(options, sizeof(options), "%s",
		 names ? server->cafile : "timeout=30");
	if (wrap_open(&w, relay, server->port, options, &verdict) == 0) {
		wrap_log(&w, log);
		while (recv(w.end[0], bytes, sizeof(bytes), 0) > 0)
			;
	}
	wrap_log(&w, log);
	wrap_close(&w);
	lasted = seconds_now() - begin;
	is_over = true;
	server_end(server);
	is_over = false;
	return lasted;
}

Test(relay_cost, floods_end, .timeout = 120)
{
	static const struct {
		void (*serve)(struct served *);
		bool shakes;
		const char *sentence;
	} servers[] = {
		{ serve_key_updates, true, "messages of TLS itself" },
		{ serve_asking_key_updates, true, "messages of TLS itself" },
		{ serve_key_updates_and_bytes, true, "messages of TLS itself" },
		{ serve_tickets, true, "messages of TLS itself" },
		{ serve_hello_requests, false, "no end of the handshake" },
		{ serve_warnings, false, "" },
		{ serve_ccs, false, "" },
		{ serve_empty, false, "" },
	};
	struct relay relay = relay_start("5");
	char log[4096], line[200];
	double lasted;

	for (size_t i = 0; i < sizeof(servers) / sizeof(*servers); i++) {
		log[0] = '\0';
		/* A log that is kept, for what comes after the connect. */
		lasted = lasts(&relay,
			       servers[i].shakes ? "DNS:localhost" : NULL,
			       servers[i].serve, log);
		snprintf(line, sizeof(line), "flood %zu: %.1f s, %.100s", i,
			 lasted, log);
		cr_assert_lt(lasted, FLOOD_SECONDS - 2, "%s", line);
		if (!servers[i].shakes)
			cr_assert(strstr(log, servers[i].sentence), "%s", line);
	}
	cr_assert_eq(relay_wait(&relay, 30), 0);
}

/* --- neighbours ----------------------------------------------------------- */

/* A relay that did all work of a flood at once let an echo wait for seconds in
 * each window.  On a busy machine the floods leave little for anybody. */
enum { NEIGHBOURS = 6, WINDOWS = 5, LEAST_ECHOES = 10 };

static const double slowest_echo = 1; /* second */

/* Echoes in so many seconds, one neighbour after the other, and how long the
 * slowest took. */
static int count_echoes(const struct wrapped *w, double seconds, double *worst)
{
	double end = seconds_now() + seconds;
	int count = 0;
	char byte;

	*worst = 0;
	for (int i = 0; seconds_now() < end; i = (i + 1) % NEIGHBOURS) {
		double begin = seconds_now();

		cr_assert_eq(send(w[i].end[0], "x", 1, MSG_NOSIGNAL), 1);
		cr_assert_eq(recv(w[i].end[0], &byte, 1, 0), 1);
		if (seconds_now() - begin > *worst)
			*worst = seconds_now() - begin;
		count++;
	}
	return count;
}

/* A program that reads everything. */
static void *read_all(void *argument)
{
	const struct wrapped *w = argument;
	char bytes[65536];

	while (recv(w->end[0], bytes, sizeof(bytes), 0) > 0)
		;
	return NULL;
}

static void neighbours_live(void (*serve)(struct served *))
{
	enum { FLOODS = 3 };
	struct server *echo = server_start("DNS:localhost", serve_echo);
	struct server *hostile = server_start("DNS:localhost", serve);
	struct relay relay = relay_start("5");
	struct wrapped w[NEIGHBOURS], f[FLOODS];
	struct xs_wire verdict;
	pthread_t reader[FLOODS];
	double before_worst, worst = 0;
	int before, during = 0;
	bool held_up = true;

	for (int i = 0; i < NEIGHBOURS; i++)
		cr_assert_eq(wrap_open(&w[i], &relay, echo->port, echo->cafile,
				       &verdict),
			     0);
	before = count_echoes(w, 1, &before_worst);
	for (int i = 0; i < FLOODS; i++) {
		cr_assert_eq(wrap_open(&f[i], &relay, hostile->port,
				       hostile->cafile, &verdict),
			     0);
		pthread_create(&reader[i], NULL, read_all, &f[i]);
	}
	/* The flooding servers use the processors, too, and other programs may:
	 * a relay that holds its neighbours up does so in each window. */
	for (int i = 0; i < WINDOWS; i++) {
		double slowest;
		int count = count_echoes(w, 0.6, &slowest) / 0.6;

		if (count > LEAST_ECHOES && slowest < slowest_echo)
			held_up = false;
		if (count > during) {
			during = count;
			worst = slowest;
		}
	}
	printf("# echoes in a second: %d, beside floods %d; slowest %.1f and "
	       "%.1f ms\n",
	       before, during, before_worst * 1000, worst * 1000);
	cr_assert_not(held_up, "%d, then %d; %.2f s", before, during, worst);
	for (int i = 0; i < NEIGHBOURS; i++)
		wrap_close(&w[i]);
	for (int i = 0; i < FLOODS; i++) {
		shutdown(f[i].end[0], SHUT_RDWR);
		pthread_join(reader[i], NULL);
		wrap_close(&f[i]);
	}
	is_over = true;
	cr_assert_eq(relay_wait(&relay, 30), 0);
	server_end(echo);
	server_end(hostile);
}

Test(relay_cost, beside_key_updates, .timeout = 60)
{
	neighbours_live(serve_key_updates);
}

Test(relay_cost, beside_key_updates_and_bytes, .timeout = 60)
{
	neighbours_live(serve_key_updates_and_bytes);
}

Test(relay_cost, beside_bytes, .timeout = 60)
{
	neighbours_live(serve_bytes);
}
