/* Would OpenSSL take what a rule says?  For "xsock check". */
#ifndef XS_TLS_CHECK_H
#define XS_TLS_CHECK_H

#include "error.h"
#include "option.h"
#include "scheme.h"

/* Does with the options what the relay does before it connects: names of
 * ciphers and groups, certificates, keys, passphrase, lists.  openssl_conf is
 * OPENSSL_CONF or NULL.  Returns 0, or -1 with *err set, as the connect would
 * fail. */
int xs_tls_check(const struct xs_scheme *scheme,
		 const struct xs_options *options, const char *openssl_conf,
		 struct xs_error *err);

#endif
