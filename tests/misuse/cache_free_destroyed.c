/* An object given to its cache after that was destroyed. */
#include "misuse.h"
#include <kmem/slab.h>

int main(void)
{
	struct kmem_cache *s = kmem_cache_create("mine", 200, 0, SLAB_NO_MERGE, NULL);
	void *p = must(kmem_cache_alloc(s, GFP_KERNEL));

	kmem_cache_free(s, p);
	CHECK(kmem_cache_destroy(s) == 0, "destroy");
	kmem_cache_free(s, aim(p));
	return 0;
}
