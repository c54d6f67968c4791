/* What a server may cost a worker, which has other connections, too.
 *
 * Messages of TLS itself (KeyUpdate, tickets, requests for a renegotiation,
 * warnings) cost more than they weigh: a KeyUpdate of 27 bytes is 10 µs of a
 * worker.  OpenSSL ends a flood of empty records and of warnings, but none of
 * KeyUpdates or tickets.  Here a server has so many of them, and one more for
 * each second and each few kilobytes of data.
 *
 * A Diffie-Hellman group that the server chooses freely (TLS 1.2, or one of the
 * large ones of RFC 7919) costs by the third power of its length: 0.5 s with
 * 8192 bits.
 *
 * Any thread; one at a time for each struct xs_tls.
 */
#include "relay/tls/tls_private.h"

#include "base/clock.h"

#include <openssl/err.h>
#include <stdatomic.h>
#include <string.h>

/* No server sends more: two tickets, a KeyUpdate now and then.  So many bytes
 * of data pay for one: a byte behind each is no excuse. */
enum { MESSAGES_MAX = 64, BYTES_FOR_ONE = 4096 };

/* One handshake of 8192 bits costs as much as eight of 4096, and those as much
 * as a hundred with elliptic curves. */
enum { DH_BITS_MAX = 4096 };

/* --- messages ------------------------------------------------------------ */

void xs_tls_cost_message(struct xs_tls *tls)
{
	int64_t now = xs_clock_coarse_ms() / 1000;
	int64_t passed = now - tls->cost.since;

	/* A handshake is bounded in bytes (HANDSHAKE_MAX). */
	if (tls->early)
		return;
	tls->cost.since = now;
	tls->cost.messages -= passed < tls->cost.messages ? (unsigned)passed
							  : tls->cost.messages;
	if (++tls->cost.messages > MESSAGES_MAX)
		tls->cost.flooded = true;
}

/* What OpenSSL reads, before it handles it (SSL_set_msg_callback(3)). */
static void note_message(int ours, int version, int type, const void *data,
			 size_t len, SSL *ssl, void *unused)
{
	struct xs_tls *tls = SSL_get_app_data(ssl);

	(void)version;
	(void)unused;
	if (ours || !tls)
		return;
	if (type == SSL3_RT_HEADER) {
		tls->cost.records++;
		/* With TLS 1.3 nothing else tells of them. */
		if (len && *(const uint8_t *)data == SSL3_RT_CHANGE_CIPHER_SPEC)
			xs_tls_cost_message(tls);
	} else if (type == SSL3_RT_HANDSHAKE || type == SSL3_RT_ALERT) {
		xs_tls_cost_message(tls);
	}
}

void xs_tls_cost_progress(struct xs_tls *tls, size_t bytes)
{
	size_t paid;

	if (!tls->cost.messages)
		return;
	bytes += tls->cost.bytes;
	paid = bytes / BYTES_FOR_ONE;
	tls->cost.bytes = (unsigned)(bytes % BYTES_FOR_ONE);
	tls->cost.messages -=
		paid < tls->cost.messages ? (unsigned)paid : tls->cost.messages;
}

void xs_tls_cost_forget(struct xs_tls *tls)
{
	tls->cost.messages = 0;
}

unsigned xs_tls_take_records(struct xs_tls *tls)
{
	unsigned records = tls->cost.records;

	tls->cost.records = 0;
	return records;
}

/* --- Diffie-Hellman ------------------------------------------------------ */

typedef int security(const SSL *ssl, const SSL_CTX *context, int op, int bits,
		     int nid, void *other, void *ex);

/* OpenSSL's own, which is the same for all.  Contexts are made, and handshakes
 * run, on different threads. */
static _Atomic(security *) by_level;

/* What OpenSSL asks about a group of a name or of the server's own: its bits,
 * or 0 if it is none. */
static int bits_of(int op, int nid, void *other)
{
	switch (op) {
	case SSL_SECOP_TMP_DH:
		return other ? EVP_PKEY_get_bits(other) : 0;
	case SSL_SECOP_CURVE_SUPPORTED:
	case SSL_SECOP_CURVE_SHARED:
	case SSL_SECOP_CURVE_CHECK:
		return nid == NID_ffdhe8192   ? 8192
		       : nid == NID_ffdhe6144 ? 6144
					      : 0;
	default:
		return 0;
	}
}

static int judge(const SSL *ssl, const SSL_CTX *context, int op, int bits,
		 int nid, void *other, void *ex)
{
	struct xs_tls *tls = ssl ? SSL_get_app_data(ssl) : NULL;
	int len = bits_of(op, nid, other);

	if (len > DH_BITS_MAX) {
		if (tls && op == SSL_SECOP_TMP_DH)
			tls->cost.dh_bits = (unsigned short)len;
		return 0;
	}
	return atomic_load_explicit(&by_level, memory_order_relaxed)(
		ssl, context, op, bits, nid, other, ex);
}

/* Who names such a group, or a level that takes no smaller one, wants it. */
static bool wants_large(const struct xs_options *options, const SSL_CTX *ssl)
{
	return SSL_CTX_get_security_level(ssl) >= 4 ||
	       (options->groups && (strcasestr(options->groups, "ffdhe8192") ||
				    strcasestr(options->groups, "ffdhe6144")));
}

void xs_tls_cost_install(SSL_CTX *ssl)
{
	SSL_CTX_set_msg_callback(ssl, note_message);
}

void xs_tls_cost_limit_groups(SSL_CTX *ssl, const struct xs_options *options)
{
	security *own = SSL_CTX_get_security_callback(ssl);

	if (wants_large(options, ssl))
		return;
	/* All threads store the same. */
	atomic_store_explicit(&by_level, own, memory_order_relaxed);
	SSL_CTX_set_security_callback(ssl, judge);
}

/* --- sentences ----------------------------------------------------------- */

bool xs_tls_cost_explain(const struct xs_tls *tls, struct xs_error *err)
{
	if (tls->cost.flooded)
		xs_error_set(err, XS_ERR_PROTOCOL, 0,
			     "the server sent more than %d messages of TLS "
			     "itself (KeyUpdate, tickets, warnings) and hardly "
			     "any data: given up, because that holds up others",
			     MESSAGES_MAX);
	else if (tls->cost.dh_bits)
		xs_error_set(
			err, XS_ERR_PROTOCOL, 0,
			"the server's Diffie-Hellman group has %u bits, "
			"more than %d: a handshake with it holds up others "
			"(let the server offer ECDHE or a smaller group; "
			"groups=ffdhe8192:X25519 in the rule takes it)",
			tls->cost.dh_bits, DH_BITS_MAX);
	else
		return false;
	ERR_clear_error();
	return true;
}
