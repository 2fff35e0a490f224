/* A prefilled sheaf of one cache, used with another. */
#include "misuse.h"
#include <kmem/slab.h>

int main(void)
{
	struct kmem_cache *a = kmem_cache_create("mine", 200, 0, SLAB_NO_MERGE, NULL);
	struct kmem_cache *b = kmem_cache_create("yours", 200, 0, SLAB_NO_MERGE, NULL);
	struct slab_sheaf *sheaf = must(kmem_cache_prefill_sheaf(a, GFP_KERNEL, 5));

	return kmem_cache_alloc_from_sheaf(b, GFP_KERNEL, aim(sheaf)) == NULL;
}
