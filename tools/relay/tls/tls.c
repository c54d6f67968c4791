/* TLS on memory; see tls.h.
 *
 * One BIO serves both directions: it reads from and writes to the io of the
 * call under way, which lies in the worker's buffers, so that an idle
 * connection has no ciphertext of its own.  OpenSSL is never told that the
 * TCP stream ended; whoever reads the socket knows that, and whether
 * close_notify came before.
 *
 * Not for: contexts (tls_context.c), who is trusted (tls_verify.c), sentences
 * (tls_error.c).  One thread at a time for each struct xs_tls.
 */
#include "relay/tls/tls_private.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* More than any chain of certificates that OpenSSL takes. */
enum { HANDSHAKE_MAX = 4 * 1024 * 1024 };

static BIO_METHOD *bio_method;
static pthread_once_t bio_once = PTHREAD_ONCE_INIT;

static void remember_first(struct xs_tls_early *early, const uint8_t *data,
			   size_t len)
{
	size_t room = sizeof(early->first) - early->first_len;

	if (!len)
		return;
	early->received += len;
	if (len > room)
		len = room;
	memcpy(early->first + early->first_len, data, len);
	early->first_len += len;
}

static int bio_read(BIO *bio, char *data, size_t size, size_t *len)
{
	struct xs_tls *tls = BIO_get_data(bio);
	struct xs_tls_io *io = tls->io;

	BIO_clear_retry_flags(bio);
	if (tls->cost.flooded) /* an end that makes OpenSSL fail */
		return 0;
	if (!io || !io->in_len) {
		BIO_set_retry_read(bio);
		return -1;
	}
	*len = size < io->in_len ? size : io->in_len;
	memcpy(data, io->in, *len);
	io->in += *len;
	io->in_len -= *len;
	return 1;
}

/* Room is never short when callers keep to XS_TLS_OUT_ROOM; if it is, the
 * connection fails rather than lose a byte. */
static int bio_write(BIO *bio, const char *data, size_t size, size_t *len)
{
	struct xs_tls *tls = BIO_get_data(bio);
	struct xs_tls_io *io = tls->io;

	BIO_clear_retry_flags(bio);
	if (!io || size > io->out_size - io->out_len)
		return 0;
	memcpy(io->out + io->out_len, data, size);
	io->out_len += size;
	*len = size;
	return 1;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
	(void)bio;
	(void)number;
	(void)pointer;
	return command == BIO_CTRL_FLUSH;
}

static void make_bio_method(void)
{
	BIO_METHOD *method = BIO_meth_new(
		BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "xsock memory");

	if (!method)
		return;
	BIO_meth_set_read_ex(method, bio_read);
	BIO_meth_set_write_ex(method, bio_write);
	BIO_meth_set_ctrl(method, bio_ctrl);
	bio_method = method;
}

static bool attach_bio(struct xs_tls *tls)
{
	BIO *bio;

	pthread_once(&bio_once, make_bio_method);
	bio = bio_method ? BIO_new(bio_method) : NULL;
	if (!bio)
		return false;
	BIO_set_data(bio, tls);
	BIO_set_init(bio, 1);
	SSL_set_bio(tls->ssl, bio, bio);
	return true;
}

static void free_early(struct xs_tls_early *early)
{
	if (!early)
		return;
	free(early->hello);
	free(early->own_name);
	free(early);
}

struct xs_tls_early *xs_tls_under_way(const struct xs_tls *tls)
{
	return tls->early ? tls->early : tls->later;
}

/* The handshake is over; what it needed serves those that the server may begin
 * from now on.  False: memory is short. */
static bool end_early(struct xs_tls *tls)
{
	struct xs_tls_early *early = tls->early;

	tls->early = NULL;
	if (!xs_tls_context_options(tls->context)->renegotiation) {
		free_early(early);
		return true;
	}
	tls->later = early;
	early->own_name = strdup(early->name);
	early->name = early->own_name;
	return early->name;
}

static const char no_client[] = "cannot make a TLS client";

const char *xs_tls_name(const struct xs_tls_context *context, const char *name)
{
	const char *peer_name = xs_tls_context_options(context)->peer_name;

	return peer_name ? peer_name : name;
}

struct xs_tls *xs_tls_make(struct xs_tls_context *context, const char *name,
			   struct xs_error *err)
{
	struct xs_tls *tls = calloc(1, sizeof(*tls));

	if (!tls)
		goto fail;
	tls->early = calloc(1, sizeof(*tls->early));
	if (!tls->early)
		goto fail;
	xs_tls_context_keep(context);
	tls->context = context;
	tls->early->name = xs_tls_name(context, name);
	ERR_clear_error();
	tls->ssl = xs_tls_context_new_ssl(context);
	if (!tls->ssl || xs_tls_verify_setup(tls, err) < 0)
		goto fail;
	SSL_set_connect_state(tls->ssl);
	return tls;
fail:
	if (!xs_error_is_set(err))
		xs_tls_error_setup(err, no_client);
	xs_tls_free(tls);
	return NULL;
}

struct xs_tls *xs_tls_new(struct xs_tls_context *context, const char *name,
			  struct xs_error *err)
{
	struct xs_tls *tls = xs_tls_make(context, name, err);

	if (!tls || attach_bio(tls))
		return tls;
	xs_tls_error_setup(err, no_client);
	xs_tls_free(tls);
	return NULL;
}

/* The session of a handshake that has not ended in good order, also when the
 * server said nothing: the next one is in full. */
static void give_session_back(struct xs_tls *tls)
{
	if (!tls->early->spoke)
		xs_tls_sessions_return(tls);
	else if (!SSL_is_init_finished(tls->ssl))
		xs_tls_sessions_drop(xs_tls_context_sessions(tls->context),
				     tls->server);
}

void xs_tls_free(struct xs_tls *tls)
{
	if (!tls)
		return;
	if (tls->early && tls->early->offers_session)
		give_session_back(tls);
	SSL_free(tls->ssl);
	free_early(tls->early);
	free_early(tls->later);
	/* Last: providers that ssl uses may be the context's. */
	xs_tls_context_put(tls->context);
	free(tls->server);
	free(tls);
}

void xs_tls_resume(struct xs_tls *tls, const char *server)
{
	struct xs_tls_sessions *sessions =
		xs_tls_context_sessions(tls->context);

	if (!sessions || tls->server ||
	    asprintf(&tls->server, "%s %s", server, tls->early->name) < 0)
		return;
	xs_tls_sessions_use(sessions, tls->server, tls->ssl);
	tls->early->offers_session = SSL_get0_session(tls->ssl);
}

struct xs_tls_context *xs_tls_context_of(const struct xs_tls *tls)
{
	return tls->context;
}

bool xs_tls_heard(const struct xs_tls *tls)
{
	return !tls->early || tls->early->received > 0;
}

/* OpenSSL's buffers, of 16 KiB each way, because most connections are idle most
 * of the time: freed after each call, not after each record.  With half a
 * record in one, both stay. */
void xs_tls_free_buffers(struct xs_tls *tls)
{
	if (!(SSL_get_mode(tls->ssl) & SSL_MODE_RELEASE_BUFFERS))
		SSL_free_buffers(tls->ssl);
}

/* To look takes less time than to clear. */
void xs_tls_clear_errors(void)
{
	if (ERR_peek_error())
		ERR_clear_error();
}

/* OpenSSL's part of a handshake; *why is what SSL_get_error says. */
int xs_tls_do_handshake(struct xs_tls *tls, struct xs_tls_io *io, int *why)
{
	unsigned failures = xs_tls_memory_failures();
	int done;

	tls->io = io;
	ERR_clear_error();
	done = SSL_do_handshake(tls->ssl);
	if (xs_tls_memory_failures() != failures)
		xs_tls_context_spoil(tls->context);
	*why = SSL_get_error(tls->ssl, done);
	tls->io = NULL;
	return done;
}

bool xs_tls_prepare(struct xs_tls *tls)
{
	enum { ROOM = XS_TLS_OUT_ROOM(0) };
	struct xs_tls_io io = { .out = malloc(ROOM), .out_size = ROOM };
	uint8_t *hello = NULL;
	int why = SSL_ERROR_SSL;

	if (io.out)
		xs_tls_do_handshake(tls, &io, &why);
	xs_tls_free_buffers(tls);
	if (why == SSL_ERROR_WANT_READ && io.out_len)
		hello = realloc(io.out, io.out_len);
	ERR_clear_error();
	if (!hello) {
		free(io.out);
		return false;
	}
	tls->early->hello = hello;
	tls->early->hello_len = io.out_len;
	return true;
}

/* Sends what xs_tls_prepare has made; io has room for it. */
static enum xs_tls_result send_hello(struct xs_tls_early *early,
				     struct xs_tls_io *io)
{
	memcpy(io->out, early->hello, early->hello_len);
	io->out_len = early->hello_len;
	early->sent = early->hello_len;
	free(early->hello);
	early->hello = NULL;
	return XS_TLS_WANT;
}

void xs_tls_group(const struct xs_tls *tls, char *group, size_t size)
{
	int id = (int)SSL_get_negotiated_group(tls->ssl);
	const char *name = id ? SSL_group_to_name(tls->ssl, id) : NULL;
	struct xs_tls_text text = { group, size };
	EVP_PKEY *key = NULL;

	*group = '\0';
	if (name) {
		xs_tls_add_foreign(&text, name, strlen(name), size);
	} else if (SSL_get_peer_tmp_key(tls->ssl, &key)) {
		/* TLS 1.2 with the server's own Diffie-Hellman parameters. */
		xs_tls_add(&text, "%s %d bits", EVP_PKEY_get0_type_name(key),
			   EVP_PKEY_get_bits(key));
		EVP_PKEY_free(key);
	}
}

/* OpenSSL is content; are we? */
static enum xs_tls_result finish_handshake(struct xs_tls *tls,
					   struct xs_tls_summary *summary,
					   struct xs_error *err)
{
	if (xs_tls_verify_finish(tls, err) < 0) {
		tls->broken = true;
		return XS_TLS_FAILED;
	}
	summary->version = SSL_get_version(tls->ssl);
	summary->cipher = SSL_get_cipher_name(tls->ssl);
	summary->resumed = xs_tls_resumed(tls);
	xs_tls_group(tls, summary->group, sizeof(summary->group));
	xs_tls_verify_summary(tls, summary);
	/* It does not know our sessions any more: neither that of a spare. */
	if (tls->early->offers_session && !summary->resumed)
		xs_tls_spare_drop(tls);
	if (end_early(tls))
		return XS_TLS_DONE;
	tls->broken = true;
	xs_error_set(err, XS_ERR_SYSTEM, ENOMEM, "out of memory");
	return XS_TLS_FAILED;
}

/* Time may have passed since it was chosen: a full handshake then. */
static void forget_ended_session(struct xs_tls *tls)
{
	const SSL_SESSION *session = SSL_get0_session(tls->ssl);

	if (!session || xs_tls_bound_holds(session))
		return;
	SSL_set_session(tls->ssl, NULL);
	tls->early->offers_session = false;
}

void xs_tls_speak(struct xs_tls *tls)
{
	if (!tls->early->spoke && !tls->early->hello)
		forget_ended_session(tls);
	tls->early->spoke = true;
}

enum xs_tls_result xs_tls_judge_handshake(struct xs_tls *tls, int done, int why,
					  struct xs_tls_summary *summary,
					  struct xs_error *err)
{
	if (done == 1)
		return finish_handshake(tls, summary, err);
	if (why == SSL_ERROR_WANT_READ)
		return XS_TLS_WANT;
	tls->broken = true;
	if (!xs_tls_cost_explain(tls, err))
		xs_tls_error_handshake(err, tls, why);
	/* Whatever it was, the next one starts afresh. */
	xs_tls_spare_drop(tls);
	if (tls->server)
		xs_tls_sessions_drop(xs_tls_context_sessions(tls->context),
				     tls->server);
	return XS_TLS_FAILED;
}

enum xs_tls_result xs_tls_handshake(struct xs_tls *tls, struct xs_tls_io *io,
				    struct xs_tls_summary *summary,
				    struct xs_error *err)
{
	int done, why;

	xs_tls_speak(tls);
	if (tls->early->hello)
		return send_hello(tls->early, io);
	remember_first(tls->early, io->in, io->in_len);
	if (tls->early->received > HANDSHAKE_MAX) {
		tls->broken = true;
		xs_error_set(err, XS_ERR_PROTOCOL, 0,
			     "the server sent more than %d KiB and no end of "
			     "the handshake (is it a TLS server?)",
			     HANDSHAKE_MAX / 1024);
		return XS_TLS_FAILED;
	}
	done = xs_tls_do_handshake(tls, io, &why);
	xs_tls_free_buffers(tls);
	if (!tls->early->received)
		tls->early->sent += io->out_len;
	return xs_tls_judge_handshake(tls, done, why, summary, err);
}

/* OpenSSL has no call that frees it, but one that makes a key empty: giving it
 * a type.  NULL is fine. */
static void empty_key(EVP_PKEY *key)
{
	if (key)
		EVP_PKEY_set_type(key, EVP_PKEY_RSA);
	EVP_PKEY_free(key);
}

void xs_tls_settle(struct xs_tls *tls)
{
	EVP_PKEY *ours = NULL, *theirs = NULL;

	if (tls->early)
		return;
	SSL_get_tmp_key(tls->ssl, &ours);
	SSL_get_peer_tmp_key(tls->ssl, &theirs);
	empty_key(ours);
	empty_key(theirs);
	ERR_clear_error();
}

enum xs_tls_result xs_tls_write(struct xs_tls *tls, struct xs_tls_io *io,
				const void *data, size_t len,
				struct xs_error *err)
{
	size_t written;
	int done, why;

	xs_tls_cost_forget(tls);
	tls->io = io;
	ERR_clear_error();
	done = SSL_write_ex(tls->ssl, data, len, &written);
	why = done ? SSL_ERROR_NONE : SSL_get_error(tls->ssl, done);
	tls->io = NULL;
	xs_tls_free_buffers(tls);
	if (done && written == len)
		return XS_TLS_DONE;
	tls->broken = true;
	xs_tls_error_open(err, tls, why);
	return XS_TLS_FAILED;
}

bool xs_tls_is_busy(const struct xs_tls *tls)
{
	return !tls->early && SSL_in_init(tls->ssl);
}

static enum xs_tls_result judge_read(struct xs_tls *tls, int result,
				     struct xs_error *err)
{
	int why = SSL_get_error(tls->ssl, result);

	if (why == SSL_ERROR_WANT_READ)
		return XS_TLS_WANT;
	if (why == SSL_ERROR_ZERO_RETURN)
		return XS_TLS_CLOSED;
	tls->broken = true;
	if (!xs_tls_cost_explain(tls, err))
		xs_tls_error_open(err, tls, why);
	return XS_TLS_FAILED;
}

enum xs_tls_result xs_tls_read(struct xs_tls *tls, struct xs_tls_io *io,
			       void *data, size_t size, size_t *len,
			       struct xs_error *err)
{
	enum xs_tls_result result = XS_TLS_WANT;

	*len = 0;
	tls->io = io;
	/* A last read that only says "want" is spared when nothing is left, and
	 * no renegotiation waits for one. */
	while (io->in_len || SSL_has_pending(tls->ssl) ||
	       SSL_renegotiate_pending(tls->ssl)) {
		size_t got;
		int done;

		xs_tls_clear_errors();
		done = SSL_read_ex(tls->ssl, (uint8_t *)data + *len,
				   size - *len, &got);
		if (!done) {
			result = judge_read(tls, done, err);
			break;
		}
		*len += got;
		xs_tls_cost_progress(tls, got);
	}
	tls->io = NULL;
	xs_tls_free_buffers(tls);
	/* A renegotiation may have changed who it is. */
	if (result == XS_TLS_WANT && tls->later && !SSL_in_init(tls->ssl) &&
	    xs_tls_verify_finish(tls, err) < 0) {
		tls->broken = true;
		return XS_TLS_FAILED;
	}
	return result;
}

bool xs_tls_has_half_close(const struct xs_tls *tls)
{
	return SSL_version(tls->ssl) >= TLS1_3_VERSION;
}

bool xs_tls_ends_late(const struct xs_tls *tls)
{
	return !xs_tls_has_half_close(tls) &&
	       !xs_tls_context_options(tls->context)->half_close;
}

void xs_tls_close(struct xs_tls *tls, struct xs_tls_io *io)
{
	if (tls->closed || tls->broken || tls->early)
		return;
	tls->closed = true;
	tls->io = io;
	ERR_clear_error();
	SSL_shutdown(tls->ssl);
	tls->io = NULL;
	xs_tls_free_buffers(tls);
	ERR_clear_error();
}
