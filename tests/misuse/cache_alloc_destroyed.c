/* An allocation from a cache that was destroyed. */
#include "misuse.h"
#include <kmem/slab.h>

int main(void)
{
	struct kmem_cache *s = kmem_cache_create("mine", 200, 0, SLAB_NO_MERGE, NULL);

	kmem_cache_free(s, must(kmem_cache_alloc(s, GFP_KERNEL)));
	CHECK(kmem_cache_destroy(s) == 0, "destroy");
	aim(s);
	return kmem_cache_alloc(s, GFP_KERNEL) == NULL;
}
