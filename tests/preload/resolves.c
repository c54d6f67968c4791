/* Looks a name up by the resolver of libc, and connects to what it says.
 *
 *     resolves FUNCTION NAME TYPE PORT
 *
 * FUNCTION is one of res_search and its family; "old_" in front: by the name
 * that a program has which was linked before glibc 2.34.  TYPE is A or AAAA.
 */
#include "victim.h"
#include <arpa/nameser.h>
#include <resolv.h>

static const char secret[] = "SECRET-that-must-not-travel";

#ifdef __x86_64__
#define OLD(name) __asm__(".symver old_" #name ",__" #name "@GLIBC_2.2.5")
OLD(res_query);
OLD(res_search);
OLD(res_querydomain);
OLD(res_send);
OLD(res_nquery);
OLD(res_nsearch);
OLD(res_nquerydomain);
OLD(res_nsend);
__typeof__(res_query) old_res_query;
__typeof__(res_search) old_res_search;
__typeof__(res_querydomain) old_res_querydomain;
__typeof__(res_send) old_res_send;
__typeof__(res_nquery) old_res_nquery;
__typeof__(res_nsearch) old_res_nsearch;
__typeof__(res_nquerydomain) old_res_nquerydomain;
__typeof__(res_nsend) old_res_nsend;
#else
#define old_res_query	     res_query
#define old_res_search	     res_search
#define old_res_querydomain  res_querydomain
#define old_res_send	     res_send
#define old_res_nquery	     res_nquery
#define old_res_nsearch	     res_nsearch
#define old_res_nquerydomain res_nquerydomain
#define old_res_nsend	     res_nsend
#endif

static unsigned char answer[4096];
static struct __res_state state;

/* NAME without its first label, "" for none; and that label. */
static const char *split(const char *name, char label[64])
{
	size_t n = strcspn(name, ".");

	snprintf(label, 64, "%.*s", (int)n, name);
	return name[n] ? name + n + 1 : name + n;
}

static int look_up(const char *how, const char *name, int type)
{
	unsigned char query[512];
	char label[64];
	const char *domain = split(name, label);
	int len = res_nmkquery(&state, ns_o_query, name, ns_c_in, type, NULL, 0,
			       NULL, query, sizeof(query));

#define TRY(function, ...)                                                     \
	if (strcmp(how, #function) == 0)                                       \
		return function(__VA_ARGS__, answer, sizeof(answer));          \
	if (strcmp(how, "old_" #function) == 0)                                \
	return old_##function(__VA_ARGS__, answer, sizeof(answer))

	TRY(res_query, name, ns_c_in, type);
	TRY(res_search, name, ns_c_in, type);
	TRY(res_querydomain, label, domain, ns_c_in, type);
	TRY(res_send, query, len);
	TRY(res_nquery, &state, name, ns_c_in, type);
	TRY(res_nsearch, &state, name, ns_c_in, type);
	TRY(res_nquerydomain, &state, label, domain, ns_c_in, type);
	TRY(res_nsend, &state, query, len);
	return -1;
}

/* The first address in the answer. */
static bool find_address(int len, struct place *to, const char *port)
{
	ns_msg message;
	ns_rr record;

	*to = (struct place){ .len = sizeof(to->v4) };
	if (len < 0 || ns_initparse(answer, len, &message) < 0)
		return false;
	for (int i = 0; i < ns_msg_count(message, ns_s_an); i++) {
		if (ns_parserr(&message, ns_s_an, i, &record) < 0)
			return false;
		if (ns_rr_type(record) == ns_t_a) {
			to->v4.sin_family = AF_INET;
			to->v4.sin_port = htons((uint16_t)atoi(port));
			memcpy(&to->v4.sin_addr, ns_rr_rdata(record), 4);
			return true;
		}
		if (ns_rr_type(record) == ns_t_aaaa) {
			to->len = sizeof(to->v6);
			to->v6.sin6_family = AF_INET6;
			to->v6.sin6_port = htons((uint16_t)atoi(port));
			memcpy(&to->v6.sin6_addr, ns_rr_rdata(record), 16);
			return true;
		}
	}
	return false;
}

int main(int argc, char **argv)
{
	struct place to;
	int fd, result;

	if (argc < 5 || res_ninit(&state) < 0)
		return 2;
	if (!find_address(look_up(argv[1], argv[2],
				  strcmp(argv[3], "A") ? ns_t_aaaa : ns_t_a),
			  &to, argv[4])) {
		puts("no address");
		return 1;
	}
	fd = socket(to.any.sa_family, SOCK_STREAM, 0);
	result = connect(fd, &to.any, to.len);
	say("connect", result);
	if (result == 0) {
		send(fd, secret, strlen(secret), MSG_NOSIGNAL);
		shutdown(fd, SHUT_WR);
		recv(fd, (char[64]){ 0 }, 64, 0);
	}
	return 0;
}
