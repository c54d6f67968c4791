#!/bin/sh
# A connection of OpenSSL that is cut takes away the session of another one, which
# is open.
#
# Seen with: libssl 3.5.9-1~deb13u1 (Debian 13); the same with 3.0.19 (Debian 12).
# Input: client A keeps the session of its connection (SSL_CTX_sess_set_new_cb);
#   client B resumes it (SSL_set_session), and is freed without a close_notify.
#   Before and behind that: is A's session resumable (SSL_SESSION_is_resumable)?
# Expected: yes both times.  SSL_shutdown(3) says that a session whose connection is
#   not shut down is bad; but it is B that was cut, and A is open.
# Seen: no, behind it.  Both have the same object, and it is the object that OpenSSL
#   marks (ssl_clear_bad_session in ssl/ssl_lib.c).
# For xsock: FTP servers may demand that a data connection resumes the session of its
#   control connection (vsftpd, require_ssl_reuse).  A client with several control
#   connections lost transfers when one of them was cut.  Whoever resumes has a copy
#   now (SSL_SESSION_dup; tools/relay/tls/tls_session.c).
. "$(dirname "$0")/debian.sh"
debian_root trixie gcc-14 libssl-dev=3.5.9-1~deb13u1 libc6-dev coreutils dash \
	openssl=3.5.9-1~deb13u1

cat >"$root/tmp/cut.c" <<'END'
#include <openssl/ssl.h>
#include <stdio.h>

static SSL_SESSION *kept;

static int keep(SSL *ssl, SSL_SESSION *session)
{
	(void)ssl;
	SSL_SESSION_free(kept);
	kept = session;
	return 1;
}

struct line {
	SSL *client, *server;
};

static struct line line_open(SSL_CTX *client, SSL_CTX *server)
{
	struct line line = { SSL_new(client), SSL_new(server) };
	BIO *a, *b;
	char byte;

	BIO_new_bio_pair(&a, 0, &b, 0);
	SSL_set_bio(line.client, a, a);
	SSL_set_bio(line.server, b, b);
	SSL_set_connect_state(line.client);
	SSL_set_accept_state(line.server);
	if (kept)
		SSL_set_session(line.client, kept);
	for (int i = 0; i < 10; i++) {
		SSL_do_handshake(line.client);
		SSL_do_handshake(line.server);
	}
	/* The tickets lie behind the handshake. */
	SSL_read(line.client, &byte, 1);
	return line;
}

static void show(const SSL *ssl)
{
	printf("%s ", SSL_SESSION_is_resumable(SSL_get0_session(ssl)) ? "yes"
								     : "no");
}

int main(void)
{
	SSL_CTX *client = SSL_CTX_new(TLS_client_method());
	SSL_CTX *server = SSL_CTX_new(TLS_server_method());
	struct line a, b;

	SSL_CTX_use_certificate_file(server, "cert", SSL_FILETYPE_PEM);
	SSL_CTX_use_PrivateKey_file(server, "key", SSL_FILETYPE_PEM);
	SSL_CTX_set_num_tickets(server, 1);
	SSL_CTX_set_session_cache_mode(client, SSL_SESS_CACHE_CLIENT);
	SSL_CTX_sess_set_new_cb(client, keep);
	a = line_open(client, server);
	show(a.client);
	b = line_open(client, server);
	printf("%s ", SSL_session_reused(b.client) ? "resumed" : "full");
	SSL_free(b.client);
	show(a.client);
	puts("");
	return 0;
}
END
seen "A's session, B's handshake, A's session when B was cut" "yes resumed no " \
	"$(debian_run sh -c 'cd /tmp && openssl req -x509 -newkey ec \
		-pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost \
		-keyout key -out cert >log 2>&1 &&
		gcc-14 -o cut cut.c -lssl -lcrypto && ./cut' 2>&1)"
finding_end
