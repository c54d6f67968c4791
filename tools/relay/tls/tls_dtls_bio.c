/* The BIO of an association: one read is one record, one write is one datagram.
 *
 * OpenSSL is told that every write has succeeded.  A datagram that could not be
 * sent is like one that was lost on the way, and OpenSSL's timer takes care of
 * it; an error would end the handshake.
 *
 * The MTU is set, never asked for (xs_dtls_install).
 *
 * One thread at a time for each struct xs_dtls.
 */
#include "relay/tls/tls_dtls_private.h"

#include <errno.h>
#include <openssl/bio.h>
#include <pthread.h>
#include <string.h>

static BIO_METHOD *method;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static int read_record(BIO *bio, char *data, size_t size, size_t *len)
{
	struct xs_dtls *dtls = BIO_get_data(bio);
	const uint8_t *record;

	BIO_clear_retry_flags(bio);
	do
		*len = xs_dtls_record_next(dtls, &record);
	while (*len > size);
	if (!*len) {
		BIO_set_retry_read(bio);
		return -1;
	}
	memcpy(data, record, *len);
	/* Not yet known for what is encrypted; but it may be a part of
	 * something. */
	if (dtls->state == XS_DTLS_HANDSHAKING && *record == SSL3_RT_HANDSHAKE)
		dtls->effect = true;
	return 1;
}

static int write_datagram(BIO *bio, const char *data, size_t size, size_t *len)
{
	struct xs_dtls *dtls = BIO_get_data(bio);
	int failed = dtls->send(dtls->user, data, size);

	BIO_clear_retry_flags(bio);
	if (failed)
		dtls->send_error = failed;
	if (failed == EMSGSIZE)
		dtls->small = true;
	if (!dtls->facts.heard_ms && dtls->tls->early)
		dtls->tls->early->sent = size;
	*len = size;
	return 1;
}

/* OpenSSL takes no MTU below 256 bytes less the overhead. */
static long control(BIO *bio, int command, long number, void *pointer)
{
	(void)bio;
	(void)number;
	(void)pointer;
	switch (command) {
	case BIO_CTRL_FLUSH:
	case BIO_CTRL_DGRAM_SET_NEXT_TIMEOUT:
		return 1;
	case BIO_CTRL_DGRAM_GET_MTU_OVERHEAD:
		return 28;
	default:
		return 0;
	}
}

static void make_method(void)
{
	BIO_METHOD *made = BIO_meth_new(
		BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "xsock datagrams");

	if (!made)
		return;
	BIO_meth_set_read_ex(made, read_record);
	BIO_meth_set_write_ex(made, write_datagram);
	BIO_meth_set_ctrl(made, control);
	method = made;
}

BIO *xs_dtls_bio(struct xs_dtls *dtls)
{
	BIO *bio;

	pthread_once(&once, make_method);
	bio = method ? BIO_new(method) : NULL;
	if (!bio)
		return NULL;
	BIO_set_data(bio, dtls);
	BIO_set_init(bio, 1);
	return bio;
}

/* During a handshake there is another BIO in front of it for writing. */
struct xs_dtls *xs_dtls_of(const SSL *ssl)
{
	return BIO_get_data(SSL_get_rbio(ssl));
}
