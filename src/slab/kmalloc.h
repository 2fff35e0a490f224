/* SPDX-License-Identifier: MIT */
/*
 * Size classes, and what malloc and kmalloc have in common.
 *
 * Up to 32 KiB a size belongs to one of 43 caches: multiples of 16 to 128, then four to each
 * doubling, so that rounding up costs a fifth at most. Programs like to ask for a power of two and
 * a header: from 1, 2 and 4 KiB on there is one class more, at half the usual step. Those beyond a
 * page share slabs (slab_run.h). kmalloc_slot[] gives, for a size in units of 16 bytes, where in a
 * struct kmem_cpu the slot of its class is. Larger sizes are whole pages.
 *
 * The KMALLOC_CLASSES table is the only place that names the sizes.
 */
#ifndef KMEM_KMALLOC_H
#define KMEM_KMALLOC_H

#include <kmem/gfp.h>

#include "cpu.h"
#include "large.h"

/* Invokes row(class, size of the class before, size), smallest first. */
#define KMALLOC_FOUR(row, class, s0, s1, s2, s3, s4)                         \
	row(class, s0, s1) row((class) + 1, s1, s2) row((class) + 2, s2, s3) \
		row((class) + 3, s3, s4)
#define KMALLOC_FIVE(row, class, s0, s1, s2, s3, s4, s5) \
	row(class, s0, s1) KMALLOC_FOUR(row, (class) + 1, s1, s2, s3, s4, s5)
#define KMALLOC_EIGHT(row, class, s0, s1, s2, s3, s4, s5, s6, s7, s8) \
	KMALLOC_FOUR(row, class, s0, s1, s2, s3, s4)                  \
	KMALLOC_FOUR(row, (class) + 4, s4, s5, s6, s7, s8)
#define KMALLOC_CLASSES(row)                                       \
	KMALLOC_EIGHT(row, 1, 0, 16, 32, 48, 64, 80, 96, 112, 128) \
	KMALLOC_FOUR(row, 9, 128, 160, 192, 224, 256)              \
	KMALLOC_FOUR(row, 13, 256, 320, 384, 448, 512)             \
	KMALLOC_FOUR(row, 17, 512, 640, 768, 896, 1024)            \
	KMALLOC_FIVE(row, 21, 1024, 1152, 1280, 1536, 1792, 2048)  \
	KMALLOC_FIVE(row, 26, 2048, 2304, 2560, 3072, 3584, 4096)  \
	KMALLOC_FIVE(row, 31, 4096, 4608, 5120, 6144, 7168, 8192)  \
	KMALLOC_FOUR(row, 36, 8192, 10240, 12288, 14336, 16384)    \
	KMALLOC_FOUR(row, 40, 16384, 20480, 24576, 28672, 32768)

#define NR_KMALLOC_CLASSES 44 /* class 0, which is no class, included */
#define KMALLOC_MAX_SIZE   32768UL
#define KMALLOC_MIN_ALIGN  16UL

extern const uint16_t kmalloc_slot[KMALLOC_MAX_SIZE / KMALLOC_MIN_ALIGN + 1];
extern struct kmem_cache kmalloc_caches[NR_KMALLOC_CLASSES];

/* The slot of @cpu for objects of @size bytes, at most KMALLOC_MAX_SIZE. */
static __always_inline struct cpu_slot *kmalloc_cpu_slot(struct kmem_cpu *cpu, size_t size)
{
	return (struct cpu_slot *)((char *)cpu + kmalloc_slot[(size + 15) >> 4]);
}

static inline unsigned int kmalloc_class(size_t size)
{
	return (unsigned int)((kmalloc_slot[(size + 15) >> 4] - offsetof(struct kmem_cpu, slot)) /
			      sizeof(struct cpu_slot));
}

/* Prepares the caches; before any use, once, under the start-up lock. */
void kmalloc_init(void);

/* Any size: the fast path's miss, large blocks, refusals. NULL when the OS refuses. */
void *kmalloc_slow(size_t size);

/*
 * Any size but 0 with kmalloc()'s flags, from the caches or the pages of node @nid: all of them are
 * obeyed, and what __GFP_ZERO zeroes is the whole object.
 */
void *kmalloc_flags(size_t size, int nid, gfp_t gfp);

/* The same in a mapping of its own: vmalloc's. NULL for 0. */
void *kmalloc_area(size_t size, gfp_t gfp);

/* As kmalloc_slow(), aligned to a power of two, zeroed if asked. */
void *kmalloc_aligned(size_t size, size_t align);
void *kmalloc_zeroed(size_t size);

/* Any pointer but NULL: the fast path's miss, large blocks, bad pointers. Keeps errno. */
void kfree_slow(void *object);

/*
 * Usable bytes. A pointer at which no object starts ends the program with a report; whether the
 * object is in use is not looked at.
 */
size_t kmalloc_usable(const void *object);

/* The same of an object that must be in use, as far as its slab knows. */
size_t kmalloc_live_size(const void *object);

/*
 * Whether @object, any address, is in use as far as its slab or its pages know, and has room for
 * @size bytes and not too much.
 */
static __always_inline bool kmalloc_stays(const void *object, size_t size)
{
	struct kmem_cache *s = cache_of(object);

	if (unlikely(!s))
		return size > KMALLOC_MAX_SIZE && large_stays(object, size);
	if (size > cache_usable(s) || size <= cache_usable(s) / 2)
		return false;
	slab_check_object(s, object);
	return true;
}

/*
 * Resizes without copying when that is possible and sensible; NULL: allocate, copy, free. See
 * large_resize() for room.
 */
void *kmalloc_resize(void *object, size_t old_size, size_t new_size, bool may_have_room);

/* Copies @n bytes to @to, which was just allocated. */
void kmalloc_copy(void *to, const void *from, size_t n);

/*
 * In a signal handler within a slow path: whether the interrupted call holds nothing that pages and
 * areas need.
 */
bool kmalloc_may_nest(void);

/* An object has more room than its size asks for, for want of a smaller one: sizes say less now. */
void kmalloc_keep_larger(void);

/* Ends the program with a report when @object cannot have been asked for with @size
 * bytes, aligned to @align, a power of two. */
void kmalloc_check_size(const void *object, size_t size, size_t align);

/* Whether this is a signal handler that interrupted a slow path, or that path itself. */
bool kmem_in_slow_path(void);

/* The calling thread's caches, all barns, empty slabs and dirty pages go back to the OS. Returns
 * whether anything did. */
bool kmem_trim(void);

/*
 * The same where it was not the program that asked, so that this may be a signal handler which
 * interrupted a hit, or a walk over the threads' states: see cpu_hollow().
 */
bool kmem_trim_unasked(void);

#endif
