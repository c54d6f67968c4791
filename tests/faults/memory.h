/* What plugins/no_memory.c and who tells it what to do share. */
#ifndef XS_FAULTS_MEMORY_H
#define XS_FAULTS_MEMORY_H

#include <stdatomic.h>

struct memory {
	atomic_uint armed; /* 1: calls are counted */
	atomic_uint calls;
	atomic_uint fails; /* this call fails … */
	atomic_uint on;	   /* … and all behind it */
	atomic_uint failed;
};

#endif
