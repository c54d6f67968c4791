/* A server of datagrams, with DTLS or without.
 *
 *     front FOLDER NAME WORD…
 *
 * Listens on 127.0.0.1, on a port that the kernel picks: FOLDER/NAME.port gets
 * its number.  FOLDER/NAME.log gets a line for each event of an association,
 * FOLDER/NAME.data the application's datagrams, each with a line feed behind.
 *
 *     tls=PATH     DTLS with PATH.pem and PATH.key, and cookies; else plain UDP
 *     to=PORT      hands the datagrams on to 127.0.0.1:PORT, and the answers
 *                  back; else it sends back what comes
 *     sink         answers nothing
 *     port=N       listens there; one that was started again
 *     ca=FILE      demands a certificate that FILE's CA has issued
 *     only=1.0     this version
 *     short=N      ends an association with close_notify after N datagrams
 *     forget=N     forgets an association after N datagrams, as a server that
 *                  was started again: no alert, and what comes is not answered
 *     no-close     sends no close_notify, and answers none
 *
 * One thread, one socket; an association is what one address has.  A
 * ClientHello from an address that has one begins a new one.
 */
#include "udp.h"

#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

enum { RECORD_HANDSHAKE = 22, CLIENT_HELLO = 1, LINK_MTU = 1400 };

struct peer {
	union place from;
	SSL *tls;    /* NULL: plain UDP */
	int backend; /* connected to "to", or -1 */
	bool established;
	unsigned long count;
	/* The datagram that is being looked at, for the BIO. */
	const unsigned char *data;
	size_t len;
	bool waits;
};

static struct {
	const char *folder, *name, *pair, *ca, *only;
	unsigned to, port;
	unsigned long shortly, forget;
	bool sink, no_close;
	int fd, log, data;
	SSL_CTX *tls;
	BIO_METHOD *method;
	unsigned char secret[32];
	struct peer *peers[PEERS_MAX];
	size_t count;
} front = { .log = -1 };

__attribute__((format(printf, 1, 2))) static void note(const char *format, ...)
{
	char line[512];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	dprintf(front.log, "%s\n", line);
}

/* --- The way of a peer's records: one BIO, one datagram. ----------------- */

static int way_read(BIO *bio, char *to, int size)
{
	struct peer *p = BIO_get_data(bio);
	size_t len;

	BIO_clear_retry_flags(bio);
	if (!p->waits) {
		BIO_set_retry_read(bio);
		return -1;
	}
	len = p->len < (size_t)size ? p->len : (size_t)size;
	memcpy(to, p->data, len);
	p->waits = false;
	return (int)len;
}

/* What the kernel does not take is lost, as on any way. */
static int way_write(BIO *bio, const char *data, int len)
{
	struct peer *p = BIO_get_data(bio);

	sendto(front.fd, data, (size_t)len, 0, &p->from.any,
	       place_len(&p->from));
	return len;
}

static long way_ctrl(BIO *bio, int what, long number, void *pointer)
{
	(void)bio;
	(void)number;
	(void)pointer;
	return what == BIO_CTRL_FLUSH;
}

static BIO *way_new(struct peer *p)
{
	BIO *bio = BIO_new(front.method);

	BIO_set_data(bio, p);
	BIO_set_init(bio, 1);
	return bio;
}

/* --- Cookies: a keyed digest of the address. ---------------------------- */

static int cookie_make(SSL *tls, unsigned char *cookie, unsigned int *len)
{
	const struct peer *p = SSL_get_app_data(tls);

	return HMAC(EVP_sha256(), front.secret, sizeof(front.secret),
		    (const void *)&p->from, sizeof(p->from), cookie,
		    len) != NULL;
}

static int cookie_check(SSL *tls, const unsigned char *cookie, unsigned int len)
{
	unsigned char own[EVP_MAX_MD_SIZE];
	unsigned int own_len = sizeof(own);

	return cookie_make(tls, own, &own_len) && len == own_len &&
	       memcmp(own, cookie, len) == 0;
}

static void die_tls(const char *what)
{
	ERR_print_errors_fp(stderr);
	fprintf(stderr, "%s\n", what);
	exit(1);
}

static void tls_files(SSL_CTX *tls)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s.pem", front.pair);
	if (SSL_CTX_use_certificate_chain_file(tls, path) != 1)
		die_tls(path);
	snprintf(path, sizeof(path), "%s.key", front.pair);
	if (SSL_CTX_use_PrivateKey_file(tls, path, SSL_FILETYPE_PEM) != 1)
		die_tls(path);
	if (!front.ca)
		return;
	if (SSL_CTX_load_verify_locations(tls, front.ca, NULL) != 1)
		die_tls(front.ca);
	SSL_CTX_set_verify(
		tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
}

static void tls_begin(void)
{
	SSL_CTX *tls = SSL_CTX_new(DTLS_server_method());

	front.method =
		BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "way");
	if (!tls || !front.method ||
	    RAND_bytes(front.secret, sizeof(front.secret)) != 1)
		die_tls("tls_begin");
	BIO_meth_set_read(front.method, way_read);
	BIO_meth_set_write(front.method, way_write);
	BIO_meth_set_ctrl(front.method, way_ctrl);
	tls_files(tls);
	if (front.only) {
		SSL_CTX_set_security_level(tls, 0);
		SSL_CTX_set_min_proto_version(tls, DTLS1_VERSION);
		SSL_CTX_set_max_proto_version(tls, DTLS1_VERSION);
	}
	SSL_CTX_set_options(tls, SSL_OP_COOKIE_EXCHANGE | SSL_OP_NO_QUERY_MTU);
	SSL_CTX_set_session_id_context(tls, (const unsigned char *)"front", 5);
	SSL_CTX_set_cookie_generate_cb(tls, cookie_make);
	SSL_CTX_set_cookie_verify_cb(tls, cookie_check);
	front.tls = tls;
}

/* --- Peers. ------------------------------------------------------------- */

static struct peer *peer_find(const union place *from, size_t *at)
{
	for (*at = 0; *at < front.count; ++*at)
		if (place_same(&front.peers[*at]->from, from))
			return front.peers[*at];
	return NULL;
}

static void peer_free(size_t at)
{
	struct peer *p = front.peers[at];

	SSL_free(p->tls);
	if (p->backend >= 0)
		close(p->backend);
	free(p);
	front.peers[at] = front.peers[--front.count];
}

static struct peer *peer_new(const union place *from)
{
	struct peer *p;

	if (front.count == PEERS_MAX)
		peer_free(0);
	p = calloc(1, sizeof(*p));
	if (!p)
		die("calloc");
	p->from = *from;
	p->backend = front.to ? udp_connect(front.to) : -1;
	if (front.tls) {
		p->tls = SSL_new(front.tls);
		if (!p->tls)
			die_tls("SSL_new");
		BIO *way = way_new(p);

		SSL_set_bio(p->tls, way, way);
		SSL_set_app_data(p->tls, p);
		SSL_set_accept_state(p->tls);
		DTLS_set_link_mtu(p->tls, LINK_MTU);
	}
	front.peers[front.count++] = p;
	return p;
}

/* To the peer: encrypted, if it has DTLS. */
static void peer_send(struct peer *p, const void *data, size_t len)
{
	if (!p->tls)
		sendto(front.fd, data, len, 0, &p->from.any,
		       place_len(&p->from));
	else if (len && SSL_write(p->tls, data, (int)len) <= 0)
		note("write: %s", ERR_reason_error_string(ERR_get_error()));
}

/* False when the peer is to be no more. */
static bool peer_served(struct peer *p, const void *data, size_t len)
{
	if (write(front.data, data, len) < 0 || write(front.data, "\n", 1) < 0)
		die("data");
	p->count++;
	if (p->backend >= 0)
		send(p->backend, data, len, 0);
	else if (!front.sink)
		peer_send(p, data, len);
	if (front.forget && p->count == front.forget) {
		note("forgotten");
		return false;
	}
	if (front.shortly && p->count == front.shortly) {
		SSL_shutdown(p->tls);
		note("ended");
		return false;
	}
	return true;
}

static void note_handshake(const struct peer *p)
{
	const char *name =
		SSL_get_servername(p->tls, TLSEXT_NAMETYPE_host_name);

	note("handshake %s %s%s, name %s", SSL_get_version(p->tls),
	     SSL_get_cipher_name(p->tls),
	     SSL_session_reused(p->tls) ? ", resumed" : "",
	     name ? name : "none");
}

/* Reads what the datagram has.  False when the peer is to be no more. */
static bool peer_reads(struct peer *p)
{
	unsigned char data[DATAGRAM_MAX];
	int got;

	for (;;) {
		ERR_clear_error();
		got = SSL_read(p->tls, data, sizeof(data));
		if (!p->established && SSL_is_init_finished(p->tls)) {
			p->established = true;
			note_handshake(p);
		}
		if (got <= 0)
			break;
		if (!peer_served(p, data, (size_t)got))
			return false;
	}
	switch (SSL_get_error(p->tls, got)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return true;
	case SSL_ERROR_ZERO_RETURN:
		note("close_notify");
		if (!front.no_close)
			SSL_shutdown(p->tls);
		return false;
	default:
		note("error: %s", ERR_reason_error_string(ERR_peek_error()));
		return false;
	}
}

/* --- The socket. -------------------------------------------------------- */

static bool is_client_hello(const unsigned char *data, size_t len)
{
	return len > 13 && data[0] == RECORD_HANDSHAKE && !data[3] &&
	       !data[4] && data[13] == CLIENT_HELLO;
}

static void heard(const union place *from, const unsigned char *data,
		  size_t len)
{
	size_t at;
	struct peer *p = peer_find(from, &at);

	if (front.tls && p && p->established && is_client_hello(data, len)) {
		note("begins again");
		peer_free(at);
		p = NULL;
	}
	if (!p && front.tls && !is_client_hello(data, len))
		return;
	if (!p) {
		p = peer_new(from);
		at = front.count - 1;
	}
	p->data = data;
	p->len = len;
	p->waits = true;
	if (!(front.tls ? peer_reads(p) : peer_served(p, data, len)))
		peer_free(at);
}

static void hear_all(void)
{
	unsigned char data[DATAGRAM_MAX];
	union place from;
	socklen_t len;
	ssize_t got;

	for (;;) {
		/* It is part of the cookie. */
		memset(&from, 0, sizeof(from));
		len = sizeof(from);
		got = recvfrom(front.fd, data, sizeof(data), 0, &from.any,
			       &len);
		if (got < 0 && errno == ECONNREFUSED)
			continue;
		if (got < 0)
			return;
		heard(&from, data, (size_t)got);
	}
}

static void answer(struct peer *p)
{
	unsigned char data[DATAGRAM_MAX];
	ssize_t got;

	while ((got = recv(p->backend, data, sizeof(data), 0)) >= 0)
		peer_send(p, data, (size_t)got);
}

static void serve_for_ever(void)
{
	struct pollfd *at = calloc(PEERS_MAX + 1, sizeof(*at));
	size_t i, count;

	if (!at)
		die("calloc");
	for (;;) {
		at[0] = (struct pollfd){ .fd = front.fd, .events = POLLIN };
		count = front.count;
		for (i = 0; i < count; i++)
			at[1 + i] =
				(struct pollfd){ .fd = front.peers[i]->backend,
						 .events = POLLIN };
		if (poll(at, 1 + count, front.tls ? 100 : -1) < 0)
			die("poll");
		/* Before the peers change their places. */
		for (i = 0; i < count; i++)
			if (at[1 + i].revents)
				answer(front.peers[i]);
		hear_all();
		for (i = 0; i < front.count; i++)
			if (front.tls && !front.peers[i]->established)
				DTLSv1_handle_timeout(front.peers[i]->tls);
	}
}

/* Returns the port. */
static unsigned listen_there(void)
{
	union place p;
	socklen_t len = sizeof(p);

	front.fd = udp_socket(AF_INET);
	if (front.fd < 0 || !udp_bind(front.fd, AF_INET, front.port) ||
	    getsockname(front.fd, &p.any, &len) < 0)
		die("bind");
	return ntohs(p.in.sin_port);
}

static const char *after(const char *word, const char *name)
{
	size_t len = strlen(name);

	return strncmp(word, name, len) == 0 ? word + len : NULL;
}

static void read_word(const char *word)
{
	const char *value;

	if ((value = after(word, "tls=")))
		front.pair = value;
	else if ((value = after(word, "to=")))
		front.to = (unsigned)strtoul(value, NULL, 10);
	else if ((value = after(word, "port=")))
		front.port = (unsigned)strtoul(value, NULL, 10);
	else if ((value = after(word, "ca=")))
		front.ca = value;
	else if ((value = after(word, "only=")))
		front.only = value;
	else if ((value = after(word, "short=")))
		front.shortly = strtoul(value, NULL, 10);
	else if ((value = after(word, "forget=")))
		front.forget = strtoul(value, NULL, 10);
	else if (strcmp(word, "sink") == 0)
		front.sink = true;
	else if (strcmp(word, "no-close") == 0)
		front.no_close = true;
	else {
		fprintf(stderr, "front: what is \"%s\"?\n", word);
		exit(2);
	}
}

int main(int argc, char **argv)
{
	char name[256], port[16];
	int i;

	if (argc < 3) {
		fprintf(stderr, "usage: front FOLDER NAME WORD…\n");
		return 2;
	}
	front.folder = argv[1];
	front.name = argv[2];
	for (i = 3; i < argc; i++)
		read_word(argv[i]);
	front.log = open_file(front.folder, front.name, ".log");
	front.data = open_file(front.folder, front.name, ".data");
	if (front.pair)
		tls_begin();
	snprintf(port, sizeof(port), "%u\n", listen_there());
	snprintf(name, sizeof(name), "%s.port", front.name);
	tell(front.folder, name, port);
	serve_for_ever();
}
