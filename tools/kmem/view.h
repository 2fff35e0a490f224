/* SPDX-License-Identifier: MIT */
/*
 * The library's structures in a target, as copies that make sense.
 *
 * The target may run. Every function here reads what it needs in as few pieces as can be, checks
 * the copy, tries again a few times when it does not make sense, and reports what it could not have
 * in one piece by target_note_change(). None follows a pointer that it did not check, or a list
 * without an end in sight.
 */
#ifndef KMEM_VIEW_H
#define KMEM_VIEW_H

#include "slabinfo.h"
#include "target.h"
#include "vma.h"
#include "zoneinfo.h"

#define VIEW_TRIES 5u

/* ---- Caches ---- */

struct cache_view {
	uintptr_t address;
	char name[129];
	struct kmem_cache cache; /* a copy: its pointers are the target's */
	struct cache_info info;	 /* as the library would report it; info.name is this name */

	struct kmem_cache_node
		*node; /* copies: the machine's nodes, the first of which comes first */
	size_t nr_nodes;

	unsigned long objects_in_slots;		   /* in threads' sheaves */
	unsigned long objects_in_barns;		   /* in sheaves of the barns */
	unsigned long full_sheaves, empty_sheaves; /* in the barns */
	unsigned long partial_slabs, full_slabs, empty_slabs;
};

struct caches {
	struct cache_view *cache; /* in the library's order */
	size_t nr;
	unsigned long nr_threads; /* whose states were seen, those of lost threads included */
};

void caches_read(struct target *t, struct caches *caches);
void caches_free(struct caches *caches);

/* ---- Threads ---- */

typedef void thread_visitor(void *context, struct target *t, const struct kmem_cpu *cpu);

/*
 * Calls @each for a copy of every thread's state, those of lost threads included. False when the
 * list changed on the way: some were visited twice, or not at all.
 */
bool threads_for_each(struct target *t, thread_visitor *each, void *context);

/* The slot that a thread has for @cache, of the copy @cpu of its state; false when it has none. */
bool thread_slot(struct target *t, const struct kmem_cpu *cpu, const struct kmem_cache *cache,
		 struct cpu_slot *slot);

/* ---- Sections and areas ---- */

struct section_view {
	uintptr_t address;	 /* of the descriptor */
	struct section *section; /* a copy; without mem_map unless it was asked for */
	unsigned int nr_pages;	 /* of mem_map that were copied: those online */
};

/* Calls @each for every section and area, by address; the copy is gone afterwards. */
void sections_for_each(struct target *t, bool with_mem_map,
		       void (*each)(void *context, const struct section_view *view), void *context);

/* ---- Zones ---- */

struct zone_view {
	uintptr_t address;
	enum zone_type type;
	struct zone zone;      /* a copy */
	struct zone_info info; /* as the library would report it */
};

struct zones {
	struct zone_view *zone; /* by node and type; those without a section as well */
	size_t nr;
};

void zones_read(struct target *t, struct zones *zones);
void zones_free(struct zones *zones);

/* ---- The record of mappings ---- */

struct vma_view {
	struct vm_area_struct
		vma; /* a copy; vm_name is NULL, or this name once vmas_read() is done */
	char name[32];
};

struct vmas {
	struct mm_struct mm;  /* a copy: the totals */
	struct vma_view *vma; /* by address */
	size_t nr;
};

void vmas_read(struct target *t, struct vmas *vmas);
void vmas_free(struct vmas *vmas);

#endif
