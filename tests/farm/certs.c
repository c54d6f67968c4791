/* Makes the farm's certificates: each as the second column of the table says
 * that it differs from a good one.
 *
 *     certs TABLE FOLDER
 *
 * FOLDER gets NAME.pem (what a server sends, leaf first), NAME.only (the leaf
 * without the others) and NAME.key; for a
 * pin NAME.sha256, .sha1, .md5 (in hex) and NAME.pin (base64 of the SHA-256 of
 * the public key); NAME.crl for a row crl; NAME.ocsp for a staple.
 *
 * Servers share one key of each kind, because making keys takes longest.  The
 * long RSA keys have more than two primes for the same reason: a client sees
 * the modulus only.
 */
#include "farm.h"

#include <openssl/evp.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

enum { DAY = 86400, MADE_MAX = ROWS_MAX };

static struct made {
	const char *name;
	X509 *cert;
	EVP_PKEY *key;
} made[MADE_MAX];
static int made_count;

static struct made *find(const char *name)
{
	for (int i = 0; i < made_count; i++)
		if (strcmp(made[i].name, name) == 0)
			return &made[i];
	errno = ENOENT;
	die(name);
}

/* --- keys --- */

/* rsa:BITS, ec:CURVE or the name of another algorithm. */
static EVP_PKEY *make_key(const char *kind)
{
	EVP_PKEY_CTX *ctx;
	EVP_PKEY *key = NULL;
	int bits;

	if (strncmp(kind, "ec:", 3) == 0)
		return EVP_EC_gen(kind + 3);
	if (strncmp(kind, "rsa:", 4) != 0)
		return EVP_PKEY_Q_keygen(NULL, NULL, kind);
	bits = atoi(kind + 4);
	ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	EVP_PKEY_keygen_init(ctx);
	EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, bits);
	if (bits >= 4096)
		EVP_PKEY_CTX_set_rsa_keygen_primes(ctx, bits >= 8192 ? 5 : 4);
	EVP_PKEY_keygen(ctx, &key);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static EVP_PKEY *key_for(const struct row *row)
{
	static struct {
		const char *kind;
		EVP_PKEY *key;
	} kept[16];
	const char *kind = word(row->certificate, "key");
	EVP_PKEY *key;
	int i;

	if (!kind)
		kind = "ec:P-256";
	/* An authority is what no other has the key of. */
	if (strcmp(row->kind, "ca") == 0)
		return make_key(kind);
	for (i = 0; i < 16 && kept[i].kind; i++)
		if (strcmp(kept[i].kind, kind) == 0)
			return kept[i].key;
	key = make_key(kind);
	if (!key || i == 16)
		die(kind);
	kept[i].kind = kind;
	kept[i].key = key;
	return key;
}

/* --- what a certificate says --- */

static void add_extension(X509 *cert, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *extension;

	X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	if (!extension || !X509_add_ext(cert, extension, -1))
		die(value);
	X509_EXTENSION_free(extension);
}

static void add_name(GENERAL_NAMES *names, const char *text, int len)
{
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_IA5STRING *string = ASN1_IA5STRING_new();

	ASN1_STRING_set(string, text, len);
	GENERAL_NAME_set0_value(name, GEN_DNS, string);
	sk_GENERAL_NAME_push(names, name);
}

static bool has_odd_names(const char *words)
{
	return word(words, "nul-san") || word(words, "blank-san") ||
	       word(words, "masked-ip-san") || word(words, "sans");
}

/* What a configuration cannot say: a NUL in a name, and a great many. */
static void add_odd_names(X509 *cert, const char *words)
{
	static const char nul[] = "localhost\0.other.example.test";
	static const char masked[] = { 127, 0, 0, 1, (char)255, 0, 0, 0 };
	GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
	char text[64];

	if (word(words, "nul-san"))
		add_name(names, nul, sizeof(nul) - 1);
	if (word(words, "blank-san"))
		add_name(names, " localhost", 10);
	if (word(words, "masked-ip-san")) {
		add_name(names, masked, sizeof(masked));
		sk_GENERAL_NAME_value(names, 0)->type = GEN_IPADD;
		sk_GENERAL_NAME_value(names, 0)->d.ip->type =
			V_ASN1_OCTET_STRING;
	}
	for (int i = number(words, "sans", 0); i > 1; i--)
		add_name(names, text,
			 snprintf(text, sizeof(text), "name%05d.example.test",
				  i));
	if (word(words, "sans"))
		add_name(names, "localhost", 9);
	if (sk_GENERAL_NAME_num(names) > 0 &&
	    !X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 0, 0))
		die("names");
	GENERAL_NAMES_free(names);
}

static void add_unknown(X509 *cert, const char *oid)
{
	ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
	X509_EXTENSION *extension;

	ASN1_OCTET_STRING_set(value, (const unsigned char *)"\5\0", 2);
	extension = X509_EXTENSION_create_by_OBJ(NULL, object, 1, value);
	if (!extension || !X509_add_ext(cert, extension, -1))
		die(oid);
	X509_EXTENSION_free(extension);
	ASN1_OCTET_STRING_free(value);
	ASN1_OBJECT_free(object);
}

static void set_extensions(X509 *cert, const struct row *row)
{
	static const struct {
		const char *word;
		int nid;
	} plain[] = {
		{ "eku", NID_ext_key_usage },
		{ "ku", NID_key_usage },
		{ "constraints", NID_name_constraints },
		{ "tlsfeature", NID_tlsfeature },
	};
	const char *words = row->certificate, *value = word(words, "san");
	bool is_ca = strcmp(row->kind, "ca") == 0 && !word(words, "no-ca");
	char text[64] = "critical,CA:FALSE";

	if (is_ca && word(words, "pathlen"))
		snprintf(text, sizeof(text), "critical,CA:TRUE,pathlen:%d",
			 number(words, "pathlen", 0));
	else if (is_ca)
		strcpy(text, "critical,CA:TRUE");
	add_extension(cert, NID_basic_constraints, text);
	if (is_ca && !word(words, "ku"))
		add_extension(cert, NID_key_usage, "keyCertSign,cRLSign");
	if (strcmp(row->kind, "case") == 0 && !value && !has_odd_names(words))
		value = "DNS:localhost,IP:127.0.0.1,IP:::1";
	if (value && strcmp(value, "none") != 0)
		add_extension(cert, NID_subject_alt_name, value);
	add_odd_names(cert, words);
	for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++)
		if ((value = word(words, plain[i].word)))
			add_extension(cert, plain[i].nid, value);
	if ((value = word(words, "critical")))
		add_unknown(cert, value);
}

static void set_subject(X509 *cert, const struct row *row)
{
	X509_NAME *name = X509_NAME_new();
	const char *cn = word(row->certificate, "cn");
	char text[64];

	snprintf(text, sizeof(text), "farm-%s", row->name);
	X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8,
				   (const void *)"xsock farm", -1, -1, 0);
	if (!word(row->certificate, "no-cn"))
		X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
					   (const void *)(cn ? cn : text), -1,
					   -1, 0);
	if (word(row->certificate, "no-subject")) {
		X509_NAME_free(name);
		name = X509_NAME_new();
	}
	X509_set_subject_name(cert, name);
	X509_NAME_free(name);
}

static void sign(X509 *cert, EVP_PKEY *key, const char *words)
{
	const char *md = word(words, "md");
	const ASN1_BIT_STRING *signature;
	unsigned char *last;

	if (!X509_sign(cert, key, EVP_get_digestbyname(md ? md : "sha256")))
		die("signature");
	if (!word(words, "spoil"))
		return;
	X509_get0_signature(&signature, NULL, cert);
	last = signature->data + signature->length - 1;
	*last ^= 1;
}

/* The identifier of by's key, as everything real has it.  Own to free. */
static AUTHORITY_KEYID *key_identifier(const struct made *by)
{
	AUTHORITY_KEYID *id = AUTHORITY_KEYID_new();
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned len;

	id->keyid = ASN1_OCTET_STRING_new();
	if (!X509_pubkey_digest(by->cert, EVP_sha1(), sum, &len) ||
	    !ASN1_OCTET_STRING_set(id->keyid, sum, (int)len))
		die("key identifier");
	return id;
}

static void add_key_identifiers(X509 *cert, const struct made *by)
{
	AUTHORITY_KEYID *id = key_identifier(by);

	add_extension(cert, NID_subject_key_identifier, "hash");
	if (!X509_add1_ext_i2d(cert, NID_authority_key_identifier, id, 0, 0))
		die("key identifier");
	AUTHORITY_KEYID_free(id);
}

static void make(const struct row *row)
{
	struct made *new = &made[made_count++];
	const char *words = row->certificate, *issuer = word(words, "issuer");
	const struct made *by;

	new->name = row->name;
	new->key = key_for(row);
	new->cert = X509_new();
	by = issuer && strcmp(issuer, "self") == 0 ? new : find(issuer ?: "ca");
	if (!word(words, "v1"))
		X509_set_version(new->cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(new->cert), 1000 + made_count);
	X509_gmtime_adj(X509_getm_notBefore(new->cert),
			DAY * number(words, "begin", -1));
	X509_gmtime_adj(X509_getm_notAfter(new->cert),
			DAY * number(words, "end", 30));
	X509_set_pubkey(new->cert, new->key);
	set_subject(new->cert, row);
	X509_set_issuer_name(new->cert, X509_get_subject_name(by->cert));
	if (!word(words, "v1"))
		set_extensions(new->cert, row);
	if (word(words, "keyids"))
		add_key_identifiers(new->cert, by);
	sign(new->cert, by->key, words);
}

/* --- files --- */

static FILE *create(const char *name, const char *kind)
{
	FILE *file = fopen(path_of(name, kind), "we");

	if (!file)
		die(name);
	return file;
}

/* send=A,B: what follows the leaf; first=A,B: what goes before it. */
static void write_others(FILE *file, const char *names)
{
	char *next, *list = names ? strdup(names) : NULL;

	for (char *name = list ? strtok_r(list, ",", &next) : NULL; name;
	     name = strtok_r(NULL, ",", &next))
		PEM_write_X509(file, find(name)->cert);
	free(list);
}

/* What people have in such files beside certificates. */
static void write_mixed(FILE *file, EVP_PKEY *key)
{
	static const unsigned char text[] = "a block that nobody knows";
	X509_REQ *request = X509_REQ_new();

	X509_REQ_set_pubkey(request, key);
	X509_REQ_sign(request, key, EVP_sha256());
	PEM_write_X509_REQ(file, request);
	X509_REQ_free(request);
	PEM_write(file, "FARM NOTES", "", text, sizeof(text));
}

/* A certificate or list that was cut off. */
static void write_damaged(FILE *file, const char *name)
{
	fprintf(file, "-----BEGIN %s-----\nMIIB\n", name);
}

/* As "openssl ecparam -genkey" writes them in front of the key. */
static void write_parameters(FILE *file, EVP_PKEY *key)
{
	BIO *bio = BIO_new_fp(file, BIO_NOCLOSE);

	if (!PEM_write_bio_Parameters(bio, key))
		die("parameters");
	BIO_free(bio);
}

static void write_pair(const struct row *row)
{
	const struct made *of = find(row->name);
	const char *pass = word(row->certificate, "passphrase");
	FILE *file = create(row->name, "pem");

	write_others(file, word(row->certificate, "first"));
	PEM_write_X509(file, of->cert);
	if (word(row->certificate, "mixed"))
		write_mixed(file, of->key);
	write_others(file, word(row->certificate, "send"));
	if (word(row->certificate, "damaged"))
		write_damaged(file, "CERTIFICATE");
	fclose(file);
	file = create(row->name, "only");
	PEM_write_X509(file, of->cert);
	fclose(file);
	file = create(row->name, "key");
	if (word(row->certificate, "mixed"))
		write_parameters(file, of->key);
	PEM_write_PKCS8PrivateKey(file, of->key,
				  pass ? EVP_aes_128_cbc() : NULL, pass,
				  pass ? (int)strlen(pass) : 0, NULL, NULL);
	if (fclose(file) != 0)
		die(row->name);
}

static void write_digests(const struct row *row)
{
	static const char *const names[] = { "md5", "sha1", "sha256" };
	X509 *cert = find(row->name)->cert;
	unsigned char sum[EVP_MAX_MD_SIZE], text[100], *der = NULL;
	unsigned len;
	FILE *file;
	int size;

	for (int i = 0; i < 3; i++) {
		X509_digest(cert, EVP_get_digestbyname(names[i]), sum, &len);
		file = create(row->name, names[i]);
		for (unsigned at = 0; at < len; at++)
			fprintf(file, "%02x", sum[at]);
		fclose(file);
	}
	size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
	EVP_Digest(der, (size_t)size, sum, &len, EVP_sha256(), NULL);
	OPENSSL_free(der);
	EVP_EncodeBlock(text, sum, (int)len);
	file = create(row->name, "pin");
	fputs((char *)text, file);
	fclose(file);
}

/* --- revocation --- */

static void add_revoked(X509_CRL *crl, const char *name)
{
	X509_REVOKED *entry = X509_REVOKED_new();
	ASN1_TIME *when = X509_gmtime_adj(NULL, -3600);

	X509_REVOKED_set_serialNumber(entry,
				      X509_get_serialNumber(find(name)->cert));
	X509_REVOKED_set_revocationDate(entry, when);
	X509_CRL_add0_revoked(crl, entry);
	ASN1_TIME_free(when);
}

static void add_issuer_key(X509_CRL *crl, const struct made *by)
{
	AUTHORITY_KEYID *id = key_identifier(by);

	if (!X509_CRL_add1_ext_i2d(crl, NID_authority_key_identifier, id, 0, 0))
		die("key identifier");
	AUTHORITY_KEYID_free(id);
}

/* One CRL; what is revoked is what this issuer made. */
static void write_crl(FILE *file, const struct row *row, const char *issuer)
{
	const struct made *by = find(issuer);
	char *next, *names = word(row->certificate, "revoked");
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *begin = X509_gmtime_adj(NULL, -2 * DAY);
	ASN1_TIME *end =
		X509_gmtime_adj(NULL, DAY * number(row->certificate, "end", 7));

	X509_CRL_set_version(crl, X509_CRL_VERSION_2);
	X509_CRL_set_issuer_name(crl, X509_get_subject_name(by->cert));
	X509_CRL_set1_lastUpdate(crl, begin);
	X509_CRL_set1_nextUpdate(crl, end);
	for (char *name = names ? strtok_r(names, ",", &next) : NULL; name;
	     name = strtok_r(NULL, ",", &next))
		if (!X509_NAME_cmp(X509_get_issuer_name(find(name)->cert),
				   X509_get_subject_name(by->cert)))
			add_revoked(crl, name);
	if (word(row->certificate, "keyids"))
		add_issuer_key(crl, by);
	X509_CRL_sign(crl, by->key, EVP_sha256());
	PEM_write_X509_CRL(file, crl);
	X509_CRL_free(crl);
	ASN1_TIME_free(begin);
	ASN1_TIME_free(end);
}

static void make_crls(const struct row *row)
{
	char *next, *issuers = word(row->certificate, "issuer");
	FILE *file = create(row->name, "crl");

	for (char *name = strtok_r(issuers, ",", &next); name;
	     name = strtok_r(NULL, ",", &next))
		write_crl(file, row, name);
	if (word(row->certificate, "damaged"))
		write_damaged(file, "X509 CRL");
	if (fclose(file) != 0)
		die(row->name);
}

/* staple=good, revoked, unknown, old (its time is over), other (for another
 * certificate) or stranger (signed by an authority that is not asked). */
static void write_staple(const struct row *row, const char *staple)
{
	const char *issuer = word(row->certificate, "issuer");
	const struct made *of = find(row->name), *by = find(issuer ?: "ca");
	const struct made *signer =
		strcmp(staple, "stranger") == 0 ? find("unknown-ca") : by;
	bool old = strcmp(staple, "old") == 0;
	int status = strcmp(staple, "revoked") == 0 ? V_OCSP_CERTSTATUS_REVOKED
		     : strcmp(staple, "unknown") == 0
			     ? V_OCSP_CERTSTATUS_UNKNOWN
			     : V_OCSP_CERTSTATUS_GOOD;
	OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
	ASN1_TIME *begin = X509_gmtime_adj(NULL, -9 * DAY);
	ASN1_TIME *end = X509_gmtime_adj(NULL, old ? -2 * DAY : 2 * DAY);
	ASN1_TIME *when = X509_gmtime_adj(NULL, -3 * DAY);
	OCSP_RESPONSE *response;
	unsigned char *der = NULL;
	FILE *file = create(row->name, "ocsp");
	int len;

	if (strcmp(staple, "other") == 0)
		of = find("good");
	OCSP_basic_add1_status(
		basic, OCSP_cert_to_id(EVP_sha1(), of->cert, by->cert), status,
		0, status == V_OCSP_CERTSTATUS_REVOKED ? when : NULL, begin,
		end);
	if (!OCSP_basic_sign(basic, signer->cert, signer->key, EVP_sha256(),
			     NULL, 0))
		die(staple);
	response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
	len = i2d_OCSP_RESPONSE(response, &der);
	if (len <= 0 || fwrite(der, 1, (size_t)len, file) != (size_t)len ||
	    fclose(file) != 0)
		die(staple);
	OPENSSL_free(der);
	OCSP_RESPONSE_free(response);
	OCSP_BASICRESP_free(basic);
}

static bool is_certificate(const struct row *row)
{
	return strcmp(row->kind, "case") == 0 || strcmp(row->kind, "ca") == 0 ||
	       strcmp(row->kind, "cert") == 0;
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: certs TABLE FOLDER\n");
		return 2;
	}
	folder = argv[2];
	read_table(argv[1]);
	for (int i = 0; i < row_count; i++)
		if (is_certificate(&rows[i]))
			make(&rows[i]);
	for (int i = 0; i < row_count; i++) {
		const struct row *row = &rows[i];
		const char *staple = word(row->certificate, "staple");

		if (is_certificate(row))
			write_pair(row);
		if (word(row->certificate, "digests"))
			write_digests(row);
		if (strcmp(row->kind, "crl") == 0)
			make_crls(row);
		if (staple)
			write_staple(row, staple);
	}
	return 0;
}
