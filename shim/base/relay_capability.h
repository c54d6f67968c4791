/* The capabilities that a relay keeps of its starter's, and what for.
 *
 * The relay drops all others when it starts.  The library demands them of a
 * relay before it trusts it (verify_relay.h): an impostor in a sandbox has
 * fewer.
 */
#ifndef XS_RELAY_CAPABILITY_H
#define XS_RELAY_CAPABILITY_H

#include <linux/capability.h>
#include <stdint.h>

#define XS_CAPABILITY(name) (UINT64_C(1) << (name))

/* DAC_OVERRIDE, DAC_READ_SEARCH: files that a rule or variable names, such as
 * a key for root alone, and logs.  NET_ADMIN, NET_RAW: socket options of the
 * application (SO_MARK, SO_PRIORITY, SO_BINDTODEVICE …).  NET_BIND_SERVICE: a
 * source port below 1024.  SYS_PTRACE: to look at clients, and to find out
 * whether they still wait. */
#define XS_RELAY_CAPABILITIES                                                  \
	(XS_CAPABILITY(CAP_DAC_OVERRIDE) |                                     \
	 XS_CAPABILITY(CAP_DAC_READ_SEARCH) | XS_CAPABILITY(CAP_NET_ADMIN) |   \
	 XS_CAPABILITY(CAP_NET_RAW) | XS_CAPABILITY(CAP_NET_BIND_SERVICE) |    \
	 XS_CAPABILITY(CAP_SYS_PTRACE))

#endif
