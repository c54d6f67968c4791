/* The sentences for a connect that fails before TLS; see connect_error.h.
 *
 * What TCP says about one address is in dial.c, what TLS says in tls_error.c.
 * Pure.
 */
#include "relay/connection/connect_error.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

void xs_connect_error_unresolved(struct xs_error *err, const char *host,
				 int error, int errnum)
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

void xs_connect_error_timeout(struct xs_error *err,
			      enum xs_connect_error_step step, const char *host,
			      const struct xs_dial *dial, double seconds)
{
	char address[XS_ADDRESS_TEXT_MAX] = "";

	if (step != XS_CONNECT_ERROR_RESOLVE)
		xs_address_format(xs_dial_address(dial), address,
				  sizeof(address));
	switch (step) {
	case XS_CONNECT_ERROR_RESOLVE:
		xs_error_set(err, XS_ERR_TIMEOUT, 0,
			     "the resolver had no answer for %.255s within "
			     "%g s (does the name server answer?)",
			     host, seconds);
		break;
	case XS_CONNECT_ERROR_CONNECT:
		xs_error_set(err, XS_ERR_TIMEOUT, 0,
			     "%s did not accept the connection within %g s "
			     "(is the machine up, does a firewall drop the "
			     "packets?)",
			     address, seconds);
		break;
	case XS_CONNECT_ERROR_HANDSHAKE:
		xs_error_set(err, XS_ERR_TIMEOUT, 0,
			     "%s accepted the connection but did not finish "
			     "the TLS handshake within %g s (does it speak "
			     "TLS on this port?)",
			     address, seconds);
		break;
	}
}

void xs_connect_error_dtls_timeout(struct xs_error *err,
				   const struct xs_address *server,
				   double seconds)
{
	char address[XS_ADDRESS_TEXT_MAX];

	xs_error_set(err, XS_ERR_TIMEOUT, 0,
		     "%s did not finish the DTLS handshake within %g s (is the "
		     "server running, does it speak DTLS on this port, does a "
		     "firewall drop the packets?)",
		     xs_address_format(server, address, sizeof(address)),
		     seconds);
}

void xs_connect_error_unread(struct xs_error *err, const char *file, int held,
			     double seconds)
{
	static const char remedy[] = "is it on a network file system whose "
				     "server is down?";

	if (held)
		xs_error_set(err, XS_ERR_TIMEOUT, 0,
			     "the rule's files could not be read within %g s: "
			     "all %d threads of the relay for that wait for "
			     "files that do not answer, one for %.255s (%s)",
			     seconds, held, *file ? file : "a file", remedy);
	else if (*file)
		xs_error_set(err, XS_ERR_TIMEOUT, 0,
			     "%.255s did not answer within %g s (%s)", file,
			     seconds, remedy);
	else
		xs_error_set(err, XS_ERR_TIMEOUT, 0,
			     "the rule's files could not be read within %g s "
			     "(is this machine too busy?)",
			     seconds);
}

static void add_others(struct xs_error *err, size_t others)
{
	size_t len = strlen(err->text), room = sizeof(err->text) - len;

	if (others == 1)
		snprintf(err->text + len, room,
			 ", and 1 more address fails, too");
	else if (others > 1)
		snprintf(err->text + len, room,
			 ", and %zu more addresses fail, too", others);
}

void xs_connect_error_unconnected(struct xs_error *err,
				  const struct xs_dial *dial, double seconds)
{
	struct xs_dial silent = *dial;

	silent.at = dial->silent;
	if (dial->silent && !xs_dial_was_tried(err->errnum))
		xs_error_clear(err);
	if (!xs_error_is_set(err))
		xs_connect_error_timeout(err, XS_CONNECT_ERROR_CONNECT, "",
					 &silent, seconds);
	add_others(err, dial->count - 1);
}
