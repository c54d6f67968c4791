/* Tests: tools/relay/tls/tls_gcm.c.
 *
 * AES-GCM beside OpenSSL's own: the same bytes, the same refusals. It runs on
 * any processor, also where the relay would not use this cipher. */
#include "relay/tls/tls_gcm.h"
#include "relay/tls/tls_private.h"

#include <criterion/criterion.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

enum { NONCE = 12, TAG = 16, HEAD = 13, LONGEST = 20000 };

static OSSL_LIB_CTX *library;
static OSSL_PROVIDER *provider;
static EVP_CIPHER *ours[2], *theirs[2]; /* of 128 and 256 bits */
static const uint8_t key[32] = "0123456789abcdef0123456789abcde";
static const uint8_t nonce[NONCE] = "nonce nonce";
static uint8_t text[LONGEST];

static EVP_CIPHER *fetch(const char *name, const char *from)
{
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(library, name, from);

	cr_assert(cipher, "%s of %s", name, from);
	return cipher;
}

static void before(void)
{
	bool wide;

	cr_assert(xs_tls_gcm_open(&wide), "libipsec-mb fails its own tests");
	library = OSSL_LIB_CTX_new();
	provider = xs_tls_provider_load(library);
	cr_assert(provider);
	ours[0] = fetch("AES-128-GCM", XS_TLS_WIDE);
	ours[1] = fetch("AES-256-GCM", XS_TLS_WIDE);
	theirs[0] = fetch("AES-128-GCM", "provider=default");
	theirs[1] = fetch("AES-256-GCM", "provider=default");
	RAND_bytes(text, sizeof(text));
}

static void after(void)
{
	for (int i = 0; i < 2; i++) {
		EVP_CIPHER_free(ours[i]);
		EVP_CIPHER_free(theirs[i]);
	}
	OSSL_PROVIDER_unload(provider);
	OSSL_LIB_CTX_free(library);
}

TestSuite(relay_tls_gcm, .init = before, .fini = after);

static EVP_CIPHER_CTX *start(EVP_CIPHER *cipher, bool encrypts)
{
	EVP_CIPHER_CTX *run = EVP_CIPHER_CTX_new();

	cr_assert(EVP_CipherInit_ex2(run, cipher, key, nonce, encrypts, NULL));
	return run;
}

/* Text in pieces of so many bytes: the ciphertext, and the tag behind it. */
static void encrypt(EVP_CIPHER *cipher, uint8_t *out, size_t len, size_t piece,
		    size_t associated)
{
	EVP_CIPHER_CTX *run = start(cipher, true);
	int did;

	if (associated)
		cr_assert(EVP_CipherUpdate(run, NULL, &did, text,
					   (int)associated));
	for (size_t at = 0; at < len; at += piece) {
		size_t part = len - at < piece ? len - at : piece;

		cr_assert(EVP_CipherUpdate(run, out + at, &did, text + at,
					   (int)part));
		cr_assert_eq(did, (int)part);
	}
	cr_assert(EVP_CipherFinal_ex(run, out + len, &did));
	cr_assert_eq(did, 0);
	cr_assert(EVP_CIPHER_CTX_ctrl(run, EVP_CTRL_AEAD_GET_TAG, TAG,
				      out + len));
	EVP_CIPHER_CTX_free(run);
}

/* In place; is the tag the right one? */
static bool decrypt(EVP_CIPHER *cipher, uint8_t *data, size_t len,
		    size_t associated)
{
	EVP_CIPHER_CTX *run = start(cipher, false);
	bool good;
	int did;

	cr_assert(EVP_CIPHER_CTX_ctrl(run, EVP_CTRL_AEAD_SET_TAG, TAG,
				      data + len));
	if (associated)
		cr_assert(EVP_CipherUpdate(run, NULL, &did, text,
					   (int)associated));
	if (len)
		cr_assert(EVP_CipherUpdate(run, data, &did, data, (int)len));
	good = EVP_CipherFinal_ex(run, data + len, &did) == 1;
	EVP_CIPHER_CTX_free(run);
	return good;
}

/* Cases 4 and 16 of "The Galois/Counter Mode of Operation", appendix B. */
static const struct {
	const char *key, *cipher, *tag;
} known[] = {
	{ "feffe9928665731c6d6a8f9467308308",
	  "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
	  "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091",
	  "5bc94fbc3221a5db94fae95ae7121a47" },
	{ "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
	  "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
	  "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
	  "76fc6ece0f4e1768cddf8853bb2d551b" },
};
static const char known_nonce[] = "cafebabefacedbaddecaf888";
static const char known_associated[] =
	"feedfacedeadbeeffeedfacedeadbeefabaddad2";
static const char known_text[] =
	"d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
	"1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39";

static size_t bytes(const char *hex, uint8_t *out)
{
	size_t len = strlen(hex) / 2;
	char pair[3] = "";

	for (size_t i = 0; i < len; i++) {
		memcpy(pair, hex + 2 * i, 2);
		out[i] = (uint8_t)strtoul(pair, NULL, 16);
	}
	return len;
}

Test(relay_tls_gcm, known_answers)
{
	for (int i = 0; i < 2; i++) {
		EVP_CIPHER_CTX *run = EVP_CIPHER_CTX_new();
		uint8_t k[32], iv[NONCE], in[64], out[64], want[64], tag[TAG];
		int did, len;

		bytes(known[i].key, k);
		bytes(known_nonce, iv);
		cr_assert(EVP_EncryptInit_ex2(run, ours[i], k, iv, NULL));
		len = (int)bytes(known_associated, in);
		cr_assert(EVP_EncryptUpdate(run, NULL, &did, in, len));
		len = (int)bytes(known_text, in);
		cr_assert(EVP_EncryptUpdate(run, out, &did, in, len));
		bytes(known[i].cipher, want);
		cr_assert_arr_eq(out, want, (size_t)len);
		cr_assert(EVP_EncryptFinal_ex(run, out, &did));
		cr_assert(EVP_CIPHER_CTX_ctrl(run, EVP_CTRL_AEAD_GET_TAG, TAG,
					      tag));
		bytes(known[i].tag, want);
		cr_assert_arr_eq(tag, want, TAG);
		EVP_CIPHER_CTX_free(run);
	}
}

Test(relay_tls_gcm, every_length)
{
	static uint8_t a[LONGEST + TAG], b[LONGEST + TAG];

	for (int i = 0; i < 2; i++)
		for (size_t len = 0; len < 17000; len += len < 1100 ? 1 : 491) {
			encrypt(theirs[i], a, len, LONGEST, len % 65);
			encrypt(ours[i], b, len, LONGEST, len % 65);
			cr_assert_arr_eq(a, b, len + TAG, "%zu bytes", len);
			cr_assert(decrypt(ours[i], b, len, len % 65));
			cr_assert_arr_eq(b, text, len);
		}
}

Test(relay_tls_gcm, any_pieces)
{
	static uint8_t a[LONGEST + TAG], b[LONGEST + TAG];
	static const size_t pieces[] = { 1, 7, 16, 33, 255, 4096 };

	for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
		encrypt(theirs[1], a, 5000, LONGEST, HEAD);
		encrypt(ours[1], b, 5000, pieces[i], HEAD);
		cr_assert_arr_eq(a, b, 5000 + TAG, "by %zu", pieces[i]);
	}
}

Test(relay_tls_gcm, what_was_changed_is_refused)
{
	static uint8_t good[LONGEST + TAG], bad[LONGEST + TAG];
	enum { LEN = 100 };

	encrypt(ours[1], good, LEN, LONGEST, HEAD);
	for (int bit = 0; bit < (LEN + TAG) * 8; bit++) {
		memcpy(bad, good, sizeof(bad));
		bad[bit / 8] ^= (uint8_t)(1 << bit % 8);
		cr_assert_not(decrypt(ours[1], bad, LEN, HEAD), "bit %d", bit);
	}
	memcpy(bad, good, sizeof(bad));
	cr_assert_not(decrypt(ours[1], bad, LEN, HEAD - 1));
	memcpy(bad, good, sizeof(bad));
	cr_assert(decrypt(ours[1], bad, LEN, HEAD));
}

Test(relay_tls_gcm, decrypting_needs_a_tag)
{
	EVP_CIPHER_CTX *run = start(ours[1], false);
	uint8_t out[64];
	int did;

	cr_assert(EVP_CipherUpdate(run, out, &did, text, 64));
	cr_assert_not(EVP_CipherFinal_ex(run, out, &did));
	EVP_CIPHER_CTX_free(run);
}

Test(relay_tls_gcm, a_nonce_serves_once)
{
	EVP_CIPHER_CTX *run = start(ours[1], true);
	uint8_t out[64];
	int did;

	cr_assert(EVP_CipherUpdate(run, out, &did, text, 64));
	/* Associated data comes first. */
	cr_assert_not(EVP_CipherUpdate(run, NULL, &did, text, HEAD));
	cr_assert(EVP_CipherFinal_ex(run, out, &did));
	cr_assert_not(EVP_CipherUpdate(run, out, &did, text, 64));
	cr_assert_not(EVP_CipherFinal_ex(run, out, &did));
	EVP_CIPHER_CTX_free(run);
}

Test(relay_tls_gcm, what_it_cannot_do_it_refuses)
{
	EVP_CIPHER_CTX *run = EVP_CIPHER_CTX_new();
	uint8_t out[64];
	int did;

	cr_assert(EVP_CipherInit_ex2(run, ours[1], NULL, NULL, 1, NULL));
	cr_assert_leq(
		EVP_CIPHER_CTX_ctrl(run, EVP_CTRL_AEAD_SET_IVLEN, 16, NULL), 0);
	cr_assert_not(EVP_CipherUpdate(run, out, &did, text, 64), "no key");
	cr_assert(EVP_CipherInit_ex2(run, NULL, key, NULL, 1, NULL));
	cr_assert_not(EVP_CipherUpdate(run, out, &did, text, 64), "no nonce");
	cr_assert(EVP_CipherInit_ex2(run, NULL, NULL, nonce, 1, NULL));
	cr_assert_not(EVP_CipherUpdate(run, NULL, &did, text, 65));
	EVP_CIPHER_CTX_free(run);
}

Test(relay_tls_gcm, a_copy_goes_on_by_itself)
{
	static uint8_t want[LONGEST + TAG];
	EVP_CIPHER_CTX *run = start(ours[1], true);
	EVP_CIPHER_CTX *copy = EVP_CIPHER_CTX_new();
	uint8_t out[100], tag[TAG];
	int did;

	encrypt(theirs[1], want, 100, LONGEST, 0);
	cr_assert(EVP_CipherUpdate(run, out, &did, text, 50));
	cr_assert(EVP_CIPHER_CTX_copy(copy, run));
	EVP_CIPHER_CTX_free(run);
	cr_assert(EVP_CipherUpdate(copy, out + 50, &did, text + 50, 50));
	cr_assert(EVP_CipherFinal_ex(copy, out, &did));
	cr_assert(EVP_CIPHER_CTX_ctrl(copy, EVP_CTRL_AEAD_GET_TAG, TAG, tag));
	cr_assert_arr_eq(out, want, 100);
	cr_assert_arr_eq(tag, want + 100, TAG);
	EVP_CIPHER_CTX_free(copy);
}

/* --- keys that are used in turns ------------------------------------------ */

enum { KEYS = 12, SHORT = 40 };

static void set_key(EVP_CIPHER_CTX *run, uint8_t first)
{
	uint8_t other[32];

	memcpy(other, key, sizeof(other));
	other[0] = first;
	cr_assert(EVP_CipherInit_ex2(run, NULL, other, NULL, 1, NULL));
}

/* One message with the key that is set. */
static void message(EVP_CIPHER_CTX *run, uint8_t number,
		    uint8_t out[SHORT + TAG])
{
	uint8_t own[NONCE] = { number };
	int did;

	cr_assert(EVP_CipherInit_ex2(run, NULL, NULL, own, 1, NULL));
	cr_assert(EVP_CipherUpdate(run, out, &did, text, SHORT));
	cr_assert(EVP_CipherFinal_ex(run, out + SHORT, &did));
	cr_assert(EVP_CIPHER_CTX_ctrl(run, EVP_CTRL_AEAD_GET_TAG, TAG,
				      out + SHORT));
}

struct pair {
	EVP_CIPHER_CTX *our, *their;
};

static void start_pair(struct pair *pair, int number)
{
	pair->our = start(ours[number % 2], true);
	pair->their = start(theirs[number % 2], true);
	set_key(pair->our, (uint8_t)number);
	set_key(pair->their, (uint8_t)number);
}

static void end_pair(struct pair *pair)
{
	EVP_CIPHER_CTX_free(pair->our);
	EVP_CIPHER_CTX_free(pair->their);
}

static void compare(const struct pair *pair, int number)
{
	uint8_t out[SHORT + TAG], want[SHORT + TAG];

	message(pair->our, (uint8_t)number, out);
	message(pair->their, (uint8_t)number, want);
	cr_assert_arr_eq(out, want, sizeof(out), "message %d", number);
}

/* More than a thread keeps the round keys of.  Some get another key, and some
 * are freed and made again, perhaps in the same place. */
Test(relay_tls_gcm, keys_in_turns)
{
	struct pair pair[KEYS];
	int number = 0;

	for (int i = 0; i < KEYS; i++)
		start_pair(&pair[i], i);
	for (int turn = 0; turn < 10; turn++) {
		for (int i = 0; i < KEYS; i++) {
			compare(&pair[i], ++number);
			compare(&pair[i / 2], ++number);
		}
		set_key(pair[turn].our, (uint8_t)(100 + turn));
		set_key(pair[turn].their, (uint8_t)(100 + turn));
		end_pair(&pair[turn + 1]);
		start_pair(&pair[turn + 1], 60 + turn);
	}
	for (int i = 0; i < KEYS; i++)
		end_pair(&pair[i]);
}

Test(relay_tls_gcm, a_copy_may_get_another_key)
{
	struct pair pair, copy = { EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_new() };

	start_pair(&pair, 1);
	compare(&pair, 1);
	cr_assert(EVP_CIPHER_CTX_copy(copy.our, pair.our));
	cr_assert(EVP_CIPHER_CTX_copy(copy.their, pair.their));
	compare(&copy, 2);
	set_key(copy.our, 2);
	set_key(copy.their, 2);
	compare(&copy, 3);
	compare(&pair, 4);
	end_pair(&copy);
	compare(&pair, 5);
	end_pair(&pair);
}

/* --- records of TLS 1.2 -------------------------------------------------- */

enum { SENT = EVP_GCM_TLS_EXPLICIT_IV_LEN, EXTRA = SENT + TAG };

static EVP_CIPHER_CTX *start_tls12(EVP_CIPHER *cipher, bool encrypts)
{
	EVP_CIPHER_CTX *run = EVP_CIPHER_CTX_new();
	uint8_t fixed[] = "four";

	cr_assert(EVP_CipherInit_ex2(run, cipher, key, NULL, encrypts, NULL));
	cr_assert(EVP_CIPHER_CTX_ctrl(run, EVP_CTRL_GCM_SET_IV_FIXED, 4,
				      fixed) > 0);
	return run;
}

/* As tls1_enc of libssl does; in place.  Bytes, or -1. */
static int record(EVP_CIPHER_CTX *run, uint8_t *data, size_t len,
		  uint8_t number)
{
	size_t told = EVP_CIPHER_CTX_is_encrypting(run) ? len - TAG : len;
	uint8_t head[HEAD] = { 0,
			       0,
			       0,
			       0,
			       0,
			       0,
			       0,
			       number,
			       23,
			       3,
			       3,
			       (uint8_t)(told >> 8),
			       (uint8_t)told };
	int did;

	if (EVP_CIPHER_CTX_ctrl(run, EVP_CTRL_AEAD_TLS1_AAD, HEAD, head) != TAG)
		return -1;
	return EVP_CipherUpdate(run, data, &did, data, (int)len) ? did : -1;
}

static void records_between(EVP_CIPHER *from, EVP_CIPHER *to)
{
	static uint8_t data[LONGEST + EXTRA], before_it[SENT];
	EVP_CIPHER_CTX *out = start_tls12(from, true);
	EVP_CIPHER_CTX *in = start_tls12(to, false);

	for (uint8_t n = 0; n < 200; n++) {
		size_t len = n * 83 + EXTRA;

		memcpy(data + SENT, text, len - EXTRA);
		cr_assert_eq(record(out, data, len, n), (int)len);
		cr_assert(n == 0 || memcmp(before_it, data, SENT) != 0);
		memcpy(before_it, data, SENT);
		cr_assert_eq(record(in, data, len, n), (int)(len - EXTRA));
		cr_assert_arr_eq(data + SENT, text, len - EXTRA);
	}
	EVP_CIPHER_CTX_free(out);
	EVP_CIPHER_CTX_free(in);
}

Test(relay_tls_gcm, records_of_tls12)
{
	for (int i = 0; i < 2; i++) {
		records_between(ours[i], theirs[i]);
		records_between(theirs[i], ours[i]);
	}
}

Test(relay_tls_gcm, a_changed_record_is_refused)
{
	EVP_CIPHER_CTX *out = start_tls12(ours[1], true);
	EVP_CIPHER_CTX *in = start_tls12(ours[1], false);
	uint8_t good[100 + EXTRA], bad[100 + EXTRA], none[100] = { 0 };

	memcpy(good + SENT, text, 100);
	cr_assert_eq(record(out, good, sizeof(good), 0), (int)sizeof(good));
	for (size_t i = 0; i < sizeof(good); i++) {
		memcpy(bad, good, sizeof(bad));
		bad[i] ^= 1;
		cr_assert_leq(record(in, bad, sizeof(bad), 0), 0);
		cr_assert_arr_eq(bad + SENT, none, 100, "text is left");
	}
	memcpy(bad, good, sizeof(bad));
	cr_assert_leq(record(in, bad, sizeof(bad), 1), 0, "another number");
	memcpy(bad, good, sizeof(bad));
	cr_assert_leq(record(in, bad, EXTRA - 1, 0), 0, "too short");
	cr_assert_eq(record(in, good, sizeof(good), 0), 100);
	cr_assert_arr_eq(good + SENT, text, 100);
	EVP_CIPHER_CTX_free(out);
	EVP_CIPHER_CTX_free(in);
}

/* --- to whom it is offered ----------------------------------------------- */

static const char *provider_of(const char *query)
{
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(library, "AES-256-GCM", query);
	const char *name =
		OSSL_PROVIDER_get0_name(EVP_CIPHER_get0_provider(cipher));

	EVP_CIPHER_free(cipher);
	return name;
}

Test(relay_tls_gcm, only_who_asks_gets_it)
{
	cr_assert_str_eq(provider_of(NULL), "default");
	cr_assert_str_eq(provider_of("?" XS_TLS_WIDE), "xsock");
}

/* What /proc/cpuinfo says, which is what the kernel lets programs use. */
static bool cpu_has(const char *flag)
{
	static char line[8192];
	FILE *file = fopen("/proc/cpuinfo", "r");
	char word[32];
	bool found = false;

	snprintf(word, sizeof(word), " %s", flag);
	while (!found && fgets(line, sizeof(line), file))
		found = strncmp(line, "flags", 5) == 0 && strstr(line, word);
	fclose(file);
	return found;
}

Test(relay_tls_gcm, offered_to_wide_processors)
{
	static const char *const flags[] = { "avx512f",	   "avx512bw",
					     "avx512vl",   "vaes",
					     "vpclmulqdq", "gfni",
					     "sha_ni",	   "avx512ifma" };
	struct xs_tls_faster faster = { 0 };
	OSSL_LIB_CTX *other = OSSL_LIB_CTX_new();
	const char *query = xs_tls_provider_offer(other, &faster);
	bool wide = OPENSSL_version_minor() == 0;

	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++)
		wide = wide && cpu_has(flags[i]);
	cr_assert_eq(query != NULL, wide);
	cr_assert_eq(faster.provider != NULL, wide);
	cr_assert_eq(xs_tls_provider_offer(other, &faster), query);
	if (faster.provider)
		OSSL_PROVIDER_unload(faster.provider);
	OSSL_LIB_CTX_free(other);
}

/* Whatever else a configuration wants, it gets. */
Test(relay_tls_gcm, not_offered_beside_others)
{
	static const char *const wants[] = { "fips=yes", "provider=fips",
					     "provider=vendor", "vendor.x=y" };

	for (size_t i = 0; i < sizeof(wants) / sizeof(*wants); i++) {
		OSSL_LIB_CTX *other = OSSL_LIB_CTX_new();

		cr_assert(EVP_set_default_properties(other, wants[i]));
		cr_assert_null(xs_tls_provider_load(other), "%s", wants[i]);
		OSSL_LIB_CTX_free(other);
	}
}

/* The query takes nothing away of what a configuration says later. */
Test(relay_tls_gcm, pushes_nothing_aside)
{
	cr_assert(EVP_set_default_properties(library, "?vendor.x=yes"));
	cr_assert_str_eq(provider_of("?" XS_TLS_WIDE), "xsock");
	cr_assert(EVP_set_default_properties(library, "provider=default"));
	cr_assert_str_eq(provider_of("?" XS_TLS_WIDE), "default");
}

Test(relay_tls_gcm, not_offered_without_the_default)
{
	OSSL_LIB_CTX *other = OSSL_LIB_CTX_new();
	OSSL_PROVIDER *base = OSSL_PROVIDER_load(other, "base");

	cr_assert_null(xs_tls_provider_load(other));
	OSSL_PROVIDER_unload(base);
	OSSL_LIB_CTX_free(other);
}
