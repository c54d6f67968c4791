/* Telling of connections; see list.h. */
#include "relay/connection/list.h"

#include "relay/connection/connection_private.h"
#include "relay/connection/failures.h"
#include "relay/connection/totals.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* Rows of one answer: a worker's turn is short. */
enum { ROWS_MAX = 64 };

/* --- what a connection shows ------------------------------------------ */

void xs_list_begin(struct xs_connection *connection)
{
	struct xs_shown *shown = &connection->shown;

	shown->log_words = connection->pending->request->log_words;
	shown->began = xs_now_ms();
	shown->verified = "";
}

/* The name that was asked for is there already. */
static void show_verified(struct xs_shown *shown, const char *verified)
{
	const char *name = xs_log_words_text(shown->log_words, XS_WIRE_NAME);

	free(shown->verified_own);
	shown->verified_own = NULL;
	shown->verified = name;
	if (strcmp(name, verified) == 0)
		return;
	shown->verified_own = strdup(verified);
	shown->verified = shown->verified_own ? shown->verified_own : "";
}

static void show_tls(struct xs_registered *registered, const void *with)
{
	struct xs_connection *connection =
		xs_container(registered, struct xs_connection, registered);
	const struct xs_tls_summary *summary = with;

	connection->shown.version = summary->version;
	connection->shown.cipher = summary->cipher;
	connection->shown.resumed = summary->resumed;
	show_verified(&connection->shown, summary->verified);
}

void xs_list_secured(struct xs_connection *connection,
		     const struct xs_tls_summary *summary)
{
	xs_registry_change(&connection->registered, show_tls, summary);
	xs_totals_handshake(summary->resumed);
}

static void carry(_Atomic uint64_t *shown, _Atomic uint64_t *all, uint64_t now)
{
	uint64_t before = atomic_load_explicit(shown, memory_order_relaxed);

	if (now == before)
		return;
	atomic_store_explicit(shown, now, memory_order_relaxed);
	xs_traffic_add(all, now - before);
}

void xs_list_carried(struct xs_connection *connection)
{
	struct xs_traffic *all = &connection->worker->traffic;
	const struct xs_pump *pump = &connection->pump;

	carry(&connection->shown.sent, &all->sent, pump->app_sent);
	carry(&connection->shown.received, &all->received, pump->app_received);
}

void xs_list_end(struct xs_connection *connection)
{
	free(connection->shown.verified_own);
}

/* --- the answer ---------------------------------------------------------- */

/* An answer that is being given. */
struct answer {
	int fd;
	int rows;
};

/* False: the rest is for another answer, or nobody is there.  A row that the
 * socket can never hold is left out. */
static bool send_row(const struct xs_wire *row, void *with)
{
	struct answer *answer = with;

	if (answer->rows == ROWS_MAX)
		return false;
	answer->rows++;
	return xs_wire_send(answer->fd, row, NULL, 0) == 0 || errno == EMSGSIZE;
}

static void fill_strings(struct xs_wire *row, const struct xs_shown *shown)
{
	static const enum xs_wire_string words[] = {
		XS_WIRE_PROGRAM,
		XS_WIRE_ASKED,
		XS_WIRE_RULE,
		XS_WIRE_SCHEME,
	};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		row->string[words[i]] =
			xs_log_words_text(shown->log_words, words[i]);
	row->string[XS_WIRE_VERSION_NAME] = shown->version;
	row->string[XS_WIRE_CIPHER] = shown->cipher;
	row->string[XS_WIRE_VERIFIED] = shown->verified;
}

static bool send_listed(struct xs_registered *registered,
			const struct xs_registry_place *behind, void *with)
{
	struct xs_shown *shown =
		&xs_container(registered, struct xs_connection, registered)
			 ->shown;
	const struct xs_wire_row value = {
		.age_ms = (uint64_t)(xs_now_ms() - shown->began),
		.sent = atomic_load_explicit(&shown->sent,
					     memory_order_relaxed),
		.received = atomic_load_explicit(&shown->received,
						 memory_order_relaxed),
		.state = atomic_load_explicit(&shown->state,
					      memory_order_relaxed),
		.secure = shown->version != NULL,
		.resumed = shown->resumed,
	};
	struct xs_wire row;

	xs_wire_init(&row, XS_WIRE_ROW);
	row.head.id = registered->id;
	row.head.pid = xs_log_words_pid(shown->log_words);
	row.head.name = behind->bucket;
	row.head.more = behind->index;
	row.head.value_len = sizeof(value);
	row.value = &value;
	fill_strings(&row, shown);
	return send_row(&row, with);
}

static bool send_connection(struct xs_registered *registered,
			    const struct xs_registry_place *behind, void *with)
{
	return !registered->listed || send_listed(registered, behind, with);
}

static bool send_rows(struct answer *answer, const struct xs_wire *question)
{
	struct xs_registry_place place = { question->head.name,
					   question->head.more };
	uint32_t from = question->head.name;

	switch (question->head.option) {
	case XS_WIRE_LIST_CONNECTIONS:
		return xs_registry_each(&place, send_connection, answer);
	case XS_WIRE_LIST_FAILURES:
		return xs_failures_each(&from, send_row, answer);
	default:
		return false;
	}
}

void xs_list_answer(int fd, const struct xs_wire *question)
{
	struct answer answer = { .fd = fd };
	struct xs_wire_totals value;
	struct xs_wire totals;

	if (!send_rows(&answer, question))
		return;
	xs_totals_read(&value);
	xs_wire_init(&totals, XS_WIRE_TOTALS);
	totals.head.value_len = sizeof(value);
	totals.value = &value;
	xs_wire_send(fd, &totals, NULL, 0);
}
