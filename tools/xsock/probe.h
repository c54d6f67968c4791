/* What the files probe*.c share: one probe, from the URL to the verdict. */
#ifndef XS_PROBE_H
#define XS_PROBE_H

#include "xsock/inputs.h"

#include "relay/connection/connect_error.h"
#include "relay/connection/dial.h"
#include "relay/tls/tls.h"
#include "relay/tls/tls_report.h"

#include <stdbool.h>
#include <stdint.h>

struct xs_probe {
	struct xs_arena *arena;
	/* What is asked: probe_url.c. */
	const struct xs_rule *rule;
	const char *target; /* "tls://www.example.com:443", without options */
	const char *host;   /* a name, or an IP address in text */
	uint16_t port;
	bool implied;	  /* tcp://, because no scheme was written */
	const char *name; /* that the certificate must be for */
	/* What was found. */
	struct xs_dial dial;
	bool connected;
	double ms[XS_CONNECT_ERROR_STEPS]; /* below 0: it did not come to that
					    */
	bool shook;			   /* report is filled */
	struct xs_tls_report report;
	struct xs_tls_summary summary; /* only when accepted */
	bool resumption_tried;
	bool resumed;
	double resumed_ms;	 /* what that handshake took */
	struct {		 /* with DTLS, once shook */
		bool cookie;	 /* the server asked for one */
		unsigned resent; /* flights that had to be sent again */
		size_t payload;	 /* bytes of UDP that fit the path, and
					the option mtu */
		size_t largest;	 /* bytes of the longest datagram of a program;
				    0: it did not come to that */
	} dtls;
	struct xs_error verdict;
};

/* probe_url.c: reads the URL as the target of a rule that matches, over the
 * options (-o or XSOCK_OPTIONS).  Returns 0, or -1 with *err set. */
int xs_probe_read_url(struct xs_probe *probe, const char *url,
		      const char *options, struct xs_error *err);

/* probe.c: does what was read, and fills in what was found.  Returns 0, or -1
 * with *err set. */
int xs_probe_run(struct xs_probe *probe, struct xs_error *err);

/* probe_connect.c: microseconds of CLOCK_MONOTONIC. */
int64_t xs_probe_now(void);
/* Milliseconds from now to deadline, at least 0: what poll(2) wants. */
int xs_probe_left(int64_t deadline);

/* Finds the addresses of the host, for probe->dial.  Returns 0, or -1 with
 * *err set. */
int xs_probe_resolve(struct xs_probe *probe, int64_t deadline,
		     struct xs_error *err);

/* Connects to one of the addresses in dial.  Returns a socket that does not
 * block, or -1 with *err set. */
int xs_probe_connect(const struct xs_probe *probe, struct xs_dial *dial,
		     int64_t deadline, struct xs_error *err);

/* probe_handshake.c: shakes hands on fd, which it closes, and reports; then
 * once more, to see whether the server resumes.  Sends no application data.
 * Returns 0, or -1 with *err set. */
int xs_probe_handshake(struct xs_probe *probe, struct xs_tls_context *context,
		       int fd, int64_t deadline, struct xs_error *err);

/* probe_dtls.c: the same with datagrams, on sockets of its own, to one of the
 * addresses in probe->dial. */
int xs_probe_dtls(struct xs_probe *probe, struct xs_tls_context *context,
		  int64_t deadline, struct xs_error *err);

/* probe_verdict.c: what an error, or none, means for the user who started the
 * probe. */
struct xs_probe_verdict {
	enum xs_error_kind kind;
	int status;	  /* exit status */
	const char *word; /* for --json */
	const char *title;
	const char *summary;
};
extern const struct xs_probe_verdict xs_probe_verdicts[];
extern const size_t xs_probe_verdict_count;
const struct xs_probe_verdict *xs_probe_verdict(const struct xs_error *err);
/* The sentence behind it. */
const char *xs_probe_sentence(const struct xs_probe *probe, char *text,
			      size_t size);

/* probe_screen.c: one screen for a person. */
void xs_probe_print(const struct xs_probe *probe);

/* probe_json.c, or probe_no_json.c where xsock was built without the library
 * for it. */
#define XS_PROBE_NO_JSON                                                       \
	"this xsock was built without jansson, so it has no --json (install "  \
	"libjansson-dev and build it again)"
bool xs_probe_has_json(void);
/* Returns 0, or -1 when memory is short. */
int xs_probe_print_json(const struct xs_probe *probe);

#endif
