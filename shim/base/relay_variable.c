/* The table of variables for the relay; see relay_variable.h. */
#include "base/relay_variable.h"

const struct xs_relay_variable xs_relay_variables[XS_RELAY_VARIABLES] = {
	/* libc's resolver: resolv.conf(5), hostname(7) */
	{ "RES_OPTIONS", false },
	{ "LOCALDOMAIN", false },
	{ "HOSTALIASES", true },
	/* OpenSSL: the folder of its providers */
	{ "OPENSSL_MODULES", true },
	/* Providers: pkcs11-provider (the module may be a name without folder),
	 * tpm2-openssl; the engine's module, which pkcs11prov takes, too */
	{ "PKCS11_PROVIDER_MODULE", false },
	{ "PKCS11_MODULE_PATH", false },
	{ "TPM2OPENSSL_TCTI", false },
	/* Modules of PKCS #11 */
	{ "SOFTHSM2_CONF", true },
	{ "SOFTHSM_CONF", true },
	{ "OPENSC_CONF", true },
	{ "YUBIHSM_PKCS11_CONF", true },
	{ "TPM2_PKCS11_STORE", true },
	{ "TPM2_PKCS11_TCTI", false },
	{ "TSS2_FAPICONF", true },
	{ "KMS_PKCS11_CONFIG", true },
	{ "CS_PKCS11_R2_CFG", true },
	{ "CS_PKCS11_R3_CFG", true },
	{ "ChrystokiConfigurationPath", true },
	{ "NFAST_HOME", true },
	{ "NSS_LIB_PARAMS", false },
	{ "P11_KIT_SERVER_ADDRESS", false },
	{ "GNUPGHOME", true },
};
