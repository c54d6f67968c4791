/* The options of a target URL: one table, one structure, one canonical text.
 *
 * "cafile=/etc/corp.pem&verify_peer=1" is read into struct xs_options, by the
 * library when it reads the rules (files are looked at then) and once more by
 * the relay, which gets the canonical text.  The canonical text has every
 * option that differs from its default, in table order, percent-encoded: two
 * rules that mean the same have the same text, so it also keys the relay's
 * cache of SSL_CTX.
 */
#ifndef XS_OPTION_H
#define XS_OPTION_H

#include "base/arena.h"
#include "base/error.h"
#include "base/parse.h"
#include "base/scheme.h"

#include <stdbool.h>
#include <stddef.h>

/* Seconds that connect, dialogue and handshake together may take. */
#define XS_OPTION_TIMEOUT_DEFAULT 60

/* Seconds in which nothing comes from the server, after which an association
 * ends.  A server that restarts or forgets says nothing, and behind a NAT whose
 * mapping is gone nothing arrives: what is sent into a dead association is
 * lost.  So this is less than the two minutes that a NAT keeps a mapping (RFC
 * 4787, 4.3), and between the 60 and 600 seconds of RADIUS/DTLS (RFC 7360,
 * 5.1.1). */
#define XS_OPTION_IDLE_DEFAULT 100

/* Bounds of mtu, in bytes of a UDP datagram's payload.  The least is what IPv4
 * carries everywhere, 576 bytes (RFC 791, 3.1), without the headers of IPv4
 * with all its options and of UDP: a ClientHello with a cookie, which must not
 * be in fragments, fits.  Nothing larger than the most is one record (RFC 6347,
 * 4.1). */
#define XS_OPTION_MTU_LEAST 508
#define XS_OPTION_MTU_MOST  16384

/* Bytes of the longest psk_identity: that of OpenSSL's PSK_MAX_IDENTITY_LEN.
 * (RFC 4279, 5.3, asks for 128.) */
#define XS_OPTION_IDENTITY_MAX 256

/* Longest canonical text, with its NUL; what is longer is refused when the
 * rules are read, because it would not fit a message to the relay. */
#define XS_OPTION_TEXT_MAX 8192

/* Strings are NULL when the option was not given; files are absolute paths. */
struct xs_options {
	bool verify_peer;      /* default true */
	bool verify_peer_name; /* default true */
	const char *peer_name; /* lower case, or an IP address */
	bool allow_self_signed;
	const char *cafile; /* or the URI of an OpenSSL store */
	const char *capath;
	const char *local_cert;	      /* or a URI */
	const char *local_pk;	      /* or a URI */
	const char *passphrase;	      /* itself, wherever it came from */
	const char *psk_identity;     /* whose key psk_file has for us */
	const char *psk_file;	      /* with it: no certificates at all */
	int verify_depth;	      /* -1: not given */
	const char *ciphers;	      /* OpenSSL's words, as given */
	const char *ciphersuites;     /* the same */
	const char *groups;	      /* the same */
	int security_level;	      /* -1: not given */
	int min_version;	      /* as on the wire, 0x0301 is TLS 1.0; 0 */
	int max_version;	      /* the same */
	bool sni_enabled;	      /* default true */
	const char *alpn_protocols;   /* "h2,http/1.1" */
	const char *peer_fingerprint; /* xs_fingerprint_next takes it apart */
	const char *crlfile;
	bool disable_compression; /* default true */
	bool renegotiation;
	bool half_close;		     /* default true */
	bool session_reuse;		     /* default true */
	double timeout;			     /* seconds, > 0, in thousandths */
	const char *capture_peer_cert_chain; /* need not exist */
	bool own_socket;
	bool connect_early;	/* TLS from the relay only */
	bool relay;		/* tcp:// and udp:// only */
	bool starttls_optional; /* starttls:// only */
	bool ftp_data_control;	/* FTP only */
	int mtu;     /* DTLS only: bytes of the largest datagram to the server,
			its record included; 0: what the path takes */
	double idle; /* DTLS only: seconds, > 0, in thousandths */
};

/* How a value is parsed, checked and printed: option.c. */
enum xs_option_type {
	XS_OPTION_BOOL,	    /* bool */
	XS_OPTION_SECONDS,  /* double */
	XS_OPTION_HOST,	    /* const char *: a name or an address */
	XS_OPTION_FILE,	    /* const char *: a regular file */
	XS_OPTION_DIR,	    /* const char * */
	XS_OPTION_STORE,    /* const char *: a regular file, or a URI */
	XS_OPTION_OUTPUT,   /* const char *: a file to be written */
	XS_OPTION_SECRET,   /* const char *, never shown */
	XS_OPTION_IDENTITY, /* const char *: any bytes, but not many */
	XS_OPTION_NUMBER,   /* int, from the row's least to its most */
	XS_OPTION_VERSION,  /* int */
	XS_OPTION_WORDS,    /* const char *: names with ":" between them */
	XS_OPTION_CIPHERS,  /* const char *: a list as OpenSSL has them */
	XS_OPTION_ALPN,	    /* const char *: names with "," between them */
	XS_OPTION_CHOICE,   /* bool: of "a|b" in the row, b is true */
	XS_OPTION_DIGEST,   /* const char *: fingerprints with "," between */
};

struct xs_option {
	const char *name;
	const char *value;   /* how --help names the value: "0|1", "FILE" */
	const char *missing; /* NULL, or "is not there yet" and the like */
	const char *schemes; /* NULL: all with TLS; else what it belongs to */
	const char *summary; /* one line for --help and the manual */
	unsigned kinds;	     /* bits 1 << enum xs_scheme_kind */
	enum xs_option_type type;
	size_t offset;		  /* in struct xs_options */
	unsigned int least, most; /* of a NUMBER */
};

/* All rows, ended by one whose name is NULL. */
extern const struct xs_option xs_option_table[];

void xs_options_default(struct xs_options *options);

/* Gives the options that do not belong to this kind of scheme their default
 * back: what XSOCK_OPTIONS says about TLS does not concern a tcp:// rule. */
void xs_options_restrict(struct xs_options *options, enum xs_scheme_kind kind);

/* Reads text[0..len), "a=b&c=d", over what is in *options already.  Nothing
 * may be written twice.  Relative file names start from cwd (NULL: they are
 * refused).  Strings are copied to the arena.  With check_files, a file that
 * cannot be read is an error.  Returns 0, or -1 with *err set and *error_at
 * the offset in text of the thing that is wrong. */
int xs_options_parse(struct xs_options *options, const char *text, size_t len,
		     const char *cwd, bool check_files, struct xs_arena *arena,
		     size_t *error_at, struct xs_error *err);

/* The same for the options in a rule: one that does not belong to the scheme
 * (NULL: any) is an error.  Files are checked.  Returns 0, or -1 with the
 * error set. */
int xs_options_read(struct xs_parse *parse, struct xs_options *options,
		    const struct xs_scheme *scheme, struct xs_span text,
		    const char *cwd);

/* Options that contradict each other or the scheme, once all of them are
 * known: those of the rule (text, may be empty; its start is the place of the
 * error) over those that every rule starts from.  Returns 0, or -1 with the
 * error set. */
int xs_options_check(struct xs_parse *parse, const struct xs_options *options,
		     const struct xs_scheme *scheme, struct xs_span text);

/* For a rule with a pre-shared key: gives the options about certificates their
 * default back, because XSOCK_OPTIONS may have them for other rules. */
void xs_options_drop_certificates(struct xs_options *options);

/* Where "passphrase=env:NAME" looks; until it is set, that form is refused.
 * The library and the tools set it once, before they read rules.  The relay
 * never sets it, because its environment is not that of the application. */
void xs_options_environment(const char *(*lookup)(const char *name));

/* A rule or a list of options as messages may show it: in the arena, at most
 * max bytes, the value of passphrase, and of pin-value in a
 * pkcs11: URI, replaced by "***".  NULL when memory is
 * short. */
char *xs_options_conceal(struct xs_span text, size_t max,
			 struct xs_arena *arena);

/* One fingerprint of peer_fingerprint. */
enum xs_fingerprint_kind {
	XS_FINGERPRINT_MD5,
	XS_FINGERPRINT_SHA1,
	XS_FINGERPRINT_SHA256,
	XS_FINGERPRINT_PIN, /* SHA-256 of the public key (RFC 7469, 2.4) */
};

struct xs_fingerprint {
	enum xs_fingerprint_kind kind;
	unsigned char digest[32];
	size_t len;
};

/* Takes the next fingerprint off *list, a canonical value of
 * peer_fingerprint.  False at the end. */
bool xs_fingerprint_next(const char **list, struct xs_fingerprint *fingerprint);

/* The canonical text, in the arena; NULL when memory is short. */
const char *xs_options_text(const struct xs_options *options,
			    struct xs_arena *arena);

#endif
