/* The farm's servers that libssl can be: one process, one port for each case,
 * each as the third column of the table says that it differs from a good one.
 *
 *     server TABLE FOLDER
 *
 * listen.h has what lands in FOLDER.  Words:
 *
 *     min=V max=V     versions, 1.0 to 1.3
 *     ciphers=LIST    up to TLS 1.2, as openssl-ciphers(1); also switches DH on
 *     groups=LIST     of elliptic curves, and of those above 1.2
 *     dh=BITS         a group of 1024 or 2048 bits for Diffie-Hellman
 *     client=CA       a client certificate of FOLDER/CA.pem is wanted
 *     client-sigs=LIST  the signatures that it takes from a client
 *     alpn=A,B        the protocols that it has, and insists on one
 *     staple          FOLDER/NAME.ocsp is sent to who asks
 *     plain           HTTP without TLS
 *     short-hello=reset|ignore  a ClientHello above 1,400 bytes is too long
 *     hangup          closes at once
 *     ipv6            on [::1] instead of 127.0.0.1
 *     raw             not here: raw.c
 *
 * Its security level is 0: what is refused, the client refuses.
 */
#include "farm.h"
#include "listen.h"

#include <openssl/core_names.h>
#include <openssl/dh.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/ssl.h>

/* --- what it answers --- */

static int take(SSL *tls, int fd, void *buffer, size_t size)
{
	return tls ? SSL_read(tls, buffer, (int)size)
		   : (int)read(fd, buffer, size);
}

static void give(SSL *tls, int fd, const char *text)
{
	if (tls)
		SSL_write(tls, text, (int)strlen(text));
	else if (write(fd, text, strlen(text)) < 0)
		return;
}

static void answer(const struct service *s, SSL *tls, int fd)
{
	char body[256], text[512];
	const unsigned char *alpn = NULL;
	unsigned len = 0;

	if (tls)
		SSL_get0_alpn_selected(tls, &alpn, &len);
	snprintf(body, sizeof(body), "hello from %s, %s, %s, ALPN %.*s\n",
		 s->row->name, tls ? SSL_get_version(tls) : "plain",
		 tls ? SSL_get_cipher(tls) : "none", (int)len,
		 alpn ? (const char *)alpn : "");
	snprintf(text, sizeof(text),
		 "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n"
		 "Connection: close\r\n\r\n%s",
		 strlen(body), body);
	give(tls, fd, text);
}

static void talk(const struct service *s, SSL *tls, int fd)
{
	char request[4096];
	size_t have = 0;
	int got;

	while (have < sizeof(request) - 1) {
		got = take(tls, fd, request + have, sizeof(request) - 1 - have);
		if (got <= 0)
			break;
		/* A ClientHello is no request. */
		if (!tls && have == 0 && request[0] == 0x16) {
			give(NULL, fd, "HTTP/1.1 400 Bad Request\r\n\r\n");
			break;
		}
		if (write(s->data, request + have, (size_t)got) < 0)
			die("data");
		have += (size_t)got;
		request[have] = '\0';
		if (strstr(request, "\r\n\r\n")) {
			answer(s, tls, fd);
			break;
		}
	}
	if (tls)
		SSL_shutdown(tls);
	shutdown(fd, SHUT_WR);
	note(s, "end\n");
}

/* What cannot read more than one segment: resets the connection, or waits for
 * the client to go.  True when it was so. */
static bool is_overtaxed(const struct service *s, int fd)
{
	const struct linger reset = { .l_onoff = 1 };
	const char *how = word(s->row->server, "short-hello");
	unsigned char head[5], rest[4096];

	if (!how || recv(fd, head, 5, MSG_PEEK | MSG_WAITALL) != 5 ||
	    head[3] * 256 + head[4] <= 1400)
		return false;
	if (strcmp(how, "reset") == 0) {
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		return true;
	}
	while (read(fd, rest, sizeof(rest)) > 0)
		;
	return true;
}

static void serve(struct service *s, int fd)
{
	SSL *tls;

	if (word(s->row->server, "hangup"))
		return;
	if (word(s->row->server, "plain")) {
		talk(s, NULL, fd);
		return;
	}
	if (is_overtaxed(s, fd))
		return;
	tls = SSL_new(s->state);
	SSL_set_fd(tls, fd);
	ERR_clear_error();
	if (SSL_accept(tls) == 1) {
		note(s, "handshake %s %s\n", SSL_get_version(tls),
		     SSL_get_cipher(tls));
		talk(s, tls, fd);
	} else {
		note(s, "no handshake: %s\n",
		     ERR_peek_error()
			     ? ERR_reason_error_string(ERR_peek_error())
			     : "cut");
		/* The alert must not be lost to a reset. */
		shutdown(fd, SHUT_WR);
		while (read(fd, (char[512]){ 0 }, 512) > 0)
			;
	}
	SSL_free(tls);
}

/* --- what it is --- */

static int version(const char *text)
{
	static const int versions[] = { TLS1_VERSION, TLS1_1_VERSION,
					TLS1_2_VERSION, TLS1_3_VERSION };

	return text && text[1] == '.' ? versions[text[2] - '0'] : 0;
}

/* 1024 or 2048; even at level 0, libssl has no group below 1024. */
static void set_dh(SSL_CTX *ctx, int bits)
{
	EVP_PKEY_CTX *from = EVP_PKEY_CTX_new_from_name(NULL, "DH", NULL);
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	BIGNUM *p = BN_new(), *g = BN_new();
	EVP_PKEY *key = NULL;

	BN_set_word(g, 2);
	if (bits == 1024)
		BN_get_rfc2409_prime_1024(p);
	else
		BN_get_rfc3526_prime_2048(p);
	OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_FFC_P, p);
	OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_FFC_G, g);
	EVP_PKEY_fromdata_init(from);
	if (EVP_PKEY_fromdata(from, &key, EVP_PKEY_KEY_PARAMETERS,
			      OSSL_PARAM_BLD_to_param(build)) != 1 ||
	    SSL_CTX_set0_tmp_dh_pkey(ctx, key) != 1)
		die("dh");
	EVP_PKEY_CTX_free(from);
	OSSL_PARAM_BLD_free(build);
	BN_free(p);
	BN_free(g);
}

static int select_alpn(SSL *tls, const unsigned char **out, unsigned char *len,
		       const unsigned char *in, unsigned in_len, void *argument)
{
	const char *names = argument;

	(void)tls;
	for (const char *at = names; *at; at += *at == ',') {
		size_t name_len = strcspn(at, ",");

		for (unsigned i = 0; i < in_len; i += 1u + in[i])
			if (in[i] == name_len &&
			    memcmp(in + i + 1, at, name_len) == 0) {
				*out = in + i + 1;
				*len = in[i];
				return SSL_TLSEXT_ERR_OK;
			}
		at += name_len;
	}
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static int send_staple(SSL *tls, void *argument)
{
	unsigned char der[8192], *copy;
	FILE *file = fopen(argument, "re");
	size_t len = file ? fread(der, 1, sizeof(der), file) : 0;

	if (file)
		fclose(file);
	if (len == 0)
		return SSL_TLSEXT_ERR_NOACK;
	copy = OPENSSL_memdup(der, len);
	SSL_set_tlsext_status_ocsp_resp(tls, copy, (long)len);
	return SSL_TLSEXT_ERR_OK;
}

static void set_client(SSL_CTX *ctx, const char *ca)
{
	if (!SSL_CTX_load_verify_file(ctx, path_of(ca, "pem")))
		die(ca);
	SSL_CTX_set_client_CA_list(ctx,
				   SSL_load_client_CA_file(path_of(ca, "pem")));
	SSL_CTX_set_verify(
		ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
}

static void *make_context(const struct row *row)
{
	const char *words = row->server, *value;
	SSL_CTX *ctx;

	if (word(words, "raw"))
		return NULL;
	ctx = SSL_CTX_new(TLS_server_method());
	SSL_CTX_set_security_level(ctx, 0);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	if (SSL_CTX_use_certificate_chain_file(
		    ctx, path_of(row->name, "pem")) != 1 ||
	    SSL_CTX_use_PrivateKey_file(ctx, path_of(row->name, "key"),
					SSL_FILETYPE_PEM) != 1)
		die(row->name);
	SSL_CTX_set_min_proto_version(ctx, (value = word(words, "min"))
						   ? version(value)
						   : TLS1_VERSION);
	SSL_CTX_set_max_proto_version(ctx, version(word(words, "max")));
	if ((value = word(words, "ciphers"))) {
		if (!SSL_CTX_set_cipher_list(ctx, value))
			die(value);
		SSL_CTX_set_dh_auto(ctx, !word(words, "dh"));
	}
	if ((value = word(words, "groups")) &&
	    !SSL_CTX_set1_groups_list(ctx, value))
		die(value);
	if ((value = word(words, "dh")))
		set_dh(ctx, atoi(value));
	if ((value = word(words, "client")))
		set_client(ctx, value);
	if ((value = word(words, "client-sigs")) &&
	    !SSL_CTX_set1_client_sigalgs_list(ctx, value))
		die(value);
	if ((value = word(words, "alpn")))
		SSL_CTX_set_alpn_select_cb(ctx, select_alpn, (void *)value);
	if (word(words, "staple")) {
		SSL_CTX_set_tlsext_status_cb(ctx, send_staple);
		SSL_CTX_set_tlsext_status_arg(
			ctx, strdup(path_of(row->name, "ocsp")));
	}
	return ctx;
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: server TABLE FOLDER\n");
		return 2;
	}
	folder = argv[2];
	read_table(argv[1]);
	serve_all("server", make_context);
}
