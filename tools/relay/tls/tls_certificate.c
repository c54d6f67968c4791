/* The facts of one certificate; see tls_report.h for what they are.
 *
 * All of it was written by somebody else: nothing leaves here that a terminal
 * would obey.  Pure.
 */
#include "relay/tls/tls_certificate.h"

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* --- text ------------------------------------------------------------- */

const char *xs_tls_certificate_clean(struct xs_arena *arena, const void *data,
				     size_t len)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *byte = data;
	char *text = xs_arena_take(arena, len * 4 + 1), *to = text;

	if (!text)
		return NULL;
	for (size_t i = 0; i < len; i++) {
		if (byte[i] >= ' ' && byte[i] < 0x7f) {
			*to++ = (char)byte[i];
			continue;
		}
		*to++ = '\\';
		*to++ = 'x';
		*to++ = digits[byte[i] >> 4];
		*to++ = digits[byte[i] & 15];
	}
	*to = '\0';
	return text;
}

static const char *distinguished(struct xs_arena *arena, const X509_NAME *name)
{
	BIO *bio = BIO_new(BIO_s_mem());
	const char *text = NULL;
	char *data;
	long len;

	if (bio &&
	    X509_NAME_print_ex(bio, name, 0,
			       ASN1_STRFLGS_RFC2253 | XN_FLAG_SEP_CPLUS_SPC |
				       XN_FLAG_FN_SN) >= 0) {
		len = BIO_get_mem_data(bio, &data);
		text = xs_tls_certificate_clean(arena, data, (size_t)len);
	}
	BIO_free(bio);
	return text;
}

static const char *prefixed(struct xs_arena *arena, const char *prefix,
			    const void *data, size_t len)
{
	const char *text = xs_tls_certificate_clean(arena, data, len);
	size_t size = strlen(prefix) + (text ? strlen(text) : 0) + 1;
	char *all = text ? xs_arena_take(arena, size) : NULL;

	if (all)
		snprintf(all, size, "%s%s", prefix, text);
	return all;
}

static const char *general_name(struct xs_arena *arena,
				const GENERAL_NAME *name)
{
	char ip[INET6_ADDRSTRLEN];
	const ASN1_STRING *value;
	const char *prefix;
	size_t len;
	int type;

	value = GENERAL_NAME_get0_value(name, &type);
	switch (type) {
	case GEN_DNS:
		prefix = XS_TLS_NAME_DNS;
		break;
	case GEN_EMAIL:
		prefix = "email:";
		break;
	case GEN_URI:
		prefix = "URI:";
		break;
	case GEN_IPADD:
		len = (size_t)ASN1_STRING_length(value);
		if ((len != 4 && len != 16) ||
		    !inet_ntop(len == 4 ? AF_INET : AF_INET6,
			       ASN1_STRING_get0_data(value), ip, sizeof(ip)))
			return prefixed(arena, XS_TLS_NAME_IP, "?", 1);
		return prefixed(arena, XS_TLS_NAME_IP, ip, strlen(ip));
	default:
		return "other";
	}
	return prefixed(arena, prefix, ASN1_STRING_get0_data(value),
			(size_t)ASN1_STRING_length(value));
}

/* --- a certificate ---------------------------------------------------- */

static int read_names(const X509 *cert, struct xs_arena *arena,
		      struct xs_tls_certificate *to)
{
	GENERAL_NAMES *names =
		X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	int count = names ? sk_GENERAL_NAME_num(names) : 0;
	const char **name = xs_arena_take(arena, (size_t)count * sizeof(*name));
	int done = 0;

	while (name && done < count) {
		name[done] =
			general_name(arena, sk_GENERAL_NAME_value(names, done));
		if (!name[done])
			break;
		done++;
	}
	GENERAL_NAMES_free(names);
	to->name = name;
	to->names = (size_t)done;
	return name && done == count ? 0 : -1;
}

static const char *date(struct xs_arena *arena, const ASN1_TIME *when)
{
	char text[32];
	struct tm tm;

	if (!ASN1_TIME_to_tm(when, &tm) ||
	    !strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm))
		return NULL;
	return xs_arena_copy(arena, text, strlen(text));
}

static void read_dates(const X509 *cert, struct xs_arena *arena,
		       struct xs_tls_certificate *to)
{
	int days, seconds;

	to->not_before = date(arena, X509_get0_notBefore(cert));
	to->not_after = date(arena, X509_get0_notAfter(cert));
	/* Not even a day ago is expired, too. */
	if (ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(cert)))
		to->days_left = days - (seconds < 0);
}

static void read_key(const X509 *cert, struct xs_arena *arena,
		     struct xs_tls_certificate *to)
{
	EVP_PKEY *key = X509_get0_pubkey(cert);
	const char *type = key ? EVP_PKEY_get0_type_name(key) : NULL;
	char group[64];
	size_t len;

	if (!type)
		return;
	to->key = xs_tls_certificate_clean(arena, type, strlen(type));
	to->key_bits = EVP_PKEY_get_bits(key);
	if (EVP_PKEY_get_group_name(key, group, sizeof(group), &len))
		to->key_group =
			xs_tls_certificate_clean(arena, group, strlen(group));
}

static int read_digests(const X509 *cert, struct xs_arena *arena,
			struct xs_tls_certificate *to)
{
	unsigned char digest[EVP_MAX_MD_SIZE], *key = NULL;
	char *fingerprint = xs_arena_take(arena, 2 * 32 + 1);
	char *pin = xs_arena_take(arena, 44 + 1);
	unsigned len;
	int key_len;

	if (!fingerprint || !pin ||
	    !X509_digest(cert, EVP_sha256(), digest, &len) || len != 32)
		return -1;
	for (size_t i = 0; i < len; i++)
		snprintf(fingerprint + 2 * i, 3, "%02x", digest[i]);
	key_len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &key);
	if (key_len < 0)
		return -1;
	if (EVP_Digest(key, (size_t)key_len, digest, &len, EVP_sha256(), NULL))
		EVP_EncodeBlock((unsigned char *)pin, digest, (int)len);
	OPENSSL_free(key);
	to->fingerprint = fingerprint;
	to->pin = pin;
	return 0;
}

int xs_tls_certificate_read(X509 *cert, struct xs_arena *arena,
			    struct xs_tls_certificate *to)
{
	const char *signature = OBJ_nid2ln(X509_get_signature_nid(cert));

	to->self_signed = X509_get_extension_flags(cert) & EXFLAG_SS;
	to->subject = distinguished(arena, X509_get_subject_name(cert));
	to->issuer = distinguished(arena, X509_get_issuer_name(cert));
	to->signature = signature ? signature : "unknown";
	read_dates(cert, arena, to);
	read_key(cert, arena, to);
	return to->subject && to->issuer && read_names(cert, arena, to) == 0 &&
			       read_digests(cert, arena, to) == 0
		       ? 0
		       : -1;
}
