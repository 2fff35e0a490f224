/* SPDX-License-Identifier: MIT */
/*
 * Sections: from any address to its owner in one load.
 *
 * The address space is cut into slots of 64 MiB, and sections[] has a pointer for each. NULL: not
 * ours. Otherwise the slot belongs wholly to one struct section, which is either
 *
 *  SECTION_PAGES  pages for the buddy allocator. Addresses are reserved at once, memory is put
 *                 online from the start on, in growing steps, so that commit accounting and
 *                 RLIMIT_DATA are charged as the program grows. When the OS has little address
 *                 space the section is shorter than its slot.
 *  SECTION_AREA   (part of) one large block with a mapping of its own, see area.h.
 *
 * The table is 16 MiB of .bss (32 where addresses have 48 bits), of which only the lines in use
 * ever cost memory. Entries are written under section_lock and read without: whoever frees an
 * object got its address from the program, and the program got it after the entry was written.
 * Descriptors are never unmapped, so that even a wild pointer, looked up while its section goes
 * away, is read safely.
 */
#ifndef KMEM_SECTION_H
#define KMEM_SECTION_H

#include "lock.h"
#include "page.h"
#include "place.h"

#define PAGES_PER_SECTION (SECTION_SIZE >> PAGE_SHIFT)
#if defined(__aarch64__)
#define ADDRESS_BITS 48
#else
#define ADDRESS_BITS 47
#endif
#define NR_SECTIONS (1UL << (ADDRESS_BITS - SECTION_SHIFT))

#ifndef MAX_ORDER    /* as in kmem/mm.h */
#define MAX_ORDER 14 /* the largest buddy block is a section */
#endif
_Static_assert(MAX_ORDER == SECTION_SHIFT - PAGE_SHIFT, "");
#define NR_ORDERS (MAX_ORDER + 1)

enum section_type { SECTION_PAGES, SECTION_AREA };

struct zone; /* the buddy's; here only a name that a section carries */

/* Free blocks of one order: those that hold dirty pages first, then the clean ones. */
struct free_area {
	struct list_head free_list;
	unsigned long nr_free;
};

struct section {
	uintptr_t start; /* of its memory; constant */
	size_t bytes;	 /* reserved from there on; SECTION_AREA: may span slots */
	uint8_t type;	 /* enum section_type; constant */
	bool vmalloc;	 /* SECTION_AREA: by vmalloc(), and to be freed by vfree() */

	/*
	 * SECTION_PAGES, all under the zone's lock. (Of an area nr_free is not 0 once it was freed,
	 * and `list` is that of spare or stuck ones: area.c.)
	 */
	unsigned int nr_pages;	    /* reserved */
	unsigned int nr_online;	    /* of these, from the first on: readable and writable */
	unsigned int nr_free;	    /* of these, in free areas */
	unsigned long free_orders;  /* bit n: free_area[n] is not empty */
	unsigned long dirty_orders; /* bit n: its first block is dirty */
	unsigned long age;	    /* counts up from the zone's first section; constant */
	struct list_head list;	    /* the zone's sections, oldest first */
	struct zone *zone;	    /* that its pages belong to; constant once a page is online */
	struct free_area free_area[NR_ORDERS];

	/*
	 * A clear bit promises, for a page that is free or just taken: reads as zero, costs
	 * nothing.
	 */
	unsigned long dirty[PAGES_PER_SECTION / BITS_PER_LONG];
	unsigned long free[PAGES_PER_SECTION / BITS_PER_LONG]; /* whether in a free area */

	/*
	 * For each page the class of the slab it lies in; 0 for everything else. Lock: see slab.h.
	 */
	uint8_t page_class[PAGES_PER_SECTION];

	uint8_t nid;	       /* the zone's node; constant, too */
	bool huge;	       /* huge pages were asked for, and nothing was purged since; hint */
	uint8_t to_a_line[6];  /* fills up the cache line */
	struct page mem_map[]; /* nr_pages of them; an area has none */
};

_Static_assert(offsetof(struct section, mem_map) % sizeof(struct page) == 0, "one page, one line");
_Static_assert(META_GUARD + sizeof(struct section) + PAGES_PER_SECTION * sizeof(struct page) +
			       META_GUARD <=
		       METADATA_STRIDE,
	       "a section's descriptor is found from its pages by rounding down");

extern struct section *sections[NR_SECTIONS];
extern struct lock section_lock;

/* The section of any address whatever, or NULL. */
static __always_inline struct section *section_of(const void *addr)
{
	uintptr_t nr = (uintptr_t)addr >> SECTION_SHIFT;

	return likely(nr < NR_SECTIONS) ? READ_ONCE(sections[nr]) : NULL;
}

static __always_inline unsigned int section_page_index(const void *addr)
{
	return ((uintptr_t)addr >> PAGE_SHIFT) & (PAGES_PER_SECTION - 1);
}

static inline struct section *page_section(const struct page *page)
{
	return (struct section *)(align_down((uintptr_t)page, METADATA_STRIDE) + META_GUARD);
}

static inline unsigned int page_index(const struct page *page)
{
	return (unsigned int)(page - page_section(page)->mem_map);
}

static inline void *page_start(const struct page *page)
{
	return (void *)(page_section(page)->start + ((uintptr_t)page_index(page) << PAGE_SHIFT));
}

/* The struct page of an address in online memory of a page section; NULL for any other address. */
static inline struct page *page_at(const void *addr)
{
	struct section *s = section_of(addr);

	if (!s || s->type != SECTION_PAGES || section_page_index(addr) >= READ_ONCE(s->nr_online))
		return NULL;
	return &s->mem_map[section_page_index(addr)];
}

/*
 * A new section of at least @min_bytes (a power of two, at most SECTION_SIZE) with nothing online;
 * NULL when the OS refuses. It is entered in sections[].
 */
struct section *section_create(size_t min_bytes);

/* The same, with all of its addresses below 4 GiB. */
struct section *section_create_low(size_t min_bytes);

/*
 * Puts @nr more pages online: 0, or a negative errno and nothing changed. The zone's lock is held.
 */
int section_online(struct section *s, unsigned int nr);

/*
 * Unmaps a section none of whose pages is in use; a negative errno and nothing changed if refused.
 */
int section_destroy(struct section *s);

/* The mem_map of these pages, none of which has a type, as it was made: costs nothing. */
void section_forget(struct section *s, unsigned int index, unsigned int nr);

/* Enters @s for every slot of [start, start + bytes), or takes the entries out again. */
void section_enter(struct section *s, uintptr_t start, size_t bytes);
void section_leave(uintptr_t start, size_t bytes);

bool section_is_valid(const struct section *s);

#endif
