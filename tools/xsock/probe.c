/* xsock probe: what would a rule with this target do, and what does the server
 * show?
 *
 * Resolves, connects and shakes hands as the relay would, with the relay's own
 * files, and reports what it has seen.  The exit status is the verdict
 * (probe_verdict.c).
 */
#include "xsock/probe.h"

#include "xsock/command.h"
#include "xsock/policy.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct argp_option options[] = {
	{ "options", 'o', "OPTIONS", 0,
	  "Options to start from, as a=b&c=d (default: XSOCK_OPTIONS)", 0 },
	{ "json", 'j', NULL, 0, "Print one JSON object, for machines", 0 },
	{ .name = NULL },
};

static const char args_doc[] = "[--] URL";
static const char doc[] =
	"Do what a rule with the target URL would do, and report on it."
	"\v"
	"URL is SCHEME://HOST:PORT, with ?OPTION=VALUE&... as in a rule; "
	"\"xsock check --help\" lists schemes and options.  No application "
	"data is sent.";

struct arguments {
	const char *url;
	const char *options; /* NULL: XSOCK_OPTIONS */
	bool json;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case 'o':
		arguments->options = arg;
		return 0;
	case 'j':
		arguments->json = true;
		return 0;
	case ARGP_KEY_ARG:
		if (arguments->url)
			argp_error(state, "one URL at a time");
		arguments->url = arg;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "a URL is missing, such as "
				  "tls://www.example.com:443");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* The exit statuses, behind --help.  argp frees what is returned. */
static char *add_statuses(int key, const char *text, void *input)
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
	fprintf(file, "Exit status:");
	for (size_t i = 0; i < xs_probe_verdict_count; i++)
		fprintf(file, "\n  %d  %s", xs_probe_verdicts[i].status,
			xs_probe_verdicts[i].summary);
	fclose(file);
	return all;
}

/* --- the steps ------------------------------------------------------------ */

static int connect_timed(struct xs_probe *probe, int64_t deadline,
			 struct xs_error *err)
{
	int64_t begin = xs_probe_now();
	int fd = xs_probe_connect(probe, &probe->dial, deadline, err);

	probe->ms[XS_CONNECT_ERROR_CONNECT] =
		(double)(xs_probe_now() - begin) / 1000;
	probe->connected = fd >= 0;
	return fd;
}

/* With context NULL without TLS. */
static int reach(struct xs_probe *probe, struct xs_tls_context *context,
		 struct xs_error *err)
{
	int64_t deadline =
		xs_probe_now() +
		(int64_t)(probe->rule->options.timeout * 1000) * 1000;
	int fd;

	if (xs_probe_resolve(probe, deadline, err) < 0)
		return -1;
	if (probe->rule->target.scheme->kind == XS_SCHEME_DTLS)
		return xs_probe_dtls(probe, context, deadline, err);
	fd = connect_timed(probe, deadline, err);
	if (fd < 0)
		return -1;
	if (context)
		return xs_probe_handshake(probe, context, fd, deadline, err);
	close(fd);
	return 0;
}

int xs_probe_run(struct xs_probe *probe, struct xs_error *err)
{
	const struct xs_scheme *scheme = probe->rule->target.scheme;
	struct xs_tls_context *context;
	struct xs_tls_policy policy;
	int result;

	switch (scheme->kind) {
	case XS_SCHEME_DENY:
		return xs_error_set(err, XS_ERR_DENIED, 0,
				    "a deny:// rule makes every connect fail "
				    "with EACCES");
	case XS_SCHEME_TCP:
		return reach(probe, NULL, err);
	case XS_SCHEME_WATCH:
		return xs_error_set(err, XS_ERR_RULES, 0,
				    "starttls:// leaves it to the application "
				    "to ask for TLS: for the probe to ask, say "
				    "which protocol, as in smtp+starttls://");
	case XS_SCHEME_UDP:
		return xs_error_set(err, XS_ERR_RULES, 0,
				    "udp:// has nothing to ask: no server need "
				    "answer a datagram (for DTLS, dtls%s)",
				    probe->target + sizeof("udp") - 1);
	case XS_SCHEME_TLS:
	case XS_SCHEME_UPGRADE:
	case XS_SCHEME_DTLS:
		policy = xs_policy(probe->rule);
		context = xs_tls_context_get(&policy, err);
		if (!context)
			return -1;
		result = reach(probe, context, err);
		xs_tls_context_put(context);
		xs_tls_context_forget();
		return result;
	case XS_SCHEME_KINDS:
		break;
	}
	return xs_error_set(err, XS_ERR_RULES, 0,
			    "xsock probe does not know %s://", scheme->name);
}

/* --- the command ---------------------------------------------------------- */

static int show(const struct xs_probe *probe, bool json)
{
	int result = 0;

	if (json)
		result = xs_probe_print_json(probe);
	else
		xs_probe_print(probe);
	if (result == 0 && fflush(stdout) == 0 && !ferror(stdout))
		return xs_probe_verdict(&probe->verdict)->status;
	fprintf(stderr, "xsock probe: cannot write the report: %s\n",
		strerror(errno));
	return xs_probe_verdicts[xs_probe_verdict_count - 1].status;
}

static int probe_url(const struct arguments *arguments, struct xs_arena *arena)
{
	struct xs_probe probe = { .arena = arena, .ms = { -1, -1, -1 } };
	int status;

	if (xs_probe_read_url(&probe, arguments->url, arguments->options,
			      &probe.verdict) < 0) {
		fprintf(stderr, "xsock probe: %s\n", probe.verdict.text);
		return xs_probe_verdict(&probe.verdict)->status;
	}
	xs_probe_run(&probe, &probe.verdict);
	status = show(&probe, arguments->json);
	/* The verdict of a connect that succeeded says so itself. */
	if (probe.implied && status != 0)
		fprintf(stderr,
			"xsock probe: without a scheme a target is tcp://, "
			"which has no TLS: for TLS, tls://%.*s\n",
			(int)strcspn(arguments->url, "?"), arguments->url);
	xs_dial_free(&probe.dial);
	return status;
}

const struct argp xs_probe_argp = { options, parse, args_doc, doc,
				    .help_filter = add_statuses };

int xs_command_probe(int argc, char **argv)
{
	struct arguments arguments = { .url = NULL };
	struct xs_arena arena = { NULL };
	int status;

	argp_err_exit_status = XS_EXIT_USAGE;
	if (argp_parse(&xs_probe_argp, argc, argv, 0, NULL, &arguments) != 0)
		return XS_EXIT_USAGE;
	if (arguments.json && !xs_probe_has_json()) {
		fprintf(stderr, "xsock probe: %s\n", XS_PROBE_NO_JSON);
		return XS_EXIT_USAGE;
	}
	status = probe_url(&arguments, &arena);
	xs_arena_free(&arena);
	return status;
}
