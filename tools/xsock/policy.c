/* The policy of a rule; see policy.h. */
#include "xsock/policy.h"

#include "base/relay_variable.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What the environment says, as it was at first. */
static struct {
	bool read;
	char cert_file[PATH_MAX], cert_dir[PATH_MAX], keys[PATH_MAX],
		conf[PATH_MAX];
} environment;

/* The value of a variable, a file name made absolute as the library does it
 * (environment.c); "" for none. */
static void copy(char to[PATH_MAX], const char *name, bool is_path)
{
	const char *value = getenv(name);
	bool absolute = !is_path || !value || !*value || *value == '/' ||
			strchr(value, ':');
	size_t len = 0;

	if (!absolute && getcwd(to, PATH_MAX - 1))
		len = strlen(to);
	if (len)
		to[len++] = '/';
	snprintf(to + len, PATH_MAX - len, "%s", value ? value : "");
}

/* The relay has OpenSSL's own configuration for itself, and the application's
 * in a library context of its own; its environment is nearly empty
 * (relay_variable.h).  So must it be here, or this process would be able to do
 * what the relay is not. */
static void keep_for_relay(void)
{
	static char kept[XS_RELAY_VARIABLES][PATH_MAX];

	for (size_t i = 0; i < XS_RELAY_VARIABLES; i++)
		copy(kept[i], xs_relay_variables[i].name,
		     xs_relay_variables[i].is_path);
	clearenv();
	for (size_t i = 0; i < XS_RELAY_VARIABLES; i++)
		if (*kept[i])
			setenv(xs_relay_variables[i].name, kept[i], 1);
}

static void read_environment(void)
{
	copy(environment.cert_file, "SSL_CERT_FILE", true);
	copy(environment.cert_dir, "SSL_CERT_DIR", true);
	copy(environment.keys, "SSLKEYLOGFILE", true);
	copy(environment.conf, "OPENSSL_CONF", true);
	keep_for_relay();
	environment.read = true;
}

struct xs_tls_policy xs_policy(const struct xs_rule *rule)
{
	if (!environment.read)
		read_environment();
	return (struct xs_tls_policy){
		.scheme = rule->target.scheme->name,
		.options = rule->options_text,
		.cert_file = environment.cert_file,
		.cert_dir = environment.cert_dir,
		.keylog_file = environment.keys,
		.openssl_conf = environment.conf,
	};
}
