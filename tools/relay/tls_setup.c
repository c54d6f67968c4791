/* What a rule says about versions, ciphers and the like, to OpenSSL.
 *
 * OpenSSL takes a list in which at least one name is known and overlooks the
 * others; here every name must be known, because a rule with a misspelt cipher
 * means something else than it says.  What the rule does not say is as
 * OpenSSL's configuration has it.
 *
 * Any thread; each SSL_CTX belongs to its caller.
 */
#include "tls_private.h"

#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

/* 'ciphers "AES1:NONE" cannot be used: …' */
static int refuse(struct xs_error *err, const char *option, const char *value,
		  const char *reason)
{
	ERR_clear_error();
	return xs_error_set(err, XS_ERR_RULES, 0,
			    "option %s=%.100s cannot be used: %s", option,
			    value, reason);
}

/* The rule's version is the only one, or a range; a bound beyond the one that
 * OpenSSL's configuration has moves that one along. */
static int set_versions(SSL_CTX *ssl, const struct xs_scheme *scheme,
			const struct xs_options *options, struct xs_error *err)
{
	int min = options->min_version, max = options->max_version;
	char what[100];

	if (scheme->tls_version)
		min = max = scheme->tls_version;
	if (max && !min && SSL_CTX_get_min_proto_version(ssl) > max)
		min = max;
	if (min && !max && SSL_CTX_get_max_proto_version(ssl) &&
	    SSL_CTX_get_max_proto_version(ssl) < min)
		max = min;
	if ((!min || SSL_CTX_set_min_proto_version(ssl, min)) &&
	    (!max || SSL_CTX_set_max_proto_version(ssl, max)))
		return 0;
	snprintf(what, sizeof(what), "this libssl does not have %s",
		 scheme->tls_version ? scheme->name
				     : "the versions from min_version to "
				       "max_version");
	xs_tls_error_setup(err, what);
	return -1;
}

typedef int set_list(SSL_CTX *ssl, const char *list);

/* An operator of cipher lists, not a name: "!aNULL" is one with a name. */
static bool is_command(const char *name)
{
	return *name == '@';
}

/* Tries each name of the list alone.  Returns the first that OpenSSL does not
 * know in unknown, or false. */
static bool find_unknown(SSL_CTX *scratch, set_list *set, const char *list,
			 char unknown[80])
{
	while (*list) {
		size_t len = strcspn(list, ":,");
		const char *name = list;

		list += len + (list[len] != '\0');
		if (len && strchr("!-+", *name)) {
			name++;
			len--;
		}
		if (!len || is_command(name))
			continue;
		snprintf(unknown, 80, "%.*s", len < 79 ? (int)len : 79, name);
		if (len > 79 || !set(scratch, unknown))
			return true;
	}
	return false;
}

static int set_names(SSL_CTX *ssl, const char *option, set_list *set,
		     const char *list, struct xs_error *err)
{
	SSL_CTX *scratch;
	char unknown[80], reason[200];
	bool found;

	if (!list)
		return 0;
	scratch = SSL_CTX_new(TLS_client_method());
	found = scratch && find_unknown(scratch, set, list, unknown);
	SSL_CTX_free(scratch);
	if (found) {
		snprintf(reason, sizeof(reason),
			 "this OpenSSL has no \"%s\" (\"openssl ciphers -s "
			 "-v\" lists what it has)",
			 unknown);
		return refuse(err, option, list, reason);
	}
	if (!scratch || !set(ssl, list))
		return refuse(err, option, list, "nothing is left of it");
	return 0;
}

static int set_groups(SSL_CTX *ssl, const char *groups, struct xs_error *err)
{
	if (!groups || SSL_CTX_set1_groups_list(ssl, groups))
		return 0;
	return refuse(err, "groups", groups,
		      "this OpenSSL does not have all of them (such as "
		      "X25519:P-256:P-384, each once)");
}

/* "h2,http/1.1" to its form on the wire (RFC 7301, 3.1). */
static int set_alpn(SSL_CTX *ssl, const char *names, struct xs_error *err)
{
	unsigned char wire[XS_OPTION_TEXT_MAX];
	size_t used = 0;

	while (names && *names) {
		size_t len = strcspn(names, ",");

		if (!len || len > 255 || len + 1 > sizeof(wire) - used)
			return refuse(err, "alpn_protocols", names,
				      "a name has 1 to 255 bytes");
		wire[used++] = (unsigned char)len;
		memcpy(wire + used, names, len);
		used += len;
		names += len + (names[len] == ',');
	}
	if (used && SSL_CTX_set_alpn_protos(ssl, wire, (unsigned int)used)) {
		xs_tls_error_setup(err, "cannot set alpn_protocols");
		return -1;
	}
	return 0;
}

int xs_tls_setup(SSL_CTX *ssl, const struct xs_scheme *scheme,
		 const struct xs_options *options, struct xs_error *err)
{
	/* First, because what follows is judged by it. */
	if (options->security_level >= 0)
		SSL_CTX_set_security_level(ssl, options->security_level);
	if (options->disable_compression)
		SSL_CTX_set_options(ssl, SSL_OP_NO_COMPRESSION);
	else
		SSL_CTX_clear_options(ssl, SSL_OP_NO_COMPRESSION);
	if (options->verify_depth >= 0)
		SSL_CTX_set_verify_depth(ssl, options->verify_depth);
	if (set_versions(ssl, scheme, options, err) < 0 ||
	    set_names(ssl, "ciphers", SSL_CTX_set_cipher_list, options->ciphers,
		      err) < 0 ||
	    set_names(ssl, "ciphersuites", SSL_CTX_set_ciphersuites,
		      options->ciphersuites, err) < 0 ||
	    set_groups(ssl, options->groups, err) < 0)
		return -1;
	/* "@SECLEVEL" in a list of ciphers does not outdo the option. */
	if (options->security_level >= 0)
		SSL_CTX_set_security_level(ssl, options->security_level);
	return set_alpn(ssl, options->alpn_protocols, err);
}
