/* Counters in the text format of Prometheus, as node_exporter's textfile
 * collector reads it (prometheus.io, "Exposition formats").
 *
 * A counter begins anew with its relay, which Prometheus takes for what it is.
 */
#include "relay/association/state.h"
#include "relay/connection/state.h"
#include "xsock/ps.h"

#include <inttypes.h>
#include <stdio.h>

static const char *const kinds[XS_ERR_KINDS] = {
	[XS_ERR_RULES] = "rules",	[XS_ERR_DENIED] = "denied",
	[XS_ERR_RELAY] = "relay",	[XS_ERR_NETWORK] = "network",
	[XS_ERR_PROTOCOL] = "protocol", [XS_ERR_CERTIFICATE] = "certificate",
	[XS_ERR_TIMEOUT] = "timeout",	[XS_ERR_SYSTEM] = "system",
};

/* One line.  The value of a label has its quotes and backslashes escaped; a
 * newline is none that is printable. */
static void sample(const char *name, const struct xs_relay *relay,
		   const char *label, const char *value, uint64_t number)
{
	printf("%s{user=\"", name);
	for (const char *at = xs_ps_user(relay->user); *at; at++)
		printf("%s%c", *at == '"' || *at == '\\' ? "\\" : "", *at);
	printf("\",relay=\"%s\"", relay->key);
	if (label)
		printf(",%s=\"%s\"", label, value);
	printf("} %" PRIu64 "\n", number);
}

static void told(const char *name, const struct xs_ps *ps,
		 const struct xs_relay *relay)
{
	(void)ps;
	sample(name, relay, NULL, NULL, relay->told);
}

/* Those of one kind, by the states that are below end. */
static void by_state(const char *name, const struct xs_ps *ps,
		     const struct xs_relay *relay, bool association, int end)
{
	struct xs_relay_row example = { .row.association = association };

	for (int state = 0; state < end; state++) {
		uint64_t count = 0;

		for (size_t i = 0; i < ps->rows; i++) {
			const struct xs_relay_row *row = ps->row[i];

			if (&ps->relays.relay[row->relay] == relay &&
			    !row->row.association == !association &&
			    row->row.state == state)
				count++;
		}
		example.row.state = (uint8_t)state;
		sample(name, relay, "state", xs_ps_state(&example), count);
	}
}

static void connections(const char *name, const struct xs_ps *ps,
			const struct xs_relay *relay)
{
	by_state(name, ps, relay, false, GONE);
}

static void associations(const char *name, const struct xs_ps *ps,
			 const struct xs_relay *relay)
{
	by_state(name, ps, relay, true, XS_ASSOCIATION_OVER);
}

static void connects(const char *name, const struct xs_ps *ps,
		     const struct xs_relay *relay)
{
	(void)ps;
	sample(name, relay, NULL, NULL, relay->totals.succeeded);
}

static void failures(const char *name, const struct xs_ps *ps,
		     const struct xs_relay *relay)
{
	(void)ps;
	for (int kind = 0; kind < XS_ERR_KINDS; kind++)
		if (kinds[kind])
			sample(name, relay, "kind", kinds[kind],
			       relay->totals.failed[kind]);
}

static void broken(const char *name, const struct xs_ps *ps,
		   const struct xs_relay *relay)
{
	(void)ps;
	sample(name, relay, NULL, NULL, relay->totals.broken);
}

static void cuts(const char *name, const struct xs_ps *ps,
		 const struct xs_relay *relay)
{
	(void)ps;
	sample(name, relay, NULL, NULL, relay->totals.cuts);
}

static void handshakes(const char *name, const struct xs_ps *ps,
		       const struct xs_relay *relay)
{
	const struct xs_wire_totals *totals = &relay->totals;

	(void)ps;
	sample(name, relay, "resumed", "no",
	       totals->handshakes - totals->resumptions);
	sample(name, relay, "resumed", "yes", totals->resumptions);
}

static void bytes(const char *name, const struct xs_ps *ps,
		  const struct xs_relay *relay)
{
	(void)ps;
	sample(name, relay, "direction", "sent", relay->totals.sent);
	sample(name, relay, "direction", "received", relay->totals.received);
}

static void uptime(const char *name, const struct xs_ps *ps,
		   const struct xs_relay *relay)
{
	(void)ps;
	sample(name, relay, NULL, NULL, relay->totals.age_ms / 1000);
}

static const struct metric {
	const char *name, *type, *help;
	void (*print)(const char *name, const struct xs_ps *ps,
		      const struct xs_relay *relay);
} metrics[] = {
	{ "xsock_relay_told", "gauge",
	  "Whether the relay has told what follows.", told },
	{ "xsock_relay_uptime_seconds", "gauge",
	  "How long the relay has been running.", uptime },
	{ "xsock_connections", "gauge", "Connections by TCP now, by state.",
	  connections },
	{ "xsock_associations", "gauge",
	  "Associations of datagrams now, by state.", associations },
	{ "xsock_connects_succeeded_total", "counter",
	  "Connects that have succeeded, and associations that were opened.",
	  connects },
	{ "xsock_connects_failed_total", "counter",
	  "Connects and associations that have failed, by kind of reason.",
	  failures },
	{ "xsock_connections_broken_total", "counter",
	  "Connections and associations that broke when they were open.",
	  broken },
	{ "xsock_connections_cut_total", "counter",
	  "Of these, those that the server cut without close_notify.", cuts },
	{ "xsock_handshakes_total", "counter",
	  "Handshakes that have succeeded, by whether a session was resumed.",
	  handshakes },
	{ "xsock_bytes_total", "counter",
	  "Bytes of programs, without what TLS adds.", bytes },
};

int xs_ps_print_metrics(const struct xs_ps *ps)
{
	for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++) {
		const struct metric *metric = &metrics[i];

		printf("# HELP %s %s\n# TYPE %s %s\n", metric->name,
		       metric->help, metric->name, metric->type);
		for (size_t k = 0; k < ps->relays.relays; k++) {
			const struct xs_relay *relay = &ps->relays.relay[k];

			if (relay->told ||
			    (relay->problem[0] && metric->print == told))
				metric->print(metric->name, ps, relay);
		}
	}
	return ferror(stdout) ? -1 : 0;
}
