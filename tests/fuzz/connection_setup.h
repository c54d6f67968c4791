/* How a connection of fuzz_connection.c begins: what is there for all of them,
 * and the request.  Only fuzz_connection.c includes this.
 */
#ifndef XS_FUZZ_CONNECTION_SETUP_H
#define XS_FUZZ_CONNECTION_SETUP_H

#include "connection_sides.h"

static int listen_fd, log_fd;
static uint16_t port;
static char options[RULES][256];

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

static void must_set_up(bool condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "fuzz_connection: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* A server with a certificate of its own; its fingerprint in hexadecimal. */
static SSL_CTX *make_server(char fingerprint[65])
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len;

	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), 864000);
	X509_NAME_add_entry_by_txt(
		X509_get_subject_name(cert), "CN", MBSTRING_ASC,
		(const unsigned char *)"localhost", -1, -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(cert));
	X509_set_pubkey(cert, key);
	must_set_up(X509_sign(cert, key, EVP_sha256()) > 0, "a certificate");
	X509_digest(cert, EVP_sha256(), digest, &len);
	for (unsigned i = 0; i < len; i++)
		snprintf(fingerprint + 2 * i, 3, "%02x", digest[i]);
	SSL_CTX_use_certificate(context, cert);
	SSL_CTX_use_PrivateKey(context, key);
	X509_free(cert);
	EVP_PKEY_free(key);
	return context;
}

/* There is a context for each rule before it is asked for, so that no thread
 * has to make it. */
static void make_contexts(const char *fingerprint)
{
	for (int i = 0; i < RULES; i++) {
		struct xs_tls_policy policy = {
			.scheme = rules[i].scheme,
			.options = options[i],
			.cert_file = "",
			.cert_dir = "",
			.keylog_file = "",
			.openssl_conf = "",
		};
		struct xs_error err = { 0 };
		struct xs_tls_context *context;

		if (strcmp(rules[i].scheme, "tcp") == 0) {
			strcpy(options[i], rules[i].options);
			continue;
		}
		snprintf(options[i], sizeof(options[i]),
			 "verify_peer=0&verify_peer_name=0&peer_fingerprint="
			 "sha256:%s&session_reuse=0%s",
			 fingerprint, rules[i].options);
		context = xs_tls_context_get(&policy, &err);
		if (!context)
			fprintf(stderr, "%s: %s\n", rules[i].name, err.text);
		must_set_up(context, "a context");
		xs_tls_context_put(context);
		context = xs_tls_context_find(&policy);
		must_set_up(context, "a context that is found again");
		xs_tls_context_put(context);
	}
}

static void set_up(void)
{
	static const RAND_METHOD same = {
		.bytes = same_bytes,
		.pseudorand = same_bytes,
		.status = seeded,
	};
	struct sockaddr_in any = { .sin_family = AF_INET };
	socklen_t len = sizeof(any);
	char fingerprint[65], unused[65];

	signal(SIGPIPE, SIG_IGN);
	random_state = 1;
	RAND_set_rand_method(&same);
	right = make_server(fingerprint);
	stranger = make_server(unused);
	make_contexts(fingerprint);
	listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	any.sin_addr.s_addr = htonl(INADDR_ANY);
	must_set_up(bind(listen_fd, (struct sockaddr *)&any, len) == 0 &&
			    listen(listen_fd, 8) == 0 &&
			    getsockname(listen_fd, (struct sockaddr *)&any,
					&len) == 0,
		    "a port on loopback");
	port = any.sin_port;
	log_fd = memfd_create("log", MFD_CLOEXEC);
	worker.buffers = calloc(1, sizeof(*worker.buffers));
	must_set_up(worker.buffers && log_fd >= 0, "memory");
}

/* An address of its own for each input: nothing is left of the one before. */
static struct xs_address next_address(void)
{
	static uint32_t number;
	struct xs_address to = { .v4 = { .sin_family = AF_INET } };

	number = (number + 1) % 0xfffffe;
	to.v4.sin_addr.s_addr = htonl(0x7f000000 | (number + 1));
	/* tcpmux, where nobody listens. */
	to.v4.sin_port = play.refused ? htons(1) : port;
	to.len = sizeof(to.v4);
	return to;
}

/* The datagram and descriptors of the request, as the relay gets them. */
static void begin_connection(const struct xs_wire *request, const int *fds)
{
	static uint8_t datagram[XS_WIRE_MESSAGE_MAX];
	int pair[2], got[XS_WIRE_FDS];
	size_t nfds;
	ssize_t len;

	must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0 &&
		     xs_wire_send(pair[0], request, fds, XS_WIRE_FDS) == 0,
	     "a request");
	len = xs_wire_receive(pair[1], datagram, sizeof(datagram), got,
			      XS_WIRE_FDS, &nfds, 0);
	must(len > 0 && nfds == XS_WIRE_FDS, "a request that arrives");
	close(pair[0]);
	close(pair[1]);
	play.relay_tcp = got[XS_WIRE_FD_TCP];
	play.relay_pair = got[XS_WIRE_FD_RELAY];
	must(xs_connection_connector.begin(&worker, &play.control, datagram,
					   (size_t)len, got, nfds) == 0,
	     "a connection begins");
}

static void begin(void)
{
	struct xs_address to = next_address(), local = { .len = 0 };
	char host[XS_ADDRESS_TEXT_MAX];
	int pair[2], tcp;
	struct xs_pair_info info = { .key = "0123456789abcdef",
				     .asked = to,
				     .local = local };
	struct xs_wire request;

	xs_wire_init(&request, XS_WIRE_CONNECT);
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
			pair) == 0,
	     "a pair");
	tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	request.head.filler = xs_pair_shut_gate(pair[0]);
	must(request.head.filler && xs_pair_name_app(pair[0], &info) == 0,
	     "a gate and a name");
	request.head.id = info.id;
	request.head.family = AF_INET;
	request.head.pid = getpid();
	request.head.app_fd = pair[0];
	request.head.log_level = XS_LOG_DEBUG;
	request.head.idle = -1;
	if (play.dialled) {
		request.string[XS_WIRE_HOST] =
			xs_address_format_ip(&to, host, sizeof(host));
		request.head.port = xs_address_port(&to);
	} else {
		request.head.started = 1;
		request.head.to = to;
		must(connect(tcp, &to.any, to.len) == 0 ||
			     errno == EINPROGRESS || errno == ECONNREFUSED,
		     "a connect");
	}
	request.string[XS_WIRE_PROGRAM] = "fuzz";
	request.string[XS_WIRE_ASKED] = "localhost:1";
	request.string[XS_WIRE_RULE] = "XSOCK_RULES:1:1 *=tls://";
	request.string[XS_WIRE_SCHEME] = play.rule->scheme;
	request.string[XS_WIRE_NAME] = "localhost";
	request.string[XS_WIRE_OPTIONS] = options[play.rule - rules];
	begin_connection(&request, (const int[]){ [XS_WIRE_FD_TCP] = tcp,
						  [XS_WIRE_FD_RELAY] = pair[1],
						  [XS_WIRE_FD_APP] = pair[0],
						  [XS_WIRE_FD_LOG] = log_fd });
	close(pair[1]);
	play.app = pair[0];
	play.tcp = tcp;
	play.server = -1;
	if (play.refused)
		return;
	play.server =
		accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	must(play.server >= 0, "the server accepts");
}

#endif
