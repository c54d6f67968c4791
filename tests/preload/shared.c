/* Two processes, one of which gives its user up, and the table of names.
 *
 *     shared HOW NAME IP PORT [UID]
 *
 * empties: this process looks NAME up; a child becomes UID, and overwrites all
 * shared memory that it has; then this process connects to IP.
 * drops: it looks NAME up, becomes UID, and connects.
 * helps: a child becomes UID, looks NAME up, and connects.
 * vfork: a vfork child becomes UID; another child looks NAME up; then this
 * process connects.
 */
#include "victim.h"
#include <sys/wait.h>

static const char secret[] = "SECRET-that-must-not-travel";
static char **argument;

static void look_up(void)
{
	struct addrinfo *found = NULL;
	int error = getaddrinfo(argument[1], NULL, NULL, &found);

	if (error)
		printf("%s: %s\n", argument[1], gai_strerror(error));
	else
		freeaddrinfo(found);
}

/* By address: what getaddrinfo has given is thrown away. */
static void try_connect(void)
{
	struct place p = place(argument[2], NULL);
	int fd = socket(p.any.sa_family, SOCK_STREAM, 0), result;

	p.v4.sin_port = htons((uint16_t)atoi(argument[3]));
	result = connect(fd, &p.any, p.len);
	say("connect", result);
	if (result == 0) {
		send(fd, secret, strlen(secret), MSG_NOSIGNAL);
		shutdown(fd, SHUT_WR);
		recv(fd, (char[64]){ 0 }, 64, 0);
	}
	close(fd);
}

static void become_another(void)
{
	if (setuid((uid_t)atoi(argument[4])) != 0)
		_exit(1);
}

/* Nothing of what an attacker could write to is spared. */
static void overwrite_shared_memory(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[512], flags[5];
	unsigned long from, to;

	while (maps && fgets(line, sizeof(line), maps))
		if (sscanf(line, "%lx-%lx %4s", &from, &to, flags) == 3 &&
		    strcmp(flags, "rw-s") == 0)
			memset((void *)from, 0, to - from);
}

static void child(void (*work)(void))
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		work();
		fflush(stdout);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

static void empty(void)
{
	become_another();
	overwrite_shared_memory();
}

static void help(void)
{
	become_another();
	look_up();
	try_connect();
}

int main(int argc, char **argv)
{
	if (argc < 6)
		return 2;
	argument = argv + 1;
	if (strcmp(argv[1], "empties") == 0) {
		look_up();
		child(empty);
		try_connect();
	} else if (strcmp(argv[1], "drops") == 0) {
		look_up();
		become_another();
		try_connect();
	} else if (strcmp(argv[1], "helps") == 0) {
		child(help);
	} else if (strcmp(argv[1], "vfork") == 0) {
		pid_t pid = vfork();

		if (pid == 0)
			_exit(setuid((uid_t)atoi(argument[4])));
		waitpid(pid, NULL, 0);
		child(look_up);
		try_connect();
	}
	return 0;
}
