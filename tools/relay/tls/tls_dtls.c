/* DTLS on memory; see tls_dtls.h.
 *
 * An association is a struct xs_tls over another BIO (tls_dtls_bio.c), so that
 * everything that is not about datagrams is done by the same code: contexts,
 * verification, sentences, sessions.
 *
 * How large a datagram of the handshake may be changes with time.  The
 * ClientHello is never in two, because many servers that ask for a cookie lose
 * the second half.  What comes behind the ServerHello fits the path.  If it is
 * not answered, it is sent again in such pieces as every path takes.
 *
 * One thread at a time for each struct xs_dtls.
 */
#include "relay/tls/tls_dtls_private.h"
#include "relay/tls/tls_psk.h"

#include "base/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* OpenSSL collects the messages of a flight in a buffer of 4096 bytes
 * (BIO_f_buffer(3)), and cuts at its end whatever the MTU is.  It does not
 * count what encryption adds to a Finished: 8 bytes and 16 with GCM. */
enum {
	HELLO_MTU = 4032,
	FINISHED_EXTRA = 32,
	FALLBACK = 508, /* of UDP, in IPv4's 576 (RFC 791, 3.1) */
};

/* In microseconds, as OpenSSL counts. */
enum { FIRST_WAIT = 1000 * 1000, LONGEST_WAIT = 60 * 1000 * 1000 };

static size_t at_most(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* --- what OpenSSL asks and tells ---------------------------------------- */

static void limit_flights(struct xs_dtls *dtls)
{
	size_t mtu = dtls->payload - FINISHED_EXTRA;

	if (dtls->small)
		mtu = at_most(mtu, FALLBACK - FINISHED_EXTRA);
	if (dtls->answered)
		SSL_set_mtu(dtls->tls->ssl, at_most(mtu, HELLO_MTU));
}

/* How long to wait for an answer, after timer_us were in vain; 0: for the
 * first.  Two in vain: the path may be narrower than it seems. */
static unsigned int next_wait(SSL *ssl, unsigned int timer_us)
{
	struct xs_dtls *dtls = xs_dtls_of(ssl);

	if (!timer_us)
		return FIRST_WAIT;
	dtls->facts.resent++;
	if (timer_us > FIRST_WAIT)
		dtls->small = true;
	limit_flights(dtls);
	return timer_us > LONGEST_WAIT / 2 ? LONGEST_WAIT : 2 * timer_us;
}

static void note_message(struct xs_dtls *dtls, int type)
{
	dtls->effect = true;
	if (dtls->state == XS_DTLS_OPEN)
		xs_tls_cost_message(dtls->tls);
	if (type == DTLS1_MT_HELLO_VERIFY_REQUEST)
		dtls->facts.cookies++;
	if (type != SSL3_MT_SERVER_HELLO)
		return;
	dtls->answered = true;
	limit_flights(dtls);
}

/* What was read is whole; once there are keys, it is the server's.  (Heads of
 * records are told before they are looked at: anybody's.) */
static void note(int ours, int version, int content, const void *data,
		 size_t len, SSL *ssl, void *unused)
{
	struct xs_dtls *dtls = ours ? NULL : xs_dtls_of(ssl);

	(void)version;
	(void)unused;
	if (!dtls)
		return;
	if (content == SSL3_RT_HANDSHAKE || content == SSL3_RT_ALERT)
		note_message(dtls, content == SSL3_RT_HANDSHAKE && len
					   ? *(const uint8_t *)data
					   : -1);
}

/* Without encrypt-then-MAC: with it, OpenSSL (3.0 to 3.5) does not drop all
 * that is not authentic.  Its other way with CBC takes the same time whatever
 * is wrong, and an AEAD needs neither. */
void xs_dtls_install(SSL_CTX *ssl)
{
	SSL_CTX_set_options(ssl, SSL_OP_NO_QUERY_MTU | SSL_OP_NO_RENEGOTIATION |
					 SSL_OP_NO_ENCRYPT_THEN_MAC);
	SSL_CTX_set_msg_callback(ssl, note);
}

/* --- its life ----------------------------------------------------------- */

static bool attach(struct xs_dtls *dtls, const struct xs_dtls_setup *setup,
		   struct xs_error *err)
{
	BIO *bio;

	if (!dtls->name || !dtls->story)
		return false;
	dtls->tls = xs_tls_make(setup->context, dtls->name, err);
	bio = dtls->tls ? xs_dtls_bio(dtls) : NULL;
	if (!bio)
		return false;
	SSL_set_bio(dtls->tls->ssl, bio, bio);
	DTLS_set_timer_cb(dtls->tls->ssl, next_wait);
	if (setup->server)
		xs_tls_resume(dtls->tls, setup->server);
	return true;
}

struct xs_dtls *xs_dtls_new(const struct xs_dtls_setup *setup,
			    struct xs_error *err)
{
	struct xs_dtls *dtls = calloc(1, sizeof(*dtls));

	if (dtls) {
		dtls->name = strdup(setup->name);
		dtls->story = calloc(1, sizeof(*dtls->story));
		dtls->send = setup->send;
		dtls->deliver = setup->deliver;
		dtls->user = setup->user;
		xs_dtls_set_payload(dtls, setup->payload);
		if (attach(dtls, setup, err))
			return dtls;
	}
	if (!xs_error_is_set(err))
		xs_error_set(err, XS_ERR_SYSTEM, ENOMEM, "out of memory");
	xs_dtls_free(dtls);
	return NULL;
}

void xs_dtls_free(struct xs_dtls *dtls)
{
	if (!dtls)
		return;
	xs_tls_free(dtls->tls);
	free(dtls->story);
	free(dtls->name);
	free(dtls);
}

/* --- state -------------------------------------------------------------- */

/* Where the error of an association that was settled goes; NULL, which a struct
 * xs_error may be, when memory is short. */
static struct xs_error *error_of(struct xs_dtls *dtls)
{
	if (!dtls->story)
		dtls->story = calloc(1, sizeof(*dtls->story));
	return dtls->story ? &dtls->story->err : NULL;
}

static enum xs_dtls_state fail(struct xs_dtls *dtls)
{
	dtls->tls->broken = true;
	dtls->in_len = 0;
	ERR_clear_error();
	return dtls->state = XS_DTLS_FAILED;
}

static void measure(struct xs_dtls *dtls)
{
	SSL *ssl = dtls->tls->ssl;

	SSL_set_mtu(ssl, (long)dtls->payload);
	dtls->largest =
		at_most(DTLS_get_data_mtu(ssl), SSL3_RT_MAX_PLAIN_LENGTH);
}

/* What an AEAD adds is the same for each record: nonce and tag. */
static size_t shortest_record(SSL *ssl)
{
	enum { SAMPLE = 1024 };

	if (!SSL_CIPHER_is_aead(SSL_get_current_cipher(ssl)))
		return 1;
	SSL_set_mtu(ssl, SAMPLE);
	return SAMPLE - XS_DTLS_HEAD - DTLS_get_data_mtu(ssl);
}

static void open_up(struct xs_dtls *dtls)
{
	dtls->state = XS_DTLS_OPEN;
	xs_tls_memory_shaken(&dtls->shake_buffer);
	dtls->facts.cookie = dtls->facts.cookies > 0;
	dtls->record_min = shortest_record(dtls->tls->ssl);
	measure(dtls);
}

/* OpenSSL says so of a piece of a handshake that it has dropped: no reason, and
 * it can go on.  If it cannot, the server's time runs out. */
static bool is_harmless(int why)
{
	return why == SSL_ERROR_SYSCALL && !ERR_peek_error();
}

/* A record of a handshake that is dropped may end OpenSSL's reading, with
 * others behind it. */
static void shake(struct xs_dtls *dtls)
{
	size_t before;
	int done, why;

	/* What it may write first is not asked for. */
	if (!SSL_alloc_buffers(dtls->tls->ssl)) {
		xs_error_set(error_of(dtls), XS_ERR_SYSTEM, ENOMEM,
			     "out of memory");
		fail(dtls);
		return;
	}
	xs_tls_memory_shake(&dtls->shake_buffer);
	do {
		before = dtls->in_len;
		done = xs_tls_do_handshake(dtls->tls, NULL, &why);
		if (is_harmless(why))
			why = SSL_ERROR_WANT_READ;
	} while (why == SSL_ERROR_WANT_READ && dtls->in_len < before);
	xs_tls_memory_shake(NULL);
	switch (xs_tls_judge_handshake(dtls->tls, done, why,
				       &dtls->story->summary,
				       &dtls->story->err)) {
	case XS_TLS_DONE:
		open_up(dtls);
		break;
	case XS_TLS_WANT:
		break;
	case XS_TLS_CLOSED:
	case XS_TLS_FAILED:
		fail(dtls);
	}
}

/* The server hears the same, as it must (RFC 5246, 7.2.1). */
static void end(struct xs_dtls *dtls)
{
	xs_dtls_close(dtls);
	dtls->in_len = 0;
}

static void judge_read(struct xs_dtls *dtls)
{
	int why = SSL_get_error(dtls->tls->ssl, 0);

	if (why == SSL_ERROR_ZERO_RETURN) {
		end(dtls);
	} else if (why != SSL_ERROR_WANT_READ) {
		xs_tls_error_open(error_of(dtls), dtls->tls, why);
		fail(dtls);
	} else if (dtls->tls->cost.flooded) {
		xs_tls_cost_explain(dtls->tls, error_of(dtls));
		fail(dtls);
	}
}

/* Is there more to read?  A last read that only says "want" is spared, but not
 * the first of all: something may have waited for the end of the handshake. */
static bool has_more(struct xs_dtls *dtls)
{
	if (dtls->state != XS_DTLS_OPEN)
		return false;
	return dtls->in_len || !dtls->caught_up ||
	       SSL_has_pending(dtls->tls->ssl);
}

/* Too large to be cleared for each call. */
static _Thread_local uint8_t plain[SSL3_RT_MAX_PLAIN_LENGTH];

/* All that the datagram has. */
static void read_records(struct xs_dtls *dtls)
{
	size_t before, len;

	while (has_more(dtls)) {
		before = dtls->in_len;
		xs_tls_clear_errors();
		if (SSL_read_ex(dtls->tls->ssl, plain, sizeof(plain), &len)) {
			dtls->effect = true;
			dtls->facts.delivered++;
			xs_tls_cost_progress(dtls->tls, len);
			dtls->deliver(dtls->user, plain, len);
			continue;
		}
		judge_read(dtls);
		dtls->caught_up = true;
		if (!dtls->in_len || dtls->in_len == before)
			break;
	}
}

static void count(struct xs_dtls *dtls, size_t len)
{
	if (!dtls->effect) {
		dtls->facts.dropped++;
		return;
	}
	if (dtls->tls->early)
		dtls->tls->early->received += len;
	dtls->facts.unanswered = 0;
	dtls->facts.heard_ms = xs_clock_coarse_ms();
}

/* --- calls -------------------------------------------------------------- */

enum xs_dtls_state xs_dtls_begin(struct xs_dtls *dtls)
{
	if (dtls->state != XS_DTLS_NEW)
		return dtls->state;
	dtls->state = XS_DTLS_HANDSHAKING;
	xs_tls_speak(dtls->tls);
	SSL_set_mtu(dtls->tls->ssl, HELLO_MTU);
	shake(dtls);
	xs_tls_free_buffers(dtls->tls);
	return dtls->state;
}

enum xs_dtls_state xs_dtls_receive(struct xs_dtls *dtls, const void *datagram,
				   size_t len)
{
	dtls->in = datagram;
	dtls->in_len = len;
	dtls->effect = false;
	if (dtls->state == XS_DTLS_HANDSHAKING)
		shake(dtls);
	if (dtls->state == XS_DTLS_OPEN)
		read_records(dtls);
	count(dtls, len);
	dtls->in_len = 0;
	if (dtls->state != XS_DTLS_OPEN)
		xs_tls_free_buffers(dtls->tls);
	return dtls->state;
}

int xs_dtls_wait(const struct xs_dtls *dtls)
{
	struct timeval left;

	if (dtls->state != XS_DTLS_HANDSHAKING ||
	    !DTLSv1_get_timeout(dtls->tls->ssl, &left))
		return -1;
	if (left.tv_sec >= LONGEST_WAIT / FIRST_WAIT) /* a clock set back */
		return LONGEST_WAIT / 1000;
	return (int)(left.tv_sec * 1000 + (left.tv_usec + 999) / 1000);
}

enum xs_dtls_state xs_dtls_timeout(struct xs_dtls *dtls)
{
	if (dtls->state != XS_DTLS_HANDSHAKING)
		return dtls->state;
	ERR_clear_error();
	if (SSL_alloc_buffers(dtls->tls->ssl) &&
	    DTLSv1_handle_timeout(dtls->tls->ssl) >= 0) {
		xs_tls_free_buffers(dtls->tls);
		return dtls->state;
	}
	xs_dtls_explain_key(dtls, &dtls->story->err);
	xs_error_set(&dtls->story->err, XS_ERR_TIMEOUT, 0,
		     "the server did not finish the DTLS handshake, though it "
		     "was sent %u times (does it speak DTLS on this port?)",
		     dtls->facts.resent);
	xs_dtls_explain_silence(dtls, &dtls->story->err);
	return fail(dtls);
}

static int refuse_write(const struct xs_dtls *dtls, size_t len)
{
	switch (dtls->state) {
	case XS_DTLS_NEW:
	case XS_DTLS_HANDSHAKING:
		return EAGAIN;
	case XS_DTLS_ENDED:
		return EPIPE;
	case XS_DTLS_FAILED:
		return EPROTO;
	case XS_DTLS_OPEN:
		break;
	}
	if (!len)
		return EOPNOTSUPP;
	return len > dtls->largest ? EMSGSIZE : 0;
}

static void count_sent(struct xs_dtls *dtls)
{
	dtls->facts.sent++;
	if (!dtls->facts.unanswered++)
		dtls->facts.asked_ms = xs_clock_coarse_ms();
}

int xs_dtls_write(struct xs_dtls *dtls, const void *data, size_t len)
{
	SSL *ssl = dtls->tls->ssl;
	int refused = refuse_write(dtls, len), why;
	size_t written;

	if (refused)
		return refused;
	xs_tls_cost_forget(dtls->tls);
	dtls->send_error = 0;
	xs_tls_clear_errors();
	/* DTLS does not ask for its buffers when it writes. */
	if (SSL_alloc_buffers(ssl) && SSL_write_ex(ssl, data, len, &written)) {
		count_sent(dtls);
		return dtls->send_error;
	}
	why = SSL_get_error(ssl, 0);
	if (why == SSL_ERROR_WANT_READ)
		return EAGAIN; /* it began something that it did not end */
	xs_tls_error_open(error_of(dtls), dtls->tls, why);
	fail(dtls);
	return EPROTO;
}

void xs_dtls_pause(struct xs_dtls *dtls)
{
	xs_tls_free_buffers(dtls->tls);
}

size_t xs_dtls_largest(const struct xs_dtls *dtls)
{
	return dtls->largest;
}

void xs_dtls_set_payload(struct xs_dtls *dtls, size_t payload)
{
	dtls->payload =
		payload > XS_DTLS_PAYLOAD_MIN ? payload : XS_DTLS_PAYLOAD_MIN;
	if (dtls->state == XS_DTLS_HANDSHAKING)
		limit_flights(dtls);
	else if (dtls->state == XS_DTLS_OPEN)
		measure(dtls);
}

void xs_dtls_close(struct xs_dtls *dtls)
{
	if (dtls->state == XS_DTLS_OPEN && SSL_alloc_buffers(dtls->tls->ssl)) {
		ERR_clear_error();
		SSL_shutdown(dtls->tls->ssl);
		ERR_clear_error();
		xs_tls_free_buffers(dtls->tls);
	}
	if (dtls->state != XS_DTLS_FAILED)
		dtls->state = XS_DTLS_ENDED;
}

/* --- what is known ------------------------------------------------------ */

enum xs_dtls_state xs_dtls_state(const struct xs_dtls *dtls)
{
	return dtls->state;
}

const struct xs_error *xs_dtls_error(const struct xs_dtls *dtls)
{
	static const struct xs_error no_memory = {
		.kind = XS_ERR_SYSTEM,
		.errnum = ENOMEM,
		.text = "out of memory",
	};

	return dtls->story ? &dtls->story->err : &no_memory;
}

bool xs_dtls_offers_session(const struct xs_dtls *dtls)
{
	return dtls->tls->early && dtls->tls->early->offers_session;
}

const struct xs_tls_summary *xs_dtls_summary(const struct xs_dtls *dtls)
{
	const struct xs_dtls_story *story = dtls->story;

	return dtls->largest && story && story->summary.version
		       ? &story->summary
		       : NULL;
}

void xs_dtls_settle(struct xs_dtls *dtls)
{
	if (dtls->state != XS_DTLS_OPEN)
		return;
	xs_tls_settle(dtls->tls);
	free(dtls->story);
	dtls->story = NULL;
}

const struct xs_dtls_facts *xs_dtls_facts(const struct xs_dtls *dtls)
{
	return &dtls->facts;
}

const struct xs_tls *xs_dtls_tls(const struct xs_dtls *dtls)
{
	return dtls->tls;
}

/* What is known of a server that is not heard to the end. */
static void tell_silence(const struct xs_dtls *dtls, char *text, size_t size)
{
	const struct xs_dtls_facts *facts = &dtls->facts;

	*text = '\0';
	if (facts->cookies >= XS_DTLS_COOKIES_MAX)
		snprintf(text, size,
			 "; it asked for a cookie %u times and took none",
			 facts->cookies);
	else if (!facts->heard_ms && facts->dropped)
		snprintf(text, size,
			 "; what came from it is no DTLS (datagrams: %" PRIu64
			 ")",
			 facts->dropped);
}

void xs_dtls_explain_key(const struct xs_dtls *dtls, struct xs_error *err)
{
	/* As long as nothing was sent again, it may just be under way. */
	if (dtls->facts.resent)
		xs_psk_error_end(dtls->tls, err);
}

void xs_dtls_explain_silence(const struct xs_dtls *dtls, struct xs_error *err)
{
	char more[100];
	size_t len;

	xs_tls_explain_silence(dtls->tls, err);
	tell_silence(dtls, more, sizeof(more));
	len = strlen(err->text);
	if (!len || !*more)
		return;
	/* Within the brackets in which the sentence ends. */
	if (err->text[len - 1] == ')')
		len--;
	snprintf(err->text + len, sizeof(err->text) - len, "%s)", more);
}
