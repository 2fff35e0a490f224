/* SPDX-License-Identifier: MIT */
/*
 * Caches that look at every object as it comes and goes: SLAB_CONSISTENCY_CHECKS, SLAB_RED_ZONE,
 * SLAB_POISON, SLAB_STORE_USER, SLAB_TRACE.
 *
 * Such a cache has no sheaves, and its page_class sends free() to the slow path: each object is
 * taken from and given to its slab one at a time, where a double or an invalid free is seen at
 * once. What lies behind an object, up to the next one:
 *
 *	object_size bytes   POISON: 0x5a when handed out, 0x6b and a last 0xa5 while free
 *	to a word and one   RED_ZONE: 0xcc in use, 0xbb free
 *	two struct track    STORE_USER: who took it, who gave it back
 *
 * Objects that a constructor or a reader relies on (SLAB_TYPESAFE_BY_RCU) are not poisoned. An
 * object that was never taken has none of this yet: these caches track, see slab->constructed.
 */
#ifndef KMEM_SLAB_DEBUG_H
#define KMEM_SLAB_DEBUG_H

#include "options.h"
#include "slab.h"

#define SLAB_DEBUG_FLAGS \
	(SLAB_CONSISTENCY_CHECKS | SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER | SLAB_TRACE)

/*
 * Bytes that an object of @s, whose flags and object_size are set, needs with what lies behind it.
 */
unsigned int debug_size(const struct kmem_cache *s);

/* An object as slab_alloc_bulk() found it is handed to @caller: checked, constructed, marked. */
void *debug_alloc(struct kmem_cache *s, void *object, const void *caller);

/*
 * An object comes back from @caller. Ends the program with a report if something is wrong with it.
 */
void debug_free(struct kmem_cache *s, void *object, const void *caller);

/* Who took @object, and who gave it back, on stderr. */
void debug_report_users(const struct kmem_cache *s, const void *object);

/* Whether an allocation from @s is to fail: failslab=interval,probability,space,times. */
bool should_failslab(const struct kmem_cache *s, gfp_t gfp);
bool failslab_enabled(void);

extern const struct boot_params failslab_params;

#endif
