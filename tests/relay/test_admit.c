/* Tests: tools/relay/client/admit.c, shim/base/peer.c, rights.c and spaces.c,
 * behind a real relay.
 *
 * Who is let in.  Each client is a process of the same user that asks for the
 * addresses of a name, which only those get who may share the relay. */
#include "client.h"

#include "base/rights.h"
#include "base/spaces.h"

#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>

enum outcome { ANSWERED, CLOSED, CANNOT_BE_MADE };

/* A RESOLVE on a connection that is there already. */
static enum outcome resolve(int control)
{
	static char buffer[XS_WIRE_MESSAGE_MAX];
	struct xs_wire question, answer;

	xs_wire_init(&question, XS_WIRE_RESOLVE);
	question.string[XS_WIRE_HOST] = "localhost";
	if (control < 0 || xs_wire_send(control, &question, NULL, 0) < 0)
		return CLOSED;
	return wire_answer(control, buffer, &answer) &&
			       answer.head.type == XS_WIRE_ADDRESSES
		       ? ANSWERED
		       : CLOSED;
}

/* What a client meets that has made itself what it is by become. */
static enum outcome meet(const struct relay *relay, bool (*become)(void))
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0)
		_exit(become() ? (int)resolve(relay_connect(relay))
			       : CANNOT_BE_MADE);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFEXITED(status));
	return (enum outcome)WEXITSTATUS(status);
}

static bool nothing(void)
{
	return true;
}

static bool without_capabilities(void)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct sets[2] = { { .permitted = 0 } };

	return syscall(SYS_capset, &head, sets) == 0;
}

static bool with_other_mounts(void)
{
	return unshare(CLONE_NEWNS) == 0;
}

static bool with_other_users(void)
{
	return unshare(CLONE_NEWUSER) == 0;
}

static bool with_other_root(void)
{
	return chroot("/usr") == 0 && chdir("/") == 0;
}

static bool without_groups(void)
{
	gid_t one = 12345;

	return setgroups(1, &one) == 0;
}

static bool without_new_privileges(void)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

/* Lets SO_PEERPIDFD fail, as on kernels before 6.5. */
static bool with_a_filter(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getsockopt, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 77, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOPROTOOPT),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { 6, filter };

	return (geteuid() == 0 || without_new_privileges()) &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static bool into_which_nobody_looks(void)
{
	return prctl(PR_SET_DUMPABLE, 0) == 0;
}

/* Only root can make some of them, and namespaces may be forbidden. */
static void expect_closed(const char *who, bool (*become)(void))
{
	struct relay relay = relay_start("20");
	enum outcome outcome = meet(&relay, become);

	kill(relay.pid, SIGTERM);
	relay_wait(&relay, 20);
	if (outcome == CANNOT_BE_MADE && geteuid() != 0)
		cr_skip("only root can make a client %s", who);
	cr_assert_eq(outcome, CLOSED, "a client %s is let in", who);
}

Test(relay_admit, equals, .timeout = 60)
{
	struct relay relay = relay_start("20");

	cr_assert_eq(meet(&relay, nothing), ANSWERED);
	kill(relay.pid, SIGTERM);
	relay_wait(&relay, 20);
}

Test(relay_admit, capabilities, .timeout = 60)
{
	if (geteuid() != 0)
		cr_skip("only root has any");
	expect_closed("without capabilities", without_capabilities);
}

Test(relay_admit, mounts, .timeout = 60)
{
	expect_closed("in a mount namespace of its own", with_other_mounts);
}

Test(relay_admit, users, .timeout = 60)
{
	expect_closed("in a user namespace of its own", with_other_users);
}

Test(relay_admit, root, .timeout = 60)
{
	expect_closed("with another root directory", with_other_root);
}

Test(relay_admit, groups, .timeout = 60)
{
	expect_closed("in other groups", without_groups);
}

Test(relay_admit, no_new_privileges, .timeout = 60)
{
	expect_closed("with no_new_privs", without_new_privileges);
}

Test(relay_admit, seccomp, .timeout = 60)
{
	expect_closed("with a seccomp filter", with_a_filter);
}

/* --- those that show where they live --------------------------------- */

static void become_nobody(void)
{
	if (geteuid() != 0)
		return;
	cr_assert_eq(setgroups(0, NULL), 0);
	cr_assert_eq(setresgid(65534, 65534, 65534), 0);
	cr_assert_eq(setresuid(65534, 65534, 65534), 0);
	prctl(PR_SET_DUMPABLE, 1);
}

/* Shows these, and asks. */
static enum outcome show(const struct relay *relay, const int fds[XS_SPACES])
{
	struct xs_wire prove;
	int control = relay_connect(relay);

	xs_wire_init(&prove, XS_WIRE_PROVE);
	cr_assert_eq(xs_wire_send(control, &prove, fds, XS_SPACES), 0);
	return resolve(control);
}

/* A relay without capabilities cannot look into a daemon that has changed its
 * user. */
Test(relay_admit, closed_processes, .timeout = 60)
{
	struct relay relay;
	int fds[XS_SPACES], other;

	become_nobody();
	relay = relay_start("20");
	cr_assert_eq(meet(&relay, into_which_nobody_looks), CLOSED,
		     "a process that shows nothing");
	into_which_nobody_looks();
	cr_assert(xs_spaces_open(fds));
	cr_assert_eq(show(&relay, fds), ANSWERED, "one that shows the same");
	other = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	dup2(other, fds[XS_SPACE_MOUNT]);
	cr_assert_eq(show(&relay, fds), CLOSED, "one that shows another");
	kill(relay.pid, SIGTERM);
	relay_wait(&relay, 20);
}

/* A process shows what it likes only where nobody may look. */
Test(relay_admit, looks_before_it_believes, .timeout = 60)
{
	struct relay relay = relay_start("20");
	int fds[XS_SPACES];

	cr_assert(xs_spaces_open(fds));
	if (!with_other_mounts()) {
		kill(relay.pid, SIGTERM);
		relay_wait(&relay, 20);
		cr_skip("no mount namespace to be had");
	}
	cr_assert_eq(show(&relay, fds), CLOSED);
	kill(relay.pid, SIGTERM);
	relay_wait(&relay, 20);
}

/* What the library asks for. */
Test(relay_admit, proof, .timeout = 60)
{
	static char buffer[XS_WIRE_MESSAGE_MAX];
	struct relay relay = relay_start("20");
	struct xs_spaces own, shown;
	struct xs_wire message;
	int fds[XS_SPACES], control = relay_connect(&relay);
	struct pollfd ready = { .fd = control, .events = POLLIN };
	size_t nfds;

	xs_wire_init(&message, XS_WIRE_PROVE);
	message.head.more = 1;
	cr_assert_eq(xs_wire_send(control, &message, NULL, 0), 0);
	cr_assert_eq(poll(&ready, 1, 20000), 1);
	cr_assert_gt(xs_wire_receive(control, buffer, sizeof(buffer), fds,
				     XS_SPACES, &nfds, 0),
		     0);
	cr_assert_eq(nfds, XS_SPACES);
	cr_assert(xs_spaces_shown(fds, &shown));
	cr_assert(xs_spaces_of(0, &own));
	cr_assert_eq(xs_spaces_difference(&own, &shown), XS_SPACES);
	/* The request follows on the same connection. */
	cr_assert_eq(resolve(control), ANSWERED);
	kill(relay.pid, SIGTERM);
	relay_wait(&relay, 20);
}

/* --- those that say nothing ------------------------------------------- */

/* Holds as many connections as it can and says nothing, until it is killed. */
static pid_t start_silent(const struct relay *relay, uid_t user)
{
	enum { KEPT = 80 };
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		int kept[KEPT];

		if (user && setresuid(user, user, user) < 0)
			_exit(1);
		/* Which a change of the user takes away. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		alarm(60);
		memset(kept, -1, sizeof(kept));
		for (size_t i = 0;; i = (i + 1) % KEPT) {
			char byte;

			usleep(2000);
			if (kept[i] >= 0 &&
			    recv(kept[i], &byte, 1, MSG_DONTWAIT) < 0)
				continue;
			close(kept[i]);
			kept[i] = relay_connect(relay);
		}
	}
	return pid;
}

/* Others get their answer meanwhile, and soon. */
static void expect_served(uid_t user)
{
	enum { SILENT = 4 };
	const struct rlimit few = { 100, 100 };
	struct relay relay;
	pid_t pids[SILENT];
	double began;

	if (user && geteuid() != 0)
		cr_skip("only root can be another user");
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	relay = relay_start("20");
	for (int i = 0; i < SILENT; i++)
		pids[i] = start_silent(&relay, user);
	usleep(500000);
	for (int i = 0; i < 10; i++) {
		began = seconds_now();
		cr_assert_eq(resolve(relay_connect(&relay)), ANSWERED);
		cr_assert_lt(seconds_now() - began, 3);
	}
	for (int i = 0; i < SILENT; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
	kill(relay.pid, SIGTERM);
	relay_wait(&relay, 20);
}

Test(relay_admit, silent_strangers, .timeout = 30)
{
	expect_served(65534);
}

Test(relay_admit, silent_equals, .timeout = 30)
{
	expect_served(0);
}

/* --- without SO_PEERPIDFD -------------------------------------------- */

/* The relay has the filter, too: the time of the start counts. */
Test(relay_admit, older_kernels, .timeout = 60)
{
	struct relay relay;

	cr_assert(with_a_filter());
	relay = relay_start("20");
	cr_assert_eq(meet(&relay, nothing), ANSWERED);
	cr_assert_neq(meet(&relay, with_other_mounts), ANSWERED);
	kill(relay.pid, SIGTERM);
	relay_wait(&relay, 20);
}

/* Who has connected and ended has no rights any more. */
Test(relay_admit, ended, .timeout = 60)
{
	struct relay relay = relay_start("20");
	int pair[2], status, control;
	pid_t pid;

	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	pid = fork();
	if (pid == 0) {
		struct xs_wire message;

		control = relay_connect(&relay);
		xs_wire_init(&message, XS_WIRE_VALUE);
		_exit(xs_wire_send(pair[1], &message, &control, 1) < 0);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert_eq(status, 0);
	{
		static char buffer[XS_WIRE_MESSAGE_MAX];
		size_t nfds;

		cr_assert_gt(xs_wire_receive(pair[0], buffer, sizeof(buffer),
					     &control, 1, &nfds, 0),
			     0);
		cr_assert_eq(nfds, 1);
	}
	cr_assert_eq(resolve(control), CLOSED);
	kill(relay.pid, SIGTERM);
	relay_wait(&relay, 20);
}

/* --- what the relay gives up ------------------------------------------ */

Test(relay_admit, gives_up, .timeout = 60)
{
	struct relay relay = relay_start("20");
	struct xs_rights rights;
	/* DAC_OVERRIDE, DAC_READ_SEARCH, NET_BIND_SERVICE, NET_ADMIN, NET_RAW,
	 * SYS_PTRACE */
	const uint64_t kept =
		1 << 1 | 1 << 2 | 1 << 10 | 1 << 12 | 1 << 13 | 1 << 19;

	cr_assert_eq(meet(&relay, nothing), ANSWERED);
	cr_assert(xs_rights_of(relay.pid, &rights));
	cr_assert_eq(rights.capabilities & ~kept, 0);
	cr_assert_eq(rights.no_new_privs, 1);
	kill(relay.pid, SIGTERM);
	relay_wait(&relay, 20);
}

/* --- rights ------------------------------------------------------------ */

Test(rights, lack)
{
	const struct xs_rights needed = {
		.group = 5,
		.groups = 7,
		.capabilities = 6,
		.filters = 1,
		.seccomp = 2,
	};
	struct xs_rights rights = needed;

	cr_assert_null(xs_rights_lack(&rights, &needed));
	rights.capabilities = 7;
	rights.filters = rights.seccomp = 0;
	cr_assert_null(xs_rights_lack(&rights, &needed));
	rights.capabilities = 5;
	cr_assert_not_null(xs_rights_lack(&rights, &needed));
	rights = needed;
	rights.groups = 8;
	cr_assert_not_null(xs_rights_lack(&rights, &needed));
	rights = needed;
	rights.filters = 2;
	cr_assert_not_null(xs_rights_lack(&rights, &needed));
	rights = needed;
	rights.no_new_privs = 1;
	cr_assert_not_null(xs_rights_lack(&rights, &needed));
}
