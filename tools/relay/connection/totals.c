/* Numbers since the relay was started; see totals.h. */
#include "relay/connection/totals.h"

#include "relay/loop/timer.h"
#include "relay/loop/worker.h"

#include <stdatomic.h>
#include <string.h>

static atomic_ullong present, succeeded, failed[XS_ERR_KINDS];
static atomic_ullong full, resumed, broken, cuts; /* full: handshakes */
static int64_t began;

__attribute__((constructor)) static void note_beginning(void)
{
	began = xs_now_ms();
}

static void count(atomic_ullong *number)
{
	atomic_fetch_add_explicit(number, 1, memory_order_relaxed);
}

static uint64_t read_one(atomic_ullong *number)
{
	return atomic_load_explicit(number, memory_order_relaxed);
}

void xs_totals_begin(void)
{
	count(&present);
}

void xs_totals_end(void)
{
	atomic_fetch_sub_explicit(&present, 1, memory_order_relaxed);
}

void xs_totals_succeeded(void)
{
	count(&succeeded);
}

void xs_totals_failed(enum xs_error_kind kind)
{
	count(&failed[kind]);
}

void xs_totals_handshake(bool is_resumed)
{
	count(is_resumed ? &resumed : &full);
}

void xs_totals_broken(void)
{
	count(&broken);
}

void xs_totals_cut(void)
{
	count(&cuts);
}

void xs_totals_read(struct xs_wire_totals *totals)
{
	memset(totals, 0, sizeof(*totals));
	totals->age_ms = (uint64_t)(xs_now_ms() - began);
	totals->open = read_one(&present);
	totals->succeeded = read_one(&succeeded);
	for (int i = 0; i < XS_ERR_KINDS; i++)
		totals->failed[i] = read_one(&failed[i]);
	totals->broken = read_one(&broken);
	totals->cuts = read_one(&cuts);
	totals->resumptions = read_one(&resumed);
	totals->handshakes = totals->resumptions + read_one(&full);
	xs_workers_traffic(&totals->sent, &totals->received);
}
