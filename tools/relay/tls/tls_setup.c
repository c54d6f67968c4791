/* What a rule says about versions, ciphers and the like, to OpenSSL.
 *
 * OpenSSL takes a list in which at least one name is known and overlooks the
 * others; here every name must be known, because a rule with a misspelt cipher
 * means something else than it says.  What the rule does not say is as
 * OpenSSL's configuration has it.
 *
 * Any thread; each SSL_CTX belongs to its caller.
 */
#include "relay/tls/tls_private.h"

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

const SSL_METHOD *xs_tls_method(const struct xs_scheme *scheme)
{
	if (xs_scheme_has_tls(scheme))
		return TLS_client_method();
#ifndef OPENSSL_NO_DTLS
	if (scheme->kind == XS_SCHEME_DTLS)
		return DTLS_client_method();
#endif
	return NULL;
}

/* DTLS counts downwards: 0xfeff is 1.0, 0xfefd is 1.2 (RFC 6347, 4.1).  Schemes
 * and options name it by the TLS that it is made of. */
static int on_the_wire(const struct xs_scheme *scheme, int version)
{
	if (!version || scheme->kind != XS_SCHEME_DTLS)
		return version;
	return version >= TLS1_2_VERSION ? DTLS1_2_VERSION : DTLS1_VERSION;
}

/* Is a, if it is there at all, an older version than b? */
static bool is_older(const struct xs_scheme *scheme, long a, int b)
{
	return a && (scheme->kind == XS_SCHEME_DTLS ? a > b : a < b);
}

static bool is_newer(const struct xs_scheme *scheme, long a, int b)
{
	return a && a != b && !is_older(scheme, a, b);
}

/* The rule's version is the only one, or a range; a bound beyond the one that
 * OpenSSL's configuration has moves that one along. */
static int set_versions(SSL_CTX *ssl, const struct xs_scheme *scheme,
			const struct xs_options *options, struct xs_error *err)
{
	int min = on_the_wire(scheme, options->min_version);
	int max = on_the_wire(scheme, options->max_version);
	char what[100];

	if (scheme->tls_version)
		min = max = on_the_wire(scheme, scheme->tls_version);
	if (max && !min &&
	    is_newer(scheme, SSL_CTX_get_min_proto_version(ssl), max))
		min = max;
	if (min && !max &&
	    is_older(scheme, SSL_CTX_get_max_proto_version(ssl), min))
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

/* The next name of a list of ciphers or suites, cut into name; false: there is
 * none.  The separators are those of OpenSSL's ssl_ciph.c. */
static bool next_name(const char **list, char name[80])
{
	static const char separators[] = ":,; ";
	size_t len;

	*list += strspn(*list, separators);
	len = strcspn(*list, separators);
	snprintf(name, 80, "%.*s", len < 79 ? (int)len : 79, *list);
	*list += len;
	return len > 0;
}

/* "!aNULL" and "-RC4" take away, "+SHA" puts at the end what is there: they
 * mean the same where this OpenSSL has no such cipher. */
static bool adds(const char *name)
{
	return !strchr("!-+", *name);
}

/* The commands of openssl-ciphers(1), which cannot be tried alone. */
static bool is_command(const char *name)
{
	static const char level[] = "@SECLEVEL=";
	size_t len = sizeof(level) - 1;

	return strcmp(name, "@STRENGTH") == 0 ||
	       (strncmp(name, level, len) == 0 && name[len] >= '0' &&
		name[len] <= '5' && !name[len + 1]);
}

/* Keywords of openssl-ciphers(1) of which nothing may be left. */
static bool is_class(const char *name)
{
	return strcmp(name, "MEDIUM") == 0 || strcmp(name, "LOW") == 0;
}

/* Tries each name of the list that adds ciphers alone.  Returns the first name
 * or command that OpenSSL does not know in unknown, or false. */
static bool find_unknown(SSL_CTX *scratch, set_list *set_one, const char *list,
			 char unknown[80])
{
	while (next_name(&list, unknown))
		if (*unknown == '@' ? !is_command(unknown)
				    : adds(unknown) && !is_class(unknown) &&
					      !set_one(scratch, unknown))
			return true;
	return false;
}

/* SSL_CTX_set_ciphersuites also takes suites of TLS 1.2 by the names that the
 * standards give them; those of TLS 1.3 have no other name. */
static int set_suites(SSL_CTX *ssl, const char *list)
{
	return strcmp(OPENSSL_cipher_name(list), list) == 0 &&
	       SSL_CTX_set_ciphersuites(ssl, list);
}

/* A cipher that goes by another name, or belongs to the other option: says so
 * in reason, or returns false. */
static bool find_other_name(SSL_CTX *scratch, const char *option,
			    const char *name, char *reason, size_t size)
{
	bool suites = strcmp(option, "ciphersuites") == 0;
	const char *other = OPENSSL_cipher_name(name);

	if (*name == '@')
		snprintf(reason, size,
			 "there is no command \"%s\" (there are @STRENGTH and "
			 "@SECLEVEL=0 to 5)",
			 name);
	else if (!suites && set_suites(scratch, name))
		snprintf(reason, size, "%s is of TLS 1.3: use ciphersuites",
			 name);
	else if (!suites && SSL_CTX_set_cipher_list(scratch, other))
		snprintf(reason, size, "OpenSSL calls %s %s", name, other);
	else if (suites && (SSL_CTX_set_cipher_list(scratch, name) ||
			    SSL_CTX_set_cipher_list(scratch, other)))
		snprintf(reason, size, "%s is of TLS up to 1.2: use ciphers",
			 name);
	else
		return false;
	return true;
}

/* set is for the whole list, set_one for a name alone. */
static int set_names(SSL_CTX *ssl, const char *option, set_list *set,
		     set_list *set_one, const char *list, struct xs_error *err)
{
	SSL_CTX *scratch;
	char unknown[80], reason[200];
	bool found;

	if (!list)
		return 0;
	scratch = SSL_CTX_new(TLS_client_method());
	found = scratch && find_unknown(scratch, set_one, list, unknown);
	if (found &&
	    !find_other_name(scratch, option, unknown, reason, sizeof(reason)))
		snprintf(reason, sizeof(reason),
			 "this OpenSSL has no \"%s\" (\"openssl ciphers -s "
			 "-v\" lists what it has)",
			 unknown);
	SSL_CTX_free(scratch);
	if (found)
		return refuse(err, option, list, reason);
	if (!scratch || !set(ssl, list))
		return refuse(err, option, list, "nothing is left of it");
	return 0;
}

static bool takes_group(SSL_CTX *ssl, const char *text, size_t len)
{
	char group[80];

	snprintf(group, sizeof(group), "%.*s", (int)len, text);
	return SSL_CTX_set1_groups_list(ssl, group);
}

/* Tries each name of the list alone.  OpenSSL 3.5 has operators in front of one
 * ("?*-") and between two ("/").  The groups are those of the context's own
 * providers, so that is where they are tried; it is not used afterwards. */
static bool find_unknown_group(SSL_CTX *ssl, const char *list, char unknown[80])
{
	for (list += strspn(list, ":/"); *list; list += strspn(list, ":/")) {
		size_t len = strcspn(list, ":/");
		size_t operators = strspn(list, "?*-");

		snprintf(unknown, 80, "%.*s", (int)(len - operators),
			 list + operators);
		if (len > 79 || (!takes_group(ssl, list, len) &&
				 !takes_group(ssl, unknown, len - operators)))
			return true;
		list += len;
	}
	return false;
}

static bool is_before_3_5(void)
{
	return OpenSSL_version_num() < 0x30500000L;
}

/* Hybrid groups, such as X25519MLKEM768, and ML-KEM alone. */
static bool is_too_new(const char *group)
{
	return strcasestr(group, "MLKEM") && is_before_3_5();
}

static int set_groups(SSL_CTX *ssl, const char *groups, struct xs_error *err)
{
	char unknown[80], reason[250];

	if (!groups || SSL_CTX_set1_groups_list(ssl, groups))
		return 0;
	if (!find_unknown_group(ssl, groups, unknown))
		return refuse(err, "groups", groups,
			      is_before_3_5()
				      ? "before OpenSSL 3.5 it is a list of "
					"names, each once, such as "
					"X25519:P-256:P-384"
				      : "OpenSSL cannot read it as a list of "
					"groups, such as X25519:P-256:P-384");
	snprintf(reason, sizeof(reason), "this OpenSSL has no \"%s\" (%s)",
		 unknown,
		 is_too_new(unknown)
			 ? "groups with ML-KEM came with OpenSSL 3.5: a rule "
			   "without groups offers the best that each has"
			 : "such as X25519:P-256:P-384; since OpenSSL 3.5 "
			   "\"openssl list -tls-groups\" lists what it has");
	return refuse(err, "groups", groups, reason);
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
	    set_names(ssl, "ciphers", SSL_CTX_set_cipher_list,
		      SSL_CTX_set_cipher_list, options->ciphers, err) < 0 ||
	    set_names(ssl, "ciphersuites", SSL_CTX_set_ciphersuites, set_suites,
		      options->ciphersuites, err) < 0 ||
	    set_groups(ssl, options->groups, err) < 0)
		return -1;
	/* "@SECLEVEL" in a list of ciphers does not outdo the option. */
	if (options->security_level >= 0)
		SSL_CTX_set_security_level(ssl, options->security_level);
	xs_tls_cost_limit_groups(ssl, options);
	return set_alpn(ssl,
			options->alpn_protocols ? options->alpn_protocols
						: xs_scheme_alpn(scheme),
			err);
}
