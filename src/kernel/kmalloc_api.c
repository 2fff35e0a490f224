/* SPDX-License-Identifier: MIT */
/* kmalloc and kfree: the size classes of malloc by the kernel's names. See kmem/slab.h. */
#include <kmem/slab.h>
#include <string.h>

#include "kmalloc.h"

void *kmalloc(size_t size, gfp_t flags)
{
	void *object;

	if (unlikely(!size))
		return ZERO_SIZE_PTR;
	if (flags & __GFP_ZERO)
		return kmalloc_zeroed(size);
	object = size <= KMALLOC_MAX_SIZE ? slot_pop(kmalloc_cpu_slot(this_cpu, size)) : NULL;
	return likely(object) ? object : kmalloc_slow(size);
}

void kfree(const void *object)
{
	struct section *section = section_of(object);

	if (likely(section)) {
		unsigned int class = section->page_class[section_page_index(object)];

		if (likely(slot_push(cpu_slot(this_cpu, class), (void *)object)))
			return;
	}
	if (!ZERO_OR_NULL_PTR(object))
		kfree_slow((void *)object);
}
