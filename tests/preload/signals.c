/* Signals and timeouts while connect(2) blocks. */
#include "victim.h"
#include <setjmp.h>
#include <sys/time.h>

static volatile sig_atomic_t seen;
static sigjmp_buf back;
static bool jump;

static void on_alarm(int signal)
{
	(void)signal;
	if (++seen >= 3 && jump)
		siglongjmp(back, 1);
}

/* SIGALRM every 50 ms, or never. */
static void alarms(bool on, int flags)
{
	struct sigaction action = { .sa_handler = on_alarm, .sa_flags = flags };
	struct itimerval timer = { .it_value.tv_usec = on ? 50000 : 0,
				   .it_interval.tv_usec = on ? 50000 : 0 };

	seen = 0;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
}

static void interrupted(void)
{
	struct place p = place("127.0.0.1", "PENDING");
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	alarms(true, 0);
	say("EINTR", connect(fd, &p.any, p.len));
	alarms(false, 0);
	set_nonblocking(fd);
	say("EINTR, then again", connect(fd, &p.any, p.len));
	say_poll("EINTR, poll", fd, POLLIN | POLLOUT, 100);
	close(fd);
}

/* With SA_RESTART connect goes on; only a jump leaves it. */
static void restarted(void)
{
	struct place p = place("127.0.0.1", "PENDING");
	struct place good = place("127.0.0.1", "ECHO");
	volatile int fd = socket(AF_INET, SOCK_STREAM, 0);

	jump = true;
	alarms(true, SA_RESTART);
	if (sigsetjmp(back, 1) == 0)
		say("SA_RESTART returned", connect(fd, &p.any, p.len));
	jump = false;
	say("SA_RESTART, signals seen", seen);
	alarms(false, 0);
	close(fd);
	/* Nothing of the abandoned call may be in the way of the next. */
	for (int i = 0; i < 3; i++) {
		fd = socket(AF_INET, SOCK_STREAM, 0);
		if (connect(fd, &good.any, good.len) < 0)
			say("after a jump", -1);
		close(fd);
	}
	fd = connected("127.0.0.1", "ECHO");
	say_echo("after a jump, echo", fd, "landed\n");
	close(fd);
}

static void send_timeout(void)
{
	struct place p = place("127.0.0.1", "PENDING");
	struct timeval limit = { .tv_usec = 300000 };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	double began = now(), took;

	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	say("SO_SNDTIMEO", connect(fd, &p.any, p.len));
	took = now() - began;
	say_text("SO_SNDTIMEO, after", "%s",
		 took > 0.25 && took < 1.5 ? "300 ms" : "another time");
	say("SO_SNDTIMEO, then again", connect(fd, &p.any, p.len));
	close(fd);
}

/* Signals while a connect succeeds: EINTR or success, and no harm. */
static void storm(void)
{
	int good = 0, odd = 0;

	alarms(true, SA_RESTART);
	for (int i = 0; i < 200; i++) {
		struct place p = place("127.0.0.1", "ECHO");
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		char c = 'a';

		if (connect(fd, &p.any, p.len) == 0 && write(fd, &c, 1) == 1 &&
		    read(fd, &c, 1) == 1 && c == 'a')
			good++;
		else
			odd++;
		close(fd);
	}
	alarms(false, 0);
	say_text("200 connects under signals", "%d good, %d odd", good, odd);
}

int main(void)
{
	interrupted();
	restarted();
	send_timeout();
	storm();
	return 0;
}
