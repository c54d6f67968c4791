/* The name of a mapping that every process has which follows rules, as
 * /proc/PID/maps shows it (memfd_create(2)).  A program may overwrite what
 * /proc/PID/environ shows, and many daemons do; this stays. */
#ifndef XS_MAPPING_H
#define XS_MAPPING_H

#define XS_MAPPING "xsock-rules"

#endif
