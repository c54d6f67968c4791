/* In place of tls_provider.c and tls_gcm.c, where libipsec-mb is not there or
 * OpenSSL does not need it: nothing is offered. */
#include "relay/tls/tls_private.h"

const char *xs_tls_provider_offer(OSSL_LIB_CTX *library,
				  struct xs_tls_faster *faster)
{
	(void)library;
	(void)faster;
	return NULL;
}
