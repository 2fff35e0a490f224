/* The same with SLAB_CONSISTENCY_CHECKS: found at once. */
#include "misuse.h"
#include <kmem/slab.h>

int main(void)
{
	struct kmem_cache *s = kmem_cache_create("mine", 200, 0, SLAB_CONSISTENCY_CHECKS, NULL);
	void *keep = must(kmem_cache_alloc(s, GFP_KERNEL));
	void *p = must(kmem_cache_alloc(s, GFP_KERNEL));

	kmem_cache_free(s, p);
	free(aim(p));
	return keep == NULL;
}
