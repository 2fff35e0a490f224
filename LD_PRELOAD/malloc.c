/* SPDX-License-Identifier: MIT */
/*
 * malloc, free, calloc, realloc.
 *
 * The paths that nearly every call takes are here in full: a table gives the slot of the size, a
 * pop gives the object; the section table and one byte give the slot of an object, a push takes it.
 * No lock, no atomic, no call, no look at the object's memory, no question whether the library is
 * ready: a slot that cannot serve is one that is empty, or full. Everything else is behind the
 * calls to kmalloc_slow() and kfree_slow(). docs/design.md shows the instructions.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "exports.h"
#include "kmalloc.h"
#include "section.h"

__export void *malloc(size_t size)
{
	if (likely(size <= KMALLOC_MAX_SIZE)) {
		void *object = slot_pop(kmalloc_cpu_slot(this_cpu, size));

		if (likely(object))
			return object;
	}
	return kmalloc_slow(size);
}

/* NULL lies in no section, so the fast path need not ask for it. */
static __noinline void free_slow(void *object)
{
	if (object)
		kfree_slow(object);
}

__export void free(void *object)
{
	struct section *section = section_of(object);

	if (likely(section)) {
		unsigned int class = section->page_class[section_page_index(object)];

		if (likely(slot_push(cpu_slot(this_cpu, class), object)))
			return;
	}
	free_slow(object);
}

/* C++'s delete is free; the other forms of delete call this one, which a program may replace. */
__export void _ZdlPv(void *object) __alias_of(free);

__export void cfree(void *object) __alias_of(free);

__export void *calloc(size_t nmemb, size_t size)
{
	size_t bytes;

	if (unlikely(__builtin_mul_overflow(nmemb, size, &bytes))) {
		errno = ENOMEM;
		return NULL;
	}
	return kmalloc_zeroed(bytes);
}

static void *allocate_copy_free(void *object, size_t old_size, size_t size)
{
	int saved = errno;
	void *copy = own_malloc(size);

	if (likely(copy)) {
		kmalloc_copy(copy, object, min_ul(old_size, size));
		own_free(object);
		return copy;
	}
	/* What only wants to be smaller is never refused. */
	if (size > old_size)
		return NULL;
	kmalloc_keep_larger();
	errno = saved;
	return object;
}

static __noinline void *realloc_slow(void *object, size_t size)
{
	size_t old_size;
	void *resized;

	if (!object)
		return own_malloc(size);
	if (!size) {
		own_free(object);
		return NULL;
	}
	old_size = kmalloc_live_size(object);
	resized = kmalloc_resize(object, old_size, size, true);
	return resized ? resized : allocate_copy_free(object, old_size, size);
}

/*
 * Most calls ask for little more than there is room for already. Neither NULL nor a size of 0 is
 * such.
 */
__export void *realloc(void *object, size_t size)
{
	return likely(kmalloc_stays(object, size)) ? object : realloc_slow(object, size);
}

__export void *reallocarray(void *object, size_t nmemb, size_t size)
{
	size_t bytes;

	if (unlikely(__builtin_mul_overflow(nmemb, size, &bytes))) {
		errno = ENOMEM;
		return NULL;
	}
	return own_realloc(object, bytes);
}

__export size_t malloc_usable_size(void *object)
{
	return object ? kmalloc_usable(object) : 0;
}

/* C23. The size is the program's word; it is checked, since a wrong one is a bug worth finding. */
__export void free_sized(void *object, size_t size)
{
	if (object)
		kmalloc_check_size(object, size, 1);
	own_free(object);
}

void *own_malloc(size_t size) __alias_of(malloc);
void own_free(void *object) __alias_of(free);
void *own_realloc(void *object, size_t size) __alias_of(realloc);

/* The names under which parts of glibc, and programs that wrap malloc, call the same functions. */
__export void *__libc_malloc(size_t size) __alias_of(malloc);
__export void __libc_free(void *object) __alias_of(free);
__export void *__libc_calloc(size_t nmemb, size_t size) __alias_of(calloc);
__export void *__libc_realloc(void *object, size_t size) __alias_of(realloc);
