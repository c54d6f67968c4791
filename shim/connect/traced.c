/* Events of a traced process; see traced.h. */
#include "connect/traced.h"

#include "base/descriptor.h"
#include "base/readable.h"
#include "base/trace.h"
#include "connect/behalf.h"
#include "connect/late_error.h"
#include "connect/report.h"
#include "rules/names.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct xs_trace_event begin(enum xs_trace_kind kind)
{
	struct xs_trace_event event = { .kind = kind, .pid = xs_report_pid() };

	snprintf(event.program, sizeof(event.program), "%s",
		 xs_report_program());
	return event;
}

/* Which socket it is, also for who has a copy; 0: unknown (before Linux 4.12,
 * or a seccomp filter). */
static uint64_t cookie_of(int fd)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) < 0)
		return 0;
	return cookie;
}

static void set_name(struct xs_trace_event *event, const char *name)
{
	snprintf(event->name, sizeof(event->name), "%s", name);
}

/* --- names ---------------------------------------------------------------- */

void xs_traced_lookup(const char *name, int failed)
{
	struct xs_trace_event event = begin(XS_TRACE_LOOKUP);

	set_name(&event, name);
	event.failed = failed;
	xs_trace_put(&event);
}

void xs_traced_address(const char *name, const struct xs_address *address)
{
	struct xs_trace_event event = begin(XS_TRACE_ADDRESS);

	set_name(&event, name);
	xs_trace_set_address(&event, address);
	xs_trace_put(&event);
}

/* The name by which the program has looked the address up, lastly if by
 * several; a decision that no rule is about the port has none. */
static void find_name(struct xs_trace_event *event,
		      const struct xs_address *asked)
{
	struct xs_names_entry entry;
	uint64_t latest = 0;
	unsigned at = 0;

	while (xs_names_next(asked, &at, &entry)) {
		if (entry.kind == XS_NAMES_RULE || entry.stamp < latest)
			continue;
		latest = entry.stamp;
		set_name(event, entry.name);
	}
}

/* --- connects ------------------------------------------------------------- */

static void set_rule(struct xs_trace_event *event, const struct xs_rule *rule)
{
	char text[XS_REPORT_RULE_MAX];

	if (!rule)
		return;
	event->has_rule = 1;
	event->scheme = rule->target.scheme->kind;
	snprintf(event->rule, sizeof(event->rule), "%s",
		 xs_report_rule(text, rule));
}

void xs_traced_connect(int fd, const struct xs_address *asked, bool datagram,
		       const struct xs_decision *decision, int errnum)
{
	int saved = errno;
	struct xs_trace_event event = begin(XS_TRACE_CONNECT);

	event.cookie = cookie_of(fd);
	event.datagram = datagram;
	event.errnum = errnum;
	xs_trace_set_address(&event, asked);
	if (decision) {
		set_name(&event, decision->name);
		set_rule(&event, decision->unknown ? decision->unknown
						   : decision->rule);
	}
	if (!event.name[0])
		find_name(&event, asked);
	xs_trace_put(&event);
	if (!datagram && !xs_behalf)
		xs_traced_expect(fd);
	errno = saved;
}

void xs_traced_outcome(int fd, int errnum)
{
	int saved = errno;
	struct xs_trace_event event = begin(XS_TRACE_OUTCOME);

	event.cookie = cookie_of(fd);
	event.errnum = errnum;
	xs_trace_put(&event);
	errno = saved;
}

/* --- what is sent --------------------------------------------------------- */

/* Numbers that have been connected and not been written to.  What has no bit
 * here is not told. */
static uint64_t fresh[XS_LATE_ERROR_HINTS / 64];

void xs_traced_expect(int fd)
{
	if ((unsigned)fd >= XS_LATE_ERROR_HINTS)
		return;
	__atomic_fetch_or(&fresh[fd / 64], UINT64_C(1) << fd % 64,
			  __ATOMIC_RELAXED);
	/* So that the hooks look closer at the next write. */
	xs_late_error_note(fd);
}

static bool is_first(int fd)
{
	const uint64_t bit = UINT64_C(1) << ((unsigned)fd % 64);

	return (unsigned)fd < XS_LATE_ERROR_HINTS &&
	       __atomic_fetch_and(&fresh[fd / 64], ~bit, __ATOMIC_RELAXED) &
		       bit;
}

static void tell_first(int fd, const void *data, size_t size)
{
	int saved = errno;
	struct xs_trace_event event = begin(XS_TRACE_FIRST);

	if (size > sizeof(event.address))
		size = sizeof(event.address);
	event.cookie = cookie_of(fd);
	event.port = (uint32_t)size;
	if (event.cookie && xs_readable(data, size)) {
		memcpy(event.address, data, size);
		xs_trace_put(&event);
	}
	errno = saved;
}

void xs_traced_write(int fd, const void *data, size_t size)
{
	if (size && is_first(fd))
		tell_first(fd, data, size);
}

void xs_traced_writev(int fd, const struct iovec *parts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!xs_readable(&parts[i], sizeof(parts[i])))
			return;
		if (parts[i].iov_len) {
			xs_traced_write(fd, parts[i].iov_base,
					parts[i].iov_len);
			return;
		}
	}
}

void xs_traced_send(int fd, const struct sockaddr *to, socklen_t len)
{
	int saved = errno;
	struct xs_trace_event event;
	struct xs_address address;

	if (len <= sizeof(struct sockaddr_storage) && xs_readable(to, len) &&
	    xs_address_from(&address, to, len) && xs_socket_is_udp(fd)) {
		event = begin(XS_TRACE_SENT);
		event.datagram = 1;
		xs_trace_set_address(&event, &address);
		find_name(&event, &address);
		xs_trace_put(&event);
	}
	errno = saved;
}

void xs_traced_unseen(const char *what)
{
	struct xs_trace_event event = begin(XS_TRACE_UNSEEN);

	set_name(&event, what);
	xs_trace_put(&event);
}
