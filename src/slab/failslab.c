/* SPDX-License-Identifier: MIT */
/*
 * failslab=: allocations from SLAB_FAILSLAB caches fail on purpose, see fault_attr.h; its space is
 * in bytes. Other caches never do, which is the kernel's cache-filter; its other filter is not
 * wanted in a process, where nearly all requests may wait.
 */
#include "fault_attr.h"
#include "slab_debug.h"

static struct fault_attr failslab;

static int set_failslab(const char *value, size_t len)
{
	return fault_attr_set(&failslab, value, len);
}

static const struct boot_param params[] = {
	{ "failslab", set_failslab },
};

const struct boot_params failslab_params = { params, ARRAY_SIZE(params) };

bool failslab_enabled(void)
{
	return failslab.enabled;
}

bool should_failslab(const struct kmem_cache *s, gfp_t gfp)
{
	return (s->flags & SLAB_FAILSLAB) && !(gfp & __GFP_NOFAIL) &&
	       should_fail(&failslab, (long)s->object_size);
}
