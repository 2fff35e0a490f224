/* SPDX-License-Identifier: MIT */
/*
 * The aligned forms. An alignment must be a power of two: aligned_alloc says EINVAL otherwise,
 * posix_memalign returns it and leaves the pointer and errno alone, memalign rounds up.
 */
#include <errno.h>

#include "compiler.h"
#include "bits.h"
#include "exports.h"
#include "kmalloc.h"
#include "os.h"

static void *allocate(size_t align, size_t size)
{
	if (align <= KMALLOC_MIN_ALIGN)
		return own_malloc(size);
	return kmalloc_aligned(size, align);
}

__export void *aligned_alloc(size_t align, size_t size)
{
	if (unlikely(!is_power_of_2(align))) {
		errno = EINVAL;
		return NULL;
	}
	return allocate(align, size);
}

/* The old form rounds the alignment up, in glibc as here. */
__export void *memalign(size_t align, size_t size)
{
	if (likely(align <= KMALLOC_MIN_ALIGN))
		return own_malloc(size);
	if (unlikely(align > PTRDIFF_MAX / 2)) {
		errno = EINVAL;
		return NULL;
	}
	return allocate(1UL << (__fls(align - 1) + 1), size);
}

__export int posix_memalign(void **object, size_t align, size_t size)
{
	int saved = errno;
	void *got;

	if (unlikely(!is_power_of_2(align) || align % sizeof(void *)))
		return EINVAL;
	got = allocate(align, size);
	errno = saved;
	if (unlikely(!got))
		return ENOMEM;
	*object = got;
	return 0;
}

__export void *valloc(size_t size)
{
	return allocate(os_page_size(), size);
}

__export void *pvalloc(size_t size)
{
	size_t page = os_page_size();

	if (unlikely(size > PTRDIFF_MAX - page)) {
		errno = ENOMEM;
		return NULL;
	}
	return allocate(page, size ? align_up(size, page) : page);
}

__export void free_aligned_sized(void *object, size_t align, size_t size)
{
	if (object)
		kmalloc_check_size(object, size, is_power_of_2(align) ? align : 1);
	own_free(object);
}

__export void *__libc_memalign(size_t align, size_t size) __alias_of(memalign);
__export int __posix_memalign(void **object, size_t align, size_t size) __alias_of(posix_memalign);
__export void *__libc_valloc(size_t size) __alias_of(valloc);
__export void *__libc_pvalloc(size_t size) __alias_of(pvalloc);
