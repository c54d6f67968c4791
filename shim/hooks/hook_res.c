/* Hooks: res_query, res_search, res_querydomain, res_send, their res_n forms,
 * and the names with "__" in front that programs have which were linked before
 * glibc 2.34.
 *
 * The answer is libc's.  The addresses in it are remembered as those of the
 * name that was asked for.  Postfix's smtp(8) and Exim look up in this way.
 */
#include "hooks/libc.h"
#include "hooks/lookup.h"
#include "rules/dns_answer.h"

#include <errno.h>
#include <netdb.h>
#include <string.h>

/* Remembers what the answer says, of which libc has written no more than room
 * bytes.  The program asked for name; NULL: for the question of the answer.  A
 * search list may have made another question of the name. */
static void remember(const char *name, const unsigned char *message, int len,
		     int room)
{
	struct xs_lookup lookup = { .rules = NULL };
	struct xs_dns_answer answer;
	struct xs_address address;

	if (len > room)
		len = room;
	if (len <= 0 || !xs_dns_answer_begin(&answer, message, (size_t)len)) {
		xs_lookup_begin(&lookup, len <= 0 ? name : NULL);
		xs_lookup_end_host(&lookup, false, h_errno);
		return;
	}
	xs_lookup_begin(&lookup, name ? name : answer.question);
	if (!lookup.rules)
		return;
	xs_lookup_end(&lookup, 0);
	while (xs_dns_answer_next(&answer, &address)) {
		xs_lookup_remember(&lookup, &address, false);
		if (lookup.rule)
			continue;
		xs_lookup_remember_canonical(&lookup, answer.question,
					     &address);
		xs_lookup_remember_canonical(&lookup, answer.canonical,
					     &address);
	}
}

/* Passes on what the function has returned: the length of the answer, which may
 * be more than there was room for, or -1. */
static int done(int len, const char *name, const unsigned char *message,
		int room)
{
	int saved = errno;

	remember(name, message, len, room);
	errno = saved;
	return len;
}

XS_EXPORT int res_query(const char *name, int class, int type,
			unsigned char *answer, int room)
{
	xs_libc_need();
	return done(xs_libc.res_query(name, class, type, answer, room), name,
		    answer, room);
}

XS_EXPORT int res_search(const char *name, int class, int type,
			 unsigned char *answer, int room)
{
	xs_libc_need();
	return done(xs_libc.res_search(name, class, type, answer, room), name,
		    answer, room);
}

XS_EXPORT int res_querydomain(const char *name, const char *domain, int class,
			      int type, unsigned char *answer, int room)
{
	xs_libc_need();
	return done(xs_libc.res_querydomain(name, domain, class, type, answer,
					    room),
		    NULL, answer, room);
}

XS_EXPORT int res_send(const unsigned char *query, int len,
		       unsigned char *answer, int room)
{
	xs_libc_need();
	return done(xs_libc.res_send(query, len, answer, room), NULL, answer,
		    room);
}

#ifdef __GLIBC__

XS_EXPORT int res_nquery(res_state state, const char *name, int class, int type,
			 unsigned char *answer, int room)
{
	xs_libc_need();
	return done(xs_libc.res_nquery(state, name, class, type, answer, room),
		    name, answer, room);
}

XS_EXPORT int res_nsearch(res_state state, const char *name, int class,
			  int type, unsigned char *answer, int room)
{
	xs_libc_need();
	return done(xs_libc.res_nsearch(state, name, class, type, answer, room),
		    name, answer, room);
}

XS_EXPORT int res_nquerydomain(res_state state, const char *name,
			       const char *domain, int class, int type,
			       unsigned char *answer, int room)
{
	xs_libc_need();
	return done(xs_libc.res_nquerydomain(state, name, domain, class, type,
					     answer, room),
		    NULL, answer, room);
}

XS_EXPORT int res_nsend(res_state state, const unsigned char *query, int len,
			unsigned char *answer, int room)
{
	xs_libc_need();
	return done(xs_libc.res_nsend(state, query, len, answer, room), NULL,
		    answer, room);
}

/* The same functions; dlsym(3) does not find them by these names, of which libc
 * has none for new programs. */
#define ALIAS(name, parameters, arguments)                                     \
	int __##name parameters;                                               \
	XS_EXPORT int __##name parameters                                      \
	{                                                                      \
		return name arguments;                                         \
	}

ALIAS(res_query,
      (const char *name, int class, int type, unsigned char *answer, int room),
      (name, class, type, answer, room))
ALIAS(res_search,
      (const char *name, int class, int type, unsigned char *answer, int room),
      (name, class, type, answer, room))
ALIAS(res_querydomain,
      (const char *name, const char *domain, int class, int type,
       unsigned char *answer, int room),
      (name, domain, class, type, answer, room))
ALIAS(res_send,
      (const unsigned char *query, int len, unsigned char *answer, int room),
      (query, len, answer, room))
ALIAS(res_nquery,
      (res_state state, const char *name, int class, int type,
       unsigned char *answer, int room),
      (state, name, class, type, answer, room))
ALIAS(res_nsearch,
      (res_state state, const char *name, int class, int type,
       unsigned char *answer, int room),
      (state, name, class, type, answer, room))
ALIAS(res_nquerydomain,
      (res_state state, const char *name, const char *domain, int class,
       int type, unsigned char *answer, int room),
      (state, name, domain, class, type, answer, room))
ALIAS(res_nsend,
      (res_state state, const unsigned char *query, int len,
       unsigned char *answer, int room),
      (state, query, len, answer, room))

#endif
