/* Whether a program that is about to be executed would load this library.
 *
 * The kernel and the dynamic loader leave LD_PRELOAD out where they do not
 * trust it, and some programs have no loader, or make their system calls
 * themselves.  Of a script its interpreter is judged, as the kernel runs that
 * (fs/binfmt_script.c).  Only what execve(2) reads is read: the head of the
 * file.
 *
 * System calls only: any thread, any signal context, a vfork child.
 */
#ifndef XS_IMAGE_H
#define XS_IMAGE_H

enum xs_image {
	XS_IMAGE_LOADS,	       /* or it cannot be told: no such file, … */
	XS_IMAGE_STATIC,       /* has no loader */
	XS_IMAGE_GO,	       /* makes its system calls itself */
	XS_IMAGE_PASCAL,       /* the same */
	XS_IMAGE_OTHER_ABI,    /* another machine, class or C library */
	XS_IMAGE_IDS,	       /* real and effective IDs differ (AT_SECURE) */
	XS_IMAGE_SET_USER,     /* set-user-ID, of another user */
	XS_IMAGE_SET_GROUP,    /* set-group-ID, of another group */
	XS_IMAGE_CAPABILITIES, /* of the file */
	XS_IMAGE_UNREAD,       /* cannot be opened, so it cannot be told */
	XS_IMAGE_ELSEWHERE,    /* is found from another folder only */
	XS_IMAGE_UNMAPPED,     /* the library's file cannot be mapped there */
	XS_IMAGE_UNFOUND,      /* nor found, or opened */
	XS_IMAGES	       /* how many there are */
};

/* Judges the file that path names from the folder dirfd, as execveat(2) takes
 * them.  errno is kept. */
enum xs_image xs_image_judge(int dirfd, const char *path);

/* Judges what is open as fd. */
enum xs_image xs_image_judge_fd(int fd);

/* Judges this very program, in which the library has been loaded all the
 * same: GO, PASCAL, or LOADS.  Also notes which file is its loader.  Once, by
 * the constructor. */
enum xs_image xs_image_own(void);

/* Whether the loader can map the library whose file has this path: LOADS,
 * UNMAPPED or UNFOUND.  errno is kept. */
enum xs_image xs_image_judge_library(const char *path);

/* What follows the name of the program in a message: "is statically linked, so
 * that no library can be loaded into it". */
const char *xs_image_sentence(enum xs_image image);

#endif
