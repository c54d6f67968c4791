/* AES-GCM as a cipher that OpenSSL can fetch; see tls_gcm.h.
 *
 * What libssl asks of it (provider-cipher(7)), for each record:
 *
 *   TLS 1.3   init with the nonce; the tag, when decrypting; an update without
 *             out (associated data), one with; final; the tag, when encrypting
 *   TLS 1.2   the parameter "tlsaad", then one call with the whole record:
 *             explicit nonce, text, tag (RFC 5288, section 3)
 *
 * A cipher keeps only its key between records, which spares every idle
 * connection two kilobytes of round keys.  To expand it takes 0.2 µs, a tenth
 * of the time of a full record.  So each thread keeps the round keys that it
 * used last, for the records that follow.
 *
 * The tag is made with each update, from a copy of the state; another update
 * makes another.
 */
#include "relay/tls/tls_gcm.h"

#include <intel-ipsec-mb.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

enum {
	KEY_MAX = 32,
	NONCE = 12,
	TAG = 16,
	AAD_MAX = 64,
	/* RFC 5288: of the nonce, 4 bytes are the connection's and 8 are sent.
	 */
	NONCE_FIXED = EVP_GCM_TLS_FIXED_IV_LEN,
	NONCE_SENT = EVP_GCM_TLS_EXPLICIT_IV_LEN,
	TLS12_AAD = EVP_AEAD_TLS1_AAD_LEN,
	TLS12_EXTRA = NONCE_SENT + TAG,
};

/* The functions for one length of key. */
struct functions {
	size_t key_len;
	aes_gcm_pre_t expand;
	aes_gcm_init_t begin;
	aes_gcm_enc_dec_update_t encrypt, decrypt;
	aes_gcm_enc_dec_finalize_t end_encrypt, end_decrypt;
};

static struct functions aes128, aes256;
static bool opened, is_wide;
static pthread_once_t open_once = PTHREAD_ONCE_INIT;

static void copy_functions(const IMB_MGR *found)
{
	aes128 = (struct functions){
		.key_len = 16,
		.expand = found->gcm128_pre,
		.begin = found->gcm128_init,
		.encrypt = found->gcm128_enc_update,
		.decrypt = found->gcm128_dec_update,
		.end_encrypt = found->gcm128_enc_finalize,
		.end_decrypt = found->gcm128_dec_finalize,
	};
	aes256 = (struct functions){
		.key_len = 32,
		.expand = found->gcm256_pre,
		.begin = found->gcm256_init,
		.encrypt = found->gcm256_enc_update,
		.decrypt = found->gcm256_dec_update,
		.end_encrypt = found->gcm256_enc_finalize,
		.end_decrypt = found->gcm256_dec_finalize,
	};
}

/* The size of struct gcm_key_data is not the same in all that have this soname,
 * and the library writes all of it. */
static bool is_known_version(void)
{
	return imb_get_version() >> 8 == IMB_VERSION_NUM >> 8;
}

static void open_library(void)
{
	IMB_MGR *found = is_known_version() ? alloc_mb_mgr(0) : NULL;

	if (!found)
		return;
	init_mb_mgr_auto(found, NULL);
	if (imb_get_errno(found) == 0 &&
	    found->features & IMB_FEATURE_SELF_TEST_PASS) {
		copy_functions(found);
		/* With any of these missing it takes those without VAES. */
		is_wide = (found->features & IMB_CPUFLAGS_AVX512_T2) ==
			  IMB_CPUFLAGS_AVX512_T2;
		opened = true;
	}
	free_mb_mgr(found);
}

bool xs_tls_gcm_open(bool *wide)
{
	pthread_once(&open_once, open_library);
	*wide = is_wide;
	return opened;
}

/* --- one cipher ---------------------------------------------------------- */

/* A nonce serves one message. */
enum nonce_state { NO_NONCE, NONCE_SET, NONCE_IN_USE, NONCE_SPENT };

struct gcm {
	OSSL_LIB_CTX *library; /* whose random numbers to use */
	uint64_t serial;       /* of the key: no other has had it; 0: no key */
	const struct functions *functions;
	enum nonce_state nonce_state;
	bool encrypts;
	bool counts;   /* TLS 1.2: the nonce is the last one, and one more */
	bool is_tls12; /* the next call is a record, aad its head */
	uint8_t aad_len;
	uint8_t tag_len; /* of the tag to be found; 0: not told */
	uint8_t key[KEY_MAX];
	uint8_t nonce[NONCE];
	uint8_t aad[AAD_MAX];
	uint8_t expected[TAG];
	uint8_t tag[TAG];
	struct gcm_context_data state;
};

/* --- round keys ----------------------------------------------------------- */

/* Both directions of a connection find a place, and those of a second one. */
enum { ROUNDS_KEPT = 4 };

/* Read and written with aligned moves; the type of the keys does not say so. */
struct rounds {
	_Alignas(64) struct gcm_key_data keys;
	uint64_t serial; /* of the key that they are of; 0: none */
};

static _Thread_local struct rounds kept[ROUNDS_KEPT];

static uint64_t new_serial(void)
{
	static atomic_uint_fast64_t last;

	return atomic_fetch_add_explicit(&last, 1, memory_order_relaxed) + 1;
}

static struct rounds *place_of(const struct gcm *gcm)
{
	return &kept[gcm->serial % ROUNDS_KEPT];
}

static const struct gcm_key_data *rounds_of(const struct gcm *gcm)
{
	struct rounds *rounds = place_of(gcm);

	if (rounds->serial != gcm->serial) {
		gcm->functions->expand(gcm->key, &rounds->keys);
		rounds->serial = gcm->serial;
	}
	return &rounds->keys;
}

/* The key is to be used no more.  (A worker frees what it has used.) */
static void forget_rounds(const struct gcm *gcm)
{
	struct rounds *rounds = place_of(gcm);

	if (gcm->serial && rounds->serial == gcm->serial)
		OPENSSL_cleanse(rounds, sizeof(*rounds));
}

/* --- making and freeing --------------------------------------------------- */

static struct gcm *make(OSSL_LIB_CTX *library,
			const struct functions *functions)
{
	struct gcm *gcm = OPENSSL_zalloc(sizeof(*gcm));

	if (!gcm)
		return NULL;
	gcm->library = library;
	gcm->functions = functions;
	return gcm;
}

/* The provider's context is the library's (tls_provider.c). */
static void *make_128(void *library)
{
	return make(library, &aes128);
}

static void *make_256(void *library)
{
	return make(library, &aes256);
}

static void destroy(void *cipher)
{
	if (cipher)
		forget_rounds(cipher);
	OPENSSL_clear_free(cipher, sizeof(struct gcm));
}

static void *duplicate(void *cipher)
{
	return OPENSSL_memdup(cipher, sizeof(struct gcm));
}

/* Runs the key over text (none: len 0) and makes the tag of all so far. */
static void run(struct gcm *gcm, uint8_t *out, const uint8_t *in, size_t len)
{
	const struct functions *functions = gcm->functions;
	const struct gcm_key_data *round = rounds_of(gcm);
	struct gcm_context_data last;

	if (gcm->nonce_state == NONCE_SET) {
		functions->begin(round, &gcm->state, gcm->nonce, gcm->aad,
				 gcm->aad_len);
		gcm->nonce_state = NONCE_IN_USE;
	}
	if (len)
		(gcm->encrypts ? functions->encrypt : functions->decrypt)(
			round, &gcm->state, out, in, len);
	last = gcm->state;
	(gcm->encrypts ? functions->end_encrypt
		       : functions->end_decrypt)(round, &last, gcm->tag, TAG);
	OPENSSL_cleanse(&last, sizeof(last));
}

static bool is_ready(const struct gcm *gcm)
{
	return gcm->serial && (gcm->nonce_state == NONCE_SET ||
			       gcm->nonce_state == NONCE_IN_USE);
}

static bool add_associated(struct gcm *gcm, const uint8_t *in, size_t len)
{
	if (gcm->nonce_state != NONCE_SET || len > AAD_MAX ||
	    gcm->aad_len + len > AAD_MAX)
		return false;
	memcpy(gcm->aad + gcm->aad_len, in, len);
	gcm->aad_len += (uint8_t)len;
	return true;
}

static void set_nonce(struct gcm *gcm, const uint8_t nonce[NONCE])
{
	memcpy(gcm->nonce, nonce, NONCE);
	gcm->nonce_state = NONCE_SET;
	gcm->aad_len = 0;
}

/* --- a record of TLS 1.2 ------------------------------------------------- */

/* The counter in the last eight bytes, big endian. */
static void count_nonce(struct gcm *gcm)
{
	for (int i = NONCE - 1; i >= NONCE - NONCE_SENT; i--)
		if (++gcm->nonce[i])
			break;
}

/* The head of a record, whose length is that of all that is sent. */
static bool set_head(struct gcm *gcm, const uint8_t *head, size_t head_len)
{
	size_t extra = NONCE_SENT + (gcm->encrypts ? 0 : TAG);
	size_t len;

	if (head_len != TLS12_AAD)
		return false;
	len = (size_t)head[TLS12_AAD - 2] << 8 | head[TLS12_AAD - 1];
	if (len < extra)
		return false;
	len -= extra;
	memcpy(gcm->aad, head, TLS12_AAD);
	gcm->aad[TLS12_AAD - 2] = (uint8_t)(len >> 8);
	gcm->aad[TLS12_AAD - 1] = (uint8_t)len;
	gcm->aad_len = TLS12_AAD;
	gcm->is_tls12 = true;
	return true;
}

/* What is sent of the nonce begins at random: a key is never used with the
 * same one twice, because it counts from there. */
static bool set_fixed(struct gcm *gcm, const uint8_t *fixed, size_t len)
{
	if (len == (size_t)-1) /* the whole of it */
		len = NONCE;
	else if (len < NONCE_FIXED || len > NONCE - NONCE_SENT)
		return false;
	memcpy(gcm->nonce, fixed, len);
	if (gcm->encrypts && len < NONCE &&
	    RAND_bytes_ex(gcm->library, gcm->nonce + len, NONCE - len, 0) <= 0)
		return false;
	gcm->counts = true;
	gcm->nonce_state = NONCE_SET;
	return true;
}

static bool encrypt_record(struct gcm *gcm, uint8_t *all, size_t text_len)
{
	uint8_t *text = all + NONCE_SENT;

	memcpy(all, gcm->nonce + NONCE - NONCE_SENT, NONCE_SENT);
	gcm->nonce_state = NONCE_SET;
	run(gcm, text, text, text_len);
	memcpy(text + text_len, gcm->tag, TAG);
	count_nonce(gcm);
	return true;
}

static bool decrypt_record(struct gcm *gcm, uint8_t *all, size_t text_len)
{
	uint8_t *text = all + NONCE_SENT;

	memcpy(gcm->nonce + NONCE - NONCE_SENT, all, NONCE_SENT);
	gcm->nonce_state = NONCE_SET;
	run(gcm, text, text, text_len);
	if (CRYPTO_memcmp(gcm->tag, text + text_len, TAG) == 0)
		return true;
	OPENSSL_cleanse(text, text_len);
	return false;
}

/* In place, as OpenSSL's own.  *done is what libssl takes for the record's
 * length: the text when decrypting, else all. */
static int record(struct gcm *gcm, uint8_t *out, size_t *done,
		  const uint8_t *in, size_t len)
{
	bool good;

	*done = 0;
	gcm->is_tls12 = false;
	if (!gcm->serial || !gcm->counts || out != in || len < TLS12_EXTRA)
		return 0;
	good = (gcm->encrypts ? encrypt_record
			      : decrypt_record)(gcm, out, len - TLS12_EXTRA);
	gcm->nonce_state = NONCE_SPENT;
	gcm->aad_len = 0;
	if (good)
		*done = gcm->encrypts ? len : len - TLS12_EXTRA;
	return good;
}

/* --- what the rows of the dispatch table do ------------------------------ */

static int set_params(void *cipher, const OSSL_PARAM params[]);

static int init(struct gcm *gcm, bool encrypts, const uint8_t *key,
		size_t key_len, const uint8_t *nonce, size_t nonce_len,
		const OSSL_PARAM params[])
{
	gcm->encrypts = encrypts;
	gcm->is_tls12 = false;
	if ((key && key_len != gcm->functions->key_len) ||
	    (nonce && nonce_len != NONCE))
		return 0;
	if (key) {
		forget_rounds(gcm);
		gcm->serial = new_serial();
		memcpy(gcm->key, key, key_len);
		/* Whatever it was used with belongs to another key. */
		if (!nonce && gcm->nonce_state == NONCE_IN_USE)
			gcm->nonce_state = NONCE_SPENT;
	}
	if (nonce)
		set_nonce(gcm, nonce);
	gcm->tag_len = 0;
	return set_params(gcm, params);
}

static int encrypt_init(void *cipher, const unsigned char *key, size_t key_len,
			const unsigned char *nonce, size_t nonce_len,
			const OSSL_PARAM params[])
{
	return init(cipher, true, key, key_len, nonce, nonce_len, params);
}

static int decrypt_init(void *cipher, const unsigned char *key, size_t key_len,
			const unsigned char *nonce, size_t nonce_len,
			const OSSL_PARAM params[])
{
	return init(cipher, false, key, key_len, nonce, nonce_len, params);
}

static int update(void *cipher, unsigned char *out, size_t *done, size_t room,
		  const unsigned char *in, size_t len)
{
	struct gcm *gcm = cipher;

	*done = 0;
	if (gcm->is_tls12)
		return room < len ? 0 : record(gcm, out, done, in, len);
	if (!len)
		return 1;
	if (!is_ready(gcm))
		return 0;
	if (!out && !add_associated(gcm, in, len))
		return 0;
	if (out && room < len)
		return 0;
	if (out)
		run(gcm, out, in, len);
	*done = len;
	return 1;
}

/* The tag to be found must be known before: it is compared here. */
static int final(void *cipher, unsigned char *out, size_t *done, size_t room)
{
	struct gcm *gcm = cipher;

	(void)out;
	(void)room;
	*done = 0;
	if (!is_ready(gcm) || (!gcm->encrypts && !gcm->tag_len))
		return 0;
	if (gcm->nonce_state == NONCE_SET)
		run(gcm, NULL, NULL, 0);
	gcm->nonce_state = NONCE_SPENT;
	return gcm->encrypts ||
	       CRYPTO_memcmp(gcm->tag, gcm->expected, gcm->tag_len) == 0;
}

/* --- parameters ---------------------------------------------------------- */

static bool set_expected(struct gcm *gcm, const OSSL_PARAM *param)
{
	void *tag = gcm->expected;
	size_t len;

	if (gcm->encrypts ||
	    !OSSL_PARAM_get_octet_string(param, &tag, TAG, &len) || !len)
		return false;
	gcm->tag_len = (uint8_t)len;
	return true;
}

static bool set_nonce_len(struct gcm *gcm, const OSSL_PARAM *param)
{
	size_t len;

	(void)gcm;
	return OSSL_PARAM_get_size_t(param, &len) && len == NONCE;
}

static bool set_tls12_head(struct gcm *gcm, const OSSL_PARAM *param)
{
	return param->data_type == OSSL_PARAM_OCTET_STRING &&
	       set_head(gcm, param->data, param->data_size);
}

static bool set_tls12_fixed(struct gcm *gcm, const OSSL_PARAM *param)
{
	return param->data_type == OSSL_PARAM_OCTET_STRING &&
	       set_fixed(gcm, param->data, param->data_size);
}

static const struct {
	const char *name;
	bool (*set)(struct gcm *gcm, const OSSL_PARAM *param);
} setters[] = {
	{ OSSL_CIPHER_PARAM_AEAD_TAG, set_expected },
	{ OSSL_CIPHER_PARAM_AEAD_IVLEN, set_nonce_len },
	{ OSSL_CIPHER_PARAM_AEAD_TLS1_AAD, set_tls12_head },
	{ OSSL_CIPHER_PARAM_AEAD_TLS1_IV_FIXED, set_tls12_fixed },
};
enum { SETTERS = sizeof(setters) / sizeof(*setters) };

static int set_params(void *cipher, const OSSL_PARAM params[])
{
	for (; params && params->key; params++)
		for (int i = 0; i < SETTERS; i++)
			if (strcmp(params->key, setters[i].name) == 0 &&
			    !setters[i].set(cipher, params))
				return 0;
	return 1;
}

/* Whatever is not here, nobody of TLS asks for. */
static bool set_if_asked(OSSL_PARAM params[], const char *name, size_t value)
{
	OSSL_PARAM *param = OSSL_PARAM_locate(params, name);

	return !param || OSSL_PARAM_set_size_t(param, value);
}

static bool get_nonce(const struct gcm *gcm, OSSL_PARAM params[],
		      const char *name)
{
	OSSL_PARAM *param = OSSL_PARAM_locate(params, name);

	return !param ||
	       (gcm->nonce_state != NO_NONCE &&
		OSSL_PARAM_set_octet_string(param, gcm->nonce, NONCE));
}

static bool get_tag(const struct gcm *gcm, OSSL_PARAM params[])
{
	OSSL_PARAM *param =
		OSSL_PARAM_locate(params, OSSL_CIPHER_PARAM_AEAD_TAG);
	size_t len = param ? param->data_size : 0;

	return !param || (gcm->encrypts && gcm->nonce_state == NONCE_SPENT &&
			  len > 0 && len <= TAG &&
			  OSSL_PARAM_set_octet_string(param, gcm->tag, len));
}

static int get_params(void *cipher, OSSL_PARAM params[])
{
	const struct gcm *gcm = cipher;

	return set_if_asked(params, OSSL_CIPHER_PARAM_IVLEN, NONCE) &&
	       set_if_asked(params, OSSL_CIPHER_PARAM_KEYLEN,
			    gcm->functions->key_len) &&
	       set_if_asked(params, OSSL_CIPHER_PARAM_AEAD_TAGLEN, TAG) &&
	       set_if_asked(params, OSSL_CIPHER_PARAM_AEAD_TLS1_AAD_PAD, TAG) &&
	       get_nonce(gcm, params, OSSL_CIPHER_PARAM_IV) &&
	       get_nonce(gcm, params, OSSL_CIPHER_PARAM_UPDATED_IV) &&
	       get_tag(gcm, params);
}

/* What is the same for all with this length of key. */
static int get_constants(OSSL_PARAM params[], size_t key_len)
{
	OSSL_PARAM *mode = OSSL_PARAM_locate(params, OSSL_CIPHER_PARAM_MODE);
	OSSL_PARAM *aead = OSSL_PARAM_locate(params, OSSL_CIPHER_PARAM_AEAD);
	OSSL_PARAM *own =
		OSSL_PARAM_locate(params, OSSL_CIPHER_PARAM_CUSTOM_IV);

	return (!mode || OSSL_PARAM_set_uint(mode, EVP_CIPH_GCM_MODE)) &&
	       (!aead || OSSL_PARAM_set_int(aead, 1)) &&
	       (!own || OSSL_PARAM_set_int(own, 1)) &&
	       set_if_asked(params, OSSL_CIPHER_PARAM_KEYLEN, key_len) &&
	       set_if_asked(params, OSSL_CIPHER_PARAM_BLOCK_SIZE, 1) &&
	       set_if_asked(params, OSSL_CIPHER_PARAM_IVLEN, NONCE);
}

static int get_constants_128(OSSL_PARAM params[])
{
	return get_constants(params, 16);
}

static int get_constants_256(OSSL_PARAM params[])
{
	return get_constants(params, 32);
}

/* --- the tables ---------------------------------------------------------- */

#define ROW(id, function)                                                      \
	{                                                                      \
		id, (void (*)(void))(function)                                 \
	}
#define COMMON_ROWS                                                            \
	ROW(OSSL_FUNC_CIPHER_FREECTX, destroy),                                \
		ROW(OSSL_FUNC_CIPHER_DUPCTX, duplicate),                       \
		ROW(OSSL_FUNC_CIPHER_ENCRYPT_INIT, encrypt_init),              \
		ROW(OSSL_FUNC_CIPHER_DECRYPT_INIT, decrypt_init),              \
		ROW(OSSL_FUNC_CIPHER_UPDATE, update),                          \
		ROW(OSSL_FUNC_CIPHER_FINAL, final),                            \
		ROW(OSSL_FUNC_CIPHER_GET_CTX_PARAMS, get_params),              \
		ROW(OSSL_FUNC_CIPHER_SET_CTX_PARAMS, set_params)
static const OSSL_DISPATCH functions_128[] = {
	ROW(OSSL_FUNC_CIPHER_NEWCTX, make_128),
	ROW(OSSL_FUNC_CIPHER_GET_PARAMS, get_constants_128),
	COMMON_ROWS,
	{ 0, NULL },
};
static const OSSL_DISPATCH functions_256[] = {
	ROW(OSSL_FUNC_CIPHER_NEWCTX, make_256),
	ROW(OSSL_FUNC_CIPHER_GET_PARAMS, get_constants_256),
	COMMON_ROWS,
	{ 0, NULL },
};

/* All names that OpenSSL has for them, as all providers must (provider(7)). */
const OSSL_ALGORITHM xs_tls_gcm_algorithms[] = {
	{ "AES-128-GCM:id-aes128-GCM:2.16.840.1.101.3.4.1.6", XS_TLS_WIDE,
	  functions_128, NULL },
	{ "AES-256-GCM:id-aes256-GCM:2.16.840.1.101.3.4.1.46", XS_TLS_WIDE,
	  functions_256, NULL },
	{ NULL, NULL, NULL, NULL },
};
