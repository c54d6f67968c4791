/* xsock check: are the rules right, and what do they do?
 *
 * Reads the rules as the library does, prints what is suspicious, and for each
 * destination the rule that decides, what will happen in words, and what the
 * certificate will be checked against.  Connects to nothing.
 */
#include "xsock/command.h"
#include "xsock/destination.h"
#include "xsock/inputs.h"
#include "xsock/lint.h"
#include "xsock/policy.h"
#include "xsock/rule_text.h"

#include <argp.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char args_doc[] = "[RULES] [DESTINATION...]";
static const char doc[] =
	"Look for mistakes in rules, and tell what they do with connections."
	"\v"
	"A first argument that has \"=\" in it or starts with \"@\" is RULES, "
	"as with -r.  DESTINATION is [tcp://|udp://]HOST:PORT, where HOST is a "
	"name, an IPv4 address or an IPv6 address in brackets.\n\n"
	"Exit status: 0, 1 if the rules or options are wrong, 2 for wrong "
	"usage.";

struct arguments {
	struct xs_inputs inputs;
	char **destination; /* the rest of argv */
	int destinations;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *arguments = state->input;
	bool is_rules;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &arguments->inputs;
		return 0;
	case ARGP_KEY_ARGS:
		arguments->destination = state->argv + state->next;
		arguments->destinations = state->argc - state->next;
		arg = arguments->destination[0];
		is_rules = *arg == '@' || strchr(arg, '=');
		if (is_rules && arguments->inputs.rules)
			argp_error(state, "RULES are given twice");
		if (is_rules) {
			arguments->inputs.rules = arg;
			arguments->destination++;
			arguments->destinations--;
		}
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* --- help from the tables ------------------------------------------------ */

/* Widest name with its value, so that a row fits 79 columns. */
#define NAME_WIDTH 23

static void print_row(FILE *file, const char *name, const char *summary,
		      const char *missing)
{
	bool wide = strlen(name) > NAME_WIDTH;

	/* Behind a wide one the summary has a line of its own. */
	fprintf(file, "%c %-*s%s%-*s %s\n", missing ? '*' : ' ', NAME_WIDTH,
		name, wide ? "\n" : "", wide ? NAME_WIDTH + 2 : 0, "", summary);
}

static void print_tables(FILE *file)
{
	char name[64];

	fprintf(file, "Targets (* is not in this version, and refused):\n");
	for (const struct xs_scheme *row = xs_schemes; row->name; row++) {
		snprintf(name, sizeof(name), "%s://", row->name);
		print_row(file, name, row->summary, row->missing);
	}
	fprintf(file, "\nOptions, with their defaults:\n");
	for (const struct xs_option *row = xs_option_table; row->name; row++) {
		snprintf(name, sizeof(name), "%s=%s", row->name, row->value);
		print_row(file, name, row->summary, row->missing);
	}
	fprintf(file, "\nxsock-rules(5) has the whole language.");
}

/* argp frees what is returned. */
static char *add_tables(int key, const char *text, void *input)
{
	char *all = NULL;
	size_t size;
	FILE *file;

	(void)input;
	if (key != ARGP_KEY_HELP_EXTRA)
		return (char *)text;
	file = open_memstream(&all, &size);
	if (!file)
		return (char *)text;
	print_tables(file);
	fclose(file);
	return all;
}

/* --- verdicts ------------------------------------------------------------ */

static void print_line(const char *title, const char *text)
{
	printf("    %-12s %s\n", title, text);
}

/* "www.example.com:443": where the connection goes in the end. */
static void print_target(const struct xs_check_destination *to,
			 const struct xs_verdict *verdict)
{
	const struct xs_target *target = &verdict->rule->target;
	uint16_t port = target->port ? target->port : to->port;
	struct xs_address address = target->address;
	char text[XS_NAME_MAX + 80];

	if (target->host || (address.len == 0 && verdict->address.len == 0)) {
		snprintf(text, sizeof(text), "%s:%u",
			 target->host ? target->host : verdict->name, port);
	} else {
		if (address.len == 0)
			address = verdict->address;
		xs_address_set_port(&address, port);
		xs_address_format(&address, text, sizeof(text));
		if (target->address.len == 0 && verdict->name) {
			size_t len = strlen(text);

			snprintf(text + len, sizeof(text) - len, " (%s)",
				 verdict->name);
		}
	}
	print_line(to->udp ? "sends to" : "connects to", text);
}

/* What a certificate must be for: peer_name, else the target's host, else the
 * name that was asked for, else the address. */
static const char *expected_name(const struct xs_verdict *verdict, char *text,
				 size_t size, const char **because)
{
	const struct xs_rule *rule = verdict->rule;

	*because = "peer_name";
	if (rule->options.peer_name)
		return rule->options.peer_name;
	*because = "the target's host";
	if (rule->target.host)
		return rule->target.host;
	if (rule->target.address.len > 0)
		return xs_address_format_ip(&rule->target.address, text, size);
	*because = verdict->found ? "the rule's name" : "the name asked for";
	if (verdict->name)
		return verdict->name;
	*because = "the address";
	return xs_address_format_ip(&verdict->address, text, size);
}

static void print_certificate(const struct xs_verdict *verdict)
{
	const struct xs_options *with = &verdict->rule->options;
	char ip[XS_ADDRESS_TEXT_MAX], text[PATH_MAX + 512];
	const char *because;
	const char *name = expected_name(verdict, ip, sizeof(ip), &because);

	if (!with->verify_peer)
		snprintf(text, sizeof(text),
			 "from anybody: not checked (verify_peer=0)");
	else if (!with->cafile && !with->capath)
		snprintf(text, sizeof(text),
			 "from a CA that OpenSSL trusts by "
			 "default");
	else
		snprintf(text, sizeof(text), "from a CA in %s%s%s",
			 with->cafile ? with->cafile : "",
			 with->cafile && with->capath ? " or " : "",
			 with->capath ? with->capath : "");
	print_line("certificate", text);
	if (with->verify_peer && with->allow_self_signed)
		print_line("", "or self-signed (allow_self_signed=1)");
	if (with->peer_fingerprint)
		print_line("", "with a fingerprint that the rule names");
	if (with->verify_peer && with->crlfile) {
		snprintf(text, sizeof(text), "not revoked by %s",
			 with->crlfile);
		print_line("", text);
	}
	if (with->verify_peer_name)
		snprintf(text, sizeof(text), "for %s (%s)", name, because);
	else
		snprintf(text, sizeof(text),
			 "for any name: not checked (verify_peer_name=0)");
	print_line("", text);
	if (with->local_cert)
		print_line("ours", with->local_cert);
}

static void print_key(const struct xs_options *with)
{
	print_line("key", with->psk_identity);
	print_line("", with->psk_file);
	print_line("certificate", "none: whoever has the key is the server");
}

static void print_verdict(const struct xs_check_destination *to,
			  const struct xs_verdict *verdict, bool several)
{
	const struct xs_rule *rule = verdict->rule;
	char text[512];

	if (several && verdict->address.len > 0) {
		xs_address_format(&verdict->address, text, sizeof(text));
		print_line("address", text);
	}
	if (verdict->found) {
		snprintf(text, sizeof(text), "%s has this address now",
			 verdict->name);
		print_line("name", text);
	}
	if (!rule) {
		print_line("rule", "none matches");
		print_line("what", "left alone: as without xsock");
		return;
	}
	snprintf(text, sizeof(text), "%s %s", rule->place, rule->text);
	print_line("rule", text);
	print_line("what", xs_rule_in_words(rule));
	if (rule->target.scheme->kind == XS_SCHEME_DENY)
		return;
	print_target(to, verdict);
	if (rule->options.psk_file)
		print_key(&rule->options);
	else if (xs_scheme_is_encrypted(rule->target.scheme))
		print_certificate(verdict);
}

static void print_destination(const struct xs_check_destination *destination,
			      const struct xs_rules *rules)
{
	struct xs_verdict verdicts[XS_CHECK_DESTINATION_ADDRESSES];
	char note[256];
	size_t count = xs_check_destination_decide(destination, rules, verdicts,
						   note, sizeof(note));

	printf("\n%s\n", destination->text);
	for (size_t i = 0; i < count; i++)
		print_verdict(destination, &verdicts[i], count > 1);
	if (note[0] != '\0')
		print_line("note", note);
}

/* --- the command --------------------------------------------------------- */

static void print_summary(const struct xs_rules *rules)
{
	size_t warnings = xs_lint(rules, stdout);

	printf("%zu rule%s, no errors", rules->count,
	       rules->count == 1 ? "" : "s");
	if (warnings > 0)
		printf(", %zu warning%s", warnings, warnings == 1 ? "" : "s");
	printf("\n");
}

static bool same_policy(const struct xs_rule *a, const struct xs_rule *b)
{
	return a->target.scheme == b->target.scheme &&
	       strcmp(a->options_text, b->options_text) == 0;
}

/* What only OpenSSL can judge: the library lets it pass, and the relay would
 * refuse the first connect.  Does what the relay does before it connects.
 * Neighbours with the same options are judged once. */
static int ask_openssl(const struct xs_rules *rules)
{
	const struct xs_rule *last = NULL;
	struct xs_error err = { .kind = XS_ERR_NONE };
	bool good = true;

	for (size_t i = 0; i < rules->count && good; i++) {
		const struct xs_rule *rule = &rules->rule[i];
		struct xs_tls_context *context;
		struct xs_tls_policy policy;

		if (!xs_scheme_is_encrypted(rule->target.scheme) ||
		    (last && same_policy(last, rule)))
			continue;
		last = rule;
		policy = xs_policy(rule);
		context = xs_tls_context_get(&policy, &err);
		good = context;
		if (!good)
			fprintf(stderr, "xsock: %s: %s\n", rule->place,
				err.text);
		xs_tls_context_put(context);
	}
	xs_tls_context_forget();
	return good ? 0 : -1;
}

/* All destinations are read before the first is printed, so that a wrong one
 * is told at once. */
static int check(const struct arguments *arguments, struct xs_arena *arena)
{
	struct xs_error err = { .kind = XS_ERR_NONE };
	const struct xs_rules *rules;
	struct xs_check_destination *to = xs_arena_take(
		arena, (size_t)arguments->destinations * sizeof(*to));

	for (int i = 0; to && i < arguments->destinations; i++) {
		if (xs_check_destination_read(&to[i], arguments->destination[i],
					      arena, &err) < 0) {
			fprintf(stderr, "xsock check: destination %s: %s\n",
				arguments->destination[i], err.text);
			return XS_EXIT_USAGE;
		}
	}
	rules = xs_inputs_read(&arguments->inputs, arena, &err);
	if (!rules || !to) {
		fprintf(stderr, "xsock: %s\n", err.text);
		return XS_EXIT_RULES;
	}
	if (ask_openssl(rules) < 0)
		return XS_EXIT_RULES;
	print_summary(rules);
	for (int i = 0; i < arguments->destinations; i++)
		print_destination(&to[i], rules);
	return XS_EXIT_OK;
}

static void say_no_rules(const struct arguments *arguments)
{
	fprintf(stderr, "xsock check: there are no rules: give them as "
			"argument, with -r or in XSOCK_RULES");
	if (arguments->destinations > 0)
		fprintf(stderr,
			" (%s is a destination, because it has no \"=\")",
			arguments->destination[0]);
	fprintf(stderr, "\n");
}

static const struct argp_child children[] = {
	{ .argp = &xs_inputs_argp },
	{ .argp = NULL },
};

const struct argp xs_check_argp = { .parser = parse,
				    .args_doc = args_doc,
				    .doc = doc,
				    .children = children,
				    .help_filter = add_tables };

int xs_command_check(int argc, char **argv)
{
	struct arguments arguments = { .destinations = 0 };
	struct xs_arena arena = { NULL };
	int status;

	argp_err_exit_status = XS_EXIT_USAGE;
	if (argp_parse(&xs_check_argp, argc, argv, 0, NULL, &arguments) != 0)
		return XS_EXIT_USAGE;
	xs_inputs_complete(&arguments.inputs);
	if (!arguments.inputs.rules) {
		say_no_rules(&arguments);
		return XS_EXIT_USAGE;
	}
	status = check(&arguments, &arena);
	xs_arena_free(&arena);
	return status;
}
