/* What TCP does with an address to send to: it does not look at it, as long as
 * it is one at all. */
#include "victim.h"

static void read_back(const char *key, int fd, size_t size)
{
	char text[64] = "";

	say_text(key, "%zd %s", recv(fd, text, size, MSG_WAITALL), text);
}

static void to_an_address(const char *key, const char *ip)
{
	struct place there = place(ip, "ECHO"),
		     other = place("192.0.2.9", NULL);
	struct sockaddr_un elsewhere = { .sun_family = AF_UNIX };
	int fd;

	say_text(key, "as follows");
	fd = connected(ip, "ECHO");
	say("  sendto its peer",
	    sendto(fd, "peer.", 5, 0, &there.any, there.len));
	say("  sendto another",
	    sendto(fd, "other", 5, 0, &other.any, other.len));
	say("  sendto a path",
	    sendto(fd, "path.", 5, 0, (struct sockaddr *)&elsewhere,
		   sizeof(elsewhere)));
	say("  sendto nowhere", sendto(fd, "null.", 5, 0, NULL, 7));
	say("  sendto too long", sendto(fd, "long.", 5, 0, &there.any, 1000));
	say("  sendto a bad pointer",
	    sendto(fd, "wild.", 5, 0, (struct sockaddr *)8, there.len));
	read_back("  back", fd, 20);
	close(fd);
}

static void messages(void)
{
	struct place there = place("127.0.0.1", "ECHO");
	struct iovec part[2] = { { "first ", 6 }, { "second", 6 } };
	struct mmsghdr list[2] = {
		{ .msg_hdr = { &there.any, there.len, &part[0], 1, 0, 0, 0 } },
		{ .msg_hdr = { &there.any, there.len, &part[1], 1, 0, 0, 0 } },
	};
	int fd;

	say_text("messages", "as follows");
	fd = connected("127.0.0.1", "ECHO");
	say("  sendmsg", sendmsg(fd, &list[0].msg_hdr, 0));
	say("  sendmmsg", sendmmsg(fd, list, 2, 0));
	say("  length of the first", list[0].msg_len);
	say("  length of the second", list[1].msg_len);
	list[0].msg_hdr.msg_name = NULL;
	/* It may stop before the second. */
	if (say_ok("  sendmmsg, the second with an address",
		   sendmmsg(fd, list, 2, 0)) == 1)
		sendmmsg(fd, list + 1, 1, 0);
	read_back("  back", fd, 30);
	close(fd);
}

/* Descriptors go nowhere over TCP, not even bad ones. */
static void beside(const char *key, int type, int value)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(struct ucred))];
	} control = { .head = { .cmsg_level = SOL_SOCKET } };
	struct iovec part = { "beside", 6 };
	struct msghdr m = { .msg_iov = &part,
			    .msg_iovlen = 1,
			    .msg_control = &control };
	size_t len = type == SCM_RIGHTS ? sizeof(int) : sizeof(struct ucred);
	int fd = connected("127.0.0.1", "ECHO");

	control.head.cmsg_type = type;
	control.head.cmsg_len = CMSG_LEN(len);
	m.msg_controllen = CMSG_SPACE(len);
	memcpy(CMSG_DATA(&control.head), &value, sizeof(value));
	say_text(key, "as follows");
	if (say("  sendmsg", sendmsg(fd, &m, 0)) > 0) {
		say("  again", sendmsg(fd, &m, 0));
		read_back("  back", fd, 12);
	}
	close(fd);
}

/* The server does not look for urgent data, so it gets the rest. */
static void urgent(void)
{
	int fd = connected("127.0.0.1", "ECHO");
	int on = 1, got = -1;
	socklen_t len = sizeof(got);

	say_text("urgent", "as follows");
	say("  send", send(fd, "abc", 3, 0));
	say("  send the byte", send(fd, "X", 1, MSG_OOB));
	say("  send more", send(fd, "def", 3, 0));
	read_back("urgent, back", fd, 6);
	say("  nothing came", recv(fd, &on, 1, MSG_OOB));
	say("  SO_OOBINLINE",
	    setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on)));
	getsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &got, &len);
	say("  SO_OOBINLINE is", got);
	close(fd);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	to_an_address("over IPv4", "127.0.0.1");
	to_an_address("over IPv6", "::1");
	messages();
	beside("a descriptor", SCM_RIGHTS, 1);
	beside("a bad descriptor", SCM_RIGHTS, 9999);
	beside("another's credentials", SCM_CREDENTIALS, 1);
	beside("an unknown message", 99, 1);
	urgent();
	return 0;
}
