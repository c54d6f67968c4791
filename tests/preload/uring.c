/* io_uring on a descriptor, by system calls alone: the kernel works on the open
 * file, and no library sees it.  Exit status 77: the kernel or the container
 * refuses io_uring. */
#include "victim.h"
#include <linux/io_uring.h>
#include <sys/syscall.h>

enum { ENTRIES = 8 };

static int ring;
static struct io_uring_params params;
static unsigned char *queues;
static struct io_uring_sqe *entries;

static unsigned *at(unsigned offset)
{
	return (unsigned *)(void *)(queues + offset);
}

static void set_up(void)
{
	size_t sent, completed;

	ring = (int)syscall(SYS_io_uring_setup, ENTRIES, &params);
	if (ring < 0) {
		say("io_uring_setup", -1);
		exit(77);
	}
	sent = params.sq_off.array + params.sq_entries * sizeof(unsigned);
	completed = params.cq_off.cqes +
		    params.cq_entries * sizeof(struct io_uring_cqe);
	queues = mmap(NULL, sent > completed ? sent : completed,
		      PROT_READ | PROT_WRITE, MAP_SHARED, ring,
		      IORING_OFF_SQ_RING);
	entries =
		mmap(NULL, params.sq_entries * sizeof(*entries),
		     PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQES);
	if (queues == MAP_FAILED || entries == MAP_FAILED ||
	    !(params.features & IORING_FEAT_SINGLE_MMAP)) {
		puts("io_uring: the rings cannot be mapped");
		exit(77);
	}
}

/* Puts an operation into the queue. */
static struct io_uring_sqe *begin(int operation, int fd, const void *data,
				  unsigned size)
{
	unsigned tail = *at(params.sq_off.tail);
	unsigned mask = *at(params.sq_off.ring_mask);
	struct io_uring_sqe *sqe = &entries[tail & mask];

	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = (unsigned char)operation;
	sqe->fd = fd;
	sqe->addr = (uintptr_t)data;
	sqe->len = size;
	sqe->off = (unsigned long long)-1;
	at(params.sq_off.array)[tail & mask] = tail & mask;
	__atomic_store_n(at(params.sq_off.tail), tail + 1, __ATOMIC_RELEASE);
	return sqe;
}

/* Hands it in, waits, and returns what came of it: as a system call would. */
static long finish(unsigned submit)
{
	unsigned head = *at(params.cq_off.head);
	const struct io_uring_cqe *cqe;
	long got;

	while (head ==
	       __atomic_load_n(at(params.cq_off.tail), __ATOMIC_ACQUIRE)) {
		if (syscall(SYS_io_uring_enter, ring, submit, 1,
			    IORING_ENTER_GETEVENTS, NULL, 0) < 0 &&
		    errno != EINTR)
			return -1;
		submit = 0;
	}
	cqe = (const void *)(queues + params.cq_off.cqes);
	got = cqe[head & *at(params.cq_off.ring_mask)].res;
	__atomic_store_n(at(params.cq_off.head), head + 1, __ATOMIC_RELEASE);
	if (got >= 0)
		return got;
	errno = (int)-got;
	return -1;
}

static long run(int operation, int fd, const void *data, unsigned size,
		unsigned flags)
{
	struct io_uring_sqe *sqe = begin(operation, fd, data, size);

	if (operation == IORING_OP_POLL_ADD) {
		sqe->off = 0;
		sqe->poll32_events = flags;
	} else if (operation == IORING_OP_SEND || operation == IORING_OP_RECV) {
		sqe->off = 0;
		sqe->msg_flags = flags;
	} else if (operation == IORING_OP_SHUTDOWN) {
		sqe->off = 0;
	}
	return finish(1);
}

static int nonblocking(void)
{
	struct place p = place("127.0.0.1", "ECHO");
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	say("connect", connect(fd, &p.any, p.len));
	return fd;
}

static void operations(const char *key, int fd)
{
	char back[16] = "";

	printf("%s\n", key);
	say("  POLL_ADD, out", run(IORING_OP_POLL_ADD, fd, NULL, 0, POLLOUT));
	say_so_error("  SO_ERROR", fd);
	say("  WRITE", run(IORING_OP_WRITE, fd, "written", 7, 0));
	say("  POLL_ADD, in", run(IORING_OP_POLL_ADD, fd, NULL, 0, POLLIN));
	say("  READ", run(IORING_OP_READ, fd, back, 7, 0));
	say_text("  READ gives", "%s", back);
	say("  SEND", run(IORING_OP_SEND, fd, "sent here", 9, MSG_NOSIGNAL));
	say("  RECV, all", run(IORING_OP_RECV, fd, back, 9, MSG_WAITALL));
	say_text("  RECV gives", "%s", back);
	say("  RECV, nothing there",
	    run(IORING_OP_RECV, fd, back, 9, MSG_DONTWAIT));
	/* One that waits in the kernel, while another is done. */
	begin(IORING_OP_RECV, fd, back, 4)->off = 0;
	say("  one in flight",
	    syscall(SYS_io_uring_enter, ring, 1, 0, 0, NULL, 0));
	if (write(fd, "late", 4) != 4)
		say("  write", -1);
	say("  RECV that waited", finish(0));
	say_text("  it gives", "%.4s", back);
	say_names(" ", fd);
	say("  SHUTDOWN", run(IORING_OP_SHUTDOWN, fd, NULL, SHUT_WR, 0));
	say("  SEND after it", run(IORING_OP_SEND, fd, "x", 1, MSG_NOSIGNAL));
	say("  RECV at the end", run(IORING_OP_RECV, fd, back, 1, 0));
	close(fd);
}

/* --- epoll sets ----------------------------------------------------------- */

static long control(int set, int operation, int fd, struct epoll_event *event)
{
	struct io_uring_sqe *sqe =
		begin(IORING_OP_EPOLL_CTL, set, event, (unsigned)operation);

	sqe->off = (unsigned)fd;
	return finish(1);
}

/* Waits until there is something to read; a set may say more before. */
static void say_readable(const char *key, int set, uint64_t data)
{
	struct epoll_event e = { .events = 0 };
	double limit = now() + 10;
	int n = 0;

	while (now() < limit && !(e.events & EPOLLIN))
		n = epoll_wait(set, &e, 1, 1000);
	say_text(key, "%s%s%s", n == 1 && e.events & EPOLLIN ? "yes" : "no",
		 n == 1 && e.events & EPOLLRDHUP ? " RDHUP" : "",
		 e.data.u64 == data ? "" : ", WRONG DATA");
}

/* A set that knew the socket before it connected, as libuv's does. */
static void watched(const char *key, int set)
{
	struct epoll_event first = { .events = EPOLLIN, .data.u64 = 7 };
	struct epoll_event second = { .events = EPOLLIN | EPOLLRDHUP,
				      .data.u64 = 0x123456789a };
	struct place p = place("127.0.0.1", "ECHO");
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	char c;

	printf("%s\n", key);
	say("  add", control(set, EPOLL_CTL_ADD, fd, &first));
	say("  connect", connect(fd, &p.any, p.len));
	say_poll("  connected", fd, POLLOUT, 10000);
	say("  write", write(fd, "x", 1));
	say_readable("  readable", set, 7);
	say("  read", read(fd, &c, 1));
	say("  change", control(set, EPOLL_CTL_MOD, fd, &second));
	say("  write again", write(fd, "y", 1));
	say_readable("  readable again", set, 0x123456789a);
	say("  delete", control(set, EPOLL_CTL_DEL, fd, &second));
	close(fd);
}

/* What epoll_ctl(2) has said of the number is older than what the ring says. */
static void watched_anew(int set)
{
	struct epoll_event old = { .events = EPOLLOUT | EPOLLET,
				   .data.u64 = 3 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	say("add by epoll_ctl", epoll_ctl(set, EPOLL_CTL_ADD, fd, &old));
	close(fd);
	watched("the same number, by the ring", set);
}

static void sets(void)
{
	int set = epoll_create1(EPOLL_CLOEXEC), copy;

	watched("watched by the ring", set);
	watched_anew(set);
	copy = fcntl(set, F_DUPFD_CLOEXEC, 20);
	close(set);
	watched("the set has another number", copy);
	close(copy);
}

int main(void)
{
	set_up();
	sets();
	operations("blocking", connected("127.0.0.1", "ECHO"));
	operations("non-blocking", nonblocking());
	return 0;
}
