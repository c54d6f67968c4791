/* The benchmark's server: TLS 1.3 with one cipher, a thread for a connection.
 *
 *     server PORTS-FILE CIPHERSUITE CERTIFICATE KEY [CERTIFICATE KEY]
 *
 * PORTS-FILE gets the port of each certificate.
 *
 * Threads stay and serve one connection after the other: to start one, with a
 * random generator of its own, would cost as much as a resumed handshake, and
 * hide what is measured.
 */
#include "bench.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* What one port serves. */
struct port {
	int listener;
	SSL_CTX *context;
	atomic_int waiting; /* threads in accept(2) */
};

/* More are let go. */
enum { WAITING_MAX = 64 };

static void die(const char *what)
{
	perror(what);
	ERR_print_errors_fp(stderr);
	exit(1);
}

static int read_all(SSL *ssl, void *data, size_t len)
{
	size_t got, at = 0;

	while (at < len) {
		if (!SSL_read_ex(ssl, (char *)data + at, len - at, &got))
			return 0;
		at += got;
	}
	return 1;
}

static int write_all(SSL *ssl, const void *data, size_t len)
{
	size_t written;

	return SSL_write_ex(ssl, data, len, &written);
}

static void answer(SSL *ssl, const char *text)
{
	char bytes[ANSWER] = "";

	snprintf(bytes, sizeof(bytes), "%s", text);
	write_all(ssl, bytes, sizeof(bytes));
}

static void answer_digest(SSL *ssl, EVP_MD_CTX *hash, int good)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	char text[2 * EVP_MAX_MD_SIZE + 1];
	unsigned int len = 0;

	if (hash)
		EVP_DigestFinal_ex(hash, digest, &len);
	/* Half of it fits the answer. */
	for (unsigned int i = 0; i < len && i < 28; i++)
		sprintf(text + 2 * i, "%02x", digest[i]);
	text[hash ? 56 : 0] = '\0';
	answer(ssl, good ? (hash ? text : "good") : "bad");
}

static void echo(SSL *ssl)
{
	char message[MESSAGE];

	while (read_all(ssl, message, sizeof(message)) &&
	       write_all(ssl, message, sizeof(message)))
		;
}

static void upload(SSL *ssl, const struct head *head, EVP_MD_CTX *hash)
{
	static _Thread_local uint8_t chunk[CHUNK];
	uint64_t at = 0;
	int good = 1;
	size_t got;

	while (at < head->bytes) {
		if (!SSL_read_ex(ssl, chunk, sizeof(chunk), &got))
			return;
		good = good && is_pattern(chunk, got, at);
		if (hash)
			EVP_DigestUpdate(hash, chunk, got);
		at += got;
	}
	answer_digest(ssl, hash, good);
}

static void download(SSL *ssl, const struct head *head, EVP_MD_CTX *hash)
{
	for (uint64_t at = 0; at < head->bytes;) {
		size_t in_block = at % BLOCK, len = CHUNK;

		if (len > BLOCK - in_block)
			len = BLOCK - in_block;
		if (len > head->bytes - at)
			len = (size_t)(head->bytes - at);
		if (!write_all(ssl, pattern() + in_block, len))
			return;
		if (hash)
			EVP_DigestUpdate(hash, pattern() + in_block, len);
		at += len;
	}
	answer_digest(ssl, hash, 1);
}

static void tell(SSL *ssl)
{
	char text[ANSWER];

	snprintf(text, sizeof(text), "%s %s %s", SSL_get_version(ssl),
		 SSL_get_cipher_name(ssl),
		 SSL_session_reused(ssl) ? "resumed" : "full");
	answer(ssl, text);
}

static void serve(SSL *ssl)
{
	EVP_MD_CTX *hash = NULL;
	struct head head;

	if (!read_all(ssl, &head, sizeof(head)))
		return;
	if (head.digest) {
		hash = EVP_MD_CTX_new();
		EVP_DigestInit_ex(hash, EVP_sha256(), NULL);
	}
	if (head.what == ECHO)
		echo(ssl);
	else if (head.what == UPLOAD)
		upload(ssl, &head, hash);
	else if (head.what == DOWNLOAD)
		download(ssl, &head, hash);
	else if (head.what == TELL)
		tell(ssl);
	EVP_MD_CTX_free(hash);
}

static void serve_one(SSL_CTX *context, int fd)
{
	const int on = 1;
	SSL *ssl = SSL_new(context);

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (ssl && SSL_set_fd(ssl, fd) && SSL_accept(ssl) == 1)
		serve(ssl);
	if (ssl) {
		SSL_shutdown(ssl);
		SSL_free(ssl);
	}
	close(fd);
}

static void start_thread(struct port *port);

/* There is always one more that accepts. */
static void *run(void *argument)
{
	struct port *port = argument;
	int fd;

	while (atomic_fetch_add(&port->waiting, 1) < WAITING_MAX) {
		fd = accept(port->listener, NULL, NULL);
		if (atomic_fetch_sub(&port->waiting, 1) == 1)
			start_thread(port);
		if (fd >= 0)
			serve_one(port->context, fd);
	}
	atomic_fetch_sub(&port->waiting, 1);
	return NULL;
}

static void start_thread(struct port *port)
{
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, 256 * 1024);
	if (pthread_create(&thread, &attributes, run, port) != 0)
		die("thread");
	pthread_attr_destroy(&attributes);
}

static int listen_on_any(int *port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&at, len) < 0 ||
	    listen(fd, 4096) < 0 ||
	    getsockname(fd, (struct sockaddr *)&at, &len) < 0)
		die("listen");
	*port = ntohs(at.sin_port);
	return fd;
}

static SSL_CTX *make_context(const char *suite, const char *certificate,
			     const char *key)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());

	if (!context ||
	    SSL_CTX_use_certificate_chain_file(context, certificate) != 1 ||
	    SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1 ||
	    !SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) ||
	    !SSL_CTX_set_ciphersuites(context, suite) ||
	    !SSL_CTX_set1_groups_list(context, "X25519:P-256"))
		die("TLS");
	SSL_CTX_set_session_id_context(context, (const void *)"bench", 5);
	return context;
}

int main(int argc, char **argv)
{
	static struct port ports[2];
	int number;
	FILE *file;

	if (argc != 5 && argc != 7)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	pattern();
	file = fopen(argv[1], "w");
	if (!file)
		die(argv[1]);
	for (int i = 0; 3 + 2 * i < argc; i++) {
		ports[i].context =
			make_context(argv[2], argv[3 + 2 * i], argv[4 + 2 * i]);
		ports[i].listener = listen_on_any(&number);
		start_thread(&ports[i]);
		fprintf(file, "%d ", number);
	}
	if (fputc('\n', file) < 0 || fclose(file) != 0)
		die(argv[1]);
	for (;;)
		pause();
}
