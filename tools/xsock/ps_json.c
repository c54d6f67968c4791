/* Connections for machines: one JSON object, by jansson.
 *
 * Every key is always there; what is not known is null.  xsock-ps(1) has the
 * list.
 */
#include "xsock/ps.h"

#include "xsock/json_text.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

bool xs_ps_has_json(void)
{
	return true;
}

/* A string, or null for an empty one. */
static json_t *text(const char *from)
{
	return xs_json_text(*from ? from : NULL);
}

static json_t *seconds(uint64_t ms)
{
	return json_real((double)ms / 1000);
}

static json_t *relay_of(const struct xs_relay *relay)
{
	return json_pack(
		"{s:o, s:I, s:i, s:s, s:o, s:o}", "user",
		text(xs_ps_user(relay->user)), "uid", (json_int_t)relay->user,
		"pid", (int)relay->pid, "key", relay->key, "age_seconds",
		relay->told ? seconds(relay->totals.age_ms) : json_null(),
		"problem", text(relay->problem));
}

static json_t *relays_of(const struct xs_ps *ps)
{
	json_t *all = json_array();

	for (size_t i = 0; i < ps->relays.relays; i++) {
		const struct xs_relay *relay = &ps->relays.relay[i];

		if (relay->told || relay->problem[0])
			json_array_append_new(all, relay_of(relay));
	}
	return all;
}

/* What connections and failures have. */
static json_t *common_of(const struct xs_ps *ps, const struct xs_relay_row *row)
{
	const struct xs_relay *relay = &ps->relays.relay[row->relay];

	return json_pack("{s:o, s:i, s:i, s:o, s:o, s:o, s:o, s:o}", "user",
			 text(xs_ps_user(relay->user)), "relay",
			 (int)relay->pid, "pid", (int)row->pid, "program",
			 text(row->text[XS_WIRE_PROGRAM]), "destination",
			 text(row->text[XS_WIRE_ASKED]), "rule",
			 text(row->text[XS_WIRE_RULE]), "scheme",
			 text(row->text[XS_WIRE_SCHEME]), "age_seconds",
			 seconds(row->row.age_ms));
}

static json_t *tls_of(const struct xs_relay_row *row)
{
	if (!row->row.secure)
		return json_null();
	return json_pack("{s:o, s:o, s:o, s:b}", "version",
			 text(row->text[XS_WIRE_VERSION_NAME]), "cipher",
			 text(row->text[XS_WIRE_CIPHER]), "verified",
			 text(row->text[XS_WIRE_VERIFIED]), "resumed",
			 (int)row->row.resumed);
}

static json_t *datagrams_of(const struct xs_relay_row *row)
{
	if (!row->row.association)
		return json_null();
	return json_pack("{s:I, s:I, s:o}", "sent",
			 (json_int_t)row->row.datagrams_sent, "received",
			 (json_int_t)row->row.datagrams_received,
			 "idle_seconds", seconds(row->row.idle_ms));
}

static void add_connection(json_t *object, const struct xs_relay_row *row)
{
	json_object_set_new(object, "tls", tls_of(row));
	json_object_set_new(object, "sent",
			    json_integer((json_int_t)row->row.sent));
	json_object_set_new(object, "received",
			    json_integer((json_int_t)row->row.received));
	json_object_set_new(object, "datagrams", datagrams_of(row));
	json_object_set_new(object, "state", text(xs_ps_state(row)));
}

static void add_failure(json_t *object, const struct xs_relay_row *row)
{
	const char *name = strerrorname_np(row->row.errnum);

	json_object_set_new(object, "errno",
			    row->row.errnum && name ? text(name) : json_null());
	json_object_set_new(object, "connected", json_boolean(row->row.late));
	json_object_set_new(object, "sentence",
			    text(row->text[XS_WIRE_SENTENCE]));
}

static json_t *rows_of(const struct xs_ps *ps)
{
	json_t *all = json_array();

	for (size_t i = 0; i < ps->rows; i++) {
		json_t *object = common_of(ps, ps->row[i]);

		if (ps->what == XS_WIRE_LIST_FAILURES)
			add_failure(object, ps->row[i]);
		else
			add_connection(object, ps->row[i]);
		json_array_append_new(all, object);
	}
	return all;
}

static json_t *process_of(const struct xs_process *process)
{
	const char *mapped = xs_ps_mapped(process);

	return json_pack("{s:i, s:i, s:o, s:o}", "pid", (int)process->pid,
			 "parent", (int)process->parent, "program",
			 text(process->name), "library_mapped",
			 mapped ? json_boolean(strcmp(mapped, "yes") == 0)
				: json_null());
}

static json_t *processes_of(const struct xs_ps *ps)
{
	json_t *all = json_array();

	if (!ps->pid) {
		json_decref(all);
		return json_null();
	}
	for (size_t i = 0; i < ps->tree_size; i++)
		json_array_append_new(all, process_of(ps->tree[i].process));
	return all;
}

int xs_ps_print_json(const struct xs_ps *ps)
{
	const char *what =
		ps->what == XS_WIRE_LIST_FAILURES ? "failures" : "connections";
	json_t *all =
		json_pack("{s:o, s:o, s:o}", "relays", relays_of(ps),
			  "processes", processes_of(ps), what, rows_of(ps));
	int result = all ? json_dumpf(all, stdout,
				      JSON_INDENT(2) | JSON_REAL_PRECISION(6))
			 : -1;

	json_decref(all);
	if (result == 0)
		putchar('\n');
	return result;
}
