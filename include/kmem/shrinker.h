/* SPDX-License-Identifier: MIT */
/*
 * kmem/shrinker.h - give memory back when it is wanted: the kernel's shrinkers.
 *
 * A program that caches what it could do without registers two functions: one that counts the
 * objects it could free, one that frees some. They are called
 *
 *	- before an allocation that may wait (__GFP_DIRECT_RECLAIM without __GFP_NORETRY; malloc,
 *	  too) fails because the OS has no more memory for the process, be it for RLIMIT_AS,
 *	  RLIMIT_DATA or any other reason; the library has released its own caches by then;
 *	- when the process's cgroup comes near its memory.high, which is looked at in slow paths, at
 *	  most every 100 ms;
 *	- by malloc_trim(), kmem_shrink_all() and drop_slab().
 *
 * They run in the thread that wanted memory, within its malloc or kmalloc, with no lock of the
 * library held. They may free and even allocate: an allocation within a shrinker calls no shrinker.
 * They must not wait for a lock that some thread holds while it allocates, as that may be this one:
 * try it, and return SHRINK_STOP or SHRINK_EMPTY if it is taken. Two threads may be in the same
 * shrinker at once. None is called for an allocation in a signal handler that interrupted the
 * library.
 *
 * A child of fork has the parent's shrinkers.
 */
#ifndef KMEM_PUBLIC_SHRINKER_H
#define KMEM_PUBLIC_SHRINKER_H

#include <kmem/gfp.h>
#include <stdarg.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a shrinker is asked. */
struct shrink_control {
	gfp_t gfp_mask;		  /* what the allocation may do */
	int nid;		  /* NUMA node that memory is wanted on; 0 */
	unsigned long nr_to_scan; /* objects to look at and, if possible, free */
	unsigned long nr_scanned; /* how many were: set to nr_to_scan, to be lowered or raised */
	void *memcg;		  /* NULL: a process has no memory cgroups of its own */
};

#define SHRINK_STOP   (~0UL)	 /* from scan_objects: nothing more can be done now */
#define SHRINK_EMPTY  (~0UL - 1) /* from count_objects: there are none, as 0 */

#define DEFAULT_SEEKS 2	  /* a usual cost of making an object again */
#define SHRINK_BATCH  128 /* objects in a call, unless batch says otherwise */

struct shrinker {
	/*
	 * Objects that could be freed, without effort: 0 or SHRINK_EMPTY when there are none. And:
	 * looks at sc->nr_to_scan of them; how many it freed, or SHRINK_STOP.
	 */
	unsigned long (*count_objects)(struct shrinker *shrinker, struct shrink_control *sc);
	unsigned long (*scan_objects)(struct shrinker *shrinker, struct shrink_control *sc);

	long batch;	    /* objects to scan in a call; 0: SHRINK_BATCH */
	int seeks;	    /* what making an object again costs; 0: nothing, free freely */
	unsigned int flags; /* SHRINKER_*; accepted */
	void *private_data; /* the program's */

	/* The library's own. */
	struct shrinker *kmem_next;
	char *kmem_name;
	unsigned int kmem_state;
};

/* Accepted: a shrinker is called for every node, and for the process as a whole. */
#define SHRINKER_NUMA_AWARE  0x1u
#define SHRINKER_MEMCG_AWARE 0x2u

/*
 * A shrinker to fill in, not registered, with seeks DEFAULT_SEEKS; the format (printf's) names it
 * for who looks at it in a debugger. NULL when there is no memory. Kernel: shrinker_alloc().
 */
struct shrinker *shrinker_alloc(unsigned int flags, const char *fmt, ...)
	KMEM_SYMBOL(shrinker_alloc) __attribute__((format(printf, 2, 3)));

/* From now on the shrinker is called. Registering one that is registered ends the program with a
 * report. Kernel: shrinker_register(). */
void shrinker_register(struct shrinker *shrinker) KMEM_SYMBOL(shrinker_register);

/*
 * Waits until no thread is in the shrinker, which is then called no more, and frees it; NULL is
 * nothing to free. One that was never registered is freed, too. Called from a shrinker's own
 * functions it ends the program with a report. Kernel: shrinker_free().
 */
void shrinker_free(struct shrinker *shrinker) KMEM_SYMBOL(shrinker_free);

/*
 * The classic form, for a shrinker in memory of the program's own that is zero but for what is
 * filled in: register_shrinker(shrinker) of Linux 3.12 to 5.19 and, with a name in printf's format,
 * register_shrinker(shrinker, fmt, ...) of 6.0 to 6.6. 0, or -ENOMEM when there is no memory for
 * the name. unregister_shrinker() waits as shrinker_free() does; the memory stays the program's.
 * One that is not registered is left alone. Kernel: the same names.
 */
int register_shrinker_named(struct shrinker *shrinker, const char *fmt, ...)
	KMEM_SYMBOL(register_shrinker_named);
void unregister_shrinker(struct shrinker *shrinker) KMEM_SYMBOL(unregister_shrinker);

#define register_shrinker(...) register_shrinker_named(__VA_ARGS__, (const char *)NULL)

/*
 * Has every shrinker free what it can and gives back all free memory, the calling thread's caches
 * included. How many objects the shrinkers freed. Within a shrinker it does nothing. Kernel:
 * echo 2 > /proc/sys/vm/drop_caches, whose function is drop_slab().
 */
unsigned long kmem_shrink_all(void) KMEM_SYMBOL(kmem_shrink_all);
void drop_slab(void) KMEM_SYMBOL(drop_slab);

#ifdef __cplusplus
}
#endif

#endif
