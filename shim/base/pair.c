/* The pair that stands for a TCP connection; see pair.h. */
#include "base/pair.h"

#include "base/descriptor.h"

#include <errno.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PREFIX "xsock/"

/* Room for a name without the NUL in front that makes it abstract. */
#define NAME_MAX_LEN (sizeof(((struct sockaddr_un *)0)->sun_path) - 1)

/* Longest name with its NUL; a longer one (two full IPv6 addresses) is cut,
 * what is cut is only there for ss(8). */
typedef char pair_name[NAME_MAX_LEN + 1];

/* Bytes in the gate: one buffer of the kernel's, whatever the size of its
 * pages: a stream is cut into pieces of 32 KiB and what is left of a page. */
enum { FILLER = 36000 };

static int bind_name(int fd, const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t len = strlen(name);

	memcpy(address.sun_path + 1, name, len);
	return bind(
		fd, (struct sockaddr *)&address,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len));
}

/* getsockname or getpeername of an AF_UNIX socket with an abstract name.
 * False when fd is another socket, has another name, or none (*unnamed). */
static bool read_name(int fd, bool peer, pair_name name, bool *unnamed)
{
	struct sockaddr_un address;
	socklen_t len = sizeof(address);
	const size_t head = offsetof(struct sockaddr_un, sun_path);
	int saved = errno;
	int got = peer ? getpeername(fd, (struct sockaddr *)&address, &len)
		       : getsockname(fd, (struct sockaddr *)&address, &len);

	errno = saved;
	*unnamed = false;
	/* The kernel has written the family.
	 * NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult) */
	if (got < 0 || len < head || address.sun_family != AF_UNIX)
		return false;
	if (len == head) {
		*unnamed = true;
		return false;
	}
	if (len > sizeof(address) || address.sun_path[0] != '\0')
		return false;
	len -= (socklen_t)head + 1;
	memcpy(name, address.sun_path + 1, len);
	name[len] = '\0';
	return strncmp(name, PREFIX, sizeof(PREFIX) - 1) == 0;
}

/* The eight digits behind the prefix.  Returns what follows, or NULL. */
static char *read_id(char *name, uint32_t *id)
{
	char *digits = name + sizeof(PREFIX) - 1;
	char *end;

	if (strspn(digits, "0123456789abcdef") != 8)
		return NULL;
	*id = (uint32_t)strtoul(digits, &end, 16);
	return end;
}

/* What stands before the asked address in the name of a pair of datagrams. */
static const char *const kind_names[] = {
	[XS_PAIR_TCP] = "",
	[XS_PAIR_UDP] = "udp:",
	[XS_PAIR_DTLS] = "dtls:",
};

static void format_kind(const struct xs_pair_info *info, char *text,
			size_t size)
{
	*text = '\0';
	if (info->kind != XS_PAIR_TCP)
		snprintf(text, size, "%s%u:", kind_names[info->kind],
			 info->limit);
}

int xs_pair_name_app(int app_end, struct xs_pair_info *info)
{
	char there[XS_ADDRESS_TEXT_MAX], here[XS_ADDRESS_TEXT_MAX] = "";
	char kind[24];
	uint32_t *id = &info->id;
	pair_name name;

	format_kind(info, kind, sizeof(kind));
	xs_address_format(&info->asked, there, sizeof(there));
	if (info->local.len)
		xs_address_format(&info->local, here, sizeof(here));
	/* The name may be taken, by a connection with the same id. */
	for (int tries = 0; tries < 100; tries++) {
		if (getrandom(id, sizeof(*id), 0) != sizeof(*id))
			return -1;
		if (snprintf(name, sizeof(name), PREFIX "%08x/%s/%s%s<%s", *id,
			     info->key, kind, there, here) >= (int)sizeof(name))
			snprintf(name, sizeof(name), PREFIX "%08x/%s/%s%s<",
				 *id, info->key, kind, there);
		if (bind_name(app_end, name) == 0)
			return 0;
		if (errno != EADDRINUSE)
			return -1;
	}
	return -1;
}

uint32_t xs_pair_shut_gate(int app_end)
{
	static const char filler[FILLER];
	/* The kernel makes this its minimum (net/core/sock.c). */
	const int smallest = 0;
	ssize_t sent = send(app_end, filler, sizeof(filler),
			    MSG_DONTWAIT | MSG_NOSIGNAL);

	if (sent < 0 || setsockopt(app_end, SOL_SOCKET, SO_SNDBUF, &smallest,
				   sizeof(smallest)) < 0)
		return 0;
	return (uint32_t)sent;
}

/* The kernel's default for a new socket. */
static int default_send_buffer(void)
{
	static _Atomic int known;
	int size = known;
	int fd;

	if (size)
		return size;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0) {
		size = xs_socket_int(fd, SOL_SOCKET, SO_SNDBUF);
		close(fd);
	}
	if (size <= 0)
		size = 212992;
	known = size;
	return size;
}

/* The largest that leaves the end not writable while the filler is there: an
 * AF_UNIX socket is writable when at most a quarter is in use (unix_writable),
 * and says so to whoever waits each time when its size is set or a buffer is
 * given back.  So nobody is woken now, but once, when the filler is read.  The
 * kernel doubles the number (socket(7)). */
static int open_size(int app_end)
{
	int used = 0;

	if (ioctl(app_end, SIOCOUTQ, &used) < 0 || used < 24 * 1024)
		return default_send_buffer();
	return 2 * used - 1;
}

int xs_pair_unlock_gate(int app_end, int limit)
{
	int size = open_size(app_end);

	if (limit && limit < size)
		size = limit;
	return setsockopt(app_end, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

int xs_pair_leave_mark(int app_end)
{
	return send(app_end, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1 ? 0 : -1;
}

int xs_pair_open_gate(int relay_end, uint32_t filler)
{
	char drain[FILLER];

	while (filler > 0) {
		size_t want = filler < sizeof(drain) ? filler : sizeof(drain);
		ssize_t got = recv(relay_end, drain, want, MSG_DONTWAIT);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return -1;
		filler -= (uint32_t)got;
	}
	return 0;
}

int xs_pair_name_connected(int relay_end, uint32_t id,
			   const struct xs_address *local,
			   const struct xs_address *peer)
{
	char here[XS_ADDRESS_TEXT_MAX], there[XS_ADDRESS_TEXT_MAX];
	pair_name name;

	snprintf(name, sizeof(name), PREFIX "%08x=%s>%s", id,
		 xs_address_format(local, here, sizeof(here)),
		 xs_address_format(peer, there, sizeof(there)));
	return bind_name(relay_end, name);
}

int xs_pair_name_failed(int relay_end, uint32_t id, int errnum)
{
	pair_name name;

	snprintf(name, sizeof(name), PREFIX "%08x!%d", id, errnum);
	return bind_name(relay_end, name);
}

/* The bit is SO_NO_CHECK of the pair's end, which has no meaning for AF_UNIX.
 * (What the application calls SO_NO_CHECK is the TCP socket's: sockopt.h.) */
int xs_pair_set_nodelay(int app_end, bool on)
{
	const int value = on;

	return setsockopt(app_end, SOL_SOCKET, SO_NO_CHECK, &value,
			  sizeof(value));
}

bool xs_pair_nodelay(int app_end)
{
	return xs_socket_int(app_end, SOL_SOCKET, SO_NO_CHECK) > 0;
}

int xs_pair_set_asker(int app_end, enum xs_pair_asker asker)
{
	const int value = (int)asker;

	return setsockopt(app_end, SOL_SOCKET, SO_PRIORITY, &value,
			  sizeof(value));
}

enum xs_pair_asker xs_pair_asker(int app_end)
{
	int value = xs_socket_int(app_end, SOL_SOCKET, SO_PRIORITY);

	return value > 0 ? (enum xs_pair_asker)value : XS_PAIR_COLLECTED;
}

int xs_pair_give_socket(int relay_end, int socket)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} part;
	char byte = 0;
	struct iovec data = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &data,
			      .msg_iovlen = 1,
			      .msg_control = &part,
			      .msg_controllen = sizeof(part) };

	memset(&part, 0, sizeof(part));
	part.head.cmsg_level = SOL_SOCKET;
	part.head.cmsg_type = SCM_RIGHTS;
	part.head.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&part.head), &socket, sizeof(socket));
	return sendmsg(relay_end, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) == 1 ? 0
									  : -1;
}

/* What the relay's end says, behind the id. */
static bool parse_state(char *text, struct xs_pair_info *info)
{
	char *peer;

	if (text[0] == '!') {
		info->state = XS_PAIR_FAILED;
		info->errnum = (int)strtol(text + 1, NULL, 10);
		return info->errnum > 0;
	}
	if (text[0] != '=')
		return false;
	info->state = XS_PAIR_CONNECTED;
	peer = strchr(text, '>');
	if (peer)
		*peer = '\0';
	return xs_address_parse_port(&info->local, text + 1);
}

/* "dtls:1435:" in front of the asked address.  Returns what follows, or
 * NULL. */
static const char *parse_kind(const char *text, struct xs_pair_info *info)
{
	char *end;

	for (int kind = XS_PAIR_UDP; kind <= XS_PAIR_DTLS; kind++) {
		size_t len = strlen(kind_names[kind]);

		if (strncmp(text, kind_names[kind], len) != 0)
			continue;
		info->kind = (enum xs_pair_kind)kind;
		info->limit = (uint32_t)strtoul(text + len, &end, 10);
		return end > text + len && *end == ':' ? end + 1 : NULL;
	}
	return text;
}

/* "/key/asked<local" behind the id of the application's end. */
static bool parse_own(char *text, struct xs_pair_info *info)
{
	char *local = strchr(text, '<');
	const char *asked;

	if (text[0] != '/' || !local ||
	    strspn(text + 1, "0123456789abcdef") != XS_PAIR_KEY_LEN ||
	    text[1 + XS_PAIR_KEY_LEN] != '/')
		return false;
	memcpy(info->key, text + 1, XS_PAIR_KEY_LEN);
	info->key[XS_PAIR_KEY_LEN] = '\0';
	*local = '\0';
	if (local[1] && !xs_address_parse_port(&info->local, local + 1))
		return false;
	asked = parse_kind(text + 2 + XS_PAIR_KEY_LEN, info);
	return asked && xs_address_parse_port(&info->asked, asked);
}

static bool read_pair(int fd, struct xs_pair_info *info)
{
	pair_name name;
	char *rest;
	bool unnamed;
	uint32_t id;

	memset(info, 0, sizeof(*info));
	if (!read_name(fd, false, name, &unnamed))
		return false;
	rest = read_id(name, &info->id);
	if (!rest || !parse_own(rest, info))
		return false;
	if (!read_name(fd, true, name, &unnamed)) {
		info->state = info->kind == XS_PAIR_TCP ? XS_PAIR_CONNECTING
							: XS_PAIR_CONNECTED;
		return unnamed;
	}
	rest = read_id(name, &id);
	return rest && id == info->id && parse_state(rest, info);
}

/* Numbers and scopes that cannot be read set errno. */
bool xs_pair_read(int fd, struct xs_pair_info *info)
{
	int saved = errno;
	bool is_pair = read_pair(fd, info);

	errno = saved;
	return is_pair;
}

bool xs_pair_read_asked(int relay_end, struct xs_address *asked)
{
	struct xs_pair_info info;
	pair_name name;
	char *rest;
	bool unnamed;

	memset(&info, 0, sizeof(info));
	if (!read_name(relay_end, true, name, &unnamed))
		return false;
	rest = read_id(name, &info.id);
	if (!rest || !parse_own(rest, &info))
		return false;
	*asked = info.asked;
	return true;
}

bool xs_pair_read_id(int fd, uint32_t *id)
{
	struct xs_pair_info info;

	if (!xs_pair_read(fd, &info))
		return false;
	*id = info.id;
	return true;
}
