/* Until when a session stands for the verification that it began with.
 *
 * A resumed handshake verifies nothing: it relies on the full handshake whose
 * session it resumes.  That full handshake is only worth as much as what it was
 * verified by, so each session carries two times:
 *
 *     begin   of its full handshake
 *     end     the earliest of: two hours later; the end (notAfter) of any
 *             certificate in the verified chain; the next update of any CRL
 *             that was asked; the next update of the stapled OCSP answer
 *
 * They are in the session itself (its ex_data), because OpenSSL copies those
 * to the tickets that a resumed connection gets.  OpenSSL's own time of a
 * session (SSL_SESSION_get_time) begins anew with each of these tickets.
 *
 * A full handshake with a pre-shared key is only bound by the two hours.
 *
 * tls_verify.c, tls_ocsp.c and tls_psk.c set the bounds, tls_session.c asks for
 * them.  Any thread.
 */
#include "relay/tls/tls_private.h"

#include <pthread.h>

enum { MOST = 7200 }; /* seconds */

static int begin_index = -1, end_index = -1;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make_indexes(void)
{
	begin_index = SSL_SESSION_get_ex_new_index(0, NULL, NULL, NULL, NULL);
	end_index = SSL_SESSION_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

/* A time in place of a pointer: there is nothing to copy or to free. */
static time_t get(const SSL_SESSION *session, int index)
{
	return (time_t)(intptr_t)SSL_SESSION_get_ex_data(session, index);
}

static void set(SSL_SESSION *session, int index, time_t when)
{
	SSL_SESSION_set_ex_data(session, index, (void *)(intptr_t)when);
}

/* Not time(2): it lags some milliseconds behind the clock that OpenSSL 3.2 and
 * later read, so that a new session would be younger than nothing when a second
 * begins. */
time_t xs_tls_bound_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec;
}

void xs_tls_bound_begin(SSL_SESSION *session)
{
	time_t now = xs_tls_bound_now();

	pthread_once(&once, make_indexes);
	if (!session)
		return;
	set(session, begin_index, now);
	set(session, end_index, now + MOST);
}

/* 0 for what cannot be read. */
static time_t time_of(const ASN1_TIME *when)
{
	struct tm date;

	return ASN1_TIME_to_tm(when, &date) ? timegm(&date) : 0;
}

void xs_tls_bound_lower(SSL *ssl, const ASN1_TIME *end)
{
	SSL_SESSION *session = SSL_get0_session(ssl);
	time_t when;

	if (!session || !end)
		return;
	when = time_of(end);
	if (when < get(session, end_index))
		set(session, end_index, when);
}

/* A clock that was set back says nothing about how old the session is.  Without
 * memory for them, both times are 0. */
bool xs_tls_bound_holds(const SSL_SESSION *session)
{
	time_t now = xs_tls_bound_now();

	pthread_once(&once, make_indexes);
	return get(session, begin_index) <= now &&
	       now < get(session, end_index);
}
