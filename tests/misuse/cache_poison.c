/* A byte written to a free object of a cache with poison. */
#include "misuse.h"
#include <kmem/slab.h>

int main(void)
{
	struct kmem_cache *s = kmem_cache_create("mine", 100, 0, SLAB_POISON, NULL);
	char *p = must(kmem_cache_alloc(s, GFP_KERNEL));

	kmem_cache_free(s, p);
	p[50] = 1;
	aim(p);
	return kmem_cache_alloc(s, GFP_KERNEL) == NULL;
}
