/* Stand-ins whose port is wanted; see release.h. */
#include "relay/client/release.h"

#include "base/wire.h"
#include "relay/client/bridge.h"
#include "relay/loop/lifetime.h"
#include "relay/loop/worker.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

struct release;

/* What one worker is told. */
struct part {
	struct xs_message message;
	struct release *whole;
};

struct release {
	int control;
	uint16_t port;
	atomic_int left; /* workers that have not looked */
	struct part part[];
};

static void tell(struct release *release)
{
	struct xs_wire answer;

	xs_wire_init(&answer, XS_WIRE_RELEASED);
	xs_wire_send(release->control, &answer, NULL, 0);
	close(release->control);
	free(release);
	xs_lifetime_leave();
}

static void deliver(struct xs_worker *worker, struct xs_message *message)
{
	struct release *release =
		xs_container(message, struct part, message)->whole;

	(void)worker;
	xs_bridge_look(release->port);
	if (atomic_fetch_sub(&release->left, 1) == 1)
		tell(release);
}

static struct release *make(int control, int workers)
{
	struct release *release = calloc(
		1, sizeof(*release) + (size_t)workers * sizeof(*release->part));

	if (!release)
		return NULL;
	release->control = fcntl(control, F_DUPFD_CLOEXEC, 3);
	if (release->control >= 0)
		return release;
	free(release);
	return NULL;
}

void xs_release_begin(int control, uint16_t port)
{
	int workers = xs_workers_count();
	struct release *release = make(control, workers);

	if (!release)
		return;
	release->port = port;
	atomic_init(&release->left, workers);
	xs_lifetime_enter();
	for (int i = 0; i < workers; i++) {
		release->part[i].whole = release;
		release->part[i].message.deliver = deliver;
		xs_worker_post(xs_workers_get(i), &release->part[i].message);
	}
}
