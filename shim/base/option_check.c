/* Options that contradict each other or the scheme; see option.h.
 *
 * Called once the options of a rule and those that every rule starts from are
 * together, because the two halves of a contradiction may come from both.
 * What merely has no effect is let pass where a text for all rules could have
 * it for good reason.
 */
#include "base/option_private.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct check {
	struct xs_parse *parse;
	const struct xs_options *options;
	const struct xs_scheme *scheme;
	struct xs_span text;
};

/* Where the rule has the option, or NULL: then XSOCK_OPTIONS has it. */
static const char *find_written(const struct check *check, const char *name)
{
	struct xs_span rest = check->text;
	size_t len = strlen(name);

	while (rest.start < rest.end) {
		const char *amp = xs_span_find(rest, '&');
		struct xs_span one = { rest.start, amp ? amp : rest.end };

		if (xs_span_len(one) > len && one.start[len] == '=' &&
		    memcmp(one.start, name, len) == 0)
			return one.start;
		rest.start = one.end + 1;
	}
	return NULL;
}

/* Fails at the option of that name. */
static int clash(const struct check *check, const char *name,
		 const char *reason)
{
	const char *at = find_written(check, name);

	return xs_parse_fail(check->parse, at ? at : check->text.start,
			     "option \"%s\"%s %s", name,
			     at ? "" : " of XSOCK_OPTIONS", reason);
}

static int check_client_certificate(const struct check *check)
{
	const struct xs_options *options = check->options;

	if (options->local_cert)
		return 0;
	if (options->local_pk)
		return clash(check, "local_pk",
			     "needs the certificate, too: local_cert=FILE");
	if (options->passphrase)
		return clash(check, "passphrase",
			     "needs what it is for: local_cert=FILE");
	return 0;
}

/* What is about certificates. */
static const char *const of_certificates[] = {
	"verify_peer",
	"verify_peer_name",
	"peer_name",
	"allow_self_signed",
	"cafile",
	"capath",
	"local_cert",
	"local_pk",
	"passphrase",
	"verify_depth",
	"peer_fingerprint",
	"crlfile",
	"capture_peer_cert_chain",
};
enum { OF_CERTIFICATES = sizeof(of_certificates) / sizeof(*of_certificates) };

/* Whoever has the key is the peer.  What the rule itself says of certificates
 * would be a promise that is not kept. */
static int check_key_alone(const struct check *check)
{
	for (size_t i = 0; i < OF_CERTIFICATES; i++)
		if (find_written(check, of_certificates[i]))
			return clash(check, of_certificates[i],
				     "is about certificates, and with psk_file "
				     "a key proves who the server is: leave "
				     "one of both out");
	return 0;
}

static int check_key(const struct check *check)
{
	const struct xs_options *options = check->options;
	int exact = check->scheme->tls_version;
	int highest = exact ? exact : options->max_version;

	if (options->psk_identity && !options->psk_file)
		return clash(check, "psk_identity",
			     "needs the key, too: psk_file=FILE");
	if (!options->psk_file)
		return 0;
	if (!options->psk_identity)
		return clash(check, "psk_file",
			     "needs whose key in it is meant: "
			     "psk_identity=NAME");
	if (highest && highest < 0x0303 && !options->ciphers)
		return clash(check, "psk_file",
			     "offers ciphers of TLS 1.2 and later, which are "
			     "not allowed: max_version=1.2, or ciphers=LIST");
	return check_key_alone(check);
}

void xs_options_drop_certificates(struct xs_options *options)
{
	struct xs_options defaults;

	xs_options_default(&defaults);
	for (const struct xs_option *row = xs_option_table; row->name; row++)
		for (size_t i = 0; i < OF_CERTIFICATES; i++)
			if (strcmp(row->name, of_certificates[i]) == 0)
				memcpy((char *)options + row->offset,
				       xs_option_field(&defaults, row),
				       xs_option_size(row->type));
}

/* "min_version" or "max_version", whichever the rule itself has. */
static const char *nearer(const struct check *check)
{
	return find_written(check, "min_version") ? "min_version"
						  : "max_version";
}

/* DTLS has two versions, those of TLS 1.1 and 1.2. */
static int check_dtls_versions(const struct check *check)
{
	const struct xs_options *options = check->options;

	if (options->min_version > 0x0303)
		return clash(check, "min_version",
			     "leaves no version: the newest DTLS is 1.2, that "
			     "of TLS 1.2");
	if (options->max_version && options->max_version < 0x0302)
		return clash(check, "max_version",
			     "leaves no version: the oldest DTLS is 1.0, that "
			     "of TLS 1.1");
	return 0;
}

static int check_versions(const struct check *check)
{
	const struct xs_options *options = check->options;
	int exact = check->scheme->tls_version;
	char reason[100];

	if (options->min_version && options->max_version &&
	    options->min_version > options->max_version)
		return clash(check, nearer(check),
			     "leaves no version: min_version is above "
			     "max_version");
	if (check->scheme->kind == XS_SCHEME_DTLS &&
	    check_dtls_versions(check) < 0)
		return -1;
	if (!exact)
		return 0;
	snprintf(reason, sizeof(reason), "excludes what %s:// means",
		 check->scheme->name);
	if (options->min_version > exact)
		return clash(check, "min_version", reason);
	if (options->max_version && options->max_version < exact)
		return clash(check, "max_version", reason);
	return 0;
}

/* A list of ciphers that concerns none of the versions. */
static int check_ciphers(const struct check *check)
{
	const struct xs_options *options = check->options;
	int exact = check->scheme->tls_version;
	int lowest = exact ? exact : options->min_version;
	int highest = exact ? exact : options->max_version;

	if (lowest == 0x0304 && options->ciphers && !options->ciphersuites)
		return clash(check, "ciphers",
			     "concerns TLS up to 1.2, and only TLS 1.3 is "
			     "allowed: use ciphersuites");
	if (highest && highest < 0x0304 && options->ciphersuites &&
	    !options->ciphers)
		return clash(check, "ciphersuites",
			     "concerns TLS 1.3, which is not allowed: use "
			     "ciphers");
	return 0;
}

/* Both in one text are a mistake; a rule without verification under an
 * XSOCK_OPTIONS with a crlfile is a decision. */
static int check_revocation(const struct check *check)
{
	if (!check->options->verify_peer && find_written(check, "crlfile"))
		return clash(check, "crlfile",
			     "is not looked at with verify_peer=0");
	return 0;
}

/* One file or folder, however its two names are written. */
static bool same(const char *a, const char *b)
{
	struct stat first, second;

	return strcmp(a, b) == 0 ||
	       (stat(a, &first) == 0 && stat(b, &second) == 0 &&
		first.st_dev == second.st_dev && first.st_ino == second.st_ino);
}

/* Is the file path, whether it is there or not, in that folder? */
static int is_in(const struct check *check, const char *path,
		 const char *folder)
{
	const char *slash = strrchr(path, '/');
	char *own = xs_arena_copy(check->parse->arena, path,
				  slash == path ? 1 : (size_t)(slash - path));

	return own ? same(own, folder) : xs_parse_no_memory(check->parse);
}

/* What is written must not be what is read, nor be trusted. */
static int check_capture(const struct check *check)
{
	const struct xs_options *options = check->options;
	const char *const read[] = { options->cafile, options->local_cert,
				     options->local_pk, options->crlfile };
	const char *to = options->capture_peer_cert_chain;
	int inside;

	if (!to)
		return 0;
	for (size_t i = 0; i < sizeof(read) / sizeof(read[0]); i++)
		if (read[i] && same(to, read[i]))
			return clash(check, "capture_peer_cert_chain",
				     "would overwrite another option's file");
	inside = options->capath ? is_in(check, to, options->capath) : 0;
	if (inside > 0)
		return clash(check, "capture_peer_cert_chain",
			     "would write among the certificates of capath");
	return inside;
}

/* In a text for all rules it has no effect on others. */
static int check_ftp_data(const struct check *check)
{
	char reason[100] = "is for FTP:";

	if (!find_written(check, "ftp_data") ||
	    xs_scheme_announces(check->scheme))
		return 0;
	for (const struct xs_scheme *row = xs_schemes; row->name; row++)
		if (xs_scheme_announces(row))
			snprintf(reason + strlen(reason),
				 sizeof(reason) - strlen(reason), "%s %s://",
				 strchr(reason, '/') ? "," : "", row->name);
	return clash(check, "ftp_data", reason);
}

int xs_options_check(struct xs_parse *parse, const struct xs_options *options,
		     const struct xs_scheme *scheme, struct xs_span text)
{
	const struct check check = { parse, options, scheme, text };

	if (check_client_certificate(&check) < 0 || check_key(&check) < 0 ||
	    check_versions(&check) < 0 || check_ciphers(&check) < 0 ||
	    check_revocation(&check) < 0 || check_ftp_data(&check) < 0)
		return -1;
	return check_capture(&check);
}
