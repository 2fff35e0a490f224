/* A pointer into an object of a cache. */
#include "misuse.h"
#include <kmem/slab.h>

int main(void)
{
	struct kmem_cache *s = kmem_cache_create("mine", 200, 0, SLAB_NO_MERGE, NULL);
	char *p = must(kmem_cache_alloc(s, GFP_KERNEL));

	kmem_cache_free(s, aim(p + 16));
	kmem_cache_shrink(s);
	return 0;
}
