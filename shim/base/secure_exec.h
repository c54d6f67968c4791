/* Would the loader ignore the library in a program?  "Secure-execution mode" of
 * ld.so(8).
 *
 * The kernel marks a program that changes its IDs or gains capabilities
 * (cap_bprm_creds_from_file in security/commoncap.c), and the loader of a
 * marked program ignores libraries outside its trusted folders.
 */
#ifndef XS_SECURE_EXEC_H
#define XS_SECURE_EXEC_H

enum xs_secure_exec {
	XS_SECURE_EXEC_NONE,
	XS_SECURE_EXEC_IDS, /* this process has other effective than real IDs */
	XS_SECURE_EXEC_SET_USER,
	XS_SECURE_EXEC_SET_GROUP,
	XS_SECURE_EXEC_CAPABILITIES, /* of the file */
};

/* How it would be if this process started the program that fd is open for
 * (O_PATH is enough).  Where the file tells nothing, only the IDs count.  Any
 * thread; no memory is allocated. */
enum xs_secure_exec xs_secure_exec_judge(int fd);

#endif
