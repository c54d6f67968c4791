/* One copy of each certificate for all connections of a context.
 *
 * A session keeps the certificates that its server has sent, 4 KB each, as long
 * as the connection lives.  A server sends the same ones each time.
 *
 * Only what was verified in this very handshake is replaced, and only by what
 * has the same bytes.  Nothing is verified less, or less often.
 *
 * Any thread.
 */
#include "relay/tls/tls_private.h"

#include <pthread.h>
#include <stdlib.h>

enum { CERTIFICATES_MAX = 16 }; /* the one met first goes first */

struct xs_tls_shared {
	pthread_mutex_t lock;
	X509 *cert[CERTIFICATES_MAX];
	unsigned next; /* to be replaced */
};

struct xs_tls_shared *xs_tls_shared_make(void)
{
	struct xs_tls_shared *shared = calloc(1, sizeof(*shared));

	if (shared)
		pthread_mutex_init(&shared->lock, NULL);
	return shared;
}

void xs_tls_shared_free(struct xs_tls_shared *shared)
{
	if (!shared)
		return;
	for (int i = 0; i < CERTIFICATES_MAX; i++)
		X509_free(shared->cert[i]);
	pthread_mutex_destroy(&shared->lock);
	free(shared);
}

/* The kept one that is the same as cert, or cert, which is kept from now on. */
static X509 *kept(struct xs_tls_shared *shared, X509 *cert)
{
	for (int i = 0; i < CERTIFICATES_MAX && shared->cert[i]; i++)
		if (X509_cmp(shared->cert[i], cert) == 0)
			return shared->cert[i];
	X509_free(shared->cert[shared->next]);
	X509_up_ref(cert);
	shared->cert[shared->next++] = cert;
	shared->next %= CERTIFICATES_MAX;
	return cert;
}

/* NULL is no chain. */
static void share(struct xs_tls_shared *shared, STACK_OF(X509) * chain)
{
	for (int i = 0; i < sk_X509_num(chain); i++) {
		X509 *cert = sk_X509_value(chain, i);
		X509 *same = kept(shared, cert);

		X509_up_ref(same);
		sk_X509_set(chain, i, same);
		X509_free(cert);
	}
}

void xs_tls_shared_use(struct xs_tls_shared *shared, X509_STORE_CTX *store)
{
	STACK_OF(X509) *sent = X509_STORE_CTX_get0_untrusted(store);

	pthread_mutex_lock(&shared->lock);
	share(shared, sent);
	share(shared, X509_STORE_CTX_get0_chain(store));
	pthread_mutex_unlock(&shared->lock);
	/* What it is about may be gone. */
	X509_STORE_CTX_set_cert(store, sk_X509_value(sent, 0));
}
