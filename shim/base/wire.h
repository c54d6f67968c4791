/* The messages between the library and xsock-relay.
 *
 * One message is one SOCK_SEQPACKET datagram on the relay's control socket,
 * with descriptors beside it (SCM_RIGHTS).  A message is a fixed head and a
 * fixed list of strings, each NUL-terminated in the datagram; an absent string
 * is an empty one.  Both sides run on one machine, so numbers are in host
 * order; XS_WIRE_VERSION changes with every change of this file or of pair.h,
 * and is part of the control socket's name, so that different versions never
 * meet.
 *
 * A connection asks once and is answered once:
 *
 *   CONNECT   + { TCP socket, relay's end, copy of the application's end,
 *                 [log] }            → VERDICT, when the connect has ended
 *   GETOPT    + { application's end } → VALUE
 *   SETOPT    + { application's end } → VALUE (without bytes)
 *   RESOLVE                           → ADDRESSES, at least one for each name
 *   FTP_DATA                          → FTP_DATA_ANSWER
 *   BRIDGE    + { application's UDP socket, [application's end of a pair of
 *                 datagrams] }      → BRIDGED
 *   RELEASE                           → RELEASED
 *   LIST                              → ROW for each, and TOTALS behind the
 * last (below); or REFUSED
 *
 * A CONNECT with a scheme of datagrams has a UDP socket and a pair of datagrams
 * with it, and is answered when they have been taken over.
 *
 * Before that, a client may want to know who listens, and show who it is
 * (spaces.h); the request follows on the same connection:
 *
 *   PROVE     + [4: where the client lives] → PROOF + { where the relay lives
 * }, or REFUSED with a sentence; more is 0: no answer is wanted
 *
 * A client that does not wait (non-blocking connect) closes the control
 * connection after it sent CONNECT; the verdict is then read from the pair
 * (pair.h).
 *
 * Decoding is pure.  Sending retries on EINTR, receiving does not.
 */
#ifndef XS_WIRE_H
#define XS_WIRE_H

#include "base/address.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define XS_WIRE_MAGIC	0x4b4f5358u /* "XSOK" in memory */
#define XS_WIRE_VERSION 11

enum xs_wire_type {
	XS_WIRE_CONNECT = 1,
	XS_WIRE_VERDICT,
	XS_WIRE_GETOPT,
	XS_WIRE_SETOPT,
	XS_WIRE_VALUE,
	XS_WIRE_RESOLVE,
	XS_WIRE_ADDRESSES,
	XS_WIRE_FTP_DATA,
	XS_WIRE_FTP_DATA_ANSWER,
	XS_WIRE_PROVE,
	XS_WIRE_PROOF,
	XS_WIRE_REFUSED,
	XS_WIRE_LIST,
	XS_WIRE_ROW,
	XS_WIRE_TOTALS,
	XS_WIRE_BRIDGE,
	XS_WIRE_BRIDGED,
	XS_WIRE_RELEASE,
	XS_WIRE_RELEASED,
	XS_WIRE_TYPES
};

/* Descriptors that go with CONNECT, in this order; only the log may be
 * missing. */
enum {
	XS_WIRE_FD_TCP,	  /* a socket like the application's, or its own
			     (clone_socket.h); O_NONBLOCK is set */
	XS_WIRE_FD_RELAY, /* the relay's end of the pair */
	XS_WIRE_FD_APP, /* a copy of the application's end: to open the gate */
	XS_WIRE_FD_LOG, /* where a line for the user goes; may be missing */
	XS_WIRE_FDS
};

enum xs_wire_string {
	XS_WIRE_PROGRAM,     /* short name of the program, for messages */
	XS_WIRE_ASKED,	     /* what it asked for: "mail.example.com:25" */
	XS_WIRE_RULE,	     /* the rule: "XSOCK_RULES:1:1 *.corp=tls://" */
	XS_WIRE_SCHEME,	     /* scheme of the target: "tls", "smtp+starttls" */
	XS_WIRE_HOST,	     /* a name for the relay to resolve and connect to;
				empty: the library has started the connect.
				RESOLVE: names, with a blank between two */
	XS_WIRE_NAME,	     /* what SNI and the certificate check use unless
				peer_name says otherwise: a host name, or an IP
				address in text */
	XS_WIRE_OPTIONS,     /* canonical options (option.h) */
	XS_WIRE_LOG_DEST,    /* "": the log descriptor; "syslog"; else a file */
	XS_WIRE_CERT_FILE,   /* SSL_CERT_FILE of the application */
	XS_WIRE_CERT_DIR,    /* SSL_CERT_DIR */
	XS_WIRE_KEYLOG_FILE, /* SSLKEYLOGFILE */
	XS_WIRE_OPENSSL_CONF, /* OPENSSL_CONF */
	/* VERDICT */
	XS_WIRE_SENTENCE,     /* why it failed; REFUSED: why this client may
				 not share the relay */
	XS_WIRE_VERSION_NAME, /* "TLSv1.3" */
	XS_WIRE_CIPHER,	      /* "TLS_AES_256_GCM_SHA384" */
	XS_WIRE_VERIFIED,     /* the name that was verified, or "psk:IDENTITY";
				 empty: none was */
	XS_WIRE_STRINGS
};

/* In log_level: the line is one of pairs (log.h). */
enum { XS_WIRE_LOG_PAIRS = 0x100 };

struct xs_wire_head {
	uint32_t magic;
	uint16_t version;
	uint16_t type;	/* enum xs_wire_type */
	uint32_t id;	/* of the connection, as in the pair's names */
	int32_t pid;	/* of the application, in the client's PID namespace:
			   the client, or whom it supervises */
	int32_t app_fd; /* CONNECT: the application's number for its end; with
			   pid it shows whether the end is still open there */
	int32_t log_level; /* enum xs_log_level, and XS_WIRE_LOG_PAIRS */
	int32_t idle;	   /* XSOCK_RELAY_IDLE in seconds; -1: not set */
	uint32_t filler;   /* CONNECT: bytes in the gate (pair.h) */
	uint16_t port;	   /* CONNECT with HOST: the port to connect to;
			      RELEASE: of the stand-ins */
	uint16_t family;   /* CONNECT: of the application's socket */
	uint8_t started;   /* CONNECT: connect(2) on the TCP socket began */
	uint8_t unused[3];
	struct xs_address to;  /* CONNECT, started: where the TCP socket goes;
				  FTP_DATA: the address in question;
				  FTP_DATA_ANSWER: where a connection to it
				  goes */
	int32_t errnum;	       /* VERDICT, VALUE: 0 or an errno; ADDRESSES,
				  FTP_DATA_ANSWER: below */
	int32_t level, option; /* GETOPT, SETOPT: as getsockopt(2); LIST: of
				  what, enum xs_wire_list */
	uint32_t value_len;    /* GETOPT: room; SETOPT, VALUE, ADDRESSES, ROW,
				  TOTALS: bytes that follow */
	uint32_t name;	       /* ADDRESSES: which name of the RESOLVE, from 0;
				  LIST, ROW: a place, with more */
	uint32_t more;	   /* ADDRESSES: another message for this name comes;
			      PROVE: the client waits for an answer */
	uint32_t token[2]; /* FTP_DATA_ANSWER, CONNECT: below; 0, 0: none */
};

/* RESOLVE asks which addresses some names have now.  Each is answered by its
 * own ADDRESSES, in any order, whose value is an array of struct xs_address, in
 * getaddrinfo's order; none: the name does not exist.  errnum is EAGAIN when
 * the name servers did not answer but the files of names were read, and
 * another errno when not even those were. */
#define XS_WIRE_NAMES_MAX     64 /* names of one RESOLVE */
#define XS_WIRE_ADDRESSES_MAX (XS_WIRE_VALUE_MAX / sizeof(struct xs_address))

/* FTP_DATA asks whether a connection to this address has been announced on
 * another one: the data connection of an FTP session that has TLS.  If so,
 * errnum is 0, the strings SCHEME, NAME and RULE are those of the other
 * connection, and a CONNECT with the token, which counts once, and these
 * strings gets its TLS; its verdict comes when TCP is connected.  Otherwise
 * errnum is ENOENT. */

/* BRIDGE asks for a stand-in (stand_in.h): what the application's UDP socket
 * sends there goes into the pair, and what comes out of the pair is sent to the
 * socket.  The relay keeps the end of the pair, and no copy of the socket.
 * Without an end, only the table is asked for.  errnum of BRIDGED is 0, and
 * SENTENCE the handle of the table (segment.h); or an errno, and SENTENCE says
 * why.  An entry that is there already stays, and the end is closed. */

/* RELEASE says that a program wants this port.  The relay looks at the
 * stand-ins that have it.  Those whose socket has been closed are closed before
 * RELEASED comes. */

/* LIST asks for the relay's connections and associations, or for the last that
 * failed.  Each has a ROW.  One answer has a bounded number of rows, and fewer
 * where the client does not read them: the relay waits for nobody.  Who gets no
 * TOTALS asks again, from the place that the last row told; the first place is
 * 0, 0.  So the relay keeps nothing for a client.
 *
 * The value of a ROW is a struct xs_wire_row, its id, pid and strings (PROGRAM,
 * ASKED, RULE, SCHEME; VERSION_NAME, CIPHER and VERIFIED, or SENTENCE) are
 * those of the connection or failure, and name and more the place behind it.
 * The value of TOTALS is a struct xs_wire_totals. */
enum xs_wire_list {
	XS_WIRE_LIST_CONNECTIONS = 1,
	XS_WIRE_LIST_FAILURES,
};

struct xs_wire_row {
	uint64_t age_ms;	 /* since the request, or the failure */
	uint64_t sent, received; /* bytes of the application's */
	int32_t errnum;		 /* of a failure */
	uint8_t secure;		 /* TLS or DTLS stands */
	uint8_t resumed;	 /* its session was resumed */
	uint8_t late;		 /* a failure behind the verdict */
	uint8_t state;		 /* enum xs_connection_state, or of an
				    association enum xs_association_state */
	/* Of an association: */
	uint64_t datagrams_sent, datagrams_received;
	uint64_t idle_ms;    /* since the last of them, or the request */
	uint8_t association; /* it is one */
	uint8_t unused[7];
};

/* Since the relay was started. */
struct xs_wire_totals {
	uint64_t age_ms;
	uint64_t open;		       /* connections now, in any state */
	uint64_t succeeded;	       /* connects */
	uint64_t failed[XS_ERR_KINDS]; /* connects, by enum xs_error_kind */
	uint64_t broken;	       /* connections, behind the verdict */
	uint64_t cuts; /* of these: without close_notify, by the server */
	uint64_t handshakes, resumptions; /* the first count both */
	uint64_t sent, received;
};

/* A 32-bit library talks to a 64-bit relay. */
_Static_assert(sizeof(struct xs_wire_head) == 104 &&
		       offsetof(struct xs_wire_head, to) == 40 &&
		       offsetof(struct xs_wire_head, value_len) == 84,
	       "the head of a message is the same for every ABI");

/* GETOPT: with this level, option is not a socket option but an ioctl(2) that
 * answers an int: SIOCOUTQ or SIOCOUTQNSD; XS_WIRE_LOCAL, which answers the
 * local address as a struct xs_address; or XS_WIRE_LARGEST, which answers the
 * longest datagram that goes by DTLS as an int, 0 where that is not known. */
#define XS_WIRE_IOCTL	(-1)
#define XS_WIRE_LOCAL	1
#define XS_WIRE_LARGEST 2

#define XS_WIRE_STRING_MAX  8192  /* one string, with its NUL */
#define XS_WIRE_VALUE_MAX   1024  /* bytes of a socket option */
#define XS_WIRE_MESSAGE_MAX 65536 /* the whole datagram */

/* A message.  Strings point to the caller's memory when it is to be sent and
 * into the datagram after decoding; NULL counts as empty and is never left
 * by decoding.  value has head.value_len bytes (SETOPT, VALUE, ADDRESSES). */
struct xs_wire {
	struct xs_wire_head head;
	const char *string[XS_WIRE_STRINGS];
	const void *value;
};

/* Fills *message with zeroes, magic, version and type. */
void xs_wire_init(struct xs_wire *message, enum xs_wire_type type);

/* Reads a datagram of len bytes; *message points into it and lives as long.
 * Returns 0, or -1 with *err set: anything that xs_wire_send would not
 * have written is refused. */
int xs_wire_decode(struct xs_wire *message, const void *datagram, size_t len,
		   struct xs_error *err);

/* Sends one message with nfds descriptors.  Returns 0, or -1 with errno
 * (EMSGSIZE when a string or the whole is too long).  Raises no SIGPIPE.
 * Retries on EINTR. */
int xs_wire_send(int fd, const struct xs_wire *message, const int *fds,
		 size_t nfds);

/* Receives one datagram into buffer, with up to max_fds descriptors, which are
 * close-on-exec and the caller's to close; *nfds says how many came.  flags as
 * recvmsg(2).  Returns its length, 0 at the end, or -1 with errno: EINTR and
 * EAGAIN are the caller's to judge; EMSGSIZE when the datagram or its
 * descriptors did not fit (all descriptors are closed then). */
ssize_t xs_wire_receive(int fd, void *buffer, size_t size, int *fds,
			size_t max_fds, size_t *nfds, int flags);

#endif
