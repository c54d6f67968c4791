/* Which records of a datagram OpenSSL may see.
 *
 * Anybody who knows both addresses can send a datagram in the server's name, so
 * what is not authentic must change nothing (RFC 6347, 4.1.2.7).  OpenSSL drops
 * what it cannot decrypt, but not in every case.  So a record that the server
 * cannot have sent now is dropped here, before OpenSSL sees it.
 *
 * OpenSSL gets the records of a datagram one by one, as if each had come alone,
 * which is the same to it.
 *
 * Pure.  One thread at a time for each struct xs_dtls.
 */
#include "relay/tls/tls_dtls_private.h"

struct record {
	uint8_t type, major;
	unsigned epoch;
	size_t len;	     /* of the body */
	const uint8_t *body; /* has at least one byte */
};

enum { EPOCH_AT = 3, LEN_AT = 11 };

static struct record read_head(const uint8_t *head)
{
	return (struct record){
		.type = head[0],
		.major = head[1],
		.epoch = (unsigned)head[EPOCH_AT] << 8 | head[EPOCH_AT + 1],
		.len = (size_t)head[LEN_AT] << 8 | head[LEN_AT + 1],
		.body = head + XS_DTLS_HEAD,
	};
}

static bool is_record(const struct record *record)
{
	return record->type >= SSL3_RT_CHANGE_CIPHER_SPEC &&
	       record->type <= SSL3_RT_APPLICATION_DATA &&
	       record->major == DTLS1_VERSION_MAJOR && record->len > 0 &&
	       record->len <= SSL3_RT_MAX_ENCRYPTED_LENGTH;
}

static bool asks_for_cookie(const struct record *record)
{
	return *record->body == DTLS1_MT_HELLO_VERIFY_REQUEST;
}

/* What a server says before there are keys. */
static bool is_plain_type(int type)
{
	switch (type) {
	case SSL3_MT_HELLO_REQUEST:
	case SSL3_MT_SERVER_HELLO:
	case DTLS1_MT_HELLO_VERIFY_REQUEST:
	case SSL3_MT_NEWSESSION_TICKET:
	case SSL3_MT_CERTIFICATE:
	case SSL3_MT_SERVER_KEY_EXCHANGE:
	case SSL3_MT_CERTIFICATE_REQUEST:
	case SSL3_MT_SERVER_DONE:
	case SSL3_MT_CERTIFICATE_STATUS:
		return true;
	default:
		return false;
	}
}

static size_t read_three(const uint8_t *at)
{
	return (size_t)at[0] << 16 | (size_t)at[1] << 8 | at[2];
}

/* The length of the first piece of a message with its head (RFC 6347, 4.2.2),
 * or 0: it is none. */
static size_t piece_len(const uint8_t *at, size_t left)
{
	size_t message, from, len;

	if (left < DTLS1_HM_HEADER_LENGTH || !is_plain_type(at[0]))
		return 0;
	message = read_three(at + 1);
	from = read_three(at + 6);
	len = read_three(at + 9);
	if (message > XS_DTLS_MESSAGE_MAX || from > message ||
	    len > message - from || len > left - DTLS1_HM_HEADER_LENGTH)
		return 0;
	return DTLS1_HM_HEADER_LENGTH + len;
}

static bool is_handshake(const struct record *record)
{
	size_t left = record->len, len;

	for (const uint8_t *at = record->body; left; at += len, left -= len) {
		len = piece_len(at, left);
		if (!len)
			return false;
	}
	return true;
}

/* Not encrypted: only before there are keys. */
static bool may_be_plain(const struct xs_dtls *dtls,
			 const struct record *record)
{
	if (dtls->state != XS_DTLS_HANDSHAKING)
		return false;
	switch (record->type) {
	case SSL3_RT_CHANGE_CIPHER_SPEC:
		return record->len == 1 && *record->body == SSL3_MT_CCS;
	case SSL3_RT_ALERT:
		return record->len == 2;
	case SSL3_RT_HANDSHAKE:
		return is_handshake(record) &&
		       !(asks_for_cookie(record) &&
			 dtls->facts.cookies >= XS_DTLS_COOKIES_MAX);
	default:
		return false;
	}
}

/* Encrypted.  In the handshake the cipher may not be known yet; the shortest
 * thing that is needed then is the server's Finished. */
static bool may_be_secret(struct xs_dtls *dtls, const struct record *record)
{
	enum { FINISHED = DTLS1_HM_HEADER_LENGTH + 12 };

	if (dtls->state == XS_DTLS_OPEN)
		return record->len >= dtls->record_min;
	return record->len >= FINISHED && dtls->early < XS_DTLS_EARLY_MAX &&
	       ++dtls->early;
}

static bool may_pass(struct xs_dtls *dtls, const struct record *record)
{
	if (!is_record(record))
		return false;
	/* Without a renegotiation there is no third epoch. */
	if (record->epoch == 0)
		return may_be_plain(dtls, record);
	return record->epoch == 1 && may_be_secret(dtls, record);
}

size_t xs_dtls_record_next(struct xs_dtls *dtls, const uint8_t **record)
{
	while (dtls->in_len > XS_DTLS_HEAD) {
		struct record head = read_head(dtls->in);
		size_t len = XS_DTLS_HEAD + head.len;

		if (len > dtls->in_len) /* cut short: nobody splits records */
			break;
		*record = dtls->in;
		dtls->in += len;
		dtls->in_len -= len;
		if (may_pass(dtls, &head))
			return len;
	}
	dtls->in_len = 0;
	return 0;
}
