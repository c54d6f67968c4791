/* What the files tls_dtls*.c share; no other file includes this, but for the
 * tests. */
#ifndef XS_TLS_DTLS_PRIVATE_H
#define XS_TLS_DTLS_PRIVATE_H

#include "relay/tls/tls_dtls.h"
#include "relay/tls/tls_private.h"

/* Of a record: type, version, epoch, sequence number, length (RFC 6347, 4.1).
 */
enum { XS_DTLS_HEAD = 13 };

/* How often a server is told its cookie.  Nobody asks more than twice: once,
 * and again when its secret has changed meanwhile. */
enum { XS_DTLS_COOKIES_MAX = 8 };

/* Records that come before they can be decrypted are kept by OpenSSL, each in
 * a buffer of 17 KiB.  A server sends one, and again by its timer. */
enum { XS_DTLS_EARLY_MAX = 32 };

/* What a message of a handshake may have: OpenSSL takes 100 KiB of certificates
 * (SSL_CTX_set_max_cert_list(3)), and nothing is longer. */
enum { XS_DTLS_MESSAGE_MAX = SSL_MAX_CERT_LIST_DEFAULT };

struct xs_dtls {
	struct xs_tls *tls;
	char *name;
	xs_dtls_send *send;
	xs_dtls_deliver *deliver;
	void *user;
	size_t payload;
	size_t largest;	   /* 0 before OPEN */
	size_t record_min; /* bytes of a record's body, below which it is none
			      of ours */
	const uint8_t *in; /* what is left of the datagram under way */
	size_t in_len;
	int send_error; /* of the call under way: 0 or errno */
	enum xs_dtls_state state;
	unsigned char early; /* records before they can be decrypted */
	bool answered;	     /* ServerHello is there */
	bool small;	     /* our flights were too large, as it seems */
	bool caught_up;	     /* nothing waits from the handshake */
	bool effect;	     /* the datagram under way changes something */
	struct xs_dtls_facts facts;
	void *shake_buffer;	     /* OpenSSL's (tls_memory.c) */
	struct xs_dtls_story *story; /* NULL: given back */
};

/* What is told once. */
struct xs_dtls_story {
	struct xs_tls_summary summary;
	struct xs_error err;
};

/* tls_dtls_bio.c: what OpenSSL reads from and writes to; NULL: no memory. */
BIO *xs_dtls_bio(struct xs_dtls *dtls);
/* Whose SSL this is. */
struct xs_dtls *xs_dtls_of(const SSL *ssl);

/* tls_dtls_record.c: takes the next record that OpenSSL may see off the
 * datagram under way; its length with the head, or 0: there is none. */
size_t xs_dtls_record_next(struct xs_dtls *dtls, const uint8_t **record);

#endif
