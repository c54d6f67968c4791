/* One rule for people; see rule_text.h. */
#include "xsock/rule_text.h"

#include <string.h>

const char *xs_rule_in_words(const struct xs_rule *rule)
{
	const struct xs_scheme *scheme = rule->target.scheme;

	if (scheme->kind == XS_SCHEME_TCP)
		return rule->options.relay ? "plain TCP, through the relay"
					   : "plain TCP";
	if (scheme->kind == XS_SCHEME_UDP)
		return rule->options.relay ? "plain UDP, through the relay"
					   : "plain UDP";
	/* "the same as tls" */
	if (strcmp(scheme->name, "ssl") == 0)
		scheme = xs_scheme_find("tls");
	return scheme->summary;
}

/* --- the canonical text -------------------------------------------------- */

/* A host as a URL has it: IPv6 in brackets. */
static void print_ip(FILE *file, const struct xs_address *address)
{
	char text[XS_ADDRESS_TEXT_MAX];
	bool v6 = address->any.sa_family == AF_INET6;

	xs_address_format_ip(address, text, sizeof(text));
	fprintf(file, v6 ? "[%s]" : "%s", text);
}

static unsigned most_bits(const struct xs_address *address)
{
	return address->any.sa_family == AF_INET6 ? 128 : 32;
}

static void print_host(FILE *file, const struct xs_pattern *pattern)
{
	switch (pattern->kind) {
	case XS_HOST_ANY:
		fputc('*', file);
		break;
	case XS_HOST_NAME:
	case XS_HOST_GLOB:
		fputs(pattern->name, file);
		break;
	case XS_HOST_NETWORK:
		print_ip(file, &pattern->network);
		if (pattern->bits < most_bits(&pattern->network))
			fprintf(file, "/%u", pattern->bits);
		break;
	}
}

/* "80,8000-8010", with between as the text between two. */
static void print_ports(FILE *file, const struct xs_pattern *pattern,
			const char *between)
{
	for (size_t i = 0; i < pattern->nports; i++) {
		const struct xs_port_range *range = &pattern->ports[i];

		fprintf(file, "%s%u", i ? between : "", range->first);
		if (range->last != range->first)
			fprintf(file, "-%u", range->last);
	}
}

/* "mail.example.com:587", ":993", or nothing. */
static void print_target(FILE *file, const struct xs_target *target)
{
	if (target->host)
		fputs(target->host, file);
	else if (target->address.len > 0)
		print_ip(file, &target->address);
	if (target->port)
		fprintf(file, ":%u", target->port);
}

bool xs_rule_print(FILE *file, const struct xs_rule *rule,
		   struct xs_arena *arena)
{
	const char *text = rule->options_text;
	const char *options = xs_options_conceal(
		(struct xs_span){ text, text + strlen(text) },
		XS_OPTION_TEXT_MAX, arena);

	if (!options)
		return false;
	if (rule->pattern.udp)
		fputs("udp://", file);
	print_host(file, &rule->pattern);
	if (rule->pattern.nports > 0) {
		fputc(':', file);
		print_ports(file, &rule->pattern, ",");
	}
	fprintf(file, "=%s://", rule->target.scheme->name);
	print_target(file, &rule->target);
	if (*options)
		fprintf(file, "?%s", options);
	fputc('\n', file);
	return true;
}

/* --- the sentence -------------------------------------------------------- */

static void explain_host(FILE *file, const struct xs_pattern *pattern)
{
	static const char *const before[] = {
		[XS_HOST_ANY] = "every host",
		[XS_HOST_NAME] = "",
		[XS_HOST_GLOB] = "hosts whose name matches ",
		[XS_HOST_NETWORK] = "",
	};

	fputs(before[pattern->kind], file);
	if (pattern->kind == XS_HOST_NETWORK &&
	    pattern->bits < most_bits(&pattern->network))
		fputs("the network ", file);
	if (pattern->kind != XS_HOST_ANY)
		print_host(file, pattern);
}

static void explain_pattern(FILE *file, const struct xs_pattern *pattern)
{
	bool one = pattern->nports == 1 &&
		   pattern->ports[0].first == pattern->ports[0].last;

	fputs(pattern->udp ? "UDP datagrams to " : "TCP connections to ", file);
	explain_host(file, pattern);
	if (pattern->nports == 0) {
		fputs(", every port", file);
		return;
	}
	fputs(one ? ", port " : ", ports ", file);
	print_ports(file, pattern, ", ");
}

static void explain_proof(FILE *file, const struct xs_rule *rule)
{
	const struct xs_options *with = &rule->options;

	if (with->psk_file) {
		fprintf(file,
			"; the server must have the pre-shared key of %s "
			"in %s",
			with->psk_identity, with->psk_file);
		return;
	}
	if (!with->verify_peer && !with->peer_fingerprint) {
		fputs("; nothing about the server is checked", file);
		return;
	}
	fputs("; the server's certificate must ", file);
	if (with->peer_fingerprint)
		fputs("have a given fingerprint", file);
	if (with->verify_peer) {
		if (with->peer_fingerprint)
			fputs(", must ", file);
		fputs("come from a CA ", file);
		if (with->cafile || with->capath)
			fprintf(file, "in %s%s%s",
				with->cafile ? with->cafile : "",
				with->cafile && with->capath ? " or " : "",
				with->capath ? with->capath : "");
		else
			fputs("that OpenSSL trusts by default", file);
		if (with->allow_self_signed)
			fputs(" or be self-signed", file);
	}
	if (!with->verify_peer_name)
		fputs(", for any name", file);
	else if (with->peer_name || rule->target.host)
		fprintf(file, " and be for %s",
			with->peer_name ? with->peer_name : rule->target.host);
	else
		fputs(" and be for the host that was asked for", file);
}

/* " go to mail.example.com:587", " go to port 993", or nothing. */
static void explain_target(FILE *file, const struct xs_target *target)
{
	if (target->host || target->address.len > 0) {
		fputs(" go to ", file);
		print_target(file, target);
	} else if (target->port) {
		fprintf(file, " go to port %u", target->port);
	}
}

void xs_rule_explain(FILE *file, const struct xs_rule *rule)
{
	const struct xs_target *target = &rule->target;

	explain_pattern(file, &rule->pattern);
	if (target->scheme->kind == XS_SCHEME_DENY) {
		fputs(" are refused with EACCES", file);
		return;
	}
	explain_target(file, target);
	fprintf(file, ": %s", xs_rule_in_words(rule));
	if (xs_scheme_is_encrypted(target->scheme))
		explain_proof(file, rule);
	if (rule->options.connect_early)
		fputs("; connect succeeds with TCP, and what is written waits "
		      "for the server's certificate",
		      file);
	if (rule->options.starttls_optional)
		fputs("; if TLS is not offered it goes on in plaintext", file);
}
