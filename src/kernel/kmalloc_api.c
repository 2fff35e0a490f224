/* SPDX-License-Identifier: MIT */
/*
 * kmalloc and its family: the size classes of malloc by the kernel's names. See kmem/slab.h.
 *
 * A hit is malloc's: a pop off the thread's sheaf, whatever the flags say. Flags matter once that
 * failed, in kmalloc_flags(); only what changes the object itself leaves the road before.
 */
#include <errno.h>
#include <kmem/slab.h>
#include <string.h>

#include "kmalloc.h"
#include "numa.h"

/* Flags that an object of the thread's sheaf may not fulfil. */
#define SPECIAL (__GFP_ZERO | __GFP_DMA | __GFP_DMA32 | __GFP_THISNODE)

static __noinline void *kmalloc_special(size_t size, gfp_t flags)
{
	void *object;

	if (!size)
		return ZERO_SIZE_PTR;
	if (flags & __GFP_THISNODE)
		return kmalloc_flags(size, (int)numa_own_node(), flags);
	if (flags & (__GFP_DMA | __GFP_DMA32) || size > KMALLOC_MAX_SIZE)
		return kmalloc_flags(size, NUMA_NO_NODE, flags);
	object = slot_pop(kmalloc_cpu_slot(this_cpu, size));
	if (!object)
		return kmalloc_flags(size, NUMA_NO_NODE, flags);
	return memset(object, 0, kmalloc_size_roundup(size));
}

void *kmalloc(size_t size, gfp_t flags)
{
	void *object = NULL;

	if (unlikely(!size || (flags & SPECIAL)))
		return kmalloc_special(size, flags);
	if (size <= KMALLOC_MAX_SIZE)
		object = slot_pop(kmalloc_cpu_slot(this_cpu, size));
	return likely(object) ? object : kmalloc_flags(size, NUMA_NO_NODE, flags);
}

void *kzalloc(size_t size, gfp_t flags)
{
	return kmalloc(size, flags | __GFP_ZERO);
}

/* The bytes of an array; false, with errno set, when they are too many. */
static bool array_bytes(size_t n, size_t size, size_t *bytes)
{
	if (likely(!__builtin_mul_overflow(n, size, bytes)))
		return true;
	errno = ENOMEM;
	return false;
}

void *kmalloc_array(size_t n, size_t size, gfp_t flags)
{
	size_t bytes;

	return array_bytes(n, size, &bytes) ? kmalloc(bytes, flags) : NULL;
}

void *kcalloc(size_t n, size_t size, gfp_t flags)
{
	return kmalloc_array(n, size, flags | __GFP_ZERO);
}

void *kmalloc_node(size_t size, gfp_t flags, int node)
{
	if (unlikely(node != NUMA_NO_NODE && !node_online(node))) {
		errno = EINVAL;
		return NULL;
	}
	/* With one node every object is of it. */
	if (likely(READ_ONCE(nr_node_ids) == 1) || node == NUMA_NO_NODE || !size)
		return kmalloc(size, flags);
	return kmalloc_flags(size, node, flags);
}

void *kzalloc_node(size_t size, gfp_t flags, int node)
{
	return kmalloc_node(size, flags | __GFP_ZERO, node);
}

/* ---- Resizing ---- */

/* Whether @object has the alignment that kmalloc() promises for @size. */
static bool is_aligned(const void *object, size_t size)
{
	return (size & (size - 1)) || ((uintptr_t)object & (min_ul(size, SECTION_SIZE) - 1)) == 0;
}

/*
 * Pages would go back to the OS, now or by the free after a copy: @object stays as large as it is.
 */
static void *shrink_atomically(void *object, size_t old_size, size_t size)
{
	if (cache_of(object))
		return kmalloc_resize(object, old_size, size, false);
	if (size <= KMALLOC_MAX_SIZE)
		kmalloc_keep_larger();
	return object;
}

/*
 * Without a copy where that is possible, and where @flags let the OS be asked if it has to be. What
 * is to lie below an address is taken anew when it grows, since what it has may lie above. All that
 * an object of zeroes has is zeroed each time, so it has no room to grow.
 */
static void *resize_in_place(void *object, size_t old_size, size_t size, gfp_t flags)
{
	if (!is_aligned(object, size) || (size > old_size && gfp_zone(flags) != ZONE_NORMAL))
		return NULL;
	if (gfpflags_allow_blocking(flags))
		return kmalloc_resize(object, old_size, size, !(flags & __GFP_ZERO));
	return size > old_size ? NULL : shrink_atomically(object, old_size, size);
}

/* What has a mapping of its own cannot wait to be freed where that may not be undone at once. */
static bool may_be_copied(const void *object, gfp_t flags)
{
	return gfpflags_allow_blocking(flags) || section_of(object)->type != SECTION_AREA;
}

/*
 * What is behind the @size bytes of @object that were kept: an area's pages are zero by themselves.
 */
static void zero_rest(void *object, size_t old_size, size_t size)
{
	size_t usable = kmalloc_live_size(object);

	if (size < old_size || section_of(object)->type == SECTION_PAGES)
		memset((char *)object + min_ul(old_size, size), 0, usable - min_ul(old_size, size));
}

/*
 * The first @n bytes go to @copy, and their old place is freed: where the thread may not enter the
 * OS, with its next visit that may.
 */
static void move_contents(void *copy, void *object, size_t n, gfp_t flags)
{
	struct kmem_cpu *cpu;

	if (gfpflags_allow_blocking(flags)) {
		kmalloc_copy(copy, object, n);
		kfree(object);
		return;
	}
	memcpy(copy, object, n);
	cpu = cpu_enter_atomic();
	kfree(object);
	if (cpu)
		cpu_leave(cpu);
}

static void *allocate_copy_free(void *object, size_t old_size, size_t size, gfp_t flags)
{
	int saved = errno;
	void *copy = NULL;

	if (likely(may_be_copied(object, flags)))
		copy = kmalloc(size, size > old_size ? flags : flags | __GFP_NOWARN);
	else
		errno = ENOMEM;
	if (likely(copy)) {
		move_contents(copy, object, min_ul(old_size, size), flags);
		return copy;
	}
	/* What only wants to be smaller is never refused. */
	if (size > old_size)
		return NULL;
	kmalloc_keep_larger();
	errno = saved;
	return object;
}

void *krealloc(const void *object, size_t size, gfp_t flags)
{
	size_t old_size;
	void *resized;

	if (unlikely(!size)) {
		kfree(object);
		return ZERO_SIZE_PTR;
	}
	if (unlikely(ZERO_OR_NULL_PTR(object)))
		return kmalloc(size, flags);
	old_size = kmalloc_live_size(object);
	resized = resize_in_place((void *)object, old_size, size, flags);
	if (!resized)
		resized = allocate_copy_free((void *)object, old_size, size, flags);
	if (resized && (flags & __GFP_ZERO))
		zero_rest(resized, old_size, size);
	return resized;
}

void *krealloc_array(void *object, size_t n, size_t size, gfp_t flags)
{
	size_t bytes;

	return array_bytes(n, size, &bytes) ? krealloc(object, bytes, flags) : NULL;
}

/* ---- Freeing ---- */

static __always_inline void free_object(const void *object)
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

void kfree(const void *object)
{
	free_object(object);
}

void kfree_sensitive(const void *object)
{
	/* Unlike memset() this is done though nobody reads it again. */
	explicit_bzero((void *)object, ksize(object));
	kfree(object);
}

void kfree_bulk(size_t n, void **objects)
{
	size_t i;

	for (i = 0; i < n; i++)
		free_object(objects[i]);
}

/* ---- Sizes ---- */

size_t ksize(const void *object)
{
	return ZERO_OR_NULL_PTR(object) ? 0 : kmalloc_live_size(object);
}

size_t kmalloc_size_roundup(size_t size)
{
	if (size && size <= KMALLOC_MAX_SIZE)
		return kmalloc_caches[kmalloc_class(size)].size;
	return size > PTRDIFF_MAX - PAGE_SIZE ? size : align_up(size, PAGE_SIZE);
}
