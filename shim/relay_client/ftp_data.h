/* Asking the relay whether a connect is one that an FTP server has announced:
 * FTP's data connections go to a port that the server tells on the control
 * connection.
 *
 * The relay reads that (tools/relay/client/ftp_data.h), so it is asked.  A
 * relay is never started for it: without one there is no control connection.
 *
 * System calls only: any thread, any signal context.
 */
#ifndef XS_FTP_DATA_H
#define XS_FTP_DATA_H

#include "base/address.h"
#include "base/error.h"
#include "base/wire.h"

/* The relay's answer; the strings of wire point into datagram. */
struct xs_ftp_data {
	struct xs_wire wire;
	char datagram[2048];
};

/* Asks about asked.  Returns 1 when it has been announced, and *ftp_data says
 * by which connection; 0 when it has not; -1 with *err set when a relay is
 * there and does not answer, so that it is not known. */
int xs_ftp_data_ask(const struct xs_address *asked,
		    struct xs_ftp_data *ftp_data, struct xs_error *err);

#endif
