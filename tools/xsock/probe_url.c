/* The URL of a probe, read as the target of a rule.
 *
 * A rule that matches everything is put in front of it, and the library's own
 * reader does the rest, so that whatever a rule refuses is refused here, in
 * the same words; only the place is made one in the URL.
 */
#include "xsock/probe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The pattern, such that the scheme can stand behind it. */
static const char *pattern_for(const char *url)
{
	struct xs_span rest = { url, url + strlen(url) }, name;
	const struct xs_scheme *scheme = NULL;

	if (xs_parse_cut_scheme(&rest, &name))
		scheme = xs_scheme_find_span(name);
	if (scheme && xs_scheme_is_datagram(scheme))
		return "udp://*=";
	return "*=";
}

/* "XSOCK_RULES:1:9: …" becomes "URL:7: …". */
static int fail_in_url(struct xs_error *err, const struct xs_error *inner,
		       size_t pattern)
{
	static const char place[] = "XSOCK_RULES:1:";
	const char *at = inner->text;
	unsigned long column;
	char *behind;

	if (strncmp(at, place, sizeof(place) - 1) != 0)
		return xs_error_set(err, inner->kind, inner->errnum, "%s", at);
	column = strtoul(at + sizeof(place) - 1, &behind, 10);
	return xs_error_set(err, inner->kind, inner->errnum, "URL:%lu%s",
			    column - pattern, behind);
}

static int read_rule(struct xs_probe *probe, const char *url,
		     const char *options, struct xs_error *err)
{
	const char *pattern = pattern_for(url);
	struct xs_inputs inputs = { .options = options };
	struct xs_error inner = { .kind = XS_ERR_NONE };
	const char *bad = strpbrk(url, " \t\n\v\f\r;");
	const struct xs_rules *rules;
	char *text = NULL;

	if (bad)
		return xs_error_set(err, XS_ERR_RULES, 0,
				    "URL:%zu: a blank or \";\" ends a rule: in "
				    "a value it is percent-encoded",
				    (size_t)(bad - url) + 1);
	if (asprintf(&text, "%s%s", pattern, url) < 0)
		return xs_error_set(err, XS_ERR_SYSTEM, ENOMEM,
				    "out of memory");
	inputs.rules = text;
	xs_inputs_complete(&inputs);
	rules = xs_inputs_read(&inputs, probe->arena, &inner);
	free(text);
	if (!rules)
		return fail_in_url(err, &inner, strlen(pattern));
	probe->rule = rules->rule;
	return 0;
}

static bool has_scheme(const char *url)
{
	const char *mark = strstr(url, "://");

	return mark && (size_t)(mark - url) < strcspn(url, "?");
}

/* Where a rule would take them from the program, a probe must be told. */
static int check_complete(const struct xs_probe *probe, const char *url,
			  struct xs_error *err)
{
	const struct xs_target *target = &probe->rule->target;
	bool ipv6 = probe->host && strchr(probe->host, ':');
	const char *scheme = has_scheme(url) ? target->scheme->name : "tls";
	char port[8] = "443";

	if (probe->host && target->port)
		return 0;
	if (target->port)
		snprintf(port, sizeof(port), "%u", target->port);
	else if (target->scheme->kind == XS_SCHEME_UPGRADE ||
		 xs_scheme_is_datagram(target->scheme))
		snprintf(port, sizeof(port), "PORT");
	return xs_error_set(err, XS_ERR_RULES, 0,
			    "URL: a probe needs %s, as in %s://%s%.255s%s:%s",
			    probe->host	   ? "a port"
			    : target->port ? "a host"
					   : "a host and a port",
			    scheme, ipv6 ? "[" : "",
			    probe->host ? probe->host : "www.example.com",
			    ipv6 ? "]" : "", port);
}

static int describe(struct xs_probe *probe, struct xs_error *err)
{
	const char *scheme = probe->rule->target.scheme->name;
	bool ipv6 = probe->host && strchr(probe->host, ':');
	char text[512];

	if (probe->host)
		snprintf(text, sizeof(text), "%s://%s%s%s:%u", scheme,
			 ipv6 ? "[" : "", probe->host, ipv6 ? "]" : "",
			 probe->port);
	else
		snprintf(text, sizeof(text), "%s://", scheme);
	probe->target = xs_arena_copy(probe->arena, text, strlen(text));
	if (!probe->target)
		return xs_error_set(err, XS_ERR_SYSTEM, ENOMEM,
				    "out of memory");
	return 0;
}

int xs_probe_read_url(struct xs_probe *probe, const char *url,
		      const char *options, struct xs_error *err)
{
	const struct xs_target *target;
	char ip[XS_ADDRESS_TEXT_MAX];

	if (read_rule(probe, url, options, err) < 0)
		return -1;
	target = &probe->rule->target;
	if (target->scheme->kind != XS_SCHEME_DENY) {
		probe->host = target->host;
		if (target->address.len > 0) {
			xs_address_format_ip(&target->address, ip, sizeof(ip));
			probe->host =
				xs_arena_copy(probe->arena, ip, strlen(ip));
		}
		if (check_complete(probe, url, err) < 0)
			return -1;
		probe->port = target->port;
	}
	probe->name = probe->rule->options.peer_name
			      ? probe->rule->options.peer_name
			      : probe->host;
	probe->implied = !has_scheme(url);
	return describe(probe, err);
}
