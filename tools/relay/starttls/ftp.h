/* FTP behind TLS: what is kept an eye on as long as the control connection
 * stands; see ftp_observe.c. */
#ifndef XS_FTP_H
#define XS_FTP_H

#include "relay/starttls/protocol.h"

/* Who says PBSZ and PROT P. */
enum xs_ftp_level {
	XS_FTP_APP,   /* the application, if anybody */
	XS_FTP_LATER, /* the observer, behind the login */
	XS_FTP_DONE,  /* PROT P is in force already */
};

/* TLS stands, and from here on the dialogue is the observer's.  Returns OPEN,
 * or MORE where the application takes part already, or BROKEN without
 * memory. */
enum xs_dialogue_result xs_ftp_observe(struct xs_dialogue *dialogue,
				       enum xs_ftp_level level);

/* The server refuses "PBSZ 0" or "PROT P" with that line. */
enum xs_dialogue_result xs_ftp_refused(const char *what, const char *line,
				       struct xs_error *err);

/* Reads the text of a reply 227 ("(192,0,2,7,195,80)"; RFC 959, RFC 1123,
 * 4.1.2.6) or 229 ("(|||50000|)"; RFC 2428, 3).  False: it is not in it. */
bool xs_ftp_read_pasv(const char *text, struct xs_address *to);
bool xs_ftp_read_epsv(const char *text, uint16_t *port);

#endif
