/* How long the relay stays; see lifetime.h.
 *
 * Leaving must not lose a client.  shutdown(2) on a listening AF_UNIX socket
 * refuses every later connect (unix_stream_connect looks at the peer's
 * RCV_SHUTDOWN) but leaves those queued before, which accept(2) still hands
 * out.  The client that is refused finds no relay
 * and starts the next one.
 *
 * The main thread lives in xs_lifetime_wait; the counting is any thread's.
 */
#include "relay/loop/lifetime.h"

#include "base/descriptor.h"
#include "relay/loop/memory.h"
#include "relay/loop/timer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	/* Nobody has come yet: whoever started the relay is about to. */
	FIRST_CLIENT_SECONDS = 10,
	/* Longer than anybody means, and fits poll(2)'s milliseconds. */
	IDLE_SECONDS_MAX = 1000000,
};

static atomic_int present;
static atomic_uint entries; /* how often anybody came */
static atomic_int idle_seconds = 30;
static atomic_llong left_ms; /* when the last one left; xs_now_ms */
static atomic_bool leaving;
static atomic_bool asked;	/* … to leave with the last one */
static atomic_int wake_fd = -1; /* eventfd: the main thread is to look */

static void wake_main(void)
{
	const uint64_t one = 1;

	if (write(atomic_load(&wake_fd), &one, sizeof(one)) < 0)
		return; /* its counter is full: the main thread is awake */
}

/* Until the first client comes, the main thread sleeps for up to ten seconds,
 * even if the idle time is shorter.  So the first one wakes it. */
void xs_lifetime_enter(void)
{
	bool first = atomic_fetch_add(&entries, 1) == 0;

	atomic_fetch_add(&present, 1);
	if (first && atomic_load(&idle_seconds) < FIRST_CLIENT_SECONDS)
		wake_main();
}

/* The main thread is woken only when it is to leave now: it would be another
 * thread that wants a processor for each of many short connections.  Else it
 * looks by itself, and finds when the last one left.  One of many wakes it for
 * what memory.h says. */
void xs_lifetime_leave(void)
{
	if (xs_memory_ended())
		wake_main();
	atomic_store(&left_ms, xs_now_ms());
	xs_lifetime_leave_unnoticed();
}

void xs_lifetime_leave_unnoticed(void)
{
	if (atomic_fetch_sub(&present, 1) == 1 &&
	    (!atomic_load(&idle_seconds) || atomic_load(&leaving)))
		wake_main();
}

void xs_lifetime_set_idle(int32_t seconds)
{
	if (seconds < 0)
		return;
	if (seconds > IDLE_SECONDS_MAX)
		seconds = IDLE_SECONDS_MAX;
	/* It sleeps for as long as the relay was to stay until now. */
	if (atomic_exchange(&idle_seconds, seconds) != seconds)
		wake_main();
}

/* Only a store and a write(2), for a signal handler. */
void xs_lifetime_end(void)
{
	atomic_store(&asked, true);
	if (atomic_load(&wake_fd) >= 0)
		wake_main();
}

/* Sleeps until it is woken, so many milliseconds at most; -1: as long as
 * nothing wakes it.  Gives memory back when that is due. */
static void sleep_main(int milliseconds)
{
	struct pollfd wake = { .fd = atomic_load(&wake_fd), .events = POLLIN };
	int due = xs_memory_due();
	uint64_t count;

	if (due == 0)
		xs_memory_give_back();
	else if (due > 0 && (milliseconds < 0 || due < milliseconds))
		milliseconds = due;
	if (poll(&wake, 1, milliseconds) > 0 &&
	    read(wake.fd, &count, sizeof(count)) < 0)
		return; /* nobody else reads it */
}

static int patience(void)
{
	int seconds = atomic_load(&idle_seconds);

	if (!atomic_load(&entries) && seconds < FIRST_CLIENT_SECONDS)
		seconds = FIRST_CLIENT_SECONDS;
	return seconds * 1000;
}

static void wait_until_idle(void)
{
	atomic_store(&left_ms, xs_now_ms());
	while (!atomic_load(&asked)) {
		unsigned before = atomic_load(&entries);
		int64_t left = patience();

		if (atomic_load(&present)) {
			/* With no patience, the last one wakes us. */
			sleep_main(left ? (int)left : -1);
			continue;
		}
		left -= xs_now_ms() - atomic_load(&left_ms);
		if (left > 0)
			sleep_main((int)left);
		else if (!atomic_load(&present) &&
			 atomic_load(&entries) == before)
			return;
	}
}

/* Serves what is queued behind a listener that was shut down. */
static void accept_rest(int listen_fd, bool (*give)(int fd))
{
	int fd;

	for (;;) {
		xs_lifetime_enter();
		/* accept(2) takes NULL.  NOLINTNEXTLINE(nullPointer) */
		fd = accept4(listen_fd, NULL, NULL,
			     SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0 && give(fd))
			continue;
		if (fd >= 0)
			close(fd);
		xs_lifetime_leave();
		if (fd < 0)
			return;
	}
}

/* Closes the listener while workers may be about to accept from it: its
 * number must not become another file's, so nothing takes its place. */
static int close_listener(int listen_fd)
{
	int null_fd = xs_nothing();
	int replaced;

	if (null_fd < 0)
		return -1;
	replaced = dup3(null_fd, listen_fd, O_CLOEXEC);
	close(null_fd);
	return replaced < 0 ? -1 : 0;
}

int xs_lifetime_wait(int listen_fd, bool (*give)(int fd))
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (fd < 0)
		return -1;
	atomic_store(&wake_fd, fd);
	wait_until_idle();
	atomic_store(&leaving, true);
	shutdown(listen_fd, SHUT_RD);
	accept_rest(listen_fd, give);
	if (close_listener(listen_fd) < 0)
		return -1;
	while (atomic_load(&present))
		sleep_main(1000);
	return 0;
}
