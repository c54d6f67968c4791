/* The program whose connect starts the relay, and which is still there when
 * the relay leaves: it has no child before, meanwhile and afterwards. */
#include "victim.h"

static volatile sig_atomic_t signals;

static void count(int number)
{
	(void)number;
	signals++;
}

int main(void)
{
	struct sigaction action = { .sa_handler = count };
	struct place closed = place("127.0.0.1", "CLOSED");
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	sigaction(SIGCHLD, &action, NULL);
	say("wait before", wait(NULL));
	say("connect", connect(fd, &closed.any, closed.len));
	say("wait with a relay", wait(NULL));
	/* check_starter sets XSOCK_RELAY_IDLE=0. */
	sleep(2);
	say("wait afterwards", waitpid(-1, NULL, __WALL));
	say("SIGCHLD", signals);
	return 0;
}
