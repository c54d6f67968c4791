#!/bin/sh
# What OpenSSL has for a query changes when a key of another provider signs.
#
# Seen with: libssl 3.5.9-1~deb13u1, pkcs11-provider 1.0-3, softhsm2 2.6.1-3
#   (Debian 13).
# Input: a library context with the providers "default" and "pkcs11"; the query
#   "?provider=default" for ECDSA, before and behind one signature by a key in a
#   token, which was asked for with the same query.
# Expected: "default" both times, as EVP_SIGNATURE_fetch(3) and property(7) say.
# Seen: behind the signature it is "pkcs11".  OpenSSL keeps what it found for a
#   query; what it found for a query of one provider only replaces that.
# For xsock: a rule with a key in a token signed, and the certificates of all
#   servers were verified in a token from then on.  That one wanted to be logged in
#   first, and the server was blamed for a wrong signature.  Now providers that
#   have keys are in a library context of their own (tools/relay/tls/tls_library.c).
. "$(dirname "$0")/debian.sh"
debian_root trixie gcc-14 libssl-dev=3.5.9-1~deb13u1 libc6-dev pkcs11-provider=1.0-3 \
	softhsm2=2.6.1-3 openssl=3.5.9-1~deb13u1 coreutils dash

cat >"$root/tmp/query.c" <<'END'
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#include <stdio.h>
#include <string.h>

static const char query[] = "?provider=default";

static int give_pin(char *pin, int size, int writing, void *data)
{
	(void)writing;
	(void)data;
	return snprintf(pin, size, "1234");
}

static void show(OSSL_LIB_CTX *library)
{
	EVP_SIGNATURE *found = EVP_SIGNATURE_fetch(library, "ECDSA", query);

	printf("%s ",
	       OSSL_PROVIDER_get0_name(EVP_SIGNATURE_get0_provider(found)));
	EVP_SIGNATURE_free(found);
}

static EVP_PKEY *find_key(OSSL_LIB_CTX *library)
{
	EVP_PKEY *key = NULL;
	OSSL_STORE_CTX *store = OSSL_STORE_open_ex(
		"pkcs11:token=t;type=private", library, NULL,
		UI_UTIL_wrap_read_pem_callback(give_pin, 0), NULL, NULL, NULL,
		NULL);

	while (store && !key && !OSSL_STORE_eof(store)) {
		OSSL_STORE_INFO *info = OSSL_STORE_load(store);

		if (info)
			key = OSSL_STORE_INFO_get1_PKEY(info);
	}
	return key;
}

int main(int count, char **conf)
{
	OSSL_LIB_CTX *library = OSSL_LIB_CTX_new();
	unsigned char made[200];
	size_t len = sizeof(made);
	EVP_MD_CTX *run = EVP_MD_CTX_new();

	if (count < 2 || !OSSL_LIB_CTX_load_config(library, conf[1]))
		return 1;
	show(library);
	if (!EVP_DigestSignInit_ex(run, NULL, "SHA256", library, query,
				   find_key(library), NULL) ||
	    !EVP_DigestSign(run, made, &len, conf[1], 4))
		return 1;
	show(library);
	puts("");
	return 0;
}
END
cat >"$root/tmp/both.cnf" <<'END'
openssl_conf = init
[init]
providers = both
[both]
default = ordinary
pkcs11 = hardware
[ordinary]
activate = 1
[hardware]
module = /usr/lib/x86_64-linux-gnu/ossl-modules/pkcs11.so
pkcs11-module-path = /usr/lib/softhsm/libsofthsm2.so
activate = 1
END
mkdir "$root/tmp/tokens"
echo "directories.tokendir = /tmp/tokens" >"$root/tmp/softhsm2.conf"
seen "ECDSA, before and behind a signature" "default pkcs11 " \
	"$(debian_run sh -c 'cd /tmp && export SOFTHSM2_CONF=/tmp/softhsm2.conf &&
		{ softhsm2-util --init-token --free --label t --pin 1234 --so-pin 1234 &&
		openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key &&
		softhsm2-util --import key --token t --label k --id 01 --pin 1234; } >log 2>&1 &&
		gcc-14 -o query query.c -lcrypto && ./query both.cnf' 2>&1)"
finding_end
