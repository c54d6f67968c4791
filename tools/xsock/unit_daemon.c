/* Daemons that need more than the library and the rules; see unit_daemon.h.
 *
 * Each row was seen by "make services" or "make daemons".  xsock-services(7)
 * says more.
 */
#include "xsock/unit_daemon.h"

#include <stddef.h>
#include <string.h>

static const struct xs_unit_daemon daemons[] = {
	{ "nginx",
	  "At an upgrade (USR2) nginx starts its new program with variables of "
	  "its own.",
	  NULL },
	{ "postmulti",
	  "Postfix starts each of its programs with variables of its own.",
	  "what master.cf starts in a chroot finds neither relay nor CA; take "
	  "it out: postconf -F smtp/unix/chroot=n relay/unix/chroot=n" },
	{ "pg_ctlcluster",
	  "pg_ctlcluster starts the server with the variables of the cluster's "
	  "file \"environment\".",
	  NULL },
	{ "haproxy", NULL,
	  "haproxy.cfg needs insecure-fork-wanted in its section global, "
	  "because no relay can be started otherwise, and no chroot, because "
	  "neither relay nor CA are there" },
	{ "squid", NULL,
	  "its kid has other effective than real IDs, so that the loader "
	  "leaves the library out: ExecStart= needs -N, which starts no kid" },
	{ "exim4", NULL,
	  "each delivery is its set-user-ID program, which can have no "
	  "library: "
	  "ExecStart= needs xsock run --supervise=always, see "
	  "xsock-services(7)" },
	{ "true", NULL,
	  "it starts no daemon, but stands for other units; systemctl "
	  "list-dependencies tells which" },
};

const struct xs_unit_daemon *xs_unit_daemon_find(const char *program)
{
	const char *slash = strrchr(program, '/');
	const char *name = slash ? slash + 1 : program;

	for (size_t i = 0; i < sizeof(daemons) / sizeof(daemons[0]); i++)
		if (strcmp(daemons[i].program, name) == 0)
			return &daemons[i];
	return NULL;
}
