/* The farm's servers that libssl cannot be: handshakes written by hand.
 *
 *     raw TABLE FOLDER
 *
 * Each reads the ClientHello and answers with a whole TLS 1.2 flight, to
 * ServerHelloDone, signed with its true key; what is wrong is what the third
 * column of the table says:
 *
 *     raw             this program's, not server.c's
 *     cipher=HEX      the cipher suite that it selects, offered or not
 *     version=HEX     the version that it selects (0303)
 *     dh=BITS         ServerKeyExchange with a group of so many bits
 *     dh-one          … and 1 as the server's share
 *     bad-signature   … and a signature over something else
 *     downgrade       the random of a server that has TLS 1.3 and was told that
 *                     the client has not (RFC 8446, 4.1.3)
 *     compression     it selects DEFLATE
 *     no-rfc5746      it does not have secure renegotiation
 *
 * No client must get to the end of that: it never sends Finished.  FOLDER/
 * NAME.log says whether the client offered the cipher, and with which alert it
 * left.  Whatever it sends that is not an alert goes to NAME.data.
 */
#include "farm.h"
#include "listen.h"

#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>

enum {
	RECORD_ALERT = 21,
	RECORD_HANDSHAKE = 22,
	SERVER_HELLO = 2,
	CERTIFICATE = 11,
	SERVER_KEY_EXCHANGE = 12,
	SERVER_HELLO_DONE = 14,
	RANDOM_BYTES = 32,
};

/* What is written, one after the other. */
struct bytes {
	unsigned char at[16384];
	size_t len;
};

struct raw {
	EVP_PKEY *key;
	struct bytes chain; /* the body of Certificate */
	BIGNUM *p, *share;
	unsigned cipher, version;
};

struct hello {
	unsigned char record[16384 + 5];
	const unsigned char *random;
	size_t len;
};

static void put(struct bytes *to, const void *data, size_t len)
{
	if (len > sizeof(to->at) - to->len) {
		errno = EMSGSIZE;
		die("put");
	}
	memcpy(to->at + to->len, data, len);
	to->len += len;
}

/* A number of so many bytes, the highest first. */
static void put_number(struct bytes *to, unsigned long value, size_t size)
{
	unsigned char byte;

	while (size-- > 0) {
		byte = (unsigned char)(value >> (8 * size));
		put(to, &byte, 1);
	}
}

static void put_message(struct bytes *to, int type, const struct bytes *body)
{
	put_number(to, RECORD_HANDSHAKE, 1);
	put_number(to, 0x0303, 2);
	put_number(to, body->len + 4, 2);
	put_number(to, (unsigned)type, 1);
	put_number(to, body->len, 3);
	put(to, body->at, body->len);
}

static void put_bignum(struct bytes *to, const BIGNUM *value)
{
	unsigned char text[1024];

	put_number(to, (unsigned)BN_num_bytes(value), 2);
	put(to, text, (size_t)BN_bn2bin(value, text));
}

/* --- the flight --- */

static void server_hello(struct bytes *to, const struct raw *raw,
			 const char *words, unsigned char *random)
{
	struct bytes body = { .len = 0 };

	RAND_bytes(random, RANDOM_BYTES);
	if (word(words, "downgrade"))
		memcpy(random + RANDOM_BYTES - 8, "DOWNGRD\1", 8);
	put_number(&body, raw->version, 2);
	put(&body, random, RANDOM_BYTES);
	put_number(&body, 0, 1); /* no session */
	put_number(&body, raw->cipher, 2);
	put_number(&body, word(words, "compression") ? 1 : 0, 1);
	if (!word(words, "no-rfc5746")) {
		put_number(&body, 5, 2);
		put_number(&body, 0xff01, 2);
		put_number(&body, 1, 2);
		put_number(&body, 0, 1);
	}
	put_message(to, SERVER_HELLO, &body);
}

/* RFC 5246, 7.4.3: the parameters, and a signature that binds them to the
 * connection (rsa_pkcs1_sha256). */
static void key_exchange(struct bytes *to, const struct raw *raw,
			 const char *words, const struct hello *hello,
			 const unsigned char *random)
{
	struct bytes body = { .len = 0 }, whole = { .len = 0 };
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	unsigned char signature[1024];
	size_t len = sizeof(signature);
	BIGNUM *g = BN_new();

	BN_set_word(g, 2);
	put_bignum(&body, raw->p);
	put_bignum(&body, g);
	put_bignum(&body, word(words, "dh-one") ? BN_value_one() : raw->share);
	put(&whole, hello->random, RANDOM_BYTES);
	put(&whole, random, RANDOM_BYTES);
	put(&whole, body.at, word(words, "bad-signature") ? 0 : body.len);
	if (EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, raw->key) != 1 ||
	    EVP_DigestSign(md, signature, &len, whole.at, whole.len) != 1)
		die("signature");
	put_number(&body, 0x0401, 2);
	put_number(&body, len, 2);
	put(&body, signature, len);
	put_message(to, SERVER_KEY_EXCHANGE, &body);
	EVP_MD_CTX_free(md);
	BN_free(g);
}

static void write_flight(struct service *s, int fd, const struct hello *hello)
{
	const struct raw *raw = s->state;
	const char *words = s->row->server;
	struct bytes flight = { .len = 0 };
	unsigned char random[RANDOM_BYTES];

	server_hello(&flight, raw, words, random);
	put_message(&flight, CERTIFICATE, &raw->chain);
	if (raw->p)
		key_exchange(&flight, raw, words, hello, random);
	put_message(&flight, SERVER_HELLO_DONE, &(struct bytes){ .len = 0 });
	if (write(fd, flight.at, flight.len) < 0)
		note(s, "end error\n");
}

/* --- the client's side --- */

/* One record, header included; its length, or 0 at the end. */
static size_t read_record(int fd, unsigned char *record)
{
	size_t body;

	if (recv(fd, record, 5, MSG_WAITALL) != 5)
		return 0;
	body = (size_t)record[3] << 8 | record[4];
	if (body > 16384 ||
	    recv(fd, record + 5, body, MSG_WAITALL) != (ssize_t)body)
		return 0;
	return body + 5;
}

/* RFC 5246, 7.4.1.2; in one record, as all clients here send it. */
static bool read_hello(int fd, struct hello *hello)
{
	hello->len = read_record(fd, hello->record);
	hello->random = hello->record + 5 + 4 + 2;
	return hello->len > 5 + 4 + 2 + RANDOM_BYTES + 1 &&
	       hello->record[0] == RECORD_HANDSHAKE && hello->record[5] == 1;
}

static bool is_offered(const struct hello *hello, unsigned cipher)
{
	const unsigned char *end = hello->record + hello->len;
	const unsigned char *at = hello->random + RANDOM_BYTES;
	size_t len;

	at += 1 + *at;
	if (end - at < 2)
		return false;
	len = (size_t)at[0] << 8 | at[1];
	for (at += 2; len > 1 && end - at > 1; at += 2, len -= 2)
		if (((unsigned)at[0] << 8 | at[1]) == cipher)
			return true;
	return false;
}

static void serve(struct service *s, int fd)
{
	const struct raw *raw = s->state;
	struct hello hello;
	unsigned char record[16384 + 5];
	size_t len;

	if (!read_hello(fd, &hello)) {
		note(s, "no ClientHello\n");
		return;
	}
	note(s, "cipher %04x %s\n", raw->cipher,
	     is_offered(&hello, raw->cipher) ? "offered" : "not offered");
	write_flight(s, fd, &hello);
	while ((len = read_record(fd, record)) > 0) {
		if (record[0] == RECORD_ALERT)
			note(s, "alert %d\n", record[6]);
		else if (write(s->data, record, len) < 0)
			die("data");
	}
	note(s, "end\n");
}

/* --- what it is --- */

static void read_chain(struct raw *raw, const char *name)
{
	FILE *file = fopen(path_of(name, "pem"), "re");
	struct bytes list = { .len = 0 };
	X509 *cert;

	if (!file)
		die(name);
	while ((cert = PEM_read_X509(file, NULL, NULL, NULL))) {
		unsigned char *der = NULL;
		int len = i2d_X509(cert, &der);

		put_number(&list, (unsigned)len, 3);
		put(&list, der, (size_t)len);
		OPENSSL_free(der);
		X509_free(cert);
	}
	fclose(file);
	put_number(&raw->chain, list.len, 3);
	put(&raw->chain, list.at, list.len);
	file = fopen(path_of(name, "key"), "re");
	if (!file || !(raw->key = PEM_read_PrivateKey(file, NULL, NULL, NULL)))
		die(name);
	fclose(file);
}

/* A prime, and 2 to some secret: nobody will ask for the secret, nor whether
 * the prime is a safe one, which takes long to find. */
static void make_group(struct raw *raw, int bits)
{
	BN_CTX *ctx = BN_CTX_new();
	BIGNUM *two = BN_new(), *secret = BN_new();

	raw->p = BN_new();
	raw->share = BN_new();
	BN_set_word(two, 2);
	if (bits == 2048)
		BN_get_rfc3526_prime_2048(raw->p);
	else
		BN_generate_prime_ex(raw->p, bits, 0, NULL, NULL, NULL);
	BN_rand_range(secret, raw->p);
	BN_mod_exp(raw->share, two, secret, raw->p, ctx);
	BN_free(two);
	BN_free(secret);
	BN_CTX_free(ctx);
}

static unsigned hex(const char *words, const char *name, unsigned otherwise)
{
	const char *value = word(words, name);

	return value ? (unsigned)strtoul(value, NULL, 16) : otherwise;
}

static void *make_raw(const struct row *row)
{
	struct raw *raw;

	if (!word(row->server, "raw"))
		return NULL;
	raw = calloc(1, sizeof(*raw));
	if (!raw)
		die("calloc");
	read_chain(raw, row->name);
	raw->cipher = hex(row->server, "cipher", 0xc02f);
	raw->version = hex(row->server, "version", 0x0303);
	if (word(row->server, "dh"))
		make_group(raw, number(row->server, "dh", 0));
	return raw;
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: raw TABLE FOLDER\n");
		return 2;
	}
	folder = argv[2];
	read_table(argv[1]);
	serve_all("raw", make_raw);
}
