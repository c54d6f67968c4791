/* A TLS server in a thread, with certificates made on the spot. */
#ifndef TEST_RELAY_SERVER_H
#define TEST_RELAY_SERVER_H

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* One accepted connection; ssl is NULL where the handshake failed, or none
 * was wanted. */
struct served {
	int fd;
	SSL *ssl;
	struct server *server;
};

struct server {
	int listen_fd;
	uint16_t port;
	SSL_CTX *context; /* NULL: plaintext */
	void (*serve)(struct served *served);
	char folder[64];
	char cafile[128]; /* "cafile=…" for a rule */
	size_t received;  /* for the test to look at, after served_wait */
	unsigned char digest[32];
	int begun, done; /* connections */
	pthread_mutex_t lock;
	pthread_cond_t changed;
};

static inline void add_extension(X509 *cert, int nid, const char *value)
{
	X509V3_CTX context;
	X509_EXTENSION *extension;

	X509V3_set_ctx(&context, cert, cert, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	cr_assert(extension);
	X509_add_ext(cert, extension, -1);
	X509_EXTENSION_free(extension);
}

/* A certificate of key, signed with signer's. */
static inline X509 *make_cert(const char *name, EVP_PKEY *key,
			      const char *issuer, EVP_PKEY *signer,
			      const char *names)
{
	X509 *cert = X509_new();

	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), rand());
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN",
				   MBSTRING_ASC, (const unsigned char *)name,
				   -1, -1, 0);
	X509_NAME_add_entry_by_txt(X509_get_issuer_name(cert), "CN",
				   MBSTRING_ASC, (const unsigned char *)issuer,
				   -1, -1, 0);
	X509_set_pubkey(cert, key);
	add_extension(cert, NID_basic_constraints,
		      names ? "critical,CA:FALSE" : "critical,CA:TRUE");
	if (names)
		add_extension(cert, NID_subject_alt_name, names);
	cr_assert(X509_sign(cert, signer, EVP_sha256()));
	return cert;
}

static inline void make_certificates(struct server *server, const char *names)
{
	EVP_PKEY *ca_key = EVP_EC_gen("P-256"), *key = EVP_EC_gen("P-256");
	X509 *ca = make_cert("test CA", ca_key, "test CA", ca_key, NULL);
	X509 *cert = make_cert("test leaf", key, "test CA", ca_key, names);
	char path[100];
	FILE *file;

	snprintf(server->folder, sizeof(server->folder),
		 "/tmp/xsock-relay-test.XXXXXX");
	cr_assert(mkdtemp(server->folder));
	snprintf(path, sizeof(path), "%s/ca.pem", server->folder);
	snprintf(server->cafile, sizeof(server->cafile), "cafile=%s", path);
	file = fopen(path, "w");
	PEM_write_X509(file, ca);
	fclose(file);
	SSL_CTX_use_certificate(server->context, cert);
	SSL_CTX_use_PrivateKey(server->context, key);
	X509_free(ca);
	X509_free(cert);
	EVP_PKEY_free(ca_key);
	EVP_PKEY_free(key);
}

static inline void *serve_one(void *argument)
{
	struct served *served = argument;
	struct server *server = served->server;

	if (server->context) {
		served->ssl = SSL_new(server->context);
		SSL_set_fd(served->ssl, served->fd);
		if (SSL_accept(served->ssl) != 1) {
			SSL_free(served->ssl);
			served->ssl = NULL;
		}
	}
	if (served->ssl || !server->context)
		server->serve(served);
	SSL_free(served->ssl);
	close(served->fd);
	free(served);
	pthread_mutex_lock(&server->lock);
	server->done++;
	pthread_cond_broadcast(&server->changed);
	pthread_mutex_unlock(&server->lock);
	return NULL;
}

static inline void *serve_all(void *argument)
{
	struct server *server = argument;

	for (;;) {
		struct served *served = calloc(1, sizeof(*served));
		pthread_t thread;

		served->server = server;
		served->fd = accept(server->listen_fd, NULL, NULL);
		if (served->fd < 0 ||
		    pthread_create(&thread, NULL, serve_one, served)) {
			free(served);
			return NULL;
		}
		pthread_mutex_lock(&server->lock);
		server->begun++;
		pthread_mutex_unlock(&server->lock);
		pthread_detach(thread);
	}
}

/* Listens on a free port of 127.0.0.1; names is the subjectAltName, NULL: no
 * TLS.  Lives until the test's process ends. */
static inline struct server *server_start(const char *names,
					  void (*serve)(struct served *))
{
	struct server *server = calloc(1, sizeof(*server));
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t len = sizeof(address);
	pthread_t thread;

	signal(SIGPIPE, SIG_IGN);
	pthread_mutex_init(&server->lock, NULL);
	pthread_cond_init(&server->changed, NULL);
	server->serve = serve;
	if (names) {
		server->context = SSL_CTX_new(TLS_server_method());
		make_certificates(server, names);
	}
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	server->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bind(server->listen_fd, (struct sockaddr *)&address, len);
	getsockname(server->listen_fd, (struct sockaddr *)&address, &len);
	server->port = ntohs(address.sin_port);
	cr_assert_eq(listen(server->listen_fd, 4096), 0);
	cr_assert_eq(pthread_create(&thread, NULL, serve_all, server), 0);
	pthread_detach(thread);
	return server;
}

/* Waits until so many connections have been served to their end. */
static inline void server_wait(struct server *server, int count)
{
	pthread_mutex_lock(&server->lock);
	while (server->done < count)
		pthread_cond_wait(&server->changed, &server->lock);
	pthread_mutex_unlock(&server->lock);
}

/* A thread in OpenSSL must not run on while exit(3) takes it down. */
static inline void server_settle(struct server *server)
{
	struct timespec end;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += 10;
	pthread_mutex_lock(&server->lock);
	while (server->done < server->begun &&
	       pthread_cond_timedwait(&server->changed, &server->lock, &end) ==
		       0)
		;
	pthread_mutex_unlock(&server->lock);
}

static inline void server_end(struct server *server)
{
	char path[100];

	if (!server->context)
		return;
	server_settle(server);
	snprintf(path, sizeof(path), "%s/ca.pem", server->folder);
	unlink(path);
	rmdir(server->folder);
}

/* --- what servers do --------------------------------------------------- */

/* Says nothing, until the relay ends the connection, however long it takes. */
static inline void serve_nothing(struct served *served)
{
	char some[4096];

	while (read(served->fd, some, sizeof(some)) > 0)
		;
}

static inline void serve_echo(struct served *served)
{
	char buffer[16384];
	int len;

	while ((len = SSL_read(served->ssl, buffer, sizeof(buffer))) > 0)
		if (SSL_write(served->ssl, buffer, len) != len)
			return;
	SSL_shutdown(served->ssl);
}

/* Reads everything to the end, and keeps count and digest. */
static inline void serve_sink(struct served *served)
{
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	char buffer[16384];
	int len;

	EVP_DigestInit(digest, EVP_sha256());
	while ((len = SSL_read(served->ssl, buffer, sizeof(buffer))) > 0) {
		served->server->received += (size_t)len;
		EVP_DigestUpdate(digest, buffer, (size_t)len);
	}
	EVP_DigestFinal(digest, served->server->digest, NULL);
	EVP_MD_CTX_free(digest);
	/* Nothing counts that does not end with close_notify. */
	if (SSL_get_error(served->ssl, len) != SSL_ERROR_ZERO_RETURN)
		served->server->received = 0;
}

#endif
