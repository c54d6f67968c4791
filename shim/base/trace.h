/* Events for "xsock trace": what is looked up, where somebody connects, what
 * came of it.
 *
 * A ring in a segment (segment.h).  Writers wait for nobody: where the ring is
 * full, the event is counted as lost.  There is one reader.
 *
 * Any thread, any process that has it attached, any signal context.
 */
#ifndef XS_TRACE_H
#define XS_TRACE_H

#include "base/address.h"
#include "base/segment.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define XS_TRACE_VARIABLE "XSOCK_TRACE"

/* XSOCK_RULES where a program is traced that shall follow no rules: no rules,
 * but set. */
#define XS_TRACE_NO_RULES "#"

enum {
	XS_TRACE_EVENTS = 4096,
	XS_TRACE_NAME_MAX = 256,
	XS_TRACE_RULE_MAX = 224,
	XS_TRACE_PROGRAM_MAX = 32,
};

enum xs_trace_kind {
	XS_TRACE_LOOKUP,  /* of name; failed: EAI_…, 0: it was found */
	XS_TRACE_ADDRESS, /* one that was found for name */
	XS_TRACE_CONNECT, /* to address, by rule; errnum */
	XS_TRACE_OUTCOME, /* of the connect with this cookie: errnum */
	XS_TRACE_FIRST,	 /* address has the first bytes that were written there,
			    port says how many */
	XS_TRACE_SENT,	 /* a datagram to address, which was not connected */
	XS_TRACE_UNSEEN, /* name says what cannot be seen, and why */
	XS_TRACE_KINDS,
};

struct xs_trace_event {
	xs_segment_u64 cookie; /* SO_COOKIE of the socket; 0: unknown */
	uint32_t kind;	       /* enum xs_trace_kind */
	int32_t pid;
	int32_t errnum;
	int32_t failed;
	uint32_t scheme; /* of the rule: enum xs_scheme_kind */
	uint8_t has_rule;
	uint8_t datagram;
	uint8_t tls; /* the bytes begin a ClientHello */
	uint8_t has_address;
	uint8_t address[16]; /* as xs_address_bytes */
	uint32_t scope;
	uint32_t port;
	char program[XS_TRACE_PROGRAM_MAX];
	char name[XS_TRACE_NAME_MAX]; /* by which it was looked up; "": none */
	char rule[XS_TRACE_RULE_MAX]; /* its place and text */
};

_Static_assert(sizeof(struct xs_trace_event) == 56 + XS_TRACE_PROGRAM_MAX +
							XS_TRACE_NAME_MAX +
							XS_TRACE_RULE_MAX,
	       "the same for all programs");

/* Is this process traced? */
extern struct xs_trace_ring *xs_trace_ring;

static inline bool xs_trace_is_on(void)
{
	return __builtin_expect(xs_trace_ring != NULL, 0);
}

/* The reader's: makes a ring and writes "NUMBER.COOKIE" of it.  Returns 0, or
 * -1 with errno. */
int xs_trace_make(char handle[XS_SEGMENT_HANDLE_MAX]);

/* Takes the next event.  False: there is none. */
bool xs_trace_take(struct xs_trace_event *event);

/* Takes what there is and gives it to enter; at most XS_TRACE_EVENTS, so that
 * writers who are faster than that keep nobody from the rest of his work. */
void xs_trace_take_all(void (*enter)(void *with,
				     const struct xs_trace_event *event),
		       void *with);

/* How many were lost until now. */
uint64_t xs_trace_lost(void);

/* How many processes have the ring attached, this one among them; 0: unknown.
 */
unsigned xs_trace_attached(void);

/* A traced process's: attaches the ring that the variable's value names.  NULL,
 * and a ring of somebody else, leave it untraced.  errno is kept. */
void xs_trace_attach(const char *handle);

/* Puts a copy of the event. */
void xs_trace_put(const struct xs_trace_event *event);

/* Fills address, scope and port. */
void xs_trace_set_address(struct xs_trace_event *event,
			  const struct xs_address *address);

/* The address of an event that has one; IPv4 as such. */
void xs_trace_get_address(const struct xs_trace_event *event,
			  struct xs_address *address);

#endif
