/* SPDX-License-Identifier: MIT */
/* See fault.h. */
#include "fault.h"

#include "large.h"
#include "report.h"
#include "slab.h"

void fault_double_free(const struct kmem_cache *s, const void *object)
{
	kmem_bug("%s: double free of 0x%lx", s->name, (unsigned long)object);
}

void fault_interior(const struct kmem_cache *s, const void *object)
{
	kmem_bug("%s: invalid free (not the start of an object) of 0x%lx", s->name,
		 (unsigned long)object);
}

void fault_wrong_size(const char *cache, const void *object, size_t size)
{
	kmem_bug("%s: free with the wrong size %zu of 0x%lx", cache, size, (unsigned long)object);
}

void fault_bad_pointer(const void *addr)
{
	switch (large_fault(addr)) {
	case FAULT_DOUBLE_FREE:
		/* A page boundary is where a large block starts; elsewhere a slab was, once. */
		kmem_bug("%s: double free of 0x%lx",
			 (unsigned long)addr & (PAGE_SIZE - 1) ? "-" : "large",
			 (unsigned long)addr);
	case FAULT_INTERIOR:
		kmem_bug("large: invalid free (not the start of an object) of 0x%lx",
			 (unsigned long)addr);
	default:
		kmem_bug("-: invalid free (not libkmem's memory) of 0x%lx", (unsigned long)addr);
	}
}
