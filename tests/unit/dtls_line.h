/* An association of the relay and a server of OpenSSL beside it, which send
 * each other datagrams through memory: for the tests of tls_dtls*.c.
 *
 * Time is the test's: dtls_later lets it pass for both sides. */
#ifndef TEST_DTLS_LINE_H
#define TEST_DTLS_LINE_H

#include "../relay/authority.h"
#include "moved_clock.h"
#include "relay/tls/tls_dtls_private.h"

#include <errno.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/time.h>

#define NAME   "localhost"
#define SERVER "192.0.2.1:5684"

enum { PATH = 1472 };

/* --- what both sides share ---------------------------------------------- */

struct dbench {
	struct folder folder;
	SSL_CTX *server;
	struct xs_tls_context *client;
	struct party ca, leaf;
	char trust[160]; /* "cafile=…" */
};

static inline void dtls_later(int ms)
{
	moved_us += (int64_t)ms * 1000;
}

static int make_cookie(SSL *ssl, unsigned char *cookie, unsigned *len)
{
	(void)ssl;
	memcpy(cookie, "cookie", 6);
	*len = 6;
	return 1;
}

static int check_cookie(SSL *ssl, const unsigned char *cookie, unsigned len)
{
	(void)ssl;
	return len == 6 && memcmp(cookie, "cookie", 6) == 0;
}

static const char *dbench_scheme = "dtls";

static inline struct xs_tls_context *dbench_client(const char *options,
						   struct xs_error *err)
{
	struct xs_tls_policy policy = { .scheme = dbench_scheme,
					.options = options };

	return xs_tls_context_get(&policy, err);
}

/* A server for these names; more of the rule's options, behind cafile. */
static inline struct dbench dbench_make_for(const char *names, const char *more)
{
	struct dbench b = { .folder = folder_make(),
			    .server = SSL_CTX_new(DTLS_server_method()),
			    .ca = party_make("test CA", NULL, NULL) };
	X509 *const trusted[] = { b.ca.cert, NULL };
	struct xs_error err = { 0 };
	char options[1000];

	clock_stands = true;
	b.leaf = party_make("leaf", names, &b.ca);
	SSL_CTX_use_certificate(b.server, b.leaf.cert);
	SSL_CTX_use_PrivateKey(b.server, b.leaf.key);
	SSL_CTX_set_options(b.server,
			    SSL_OP_NO_QUERY_MTU | SSL_OP_COOKIE_EXCHANGE);
	SSL_CTX_set_cookie_generate_cb(b.server, make_cookie);
	SSL_CTX_set_cookie_verify_cb(b.server, check_cookie);
	snprintf(b.trust, sizeof(b.trust), "cafile=%s",
		 write_pem(&b.folder, "ca.pem", NULL, NULL, trusted));
	snprintf(options, sizeof(options), "%s%s%s", b.trust, *more ? "&" : "",
		 more);
	b.client = dbench_client(options, &err);
	cr_assert(b.client, "%s", err.text);
	return b;
}

static inline struct dbench dbench_make(const char *more)
{
	return dbench_make_for("DNS:" NAME, more);
}

static inline void dbench_end(struct dbench *b)
{
	xs_tls_context_put(b->client);
	xs_tls_context_forget();
	SSL_CTX_free(b->server);
	party_free(&b->ca);
	party_free(&b->leaf);
	folder_end(&b->folder);
}

/* --- datagrams under way ------------------------------------------------ */

struct datagram {
	uint8_t byte[17000];
	size_t len;
};

enum { WIRE_MAX = 64 };

struct wire {
	struct datagram *at[WIRE_MAX];
	size_t count;
	unsigned sent; /* ever */
};

static inline void wire_put(struct wire *wire, const void *data, size_t len)
{
	struct datagram *datagram = malloc(sizeof(*datagram));

	cr_assert(wire->count < WIRE_MAX && len <= sizeof(datagram->byte));
	memcpy(datagram->byte, data, len);
	datagram->len = len;
	wire->at[wire->count++] = datagram;
}

/* The next one, for the caller to free; NULL: there is none. */
static inline struct datagram *wire_take(struct wire *wire)
{
	struct datagram *first = wire->count ? wire->at[0] : NULL;

	if (first)
		memmove(wire->at, wire->at + 1,
			--wire->count * sizeof(wire->at[0]));
	return first;
}

static inline void wire_empty(struct wire *wire)
{
	while (wire->count)
		free(wire_take(wire));
}

/* --- a line ------------------------------------------------------------- */

enum way { TO_SERVER, TO_CLIENT };

struct dline {
	struct xs_dtls *dtls;
	SSL *server;
	struct wire wire[2];
	/* What becomes of a datagram: how many of it arrive; NULL: one. */
	int (*fate)(struct dline *line, enum way way, unsigned number);
	unsigned lost;	 /* for fate */
	int send_errno;	 /* what the network says to the client */
	size_t longest;	 /* datagram of the client's */
	unsigned writes; /* of the client's */
	char got[65536]; /* what came for the application, each with its
			    length: "5:hello" */
	size_t got_len, got_count, got_last;
	char heard[4096]; /* the same at the server */
	size_t heard_len;
};

static inline void line_sends(struct dline *line, enum way way,
			      const void *data, size_t len)
{
	struct wire *wire = &line->wire[way];
	unsigned number = wire->sent++;
	int copies = line->fate ? line->fate(line, way, number) : 1;

	while (copies-- > 0)
		wire_put(wire, data, len);
}

static int client_sends(void *user, const void *data, size_t len)
{
	struct dline *line = user;

	line->writes++;
	if (len > line->longest)
		line->longest = len;
	if (line->send_errno)
		return line->send_errno;
	line_sends(line, TO_SERVER, data, len);
	return 0;
}

static void client_gets(void *user, const void *data, size_t len)
{
	struct dline *line = user;

	line->got_count++;
	line->got_last = len;
	if (len < 100 && line->got_len + len + 8 < sizeof(line->got))
		line->got_len += (size_t)snprintf(line->got + line->got_len,
						  len + 8, "%zu:%.*s", len,
						  (int)len, (const char *)data);
}

static int server_reads(BIO *bio, char *data, size_t size, size_t *len)
{
	struct dline *line = BIO_get_data(bio);
	struct datagram *datagram = wire_take(&line->wire[TO_SERVER]);

	BIO_clear_retry_flags(bio);
	if (!datagram) {
		BIO_set_retry_read(bio);
		return -1;
	}
	*len = datagram->len < size ? datagram->len : size;
	memcpy(data, datagram->byte, *len);
	free(datagram);
	return 1;
}

static int server_writes(BIO *bio, const char *data, size_t len, size_t *done)
{
	line_sends(BIO_get_data(bio), TO_CLIENT, data, len);
	*done = len;
	return 1;
}

static long server_control(BIO *bio, int command, long number, void *pointer)
{
	(void)bio;
	(void)number;
	(void)pointer;
	return command == BIO_CTRL_FLUSH;
}

/* A server; a line has none of its own when another process was restarted. */
static inline SSL *server_make(const struct dbench *b, struct dline *line)
{
	static BIO_METHOD *method;
	SSL *ssl = SSL_new(b->server);
	BIO *bio;

	if (!method) {
		method =
			BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK,
				     "test datagrams");
		BIO_meth_set_read_ex(method, server_reads);
		BIO_meth_set_write_ex(method, server_writes);
		BIO_meth_set_ctrl(method, server_control);
	}
	bio = BIO_new(method);
	BIO_set_data(bio, line);
	BIO_set_init(bio, 1);
	SSL_set_bio(ssl, bio, bio);
	SSL_set_accept_state(ssl);
	SSL_set_mtu(ssl, 1400);
	return ssl;
}

static inline struct dline *dline_make_for(const struct dbench *b,
					   const char *name, size_t payload)
{
	struct dline *line = calloc(1, sizeof(*line));
	struct xs_error err = { 0 };
	struct xs_dtls_setup setup = { .context = b->client,
				       .name = name,
				       .server = SERVER,
				       .payload = payload,
				       .send = client_sends,
				       .deliver = client_gets,
				       .user = line };

	line->dtls = xs_dtls_new(&setup, &err);
	cr_assert(line->dtls, "%s", err.text);
	line->server = server_make(b, line);
	return line;
}

static inline struct dline *dline_make(const struct dbench *b)
{
	return dline_make_for(b, NAME, PATH);
}

static inline void dline_end(struct dline *line)
{
	xs_dtls_close(line->dtls);
	xs_dtls_free(line->dtls);
	SSL_free(line->server);
	wire_empty(&line->wire[TO_SERVER]);
	wire_empty(&line->wire[TO_CLIENT]);
	free(line);
}

/* The client gets what is there. */
static inline void client_turn(struct dline *line)
{
	struct datagram *datagram;

	while ((datagram = wire_take(&line->wire[TO_CLIENT]))) {
		/* In memory of its own length, so that reading beyond shows. */
		uint8_t *copy = malloc(datagram->len ? datagram->len : 1);

		memcpy(copy, datagram->byte, datagram->len);
		xs_dtls_receive(line->dtls, copy, datagram->len);
		free(copy);
		free(datagram);
	}
}

/* The server reads what is there. */
static inline void server_turn(struct dline *line)
{
	char data[17000];
	size_t len;

	ERR_clear_error();
	while (SSL_read_ex(line->server, data, sizeof(data), &len))
		if (len < 100 &&
		    line->heard_len + len + 8 < sizeof(line->heard))
			line->heard_len += (size_t)snprintf(
				line->heard + line->heard_len, len + 8,
				"%zu:%.*s", len, (int)len, data);
	ERR_clear_error();
}

static inline bool line_moves(struct dline *line)
{
	bool moves = line->wire[0].count || line->wire[1].count;

	server_turn(line);
	client_turn(line);
	return moves;
}

/* Until nothing is under way. */
static inline void line_run(struct dline *line)
{
	for (int i = 0; i < 100 && line_moves(line); i++)
		;
}

/* Lets time pass until somebody has to send something again; false: nobody
 * waits. */
static inline bool line_wait(struct dline *line)
{
	struct timeval left;
	int ms = xs_dtls_wait(line->dtls);

	if (DTLSv1_get_timeout(line->server, &left)) {
		int theirs = (int)(left.tv_sec * 1000 + left.tv_usec / 1000);

		ms = ms < 0 || theirs < ms ? theirs : ms;
	}
	if (ms < 0)
		return false;
	dtls_later(ms + 1);
	DTLSv1_handle_timeout(line->server);
	xs_dtls_timeout(line->dtls);
	return true;
}

/* To the end of the handshake, however it ends; the ms that it took. */
static inline int line_shake(struct dline *line)
{
	int64_t before = moved_us;

	xs_dtls_begin(line->dtls);
	line_run(line);
	for (int i = 0;
	     i < 40 && xs_dtls_state(line->dtls) == XS_DTLS_HANDSHAKING &&
	     line_wait(line);
	     i++)
		line_run(line);
	return (int)((moved_us - before) / 1000);
}

static inline void line_open(struct dline *line)
{
	line_shake(line);
	cr_assert_eq(xs_dtls_state(line->dtls), XS_DTLS_OPEN, "%s",
		     xs_dtls_error(line->dtls)->text);
}

/* A datagram each way arrives. */
static inline void line_works(struct dline *line)
{
	line->heard_len = line->got_len = 0;
	cr_assert_eq(xs_dtls_write(line->dtls, "question", 8), 0);
	line_run(line);
	cr_assert_str_eq(line->heard, "8:question");
	cr_assert_eq(SSL_write(line->server, "answer", 6), 6);
	line_run(line);
	cr_assert_str_eq(line->got, "6:answer");
}

#endif
