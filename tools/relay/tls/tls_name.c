/* Names with underscores and wildcards, which OpenSSL never matches.
 *
 * In a name that "*" stands for OpenSSL takes letters, digits and hyphens only,
 * so that "my_db.example.test" is not for "*.example.test", although the name
 * itself in a certificate would do.  Underscores are in many names of machines
 * and containers; curl and GnuTLS take them.  The other rules are OpenSSL's,
 * and those of RFC 9525: "*" is the whole of the first label, stands for one
 * label, and has at least two behind it.
 *
 * Pure.
 */
#include "relay/tls/tls_private.h"

#include <openssl/x509v3.h>
#include <string.h>

static size_t label_len(const char *name)
{
	return strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			    "abcdefghijklmnopqrstuvwxyz"
			    "0123456789-_");
}

/* Are these at least two labels, and nothing else? */
static bool is_domain(const char *name)
{
	int labels = 0;

	for (;;) {
		size_t len = label_len(name);

		if (!len)
			return false;
		labels++;
		name += len;
		if (!*name)
			return labels >= 2;
		if (*name++ != '.')
			return false;
	}
}

/* "*.example.test", not ended by a NUL, against ".example.test". */
static bool is_wildcard_for(const ASN1_STRING *pattern, const char *domain)
{
	const char *text = (const char *)ASN1_STRING_get0_data(pattern);
	size_t len = strlen(domain);

	return ASN1_STRING_length(pattern) == (int)len + 1 && text[0] == '*' &&
	       strncasecmp(text + 1, domain, len) == 0;
}

bool xs_tls_name_is_under_wildcard(const X509 *cert, const char *name)
{
	size_t first = label_len(name);
	GENERAL_NAMES *names;
	bool found = false;

	if (!strchr(name, '_') || !first || name[first] != '.' ||
	    !is_domain(name + first + 1))
		return false;
	names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	for (int i = 0; i < sk_GENERAL_NAME_num(names) && !found; i++) {
		int type;
		const ASN1_STRING *value = GENERAL_NAME_get0_value(
			sk_GENERAL_NAME_value(names, i), &type);

		found = type == GEN_DNS && is_wildcard_for(value, name + first);
	}
	GENERAL_NAMES_free(names);
	return found;
}
