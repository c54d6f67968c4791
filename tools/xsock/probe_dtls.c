/* A probe of DTLS: the handshake by datagrams, and a second one that resumes.
 *
 * UDP does not connect, so it is the handshake that tells whether anybody is
 * there: an address that refuses gives way to the next at once, one that is
 * silent after its share of the time.  No application data is sent.
 */
#include "xsock/probe.h"

#include "base/descriptor.h"
#include "relay/connection/connect_error.h"
#include "relay/tls/tls_dtls.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

enum {
	/* What resuming may take at most, in microseconds. */
	RESUME_US = 5000000,
	/* The longest datagram of UDP, and a byte that shows a longer one. */
	DATAGRAM_MAX = 65536,
};

/* One association with one address. */
struct path {
	const struct xs_probe *probe;
	const struct xs_dial *dial;
	struct xs_dtls *dtls;
	int fd;
	size_t payload;
	int errnum;    /* what the socket said of the server; 0 */
	bool heard;    /* something has come from there */
	int64_t until; /* this address's share of the time */
};

/* --- the socket ----------------------------------------------------------- */

static int send_datagram(void *user, const void *datagram, size_t len)
{
	struct path *path = user;

	if (send(path->fd, datagram, len, MSG_NOSIGNAL) >= 0)
		return 0;
	/* A longer one than the path takes is not the end of it. */
	if (errno != EMSGSIZE && errno != EAGAIN)
		path->errnum = errno;
	return errno;
}

/* What a server says as an application is thrown away. */
static void deliver(void *user, const void *data, size_t len)
{
	(void)user;
	(void)data;
	(void)len;
}

/* A socket that is connected to the address being tried; -1 with errno. */
static int open_socket(const struct xs_dial *dial)
{
	const struct xs_address *to = xs_dial_address(dial);
	int fd = socket(to->any.sa_family,
			SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || connect(fd, &to->any, to->len) == 0)
		return fd;
	close(fd);
	return -1;
}

/* Bytes of UDP that fit: what the kernel knows of the path (ip(7), ipv6(7)), or
 * what the rule says, if that is less.  Every path of IPv6 takes 1280 (RFC
 * 8200, 5). */
static size_t payload_of(const struct xs_probe *probe, int fd, bool ipv6)
{
	int mtu = xs_socket_int(fd, ipv6 ? IPPROTO_IPV6 : IPPROTO_IP,
				ipv6 ? IPV6_MTU : IP_MTU);
	int payload = XS_DTLS_PAYLOAD(mtu > 0 ? mtu : 1280, ipv6);
	int most = probe->rule->options.mtu;

	if (most && most < payload)
		payload = most;
	return payload < XS_DTLS_PAYLOAD_MIN ? XS_DTLS_PAYLOAD_MIN
					     : (size_t)payload;
}

/* --- the handshake -------------------------------------------------------- */

/* Takes what has come. */
static void receive(struct path *path)
{
	static uint8_t datagram[DATAGRAM_MAX];
	ssize_t got;

	while ((got = recv(path->fd, datagram, sizeof(datagram),
			   MSG_DONTWAIT)) >= 0) {
		path->heard = true;
		if (xs_dtls_receive(path->dtls, datagram, (size_t)got) !=
		    XS_DTLS_HANDSHAKING)
			return;
	}
	if (errno != EAGAIN && errno != EINTR)
		path->errnum = errno;
}

/* Waits until something has come, or something is to be sent again. */
static void wait_and_go_on(struct path *path)
{
	struct pollfd poll_fd = { .fd = path->fd, .events = POLLIN };
	int left = xs_probe_left(path->until), timer = xs_dtls_wait(path->dtls);

	if (timer >= 0 && timer < left)
		left = timer;
	if (poll(&poll_fd, 1, left) > 0)
		receive(path);
	else
		xs_dtls_timeout(path->dtls);
}

/* The address did not finish in time. */
static void tell_late(const struct path *path, struct xs_error *err)
{
	xs_dtls_explain_key(path->dtls, err);
	xs_connect_error_dtls_timeout(err, xs_dial_address(path->dial),
				      path->probe->rule->options.timeout);
	xs_dtls_explain_silence(path->dtls, err);
}

/* Returns 0, or -1 with *err set. */
static int shake(struct path *path, struct xs_error *err)
{
	xs_dtls_begin(path->dtls);
	while (xs_dtls_state(path->dtls) == XS_DTLS_HANDSHAKING &&
	       !path->errnum && xs_probe_left(path->until) > 0)
		wait_and_go_on(path);
	switch (xs_dtls_state(path->dtls)) {
	case XS_DTLS_OPEN:
	case XS_DTLS_ENDED:
		return 0;
	case XS_DTLS_FAILED:
		*err = *xs_dtls_error(path->dtls);
		return -1;
	case XS_DTLS_NEW:
	case XS_DTLS_HANDSHAKING:
		break;
	}
	if (path->errnum)
		xs_dial_failed(xs_dial_address(path->dial), path->errnum, err);
	else
		tell_late(path, err);
	return -1;
}

/* --- one association ------------------------------------------------------ */

static int path_begin(struct path *path, struct xs_tls_context *context,
		      struct xs_error *err)
{
	const struct xs_address *to = xs_dial_address(path->dial);
	char server[XS_ADDRESS_TEXT_MAX];
	struct xs_dtls_setup setup = {
		.context = context,
		.name = path->probe->host,
		.server = server,
		.send = send_datagram,
		.deliver = deliver,
		.user = path,
	};

	path->fd = open_socket(path->dial);
	if (path->fd < 0) {
		xs_dial_failed(to, errno, err);
		return -1;
	}
	xs_address_format(to, server, sizeof(server));
	path->payload = payload_of(path->probe, path->fd,
				   to->any.sa_family == AF_INET6);
	setup.payload = path->payload;
	path->dtls = xs_dtls_new(&setup, err);
	return path->dtls ? 0 : -1;
}

static void path_end(struct path *path)
{
	if (path->dtls)
		xs_dtls_close(path->dtls);
	xs_dtls_free(path->dtls);
	if (path->fd >= 0)
		close(path->fd);
}

/* What the handshake has shown, whether it ended well or not. */
static int report(struct xs_probe *probe, const struct path *path,
		  struct xs_error *err)
{
	const struct xs_dtls_facts *facts = xs_dtls_facts(path->dtls);
	const struct xs_tls_summary *summary = xs_dtls_summary(path->dtls);

	if (summary)
		probe->summary = *summary;
	probe->dtls.cookie = facts->cookie;
	probe->dtls.resent = facts->resent;
	probe->dtls.payload = path->payload;
	probe->dtls.largest = xs_dtls_largest(path->dtls);
	probe->shook = xs_tls_report_read(xs_dtls_tls(path->dtls), probe->arena,
					  &probe->report, err) == 0;
	return probe->shook ? 0 : -1;
}

/* Does the server resume the session that it gave?  Whatever goes wrong means
 * no. */
static void try_to_resume(struct xs_probe *probe,
			  struct xs_tls_context *context)
{
	int64_t begin = xs_probe_now();
	struct path path = { .probe = probe,
			     .dial = &probe->dial,
			     .fd = -1,
			     .until = begin + RESUME_US };
	struct xs_error err = { .kind = XS_ERR_NONE };

	probe->resumption_tried = true;
	if (path_begin(&path, context, &err) == 0 && shake(&path, &err) == 0) {
		probe->resumed = xs_tls_report_resumed(xs_dtls_tls(path.dtls));
		probe->resumed_ms = (double)(xs_probe_now() - begin) / 1000;
	}
	path_end(&path);
}

/* The address being tried: 0, or -1 with *err set.  *again: it has given a
 * session. */
static int try_address(struct xs_probe *probe, struct xs_tls_context *context,
		       int64_t deadline, bool *again, struct xs_error *err)
{
	int64_t begin = xs_probe_now();
	struct xs_dial *dial = &probe->dial;
	struct path path = {
		.probe = probe,
		.dial = dial,
		.fd = -1,
		.until = deadline,
	};
	struct xs_error unread = { .kind = XS_ERR_NONE };
	int result = path_begin(&path, context, err);

	if (xs_dial_has_more(dial))
		path.until =
			xs_dial_due(dial, begin / 1000, deadline / 1000) * 1000;
	if (result == 0) {
		result = shake(&path, err);
		probe->ms[XS_CONNECT_ERROR_HANDSHAKE] =
			(double)(xs_probe_now() - begin) / 1000;
		probe->connected = path.heard;
	}
	if (path.heard && report(probe, &path, &unread) < 0 && result == 0) {
		*err = unread;
		result = -1;
	}
	*again = result == 0 &&
		 xs_tls_report_has_session(xs_dtls_tls(path.dtls));
	path_end(&path);
	return result;
}

/* Which of two errors says more: that somebody answered, that nobody did, that
 * nobody is there, that there is no way. */
static bool says_more(const struct xs_error *than, const struct xs_error *one,
		      bool answered)
{
	return answered || !xs_error_is_set(than) ||
	       !xs_dial_was_tried(than->errnum) ||
	       (one->kind == XS_ERR_TIMEOUT && than->kind != XS_ERR_TIMEOUT);
}

int xs_probe_dtls(struct xs_probe *probe, struct xs_tls_context *context,
		  int64_t deadline, struct xs_error *err)
{
	struct xs_dial *dial = &probe->dial;
	struct xs_error failed = { .kind = XS_ERR_NONE };
	bool again = false;

	/* Whoever answers is the one. */
	while (xs_dial_has_more(dial) && !probe->connected) {
		struct xs_error one = { .kind = XS_ERR_NONE };

		dial->at++;
		if (try_address(probe, context, deadline, &again, &one) == 0) {
			if (again && probe->rule->options.session_reuse)
				try_to_resume(probe, context);
			return 0;
		}
		if (says_more(&failed, &one, probe->connected))
			failed = one;
	}
	*err = failed;
	return -1;
}
