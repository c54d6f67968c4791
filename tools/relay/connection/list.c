/* Telling of connections and associations; see list.h. */
#include "relay/connection/list.h"

#include "base/clock.h"
#include "relay/connection/connection_private.h"
#include "relay/connection/failures.h"
#include "relay/connection/totals.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* Rows of one answer: a worker's turn is short. */
enum { ROWS_MAX = 64 };

/* --- what is shown of one --------------------------------------------- */

void xs_list_begin(struct xs_registered *registered, struct xs_shown *shown,
		   const struct xs_log_words *log_words,
		   struct xs_shown_datagrams *datagrams)
{
	shown->log_words = log_words;
	shown->began = xs_now_ms();
	shown->verified = "";
	shown->datagrams = datagrams;
	if (datagrams)
		atomic_init(&datagrams->last, xs_clock_coarse_ms());
	registered->shown = shown;
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
	struct xs_shown *shown = registered->shown;
	const struct xs_tls_summary *summary = with;

	shown->version = summary->version;
	shown->cipher = summary->cipher;
	shown->resumed = summary->resumed;
	show_verified(shown, summary->verified);
}

void xs_list_secured(struct xs_registered *registered,
		     const struct xs_tls_summary *summary)
{
	xs_registry_change(registered, show_tls, summary);
	xs_totals_handshake(summary->resumed);
}

static void show_no_tls(struct xs_registered *registered, const void *with)
{
	struct xs_shown *shown = registered->shown;

	(void)with;
	shown->version = shown->cipher = NULL;
	shown->resumed = false;
	free(shown->verified_own);
	shown->verified_own = NULL;
	shown->verified = "";
}

void xs_list_unsecured(struct xs_registered *registered)
{
	xs_registry_change(registered, show_no_tls, NULL);
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

static void add_datagram(struct xs_shown *shown, _Atomic uint64_t *bytes,
			 _Atomic uint64_t *all, _Atomic uint64_t *datagrams,
			 size_t len)
{
	xs_traffic_add(bytes, len);
	xs_traffic_add(all, len);
	xs_traffic_add(datagrams, 1);
	atomic_store_explicit(&shown->datagrams->last, xs_clock_coarse_ms(),
			      memory_order_relaxed);
}

void xs_list_datagram_sent(struct xs_shown *shown, struct xs_worker *worker,
			   size_t len)
{
	add_datagram(shown, &shown->sent, &worker->traffic.sent,
		     &shown->datagrams->sent, len);
}

void xs_list_datagram_received(struct xs_shown *shown, struct xs_worker *worker,
			       size_t len)
{
	add_datagram(shown, &shown->received, &worker->traffic.received,
		     &shown->datagrams->received, len);
}

void xs_list_end(struct xs_shown *shown)
{
	free(shown->verified_own);
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

static uint64_t read_number(const _Atomic uint64_t *number)
{
	return atomic_load_explicit(number, memory_order_relaxed);
}

static void fill_datagrams(struct xs_wire_row *value,
			   const struct xs_shown_datagrams *datagrams)
{
	int64_t last =
		atomic_load_explicit(&datagrams->last, memory_order_relaxed);

	value->association = true;
	value->datagrams_sent = read_number(&datagrams->sent);
	value->datagrams_received = read_number(&datagrams->received);
	value->idle_ms = (uint64_t)(xs_clock_coarse_ms() - last);
}

static bool send_shown(struct xs_registered *registered,
		       const struct xs_registry_place *behind, void *with)
{
	struct xs_shown *shown = registered->shown;
	struct xs_wire_row value = {
		.age_ms = (uint64_t)(xs_now_ms() - shown->began),
		.sent = read_number(&shown->sent),
		.received = read_number(&shown->received),
		.state = atomic_load_explicit(&shown->state,
					      memory_order_relaxed),
		.secure = shown->version != NULL,
		.resumed = shown->resumed,
	};
	struct xs_wire row;

	if (shown->datagrams)
		fill_datagrams(&value, shown->datagrams);
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

static bool send_rows(struct answer *answer, const struct xs_wire *question)
{
	struct xs_registry_place place = { question->head.name,
					   question->head.more };
	uint32_t from = question->head.name;

	switch (question->head.option) {
	case XS_WIRE_LIST_CONNECTIONS:
		return xs_registry_each(&place, send_shown, answer);
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
