/* A DTLS server for tests: sends every datagram back.
 *
 *     dtls_server CERTS/NAME|-|mute [PORT]
 *
 * With "-" in place of a certificate it speaks no DTLS, and sends back what
 * comes as it is; with "mute" it sends nothing.
 * Prints "port N", then a line for each thing that happens: "plain N" for a
 * datagram that is no record of DTLS (N counts them), "open", "datagram LEN",
 * "end close_notify" or "end".  What a client sends may be a command: "close"
 * makes the server say goodbye, "forget" makes it forget this client, as a
 * server does that is started anew.  Demands cookies (RFC 6347, 4.2.1).  Ends
 * when it is killed. */
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <signal.h>
#include <unistd.h>

static struct sockaddr_in own = { .sin_family = AF_INET };

/* Whoever knows this is at the address that it claims: good enough here. */
static int make_cookie(SSL *ssl, unsigned char *cookie, unsigned int *len)
{
	BIO_ADDR *peer = BIO_ADDR_new();
	unsigned short port;

	BIO_dgram_get_peer(SSL_get_rbio(ssl), peer);
	port = BIO_ADDR_rawport(peer);
	BIO_ADDR_free(peer);
	memcpy(cookie, "cookie", 6);
	memcpy(cookie + 6, &port, sizeof(port));
	*len = 6 + sizeof(port);
	return 1;
}

static int check_cookie(SSL *ssl, const unsigned char *cookie, unsigned int len)
{
	unsigned char wanted[16];
	unsigned int wanted_len;

	make_cookie(ssl, wanted, &wanted_len);
	return len == wanted_len && memcmp(cookie, wanted, len) == 0;
}

static int open_socket(void)
{
	const int on = 1;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&own, sizeof(own)) < 0) {
		perror("bind");
		exit(1);
	}
	return fd;
}

static SSL_CTX *make_context(const char *cert)
{
	SSL_CTX *context = SSL_CTX_new(DTLS_server_method());
	char name[512];

	snprintf(name, sizeof(name), "%s.pem", cert);
	if (SSL_CTX_use_certificate_chain_file(context, name) != 1 ||
	    (snprintf(name, sizeof(name), "%s.key", cert),
	     SSL_CTX_use_PrivateKey_file(context, name, SSL_FILETYPE_PEM)) !=
		    1) {
		ERR_print_errors_fp(stderr);
		exit(1);
	}
	SSL_CTX_set_cookie_generate_cb(context, make_cookie);
	SSL_CTX_set_cookie_verify_cb(context, check_cookie);
	SSL_CTX_set_options(context, SSL_OP_COOKIE_EXCHANGE);
	return context;
}

/* Waits for a datagram.  Is it the ClientHello of another client, which has the
 * port of this one?  A client that was killed says no goodbye, and a server
 * that stays with it would never answer the next one.  This client's own comes
 * twice when the answer took a second (RFC 6347, 4.2.4), and is passed over. */
static bool comes_anew(SSL *ssl)
{
	enum { HANDSHAKE = 22, CLIENT_HELLO = 1, TYPE = 13, RANDOM = 27 };
	unsigned char first[RANDOM + SSL3_RANDOM_SIZE];
	unsigned char own_random[SSL3_RANDOM_SIZE];
	int fd = SSL_get_fd(ssl);
	ssize_t got;

	SSL_get_client_random(ssl, own_random, sizeof(own_random));
	for (;;) {
		got = recv(fd, first, sizeof(first), MSG_PEEK);
		if (got < 0 && (errno == ECONNREFUSED || errno == EINTR))
			continue;
		if (got != sizeof(first) || first[0] != HANDSHAKE || first[3] ||
		    first[4] || first[TYPE] != CLIENT_HELLO)
			return false;
		if (memcmp(first + RANDOM, own_random, sizeof(own_random)) != 0)
			return true;
		recv(fd, first, sizeof(first), 0);
	}
}

/* One client; the socket is connected to it. */
static void serve(SSL *ssl)
{
	char data[20000];
	int got;

	if (SSL_accept(ssl) != 1) {
		printf("refused\n");
		return;
	}
	printf("open%s\n", SSL_session_reused(ssl) ? " resumed" : "");
	/* A client that has gone refuses what is sent to it; what it has sent
	 * before is still to be read. */
	while ((SSL_has_pending(ssl) || !comes_anew(ssl)) &&
	       (errno = 0, (got = SSL_read(ssl, data, sizeof(data))) > 0 ||
				   errno == ECONNREFUSED)) {
		if (got <= 0)
			continue;
		printf("datagram %d\n", got);
		if (got == 6 && memcmp(data, "forget", 6) == 0)
			return;
		if (got == 5 && memcmp(data, "close", 5) == 0) {
			SSL_shutdown(ssl);
			break;
		}
		SSL_write(ssl, data, got);
	}
	printf("end%s\n", SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN
				  ? " close_notify"
				  : "");
}

/* A datagram that begins neither a handshake nor anything else of DTLS. */
static bool take_plain(int fd)
{
	static int count;
	unsigned char first[3];
	ssize_t got = recv(fd, first, sizeof(first), MSG_PEEK);

	if (got < 0 ||
	    (got == 3 && first[0] >= 20 && first[0] <= 23 && first[1] == 0xfe))
		return false;
	got = recv(fd, first, sizeof(first), 0);
	printf("plain %d\n", ++count);
	return true;
}

/* Waits for a client that has answered with a cookie. */
static SSL *wait_for_client(SSL_CTX *context, int fd, BIO_ADDR *peer)
{
	SSL *ssl = SSL_new(context);
	BIO *bio = BIO_new_dgram(fd, BIO_NOCLOSE);
	struct pollfd ready = { .fd = fd, .events = POLLIN };

	SSL_set_bio(ssl, bio, bio);
	do
		while (poll(&ready, 1, -1) < 1 || take_plain(fd))
			;
	while (DTLSv1_listen(ssl, peer) <= 0);
	return ssl;
}

static int serve_plain(int fd, bool answers)
{
	static char data[65536];
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	ssize_t got;

	while ((got = recvfrom(fd, data, sizeof(data), 0,
			       (struct sockaddr *)&from, &len)) >= 0) {
		printf("datagram %zd\n", got);
		if (answers)
			sendto(fd, data, (size_t)got, 0,
			       (struct sockaddr *)&from, len);
	}
	return 1;
}

int main(int argc, char **argv)
{
	socklen_t len = sizeof(own);
	SSL_CTX *context;
	int fd;

	if (argc < 2)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGCHLD, SIG_IGN);
	own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	own.sin_port = htons((unsigned short)(argc > 2 ? atoi(argv[2]) : 0));
	fd = open_socket();
	getsockname(fd, (struct sockaddr *)&own, &len);
	printf("port %d\n", ntohs(own.sin_port));
	if (strcmp(argv[1], "-") == 0 || strcmp(argv[1], "mute") == 0)
		return serve_plain(fd, argv[1][0] == '-');
	context = make_context(argv[1]);
	for (;;) {
		BIO_ADDR *peer = BIO_ADDR_new();
		SSL *ssl = wait_for_client(context, fd, peer);

		if (fork() == 0) {
			struct sockaddr_in to = { .sin_family = AF_INET };
			size_t size = sizeof(to.sin_addr);
			int mine = open_socket();

			prctl(PR_SET_PDEATHSIG, SIGKILL);
			BIO_ADDR_rawaddress(peer, &to.sin_addr, &size);
			to.sin_port = BIO_ADDR_rawport(peer);
			connect(mine, (struct sockaddr *)&to, sizeof(to));
			BIO_set_fd(SSL_get_rbio(ssl), mine, BIO_NOCLOSE);
			BIO_ctrl(SSL_get_rbio(ssl),
				 BIO_CTRL_DGRAM_SET_CONNECTED, 0, peer);
			serve(ssl);
			_exit(0);
		}
		SSL_free(ssl);
		BIO_ADDR_free(peer);
	}
}
