/* SPDX-License-Identifier: MIT */
/*
 * Where the resident memory of a program is: every page that its Rss counts, and what it holds.
 *
 * A claim is a range of addresses that the library mapped: a section, an area, a chunk of metadata.
 * Memory in claims is told apart by the library's own structures, down to the single object in a
 * slab; what is resident of it, by pagemap. All other mappings are taken as smaps has them. So each
 * resident byte is counted once, and the sum is Rss but for what changed while it was looked at.
 */
#ifndef KMEM_EXPLAIN_H
#define KMEM_EXPLAIN_H

#include "proc_pagemap.h"
#include "view.h"

/* category(constant, name in JSON, words), in the order they are shown */
/* clang-format off */
#define EXPLAIN_CATEGORIES(category)                                              \
	category(LIVE, "live_objects", "objects in use")                          \
	category(PADDING, "slab_padding", "rounding and ends of slabs")           \
	category(SHEAVES, "thread_sheaves", "free objects in threads' sheaves")   \
	category(BARNS, "barns", "free objects in barns")                         \
	category(PARTIAL, "partial_slabs", "free objects of partial slabs")       \
	category(EMPTY, "empty_slabs", "empty slabs")                             \
	category(LARGE, "large_blocks", "large blocks")                           \
	category(PAGES, "pages", "pages by alloc_pages()")                        \
	category(AREAS, "areas", "areas")                                         \
	category(MAPPED, "mapped", "mapped by do_mmap()")                         \
	category(PAGE_LISTS, "page_lists", "free pages on lanes' lists")          \
	category(FREE, "free_pages", "free pages not yet given back")             \
	category(METADATA, "metadata", "metadata")                                \
	category(MOVING, "moving", "changed hands meanwhile")                     \
	category(LIBRARY, "library", "libkmem's code and data")                   \
	category(STACK, "stack", "stack of the first thread")                     \
	category(BRK, "brk", "brk heap, not libkmem's")                           \
	category(FILES, "files", "mapped files")                                  \
	category(SHARED, "shared", "shared memory")                               \
	category(ANONYMOUS, "anonymous", "other anonymous memory")
/* clang-format on */

#define EXPLAIN_CONSTANT(constant, name, words) EXPLAIN_##constant,
enum explain_category { EXPLAIN_CATEGORIES(EXPLAIN_CONSTANT) NR_EXPLAIN };

struct claim {
	uintptr_t start, end;
	enum explain_category category; /* of all of it, unless there is a section */
	struct section *section;	/* a copy with mem_map */
	unsigned int nr_pages;		/* of mem_map */
};

/* A free object that lies in a sheaf; its slab does not know. */
struct cached_object {
	uintptr_t address;
	enum explain_category category;
};

struct explanation {
	size_t bytes[NR_EXPLAIN];
	size_t explained; /* their sum */
	size_t rss;	  /* what smaps says */
	unsigned long live_objects;

	struct caches caches;
	struct claim *claims; /* in order of addresses, without overlap */
	size_t nr_claims, claims_room;
	struct cached_object *cached; /* in order of addresses */
	size_t nr_cached, cached_room;
};

/* Which bytes of a mapping are resident. */
struct residency {
	uintptr_t start, end;
	size_t page_size;
	const uint8_t *page;
};

size_t resident_bytes(const struct residency *r, uintptr_t start, uintptr_t end);

/* Collects what the library has of its own: claims, caches, objects in sheaves. */
void explain_collect(struct target *t, struct explanation *e);

/* Adds what is resident of [start, end), which lies in @claim and in @r. */
void explain_claim(struct explanation *e, const struct claim *claim, const struct residency *r,
		   uintptr_t start, uintptr_t end);

void explain_free(struct explanation *e);

#endif
