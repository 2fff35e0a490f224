/* One cache's object, given to another. */
#include "misuse.h"
#include <kmem/slab.h>

int main(void)
{
	struct kmem_cache *a = kmem_cache_create("mine", 200, 0, SLAB_NO_MERGE, NULL);
	struct kmem_cache *b = kmem_cache_create("yours", 200, 0, SLAB_NO_MERGE, NULL);

	kmem_cache_free(b, aim(must(kmem_cache_alloc(a, GFP_KERNEL))));
	return 0;
}
