/* Filters of peers; see peer_filter.h.
 *
 * Offsets count from the head of UDP, and those with SKF_NET_OFF from that of
 * IP (sk_filter_trim_cap in udp_queue_rcv_one_skb).
 */
#include "base/peer_filter.h"

#include "base/stand_in.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

enum {
	MARK = 0x78736f63, /* the first instruction says whose it is */
	HEAD = 5,
	FOUR = 5,	  /* instructions for a peer of IPv4 */
	SIX = 11,	  /* of IPv6 */
	SENDERS = 4 + 10, /* to keep both kinds of senders */
	LOOPBACK = 6,	  /* for loopback addresses */
	MOST = HEAD + SENDERS + LOOPBACK + SIX * XS_PEER_FILTER_MOST + 2,
	FROM4 = 12, /* the source in the head of IPv4, and of IPv6 */
	FROM6 = 8,
	PASS = 0x7fffffff, /* bytes that are left of it */
	DROP = 0,
};

struct program {
	unsigned short len;
	struct sock_filter code[MOST];
};

static void add(struct program *p, uint16_t code, uint32_t value, uint8_t yes,
		uint8_t no)
{
	p->code[p->len++] = (struct sock_filter){
		.code = code, .jt = yes, .jf = no, .k = value
	};
}

/* The memory of a program: the sender's port, and the words of its address. */
enum { PORT, ADDRESS };

/* One that loads from the datagram becomes several of the kernel's own. */
static void keep(struct program *p, uint16_t size, uint32_t at, uint32_t where)
{
	add(p, BPF_LD | BPF_ABS | size, at, 0, 0);
	add(p, BPF_ST, where, 0, 0);
}

/* Skips so many instructions where the value is another. */
static void need(struct program *p, uint32_t where, uint32_t value,
		 uint8_t skip)
{
	add(p, BPF_LD | BPF_MEM, where, 0, 0);
	add(p, BPF_JMP | BPF_JEQ | BPF_K, value, 0, skip);
}

static void end(struct program *p, uint32_t what)
{
	add(p, BPF_RET | BPF_K, what, 0, 0);
}

static void add_four(struct program *p, const struct xs_address *peer)
{
	need(p, PORT, xs_address_port(peer), FOUR - 2);
	need(p, ADDRESS, ntohl(peer->v4.sin_addr.s_addr), FOUR - 4);
	end(p, DROP);
}

static void add_six(struct program *p, const struct xs_address *peer)
{
	uint32_t word[4];

	memcpy(word, &peer->v6.sin6_addr, sizeof(word));
	need(p, PORT, xs_address_port(peer), SIX - 2);
	for (unsigned i = 0; i < 4; i++)
		need(p, ADDRESS + i, ntohl(word[i]),
		     (uint8_t)(SIX - 4 - 2 * i));
	end(p, DROP);
}

/* The port of the sender is the first thing in UDP's head. */
static void keep_sender(struct program *p, int family)
{
	unsigned words = family == AF_INET ? 1 : 4;
	uint32_t at = (uint32_t)SKF_NET_OFF +
		      (uint32_t)(family == AF_INET ? FROM4 : FROM6);

	keep(p, BPF_H, 0, PORT);
	for (unsigned i = 0; i < words; i++)
		keep(p, BPF_W, at + 4 * i, ADDRESS + i);
}

/* What has a loopback address, and comes by another device. */
static void add_loopback(struct program *p)
{
	add(p, BPF_LD | BPF_MEM, ADDRESS, 0, 0);
	add(p, BPF_ALU | BPF_AND | BPF_K, IN_CLASSA_NET, 0, 0);
	add(p, BPF_JMP | BPF_JEQ | BPF_K, IN_LOOPBACKNET << IN_CLASSA_NSHIFT, 0,
	    LOOPBACK - 3);
	add(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)SKF_AD_OFF + SKF_AD_IFINDEX,
	    0, 0);
	add(p, BPF_JMP | BPF_JEQ | BPF_K, XS_STAND_IN_DEVICE, 1, 0);
	end(p, DROP);
}

/* Adds the peers of one family; an IPv6 socket has both. */
static void add_family(struct program *p, const struct xs_address *peers,
		       size_t count, int family)
{
	keep_sender(p, family);
	if (family == AF_INET)
		add_loopback(p);
	for (size_t i = 0; i < count; i++) {
		struct xs_address four = peers[i];
		bool is_four = xs_address_to_family(&four, AF_INET);

		if (is_four && family == AF_INET)
			add_four(p, &four);
		else if (!is_four && family == AF_INET6)
			add_six(p, &peers[i]);
	}
	end(p, PASS);
}

static void make(struct program *p, const struct xs_address *peers,
		 size_t count)
{
	p->len = 0;
	add(p, BPF_LD | BPF_IMM, MARK, 0, 0);
	add(p, BPF_LD | BPF_B | BPF_ABS, (uint32_t)SKF_NET_OFF, 0, 0);
	add(p, BPF_ALU | BPF_AND | BPF_K, 0xf0, 0, 0); /* the version */
	add(p, BPF_JMP | BPF_JEQ | BPF_K, 0x40, 1, 0);
	add(p, BPF_JMP | BPF_JA, 0, 0, 0);
	add_family(p, peers, count, AF_INET);
	/* Behind those of IPv4. */
	p->code[HEAD - 1].k = p->len - HEAD;
	add_family(p, peers, count, AF_INET6);
}

/* (Not on the stack of everybody.) */
__attribute__((noinline)) static bool is_marked(int socket, socklen_t len)
{
	struct sock_filter code[MOST];

	return len <= MOST &&
	       getsockopt(socket, SOL_SOCKET, SO_GET_FILTER, code, &len) == 0 &&
	       code[0].code == (BPF_LD | BPF_IMM) && code[0].k == MARK;
}

enum kind { NONE, OURS, OTHER };

static enum kind kind_of(int socket)
{
	socklen_t len = 0; /* in instructions; without room it is told */

	/* NOLINTNEXTLINE(nullPointer) */
	if (getsockopt(socket, SOL_SOCKET, SO_GET_FILTER, NULL, &len) < 0)
		return OTHER;
	if (!len)
		return NONE;
	return is_marked(socket, len) ? OURS : OTHER;
}

bool xs_peer_filter_is_there(int socket)
{
	return kind_of(socket) == OURS;
}

bool xs_peer_filter_is_other(int socket)
{
	return kind_of(socket) == OTHER;
}

int xs_peer_filter_put(int socket, const struct xs_address *peers, size_t count)
{
	struct program p;
	struct sock_fprog program = { .filter = p.code };

	if (xs_peer_filter_is_other(socket)) {
		errno = EEXIST;
		return -1;
	}
	make(&p, peers, count);
	program.len = p.len;
	return setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &program,
			  sizeof(program));
}
