/* SPDX-License-Identifier: MIT */
/*
 * The program's mistakes, by name: one line on stderr, then abort().
 *
 *	kmem: BUG <cache>: <what was wrong> of 0x<address>
 */
#ifndef KMEM_FAULT_H
#define KMEM_FAULT_H

#include "compiler.h"

struct kmem_cache;

_Noreturn void fault_double_free(const struct kmem_cache *s, const void *object) __cold;
_Noreturn void fault_interior(const struct kmem_cache *s, const void *object) __cold;
_Noreturn void fault_wrong_size(const char *cache, const void *object, size_t size) __cold;

/* @object of @owner was given to @s; the destroyed cache @s was used, with @object or itself. */
_Noreturn void fault_wrong_cache(const struct kmem_cache *s, const struct kmem_cache *owner,
				 const void *object) __cold;
_Noreturn void fault_destroyed(const char *what, const struct kmem_cache *s,
			       const void *object) __cold;

struct page;

/*
 * A page that is not to be freed so, or referenced, as @what says: what it is instead. Its order is
 * another one, or an address is within it, or has no page.
 */
_Noreturn void fault_bad_page(const struct page *page, const char *what) __cold;
_Noreturn void fault_wrong_order(const struct page *page, unsigned int order) __cold;
_Noreturn void fault_inside_page(const void *addr) __cold;
_Noreturn void fault_no_page(const void *addr) __cold;

/* For a pointer that no slab's page has: says what it is instead. */
_Noreturn void fault_bad_pointer(const void *addr) __cold;

#endif
