/* A program with a libssl of its own, which talks TLS and plaintext at once.
 *
 *     own_tls TLS-PORT PLAIN-PORT CAFILE
 *
 * Each thread has a connection to an echo server by TLS, which it verifies
 * itself, and one in plaintext, and uses them in turn.
 */
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { THREADS = 4, ROUNDS = 5, TURNS = 20, SIZE = 3000 };

static SSL_CTX *context;
static unsigned short tls_port, plain_port;

static int dial(unsigned short port)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
		return fd;
	perror("connect");
	exit(1);
}

static SSL *dial_tls(void)
{
	SSL *ssl = SSL_new(context);

	SSL_set1_host(ssl, "localhost");
	SSL_set_tlsext_host_name(ssl, "localhost");
	SSL_set_fd(ssl, dial(tls_port));
	if (SSL_connect(ssl) == 1 && SSL_get_verify_result(ssl) == X509_V_OK)
		return ssl;
	ERR_print_errors_fp(stderr);
	exit(1);
}

static void turn(SSL *ssl, int fd, unsigned seed)
{
	char there[SIZE], by_tls[SIZE], plain[SIZE];
	size_t got;

	for (size_t i = 0; i < SIZE; i++)
		there[i] = (char)(seed * 41 + i * 7);
	if (SSL_write(ssl, there, SIZE) != SIZE ||
	    write(fd, there, SIZE) != SIZE)
		exit(1);
	for (got = 0; got < SIZE;) {
		int n = SSL_read(ssl, by_tls + got, (int)(SIZE - got));

		if (n <= 0)
			exit(1);
		got += (size_t)n;
	}
	if (recv(fd, plain, SIZE, MSG_WAITALL) != SIZE ||
	    memcmp(there, by_tls, SIZE) != 0 ||
	    memcmp(there, plain, SIZE) != 0) {
		fprintf(stderr, "other bytes came back\n");
		exit(1);
	}
}

static void *work(void *number)
{
	for (unsigned round = 0; round < ROUNDS; round++) {
		SSL *ssl = dial_tls();
		int fd = dial(plain_port);

		for (unsigned i = 0; i < TURNS; i++)
			turn(ssl, fd, *(unsigned *)number + round + i);
		SSL_shutdown(ssl);
		close(SSL_get_fd(ssl));
		SSL_free(ssl);
		close(fd);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS];
	unsigned numbers[THREADS];

	if (argc != 4)
		return 2;
	tls_port = (unsigned short)atoi(argv[1]);
	plain_port = (unsigned short)atoi(argv[2]);
	context = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	if (!SSL_CTX_load_verify_locations(context, argv[3], NULL))
		return 2;
	for (unsigned i = 0; i < THREADS; i++) {
		numbers[i] = i;
		pthread_create(&threads[i], NULL, work, &numbers[i]);
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	printf("%d by TLS of its own, %d in plaintext, all bytes came back\n",
	       THREADS * ROUNDS, THREADS * ROUNDS);
	return 0;
}
