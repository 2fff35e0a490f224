/* SPDX-License-Identifier: MIT */
/*
 * vmalloc and kvmalloc. See kmem/slab.h.
 *
 * A block of vmalloc() is an area (area.h) that says so of itself. Everything else about it is what
 * every large block can do: it is resized by its page tables, measured and freed like one.
 */
#include <errno.h>
#include <kmem/slab.h>
#include <string.h>

#include "kmalloc.h"
#include "report.h"

static const struct section *vmalloc_area(const void *addr)
{
	const struct section *s = section_of(addr);

	return s && s->type == SECTION_AREA && READ_ONCE(s->vmalloc) &&
			       (uintptr_t)addr - s->start < READ_ONCE(s->bytes) ?
		       s :
		       NULL;
}

bool is_vmalloc_addr(const void *addr)
{
	return vmalloc_area(addr);
}

void *vmalloc(size_t size)
{
	return kmalloc_area(size, GFP_KERNEL);
}

/* A new mapping reads as zero. */
void *vzalloc(size_t size)
{
	return kmalloc_area(size, GFP_KERNEL | __GFP_ZERO);
}

void vfree(const void *addr)
{
	const struct section *s = vmalloc_area(addr);

	if (!addr)
		return;
	if (!s || s->start != (uintptr_t)addr)
		kmem_bug("vmalloc: invalid vfree (not a block of vmalloc) of 0x%lx",
			 (unsigned long)addr);
	kfree(addr);
}

/* ---- Either ---- */

/* For a first attempt that another will follow. */
static gfp_t without_effort(gfp_t flags)
{
	return (flags & ~__GFP_NOFAIL) | __GFP_NORETRY | __GFP_NOWARN;
}

void *kvmalloc(size_t size, gfp_t flags)
{
	void *addr;

	if (size <= PAGE_SIZE || !gfpflags_allow_blocking(flags) || gfp_zone(flags) != ZONE_NORMAL)
		return kmalloc(size, flags);
	addr = kmalloc(size, without_effort(flags));
	return addr ? addr : kmalloc_area(size, flags);
}

void *kvzalloc(size_t size, gfp_t flags)
{
	return kvmalloc(size, flags | __GFP_ZERO);
}

void *kvmalloc_array(size_t n, size_t size, gfp_t flags)
{
	size_t bytes;

	if (unlikely(__builtin_mul_overflow(n, size, &bytes))) {
		errno = ENOMEM;
		return NULL;
	}
	return kvmalloc(bytes, flags);
}

void *kvcalloc(size_t n, size_t size, gfp_t flags)
{
	return kvmalloc_array(n, size, flags | __GFP_ZERO);
}

void *kvrealloc(const void *addr, size_t size, gfp_t flags)
{
	void *to;

	if (size <= PAGE_SIZE || ZERO_OR_NULL_PTR(addr) || !gfpflags_allow_blocking(flags))
		return ZERO_OR_NULL_PTR(addr) ? kvmalloc(size, flags) : krealloc(addr, size, flags);
	to = krealloc(addr, size, without_effort(flags));
	if (to)
		return to;
	to = kvmalloc(size, flags);
	if (to) {
		memcpy(to, addr, min_ul(ksize(addr), size));
		kfree(addr);
	}
	return to;
}

void kvfree(const void *addr)
{
	kfree(addr);
}
