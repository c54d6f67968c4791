/* The sentences for a connect that fails before TLS; see outcome.h.
 *
 * What TCP says about one address is in dial.c, what TLS says in tls_error.c.
 * Pure.
 */
#include "outcome.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

void xs_outcome_unresolved(struct xs_error *err, const char *host, int error,
			   int errnum)
{
	const char *why = gai_strerror(error);

	if (error == EAI_SYSTEM)
		why = strerror(errnum);
	else if (error == 0)
		why = "it has no IP address";
	xs_error_set(err, XS_ERR_NETWORK, EHOSTUNREACH,
		     "cannot resolve %.255s: %s (is the name right, does the "
		     "name server answer?)",
		     host, why);
}

void xs_outcome_timeout(struct xs_error *err, enum xs_outcome_step step,
			const char *host, const struct xs_dial *dial,
			double seconds)
{
	char address[XS_ADDRESS_TEXT_MAX] = "";

	if (step != XS_OUTCOME_RESOLVE)
		xs_address_format(xs_dial_address(dial), address,
				  sizeof(address));
	switch (step) {
	case XS_OUTCOME_RESOLVE:
		xs_error_set(err, XS_ERR_TIMEOUT, 0,
			     "the resolver had no answer for %.255s within "
			     "%g s (does the name server answer?)",
			     host, seconds);
		break;
	case XS_OUTCOME_CONNECT:
		xs_error_set(err, XS_ERR_TIMEOUT, 0,
			     "%s did not accept the connection within %g s "
			     "(is the machine up, does a firewall drop the "
			     "packets?)",
			     address, seconds);
		break;
	case XS_OUTCOME_HANDSHAKE:
		xs_error_set(err, XS_ERR_TIMEOUT, 0,
			     "%s accepted the connection but did not finish "
			     "the TLS handshake within %g s (does it speak "
			     "TLS on this port?)",
			     address, seconds);
		break;
	}
}

void xs_outcome_add_others(struct xs_error *err, const struct xs_dial *dial)
{
	size_t len = strlen(err->text);

	if (dial->count > 1)
		snprintf(err->text + len, sizeof(err->text) - len,
			 ", and %zu more addresses fail, too", dial->count - 1);
}
