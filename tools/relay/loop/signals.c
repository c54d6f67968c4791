/* Signals; see signals.h. */
#include "relay/loop/signals.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>

/* What KillSignal= of systemd.kill(5) is, in units that set it. */
static const int ends[] = { SIGTERM, SIGINT, SIGQUIT };

/* What means "do something" to a daemon, or a timer of somebody else's; and
 * what stops a process, which nobody must do to all programs of a user. */
static const int others[] = {
	SIGHUP,	 SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF,
	SIGPOLL, SIGPWR,  SIGTSTP, SIGTTIN, SIGTTOU,
};

static void (*end_relay)(void);

static void ask_for_end(int number)
{
	int saved = errno;

	(void)number;
	end_relay();
	errno = saved;
}

void xs_signals_heed(void (*end)(void))
{
	struct sigaction action = { .sa_handler = ask_for_end,
				    .sa_flags = SA_RESTART };

	end_relay = end;
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++)
		sigaction(ends[i], &action, NULL);
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		signal(others[i], SIG_IGN);
	for (int number = SIGRTMIN; number <= SIGRTMAX; number++)
		signal(number, SIG_IGN);
}
