/* SPDX-License-Identifier: MIT */
/*
 * What the library knows of itself, as figures and in the kernel's slabinfo format, version 2.1.
 *
 * In slabinfo, as in the kernel, objects that lie in sheaves count as active.
 */
#ifndef KMEM_SLABINFO_H
#define KMEM_SLABINFO_H

#include "format.h"
#include "options.h"
#include "slab.h"

struct cache_info {
	const char *name;
	unsigned long active_objs; /* taken from slabs, those in sheaves included */
	unsigned long cached_objs; /* of these, in sheaves: free for the program */
	unsigned long num_objs;
	unsigned long active_slabs, num_slabs;
	unsigned long full_slabs; /* of the active ones */
	unsigned int objsize, objperslab, pagesperslab;
	unsigned int sheaf_capacity;
};

/* All of it in bytes. */
struct kmem_totals {
	unsigned long online;	   /* that can be used without asking for addresses */
	unsigned long free_pages;  /* in the buddy allocator, on page lists, kept by threads */
	unsigned long dirty;	   /* of these, what costs memory */
	unsigned long slab_used;   /* objects of the program */
	unsigned long slab_cached; /* objects in sheaves */
	unsigned long slab_free;   /* free objects and waste in slabs */
	unsigned long large;	   /* large blocks, areas included */
	unsigned long areas;	   /* of these, with a mapping of their own */
	unsigned long pages;	   /* in blocks of alloc_pages() */
	unsigned long nr_large, nr_areas, nr_sections, nr_objects, nr_cached;
};

void cache_get_info(struct kmem_cache *s, struct cache_info *info);
void kmem_get_totals(struct kmem_totals *totals);

/* The two lines at the top, and one cache's row. */
void slabinfo_print_header(struct out *out);
void slabinfo_print_row(struct out *out, const struct cache_info *info);

/*
 * The whole file: 0, the negative errno of a write that failed, or -EBUSY where no lock may be
 * taken.
 */
int slabinfo_print(struct out *out);

/* Writes the file and the summary that options asked for. */
void slabinfo_at_exit(void);

/* slabinfo=PATH, %p in it is the process id; stats=1: a summary on stderr at exit. */
extern const struct boot_params slabinfo_params;

#endif
