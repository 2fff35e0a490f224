/* SPDX-License-Identifier: MIT */
/* See fault.h. */
#include "fault.h"

#include <string.h>

#include "large.h"
#include "page_block.h"
#include "pcp.h"
#include "report.h"
#include "slab_run.h"

void fault_double_free(const struct kmem_cache *s, const void *object)
{
	kmem_bug("%s: double free of 0x%lx", s->name, (unsigned long)object);
}

void fault_interior(const struct kmem_cache *s, const void *object)
{
	kmem_bug("%s: invalid free (not the start of an object) of 0x%lx", s->name,
		 (unsigned long)object);
}

void fault_wrong_cache(const struct kmem_cache *s, const struct kmem_cache *owner,
		       const void *object)
{
	kmem_bug("%s: free to the wrong cache (it is one of %s's) of 0x%lx", s->name, owner->name,
		 (unsigned long)object);
}

void fault_destroyed(const char *what, const struct kmem_cache *s, const void *object)
{
	kmem_bug("%s: %s a destroyed cache of 0x%lx", s->name, what, (unsigned long)object);
}

void fault_wrong_size(const char *cache, const void *object, size_t size)
{
	kmem_bug("%s: free with the wrong size %zu of 0x%lx", cache, size, (unsigned long)object);
}

/* In a shared slab that of the object that the page begins with. */
static const struct kmem_cache *cache_in(const struct page *head, const struct page *page)
{
	const struct kmem_cache *s = head->owner, *owner;
	const char *start;

	if (!s || !s->shared)
		return s;
	owner = run_object_at((struct slab *)head, page_start(page), &start);
	return owner ? owner : s;
}

/* The cache whose slab the page lies in, or NULL. */
static const struct kmem_cache *page_cache(const struct page *page)
{
	unsigned int order;

	for (order = 0; order <= SLAB_MAX_ORDER; order++) {
		unsigned int first = (unsigned int)align_down(page_index(page), 1u << order);
		const struct page *head = &page_section(page)->mem_map[first];

		if (page_is(head, PAGE_SLAB, order))
			return cache_in(head, page);
	}
	return NULL;
}

void fault_bad_page(const struct page *page, const char *what)
{
	const struct kmem_cache *s = page ? page_cache(page) : NULL;
	unsigned long addr = page ? (unsigned long)page_start(page) : 0;

	if (!page)
		kmem_bug("-: invalid %s (not libkmem's memory) of 0x%lx", what, addr);
	if (s)
		kmem_bug("%s: invalid %s (a slab's page) of 0x%lx", s->name, what, addr);
	if (page_block_head(page))
		kmem_bug("pages: invalid %s (not the start of a block) of 0x%lx", what, addr);
	if (!pcp_holds(page) && !zone_page_is_free(page_zone(page), page))
		kmem_bug("large: invalid %s (not of alloc_pages()) of 0x%lx", what, addr);
	if (strcmp(what, "free") == 0)
		kmem_bug("pages: double free of 0x%lx", addr);
	kmem_bug("pages: invalid %s (a free page) of 0x%lx", what, addr);
}

void fault_wrong_order(const struct page *page, unsigned int order)
{
	kmem_bug("pages: free with the wrong order %u of 0x%lx", order,
		 (unsigned long)page_start(page));
}

void fault_inside_page(const void *addr)
{
	kmem_bug("pages: invalid free (not the start of a block) of 0x%lx", (unsigned long)addr);
}

void fault_no_page(const void *addr)
{
	const struct section *section = section_of(addr);

	if (section && section->type == SECTION_AREA)
		kmem_bug("large: invalid free (not of alloc_pages()) of 0x%lx",
			 (unsigned long)addr);
	fault_bad_pointer(addr);
}

void fault_bad_pointer(const void *addr)
{
	switch (large_fault(addr)) {
	case FAULT_DOUBLE_FREE:
		/* A page boundary is where a large block starts; elsewhere a slab was, once. */
		kmem_bug("%s: double free of 0x%lx",
			 (unsigned long)addr & (PAGE_SIZE - 1) ? "-" : "large",
			 (unsigned long)addr);
	case FAULT_PAGES:
		kmem_bug("pages: invalid free (alloc_pages() has free_pages()) of 0x%lx",
			 (unsigned long)addr);
	case FAULT_INTERIOR:
		kmem_bug("large: invalid free (not the start of an object) of 0x%lx",
			 (unsigned long)addr);
	default:
		kmem_bug("-: invalid free (not libkmem's memory) of 0x%lx", (unsigned long)addr);
	}
}
