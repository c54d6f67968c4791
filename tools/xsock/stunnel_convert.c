/* A section of stunnel(8) as rules; see stunnel.h.
 *
 * A converted rule checks at least what stunnel checked: chain and name are
 * always verified, and a comment says where stunnel did not.
 */
#include "rules/rules.h"
#include "xsock/stunnel.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

/* stunnel's words for protocols, and the schemes that say the same dialogue. */
static const struct {
	const char *protocol, *scheme;
} protocols[] = {
	{ "smtp", "smtp+starttls" }, { "imap", "imap+starttls" },
	{ "pop3", "pop3+starttls" }, { "nntp", "nntp+starttls" },
	{ "ldap", "ldap+starttls" }, { "pgsql", "postgres+starttls" },
};

static const struct {
	int version;
	const char *scheme;
} versions[] = {
	{ 0, "tls" },	       { 0x0301, "tlsv1.0" }, { 0x0302, "tlsv1.1" },
	{ 0x0303, "tlsv1.2" }, { 0x0304, "tlsv1.3" },
};

/* NULL: there is none. */
static const char *scheme_of(const struct xs_stunnel_service *service)
{
	for (size_t i = 0;
	     !service->protocol && i < sizeof(versions) / sizeof(versions[0]);
	     i++)
		if (versions[i].version == service->version)
			return versions[i].scheme;
	for (size_t i = 0;
	     service->protocol && i < sizeof(protocols) / sizeof(protocols[0]);
	     i++)
		if (strcasecmp(protocols[i].protocol, service->protocol) == 0)
			return protocols[i].scheme;
	return NULL;
}

/* --- addresses ----------------------------------------------------------- */

struct place {
	struct xs_span host; /* empty: not given */
	struct xs_span port;
	bool v6; /* the host is an IPv6 address without brackets */
};

/* stunnel takes what is behind the last colon for the port, and without a
 * colon everything. */
static struct place split(const char *text)
{
	const char *colon = strrchr(text, ':');
	const char *end = text + strlen(text);
	struct place place = { .host = { text, text }, .port = { text, end } };

	if (colon) {
		place.host.end = colon;
		place.port.start = colon + 1;
		place.v6 = *text != '[' && xs_span_find(place.host, ':');
	}
	return place;
}

static bool is_every_address(struct xs_span host)
{
	return host.start == host.end || xs_span_is(host, "0.0.0.0") ||
	       xs_span_is(host, "::") || xs_span_is(host, "[::]");
}

/* The program may reach stunnel by either address of this host. */
static const char *const loopback[] = { "127.0.0.1", "[::1]" };

/* --- why not ------------------------------------------------------------- */

/* Writes why the section cannot become a rule; leaves text empty if it can. */
static void find_obstacle(const struct xs_stunnel_service *service, char *text,
			  size_t size)
{
	if (!service->client)
		snprintf(text, size,
			 "this section is a server: rules are for clients");
	else if (service->cannot)
		snprintf(text, size, "a rule cannot do what %s asks for",
			 service->cannot);
	else if (!service->accept || !service->connect)
		snprintf(text, size, "it has no \"%s\"",
			 service->accept ? "connect" : "accept");
	else if (*service->accept == '/' || *service->connect == '/')
		snprintf(text, size,
			 "rules are about TCP, not about sockets "
			 "in the file system");
	else if (service->protocol && !scheme_of(service))
		snprintf(text, size, "xsock has no protocol \"%.60s\"",
			 service->protocol);
	else if (service->options.psk_file && !service->options.psk_identity)
		snprintf(text, size,
			 "PSKsecrets is there without PSKidentity: stunnel "
			 "takes the first of the file, a rule must name it");
	else
		text[0] = '\0';
}

/* --- comments ------------------------------------------------------------ */

void xs_stunnel_print_notes(FILE *file, const struct xs_stunnel_note *last)
{
	if (!last)
		return;
	xs_stunnel_print_notes(file, last->next);
	fprintf(file, "# %s\n", last->text);
}

static void print_differences(FILE *file,
			      const struct xs_stunnel_service *service)
{
	if (service->options.psk_file) {
		fputs("# the rule takes nothing but the key, and no "
		      "certificate\n",
		      file);
		return;
	}
	if (!service->verified)
		fputs("# stunnel accepted every certificate here; the rule "
		      "does not\n",
		      file);
	if (!service->expected)
		fputs("# stunnel did not compare the name in the certificate; "
		      "the rule does\n",
		      file);
	if (service->sni && service->expected &&
	    strcasecmp(service->sni, service->expected) != 0)
		fprintf(file,
			"# sni = %s: not carried over; the name that is "
			"checked is sent as SNI\n",
			service->sni);
}

/* --- rules --------------------------------------------------------------- */

static const char *options_of(const struct xs_stunnel_service *service,
			      struct xs_arena *arena)
{
	struct xs_options options = service->options;

	options.peer_name =
		service->expected ? service->expected : service->sni;
	if (options.psk_file)
		xs_options_drop_certificates(&options);
	/* A STARTTLS scheme names no version. */
	if (service->protocol && service->version) {
		options.min_version = service->version;
		options.max_version = service->version;
	}
	return xs_options_text(&options, arena);
}

static int print_rule(FILE *file, const struct xs_stunnel_service *service,
		      const char *host, struct xs_arena *arena,
		      struct xs_error *err)
{
	const struct place accept = split(service->accept);
	const struct place connect = split(service->connect);
	const char *options = options_of(service, arena);
	char text[XS_OPTION_TEXT_MAX + 1024];
	bool here = connect.host.start == connect.host.end;

	if (!options)
		return xs_error_set(err, XS_ERR_SYSTEM, ENOMEM,
				    "there is not enough memory");
	snprintf(text, sizeof(text), "%s:%.*s=%s://%s%.*s%s:%.*s%s%s", host,
		 (int)xs_span_len(accept.port), accept.port.start,
		 scheme_of(service), connect.v6 ? "[" : "",
		 here ? 9 : (int)xs_span_len(connect.host),
		 here ? "localhost" : connect.host.start, connect.v6 ? "]" : "",
		 (int)xs_span_len(connect.port), connect.port.start,
		 *options ? "?" : "", options);
	fprintf(file, "%s\n", text);
	return xs_rules_read(text, NULL, NULL, arena, err) ? 0 : -1;
}

static int print_rules(FILE *file, const struct xs_stunnel_service *service,
		       struct xs_arena *arena, struct xs_error *err)
{
	const struct place accept = split(service->accept);
	char host[300];

	if (is_every_address(accept.host)) {
		for (size_t i = 0; i < 2; i++)
			if (print_rule(file, service, loopback[i], arena, err) <
			    0)
				return -1;
		return 0;
	}
	snprintf(host, sizeof(host), accept.v6 ? "[%.*s]" : "%.*s",
		 (int)xs_span_len(accept.host), accept.host.start);
	return print_rule(file, service, host, arena, err);
}

int xs_stunnel_convert(FILE *file, const struct xs_stunnel_service *service,
		       struct xs_arena *arena, struct xs_error *err)
{
	char obstacle[200];

	fprintf(file, "# [%s]\n", service->name);
	find_obstacle(service, obstacle, sizeof(obstacle));
	if (*obstacle) {
		fprintf(file, "# not converted: %s\n", obstacle);
		if (!service->client)
			return 0;
		return xs_error_set(err, XS_ERR_RULES, 0, "%s", obstacle);
	}
	xs_stunnel_print_notes(file, service->notes);
	print_differences(file, service);
	return print_rules(file, service, arena, err);
}
