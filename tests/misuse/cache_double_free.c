/* An object of a cache of the program's own, given back twice and then the cache shrunk. */
#include "misuse.h"
#include <kmem/slab.h>

int main(void)
{
	struct kmem_cache *s = kmem_cache_create("mine", 200, 0, SLAB_NO_MERGE, NULL);
	void *keep = must(kmem_cache_alloc(s, GFP_KERNEL));
	void *p = must(kmem_cache_alloc(s, GFP_KERNEL));

	kmem_cache_free(s, p);
	kmem_cache_free(s, aim(p));
	kmem_cache_shrink(s);
	kmem_cache_free(s, keep);
	return 0;
}
