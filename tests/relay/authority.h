/* Certificates, keys and lists for tests, as files and in memory. */
#ifndef TEST_RELAY_AUTHORITY_H
#define TEST_RELAY_AUTHORITY_H

#include "server.h"

#include <openssl/ocsp.h>
#include <sys/stat.h>

/* A CA, or the owner of a certificate. */
struct party {
	EVP_PKEY *key;
	X509 *cert;
};

static inline struct party party_make(const char *name, const char *names,
				      const struct party *issuer)
{
	struct party party = { .key = EVP_EC_gen("P-256") };

	party.cert = make_cert(name, party.key, issuer ? "" : name,
			       issuer ? issuer->key : party.key, names);
	if (issuer) {
		X509_set_issuer_name(party.cert,
				     X509_get_subject_name(issuer->cert));
		cr_assert(X509_sign(party.cert, issuer->key, EVP_sha256()));
	}
	return party;
}

/* One more extension, signed again. */
static inline void party_extend(struct party *party, const struct party *issuer,
				int nid, const char *value)
{
	add_extension(party->cert, nid, value);
	cr_assert(X509_sign(party->cert, issuer->key, EVP_sha256()));
}

static inline void party_free(struct party *party)
{
	EVP_PKEY_free(party->key);
	X509_free(party->cert);
}

/* A folder that ends with the test. */
struct folder {
	char path[64];
};

static inline struct folder folder_make(void)
{
	struct folder folder = { "/tmp/xsock-relay-test.XXXXXX" };

	cr_assert(mkdtemp(folder.path));
	return folder;
}

static inline void folder_end(const struct folder *folder)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", folder->path);
	cr_assert_eq(system(command), 0);
}

/* A path in it; eight may be in use at a time. */
static inline const char *in_folder(const struct folder *folder,
				    const char *name)
{
	static char path[8][128];
	static int at;

	at = (at + 1) % 8;
	snprintf(path[at], sizeof(path[at]), "%s/%s", folder->path, name);
	return path[at];
}

/* Writes certificates (NULL ends them) and a key in PEM, the key with that
 * passphrase if there is one. */
static inline const char *write_pem(const struct folder *folder,
				    const char *name, EVP_PKEY *key,
				    const char *passphrase, X509 *const *certs)
{
	const char *path = in_folder(folder, name);
	FILE *file = fopen(path, "w");

	for (; certs && *certs; certs++)
		PEM_write_X509(file, *certs);
	if (key)
		PEM_write_PrivateKey(
			file, key, passphrase ? EVP_aes_128_cbc() : NULL,
			(const unsigned char *)passphrase,
			passphrase ? (int)strlen(passphrase) : 0, NULL, NULL);
	fclose(file);
	return path;
}

/* Writes the list of what this CA has revoked: cert, or nothing. */
static inline const char *write_crl(const struct folder *folder,
				    const char *name, const struct party *ca,
				    const X509 *cert)
{
	const char *path = in_folder(folder, name);
	FILE *file = fopen(path, "w");
	X509_CRL *list = X509_CRL_new();
	ASN1_TIME *now = X509_gmtime_adj(NULL, -60);
	ASN1_TIME *next = X509_gmtime_adj(NULL, 3600);

	X509_CRL_set_version(list, 1);
	X509_CRL_set_issuer_name(list, X509_get_subject_name(ca->cert));
	X509_CRL_set1_lastUpdate(list, now);
	X509_CRL_set1_nextUpdate(list, next);
	if (cert) {
		X509_REVOKED *revoked = X509_REVOKED_new();

		X509_REVOKED_set_serialNumber(
			revoked, (ASN1_INTEGER *)X509_get0_serialNumber(cert));
		X509_REVOKED_set_revocationDate(revoked, now);
		X509_CRL_add0_revoked(list, revoked);
	}
	cr_assert(X509_CRL_sign(list, ca->key, EVP_sha256()));
	PEM_write_X509_CRL(file, list);
	fclose(file);
	X509_CRL_free(list);
	ASN1_TIME_free(now);
	ASN1_TIME_free(next);
	return path;
}

/* The answer of a CA about a certificate of its own, DER. */
static inline int make_ocsp(const struct party *ca, const X509 *cert,
			    int status, long age, unsigned char **der)
{
	OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
	ASN1_TIME *from = X509_gmtime_adj(NULL, -age);
	ASN1_TIME *until = X509_gmtime_adj(NULL, 3600 - age);
	OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha256(), cert, ca->cert);
	OCSP_RESPONSE *response;
	int len;

	OCSP_basic_add1_status(basic, id, status, OCSP_REVOKED_STATUS_NOSTATUS,
			       from, from, until);
	cr_assert(OCSP_basic_sign(basic, ca->cert, ca->key, EVP_sha256(), NULL,
				  OCSP_NOCERTS));
	response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
	*der = NULL;
	len = i2d_OCSP_RESPONSE(response, der);
	OCSP_RESPONSE_free(response);
	OCSP_BASICRESP_free(basic);
	OCSP_CERTID_free(id);
	ASN1_TIME_free(from);
	ASN1_TIME_free(until);
	return len;
}

#endif
