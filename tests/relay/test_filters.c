/* Tests: tools/relay/base/allowed.c, behind a real relay.
 *
 * Seccomp filters that punish a call by death, as systemd's SystemCallFilter=
 * does: what the relay needs only now and then must not end it. */
#include "authority.h"
#include "client.h"
#include "forbidden.h"

#include "base/pidfd.h"

#include <sys/stat.h>

static bool runtime_reads_links(void)
{
#ifdef __clang__
#if __has_feature(undefined_behavior_sanitizer)
	return true;
#endif
#endif
	return relay_is_sanitized();
}

/* ThreadSanitizer's has a file of its own, which it takes away at once. */
static bool runtime_unlinks(void)
{
	return getenv("XSOCK_TEST_SANITIZED") != NULL;
}

/* Calls that are of no use to a program that reads and writes sockets.  A
 * sanitizer's runtime makes some of them itself, and dies of them. */
static const struct {
	int number;
	const char *name;
	bool (*runtime_needs)(void);
} rare[] = {
	{ SYS_pidfd_open, "pidfd_open", NULL },
	{ SYS_pidfd_getfd, "pidfd_getfd", NULL },
#ifdef SYS_readlink
	{ SYS_readlink, "readlink", runtime_reads_links },
#endif
#ifdef SYS_rename
	{ SYS_rename, "rename", NULL },
	{ SYS_unlink, "unlink", runtime_unlinks },
#endif
	{ SYS_getdents64, "getdents64", relay_is_sanitized },
	{ SYS_sched_yield, "sched_yield", relay_is_sanitized },
};
enum { RARE = sizeof(rare) / sizeof(*rare) };

/* "r": ends with a reset. */
static void serve_reset(struct served *served)
{
	const struct linger abort = { 1, 0 };
	char byte;

	while (SSL_read(served->ssl, &byte, 1) == 1 && byte != 'r')
		SSL_write(served->ssl, &byte, 1);
	setsockopt(served->fd, SOL_SOCKET, SO_LINGER, &abort, sizeof(abort));
	SSL_set_quiet_shutdown(served->ssl, 1);
}

static bool echoes(int fd)
{
	char byte = 0;

	return send(fd, "e", 1, MSG_NOSIGNAL) == 1 &&
	       recv(fd, &byte, 1, 0) == 1 && byte == 'e';
}

static struct wrapped open_to(const struct relay *relay,
			      const struct server *server, const char *options)
{
	struct wrapped w;
	struct xs_wire verdict;

	wrap_open(&w, relay, server->port, options, &verdict);
	return w;
}

/* A listener that never answers: its connects are looked after each second. */
static uint16_t mute_port(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	cr_assert_eq(bind(fd, (struct sockaddr *)&address, len), 0);
	cr_assert_eq(listen(fd, 10), 0);
	getsockname(fd, (struct sockaddr *)&address, &len);
	return ntohs(address.sin_port);
}

/* All that a relay does now and then, beside a connection that must live. */
static void do_everything(const struct relay *relay,
			  const struct server *server,
			  const struct folder *folder)
{
	char options[600];
	struct wrapped neighbour, other;
	char byte;

	neighbour = open_to(relay, server, server->cafile);
	cr_assert(echoes(neighbour.end[0]));
	/* A reset; an open one, so that it must be told by a byte. */
	other = open_to(relay, server, server->cafile);
	cr_assert(echoes(other.end[0]));
	send(other.end[0], "r", 1, MSG_NOSIGNAL);
	cr_assert_leq(recv(other.end[0], &byte, 1, 0), 0);
	wrap_close(&other);
	cr_assert(echoes(neighbour.end[0]), "behind a reset");
	snprintf(options, sizeof(options), "%s&capture_peer_cert_chain=%s",
		 server->cafile, in_folder(folder, "chain"));
	other = open_to(relay, server, options);
	wrap_close(&other);
	cr_assert(echoes(neighbour.end[0]), "behind a captured chain");
	snprintf(options, sizeof(options), "capath=%s", folder->path);
	other = open_to(relay, server, options);
	wrap_close(&other);
	cr_assert(echoes(neighbour.end[0]), "behind capath");
	/* Longer than it takes to look for the application. */
	other = wrap_prepare(mute_port(), "timeout=2.5");
	wrap_send(&other, relay);
	wrap_close(&other);
	usleep(2200000);
	cr_assert(echoes(neighbour.end[0]), "behind a connect that waits");
	wrap_close(&neighbour);
}

static void expect_lives(unsigned how, const char *name)
{
	struct server *server = server_start("DNS:localhost", serve_reset);
	struct folder folder = folder_make();
	struct relay relay;
	int status;

	punishment = how;
	relay_before = install_filter;
	relay = relay_start("0");
	do_everything(&relay, server, &folder);
	status = relay_wait(&relay, 20);
	cr_assert_eq(status, 0, "without %s: %d", name, status);
	folder_end(&folder);
	server_end(server);
}

Test(relay_filters, kill_the_process, .timeout = 120)
{
	for (int i = 0; i < RARE; i++) {
		if (rare[i].runtime_needs && rare[i].runtime_needs())
			continue;
		forbidden = rare[i].number;
		expect_lives(SECCOMP_RET_KILL_PROCESS, rare[i].name);
	}
}

/* The same of one, in the other ways that a filter has. */
Test(relay_filters, other_punishments, .timeout = 120)
{
	static const unsigned how[] = { SECCOMP_RET_KILL_THREAD,
					SECCOMP_RET_TRAP,
					SECCOMP_RET_ERRNO | EPERM,
					SECCOMP_RET_TRACE };

	forbidden = SYS_pidfd_getfd;
	for (size_t i = 0; i < sizeof(how) / sizeof(*how); i++)
		expect_lives(how[i], "pidfd_getfd");
}
