/* Tests: tools/relay/surroundings.c, base/filter.c and base/walls.c, behind a
 * real relay.
 *
 * What it gives up and forbids itself, as /proc shows it, also where something
 * does not let it. */
#include "authority.h"
#include "client.h"

#include "base/relay_capability.h"
#include "base/rights.h"

#include <grp.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* A connection, so that the relay stands. */
static struct wrapped open_to(const struct relay *relay,
			      const struct server *server)
{
	struct xs_wire verdict;
	struct wrapped w;

	cr_assert_eq(
		wrap_open(&w, relay, server->port, server->cafile, &verdict), 0,
		"%s", verdict.string[XS_WIRE_SENTENCE]);
	return w;
}

static bool echoes(const struct wrapped *w)
{
	char byte = 0;

	return send(w->end[0], "e", 1, MSG_NOSIGNAL) == 1 &&
	       recv(w->end[0], &byte, 1, 0) == 1 && byte == 'e';
}

static void read_proc(const struct relay *relay, const char *file, char *text,
		      size_t size)
{
	char path[64];
	FILE *in;
	size_t len;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)relay->pid, file);
	in = fopen(path, "r");
	cr_assert(in, "%s", path);
	len = fread(text, 1, size - 1, in);
	text[len] = '\0';
	fclose(in);
}

static void end_relay(struct relay *relay, struct server *server)
{
	kill(relay->pid, SIGTERM);
	cr_assert_eq(relay_wait(relay, 20), 0);
	server_end(server);
}

Test(relay_walls, stand, .timeout = 60)
{
	/* What it could get back, or hand to a program that it starts. */
	static const struct {
		const char *name;
		uint64_t may_have;
	} sets[] = { { "\nCapEff:", XS_RELAY_CAPABILITIES },
		     { "\nCapInh:", 0 },
		     { "\nCapAmb:", 0 } };
	struct server *server = server_start("DNS:localhost", serve_echo);
	struct relay relay = relay_start("20");
	struct wrapped w = open_to(&relay, server);
	struct xs_rights own, rights;
	char text[4096];

	cr_assert(xs_rights_of(0, &own));
	cr_assert(xs_rights_of(relay.pid, &rights));
	cr_assert_eq(rights.no_new_privs, 1);
	cr_assert_eq(rights.seccomp, 2);
	cr_assert_eq(rights.filters, own.filters + 1);
	cr_assert_eq(rights.capabilities,
		     own.capabilities & XS_RELAY_CAPABILITIES);
	read_proc(&relay, "status", text, sizeof(text));
	for (size_t i = 0; i < sizeof(sets) / sizeof(*sets); i++) {
		const char *line = strstr(text, sets[i].name);

		cr_assert(line, "%s", text);
		cr_assert_eq(strtoull(line + strlen(sets[i].name), NULL, 16),
			     own.capabilities & sets[i].may_have, "%s", line);
	}
	read_proc(&relay, "limits", text, sizeof(text));
	cr_assert(strstr(text, "Max core file size        0                    "
			       "0 "),
		  "%s", text);
	if (geteuid() == 0) {
		read_proc(&relay, "coredump_filter", text, sizeof(text));
		cr_assert_str_eq(text, "00000000\n");
	}
	cr_assert(echoes(&w));
	cr_assert_eq(wrap_log(&w, text), 1, "nothing else is told: %s", text);
	wrap_close(&w);
	end_relay(&relay, server);
}

/* Its user may not look into it. */
Test(relay_walls, closed, .timeout = 60)
{
	struct server *server;
	struct relay relay;
	struct wrapped w;
	struct stat file;
	char path[64];

	if (relay_is_sanitized())
		cr_skip_test("a sanitizer looks into itself");
	if (geteuid() == 0) {
		cr_assert_eq(setgroups(0, NULL), 0);
		cr_assert_eq(setresgid(65534, 65534, 65534), 0);
		cr_assert_eq(setresuid(65534, 65534, 65534), 0);
		/* Criterion's next process may look into this one. */
		prctl(PR_SET_DUMPABLE, 1);
	}
	server = server_start("DNS:localhost", serve_echo);
	relay = relay_start("20");
	w = open_to(&relay, server);
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)relay.pid);
	cr_assert_eq(stat(path, &file), 0);
	cr_assert_eq(file.st_uid, 0);
	if (geteuid() != 0)
		cr_assert_eq(open(path, O_RDONLY), -1);
	wrap_close(&w);
	end_relay(&relay, server);
}

/* --- where something forbids them ------------------------------------- */

static unsigned seccomp_gives;
static bool also_by_prctl;

/* For seccomp(2), and perhaps prctl(PR_SET_SECCOMP), the only other way. */
static void forbid_filters(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_seccomp, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, seccomp_gives),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
			 also_by_prctl ? PR_SET_SECCOMP : ~0U, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = { sizeof(code) / sizeof(*code), code };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) < 0)
		_exit(99);
}

/* It goes on, and says so to each program that wants to know, once. */
Test(relay_walls, told_where_forbidden, .timeout = 60)
{
	struct server *server = server_start("DNS:localhost", serve_echo);
	struct relay relay;
	struct xs_rights own, rights;
	struct wrapped w;
	char text[4096];

	seccomp_gives = SECCOMP_RET_ERRNO | ENOSYS;
	also_by_prctl = true;
	relay_before = forbid_filters;
	relay = relay_start("20");
	w = open_to(&relay, server);
	cr_assert(xs_rights_of(0, &own));
	cr_assert(xs_rights_of(relay.pid, &rights));
	cr_assert_eq(rights.filters, own.filters + 1, "that of this test");
	cr_assert(echoes(&w));
	wrap_log(&w, text);
	cr_assert(strstr(text, "the relay goes on without a seccomp filter of "
			       "its own (Function not implemented)"),
		  "%s", text);
	wrap_close(&w);
	w = open_to(&relay, server);
	cr_assert_eq(wrap_log(&w, text), 1, "once: %s", text);
	wrap_close(&w);
	end_relay(&relay, server);
}

/* As under systemd's @system-service: seccomp(2) is death, prctl(2) is not. */
Test(relay_walls, by_the_older_call, .timeout = 60)
{
	struct server *server = server_start("DNS:localhost", serve_echo);
	struct relay relay;
	struct xs_rights own, rights;
	struct wrapped w;
	char text[4096];

	seccomp_gives = SECCOMP_RET_KILL_PROCESS;
	relay_before = forbid_filters;
	relay = relay_start("20");
	w = open_to(&relay, server);
	cr_assert(xs_rights_of(0, &own));
	cr_assert(xs_rights_of(relay.pid, &rights));
	cr_assert_eq(rights.filters, own.filters + 2);
	cr_assert_eq(wrap_log(&w, text), 1, "%s", text);
	cr_assert(echoes(&w));
	wrap_close(&w);
	end_relay(&relay, server);
}

/* What "SystemCallFilter=~@privileged @resources" makes of a unit. */
static void forbid_privileges(void)
{
	static const int calls[] = {
		SYS_capset,
		SYS_setresuid,
		SYS_setresgid,
		SYS_sched_setscheduler,
		SYS_sched_setaffinity,
		SYS_setpriority,
		SYS_set_mempolicy,
		SYS_ioprio_set,
		SYS_seccomp,
	};
	enum { CALLS = sizeof(calls) / sizeof(*calls) };
	struct sock_filter code[2 * CALLS + 2] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
	};
	struct sock_fprog filter = { 2 * CALLS + 2, code };

	for (int i = 0; i < CALLS; i++) {
		code[1 + 2 * i] = (struct sock_filter)BPF_JUMP(
			BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)calls[i], 0, 1);
		code[2 + 2 * i] = (struct sock_filter)BPF_STMT(
			BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	}
	code[2 * CALLS + 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
							   SECCOMP_RET_ALLOW);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) < 0)
		_exit(99);
}

Test(relay_walls, lives_without_privileges, .timeout = 60)
{
	struct server *server = server_start("DNS:localhost", serve_echo);
	struct relay relay;
	struct xs_rights own, rights;
	struct wrapped w;
	char text[4096];

	relay_before = forbid_privileges;
	relay = relay_start("20");
	w = open_to(&relay, server);
	cr_assert(xs_rights_of(0, &own));
	cr_assert(xs_rights_of(relay.pid, &rights));
	cr_assert_eq(rights.filters, own.filters + 2);
	cr_assert_eq(rights.capabilities, own.capabilities);
	wrap_log(&w, text);
	cr_assert_eq(!strstr(text, "goes on without dropping capabilities"),
		     geteuid() != 0, "%s", text);
	cr_assert(echoes(&w));
	wrap_close(&w);
	end_relay(&relay, server);
}

/* --- why there is no Landlock ------------------------------------------ */

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#endif
#ifndef SYS_landlock_restrict_self
#define SYS_landlock_restrict_self 446
#endif

/* As admission does (base/spaces.h). */
static bool may_look_into(pid_t pid)
{
	char path[64];
	struct stat file;

	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int)pid);
	return stat(path, &file) == 0;
}

/* Whoever has put himself in a domain, however little that forbids, cannot look
 * into those outside of it: a relay could let nobody in. */
Test(relay_walls, landlock_hides_clients, .timeout = 60)
{
	const struct landlock_ruleset_attr least = {
		.handled_access_fs = LANDLOCK_ACCESS_FS_MAKE_CHAR
	};
	int rules = (int)syscall(SYS_landlock_create_ruleset, &least,
				 sizeof(least), 0);
	pid_t client;
	bool before, after;

	if (rules < 0)
		cr_skip_test("this kernel has no Landlock");
	fflush(NULL);
	client = fork();
	if (client == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pause();
		_exit(0);
	}
	before = may_look_into(client);
	cr_assert_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	cr_assert_eq(syscall(SYS_landlock_restrict_self, rules, 0), 0);
	after = may_look_into(client);
	kill(client, SIGKILL);
	waitpid(client, NULL, 0);
	cr_assert(before);
	cr_assert_not(after);
}
