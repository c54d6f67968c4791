/* Any bytes as what the network does to an association of DTLS, beside a server
 * that is real: its datagrams arrive, or are lost, doubled, late, cut, changed,
 * joined, replayed, and so do others in its name.
 *
 * What must be true: nothing of the application leaves as it is, or before the
 * server is verified; what the server has said arrives whole, once, or not at
 * all; no state follows on one that it cannot follow on.
 *
 * An input is a series of steps, each a letter with its arguments:
 *
 *     s         the server's next datagram arrives
 *     d 2       … is lost, arrives twice
 *     f B X     … with byte B changed by X
 *     c B       … cut after B bytes
 *     o         … and the one behind it change places
 *     j         … and the one behind it are one datagram
 *     p         the last one arrives again
 *     r T E N … a record of type T and epoch E, with the next N bytes
 *     g N …     the next N bytes as a datagram
 *     l         from now on what the client says is lost, or not any more
 *     t         both have waited long enough to say it again
 *     w a       the client, the server says something
 *     h x q     the server wants a renegotiation, closes; the client closes
 *     m B       the path takes 260 bytes and 8 times B
 */
#define OPENSSL_SUPPRESS_DEPRECATED /* RAND_set_rand_method */

#include "relay/tls/tls_dtls_private.h"

#include <openssl/err.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#ifndef XS_LIBFUZZER
static const char *const words[] = { "s",
				     "d",
				     "2",
				     "f\x0d\x40",
				     "c\x20",
				     "o",
				     "j",
				     "p",
				     "r\x16\x01\x05",
				     "r\x17\x01\x01",
				     "r\x15\x01\x20",
				     "g\x0e\x16\xfe\xfd",
				     "l",
				     "t",
				     "w",
				     "a",
				     "h",
				     "x",
				     "q",
				     "m\x20",
				     "ssss",
				     NULL };
#endif

enum { WIRE_MAX = 64, SAID_MAX = 256, LONGEST = 4032 };

static const char private[] = "not for the network ";

struct datagram {
	size_t len;
	uint8_t byte[17000];
};

static SSL_CTX *server_context;
static struct xs_tls_context *client_context;

/* One input. */
static struct {
	struct xs_dtls *dtls;
	SSL *server;
	struct datagram *to_client[WIRE_MAX], *last;
	size_t count;
	const uint8_t *to_server;
	size_t to_server_len;
	size_t payload;
	unsigned said; /* by the server */
	bool came[SAID_MAX];
	bool mute;
} now;

static void must(bool condition)
{
	if (!condition)
		abort();
}

/* Libssl's timers run by it; what a program defines, the loader takes before
 * libc's.  The fuzzer has its own clock. */
static time_t passed;

__attribute__((visibility("default"))) int
gettimeofday(struct timeval *restrict at, void *restrict zone)
{
	(void)zone;
	*at = (struct timeval){ .tv_sec = 1000000 + passed };
	return 0;
}

/* --- the server --------------------------------------------------------- */

static uint32_t random_state;

static int same_bytes(unsigned char *to, int len)
{
	for (int i = 0; i < len; i++) {
		random_state ^= random_state << 13;
		random_state ^= random_state >> 17;
		random_state ^= random_state << 5;
		to[i] = (unsigned char)(random_state >> 24);
	}
	return 1;
}

static int seeded(void)
{
	return 1;
}

static int server_reads(BIO *bio, char *data, size_t size, size_t *len)
{
	BIO_clear_retry_flags(bio);
	if (!now.to_server_len) {
		BIO_set_retry_read(bio);
		return -1;
	}
	*len = now.to_server_len < size ? now.to_server_len : size;
	memcpy(data, now.to_server, *len);
	now.to_server_len = 0;
	return 1;
}

static int server_writes(BIO *bio, const char *data, size_t len, size_t *done)
{
	struct datagram *datagram;

	(void)bio;
	*done = len;
	if (now.count == WIRE_MAX || len > sizeof(datagram->byte))
		return 1;
	datagram = malloc(sizeof(*datagram));
	must(datagram);
	memcpy(datagram->byte, data, len);
	datagram->len = len;
	now.to_client[now.count++] = datagram;
	return 1;
}

static long server_control(BIO *bio, int command, long number, void *pointer)
{
	(void)bio;
	(void)number;
	(void)pointer;
	return command == BIO_CTRL_FLUSH;
}

static BIO *make_bio(void)
{
	static BIO_METHOD *method;
	BIO *bio;

	if (!method) {
		method = BIO_meth_new(
			BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "fuzz");
		BIO_meth_set_read_ex(method, server_reads);
		BIO_meth_set_write_ex(method, server_writes);
		BIO_meth_set_ctrl(method, server_control);
	}
	bio = BIO_new(method);
	BIO_set_init(bio, 1);
	return bio;
}

static void server_turn(void)
{
	char data[17000];
	size_t len;

	ERR_clear_error();
	while (SSL_read_ex(now.server, data, sizeof(data), &len))
		must(len >= sizeof(private) - 1 &&
		     memcmp(data, private, sizeof(private) - 1) == 0);
	ERR_clear_error();
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

/* The fingerprint of its certificate, in hexadecimal. */
static void make_server(char fingerprint[65])
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len;

	server_context = SSL_CTX_new(DTLS_server_method());
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), 864000);
	X509_set_pubkey(cert, key);
	must(X509_sign(cert, key, EVP_sha256()) > 0);
	X509_digest(cert, EVP_sha256(), digest, &len);
	for (unsigned i = 0; i < len; i++)
		snprintf(fingerprint + (size_t)i * 2, 3, "%02x", digest[i]);
	SSL_CTX_use_certificate(server_context, cert);
	SSL_CTX_use_PrivateKey(server_context, key);
	SSL_CTX_set_options(server_context,
			    SSL_OP_NO_QUERY_MTU | SSL_OP_COOKIE_EXCHANGE);
	SSL_CTX_set_cookie_generate_cb(server_context, make_cookie);
	SSL_CTX_set_cookie_verify_cb(server_context, check_cookie);
	X509_free(cert);
	EVP_PKEY_free(key);
}

static void set_up(void)
{
	static const RAND_METHOD same = {
		.bytes = same_bytes,
		.pseudorand = same_bytes,
		.status = seeded,
	};
	char fingerprint[65], options[200];
	struct xs_tls_policy policy = { .scheme = "dtls", .options = options };
	struct xs_error err = { 0 };

	random_state = 1;
	RAND_set_rand_method(&same);
	make_server(fingerprint);
	snprintf(options, sizeof(options),
		 "verify_peer=0&verify_peer_name=0&peer_fingerprint=sha256:%s",
		 fingerprint);
	client_context = xs_tls_context_get(&policy, &err);
	if (!client_context)
		fprintf(stderr, "fuzz_dtls: %s\n", err.text);
	must(client_context);
}

/* --- the client --------------------------------------------------------- */

static int client_sends(void *user, const void *data, size_t len)
{
	size_t most = now.payload > LONGEST ? now.payload : LONGEST;

	(void)user;
	must(len > XS_DTLS_HEAD && len <= most);
	must(!memmem(data, len, private, sizeof(private) - 1));
	if (now.mute)
		return 0;
	now.to_server = data;
	now.to_server_len = len;
	server_turn();
	now.to_server_len = 0;
	return 0;
}

static void client_gets(void *user, const void *data, size_t len)
{
	char text[16] = "";
	unsigned number;

	(void)user;
	must(xs_dtls_state(now.dtls) == XS_DTLS_OPEN && len < sizeof(text));
	memcpy(text, data, len);
	must(sscanf(text, "said %u", &number) == 1 && number < now.said &&
	     !now.came[number]);
	now.came[number] = true;
}

static void check_step(enum xs_dtls_state before)
{
	enum xs_dtls_state after = xs_dtls_state(now.dtls);
	int wait = xs_dtls_wait(now.dtls);

	must(after >= before);
	must(before < XS_DTLS_ENDED || after == before);
	must(wait >= -1 && wait <= 60000);
	must(wait < 0 || after == XS_DTLS_HANDSHAKING);
	if (after == XS_DTLS_FAILED)
		must(xs_error_is_set(xs_dtls_error(now.dtls)));
	if (after == XS_DTLS_OPEN && before != after)
		must(xs_dtls_summary(now.dtls) &&
		     xs_dtls_largest(now.dtls) > 0);
}

/* In memory of its own length, so that reading beyond it shows. */
static void arrive(const void *data, size_t len)
{
	enum xs_dtls_state before = xs_dtls_state(now.dtls);
	uint8_t *copy = malloc(len ? len : 1);

	must(copy);
	memcpy(copy, data, len);
	xs_dtls_receive(now.dtls, copy, len);
	free(copy);
	check_step(before);
}

static void client_says(void)
{
	enum xs_dtls_state state = xs_dtls_state(now.dtls);
	int error = xs_dtls_write(now.dtls, private, sizeof(private));

	must(error == 0 || state != XS_DTLS_OPEN ||
	     xs_dtls_state(now.dtls) == XS_DTLS_FAILED ||
	     SSL_in_init(now.dtls->tls->ssl));
	must(error || state == XS_DTLS_OPEN);
}

/* --- steps -------------------------------------------------------------- */

struct steps {
	const uint8_t *at;
	size_t left;
};

static uint8_t next_byte(struct steps *steps)
{
	if (!steps->left)
		return 0;
	steps->left--;
	return *steps->at++;
}

static struct datagram *take(void)
{
	struct datagram *first = now.count ? now.to_client[0] : NULL;

	if (first)
		memmove(now.to_client, now.to_client + 1,
			--now.count * sizeof(now.to_client[0]));
	return first;
}

static void join(struct datagram *to)
{
	struct datagram *more = take();

	if (!more)
		return;
	if (to->len + more->len <= sizeof(to->byte)) {
		memcpy(to->byte + to->len, more->byte, more->len);
		to->len += more->len;
	}
	free(more);
}

static void server_datagram(int step, struct steps *steps)
{
	struct datagram *first = take();
	size_t at;

	if (!first)
		return;
	if (step == 'f') {
		at = next_byte(steps);
		first->byte[at % first->len] ^= next_byte(steps);
	} else if (step == 'c') {
		at = next_byte(steps);
		first->len = at < first->len ? at : first->len;
	} else if (step == 'j') {
		join(first);
	}
	if (step != 'd')
		arrive(first->byte, first->len);
	if (step == '2')
		arrive(first->byte, first->len);
	free(now.last);
	now.last = first;
}

static void forge(int step, struct steps *steps)
{
	uint8_t data[XS_DTLS_HEAD + 256] = { 0 };
	size_t head = 0, len;

	if (step == 'r') {
		data[0] = next_byte(steps);
		data[1] = 0xfe;
		data[2] = 0xfd;
		data[4] = next_byte(steps);
		data[9] = 1;
		data[10] = (uint8_t)steps->left;
		head = XS_DTLS_HEAD;
	}
	len = next_byte(steps);
	data[12] = (uint8_t)len;
	for (size_t i = 0; i < len; i++)
		data[head + i] = next_byte(steps);
	arrive(data, head + len);
}

static void later(void)
{
	enum xs_dtls_state before = xs_dtls_state(now.dtls);

	passed += 61;
	DTLSv1_handle_timeout(now.server);
	ERR_clear_error();
	xs_dtls_timeout(now.dtls);
	check_step(before);
}

static void server_says(void)
{
	char text[16];

	if (now.said == SAID_MAX || !SSL_is_init_finished(now.server))
		return;
	snprintf(text, sizeof(text), "said %u", now.said++);
	SSL_write(now.server, text, (int)strlen(text));
	ERR_clear_error();
}

static void change_places(void)
{
	struct datagram *first = now.to_client[0];

	if (now.count < 2)
		return;
	now.to_client[0] = now.to_client[1];
	now.to_client[1] = first;
}

static void do_step(int step, struct steps *steps)
{
	switch (step) {
	case 's':
	case 'd':
	case '2':
	case 'f':
	case 'c':
	case 'j':
		server_datagram(step, steps);
		break;
	case 'o':
		change_places();
		break;
	case 'p':
		if (now.last)
			arrive(now.last->byte, now.last->len);
		break;
	case 'r':
	case 'g':
		forge(step, steps);
		break;
	case 'l':
		now.mute = !now.mute;
		break;
	case 't':
		later();
		break;
	case 'w':
		client_says();
		break;
	case 'a':
		server_says();
		break;
	case 'h':
		SSL_renegotiate(now.server);
		SSL_do_handshake(now.server);
		ERR_clear_error();
		break;
	case 'x':
		SSL_shutdown(now.server);
		ERR_clear_error();
		break;
	case 'q':
		xs_dtls_close(now.dtls);
		break;
	case 'm':
		now.payload = XS_DTLS_PAYLOAD_MIN + 8u * next_byte(steps);
		xs_dtls_set_payload(now.dtls, now.payload);
		break;
	default:
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum { STEPS = 400 };
	struct xs_dtls_setup setup = { .context = client_context,
				       .name = "localhost",
				       .server = "192.0.2.1:5684",
				       .payload = 1472,
				       .send = client_sends,
				       .deliver = client_gets };
	struct steps steps = { data, size };
	struct xs_error err = { 0 };
	BIO *bio;

	if (!client_context) {
		set_up();
		setup.context = client_context;
	}
	memset(&now, 0, sizeof(now));
	random_state = 1;
	passed = 0;
	now.payload = setup.payload;
	now.server = SSL_new(server_context);
	bio = make_bio();
	SSL_set_bio(now.server, bio, bio);
	SSL_set_accept_state(now.server);
	SSL_set_mtu(now.server, 1400);
	now.dtls = xs_dtls_new(&setup, &err);
	must(now.dtls);
	xs_dtls_begin(now.dtls);
	for (int i = 0; i < STEPS && steps.left; i++)
		do_step(next_byte(&steps), &steps);
	xs_dtls_close(now.dtls);
	xs_dtls_free(now.dtls);
	SSL_free(now.server);
	free(now.last);
	while (now.count)
		free(take());
	return 0;
}

#include "driver.h"
