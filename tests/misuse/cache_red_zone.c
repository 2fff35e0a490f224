/* A byte written behind an object of a cache with red zones. */
#include "misuse.h"
#include <kmem/slab.h>

int main(void)
{
	struct kmem_cache *s = kmem_cache_create("mine", 100, 0, SLAB_RED_ZONE, NULL);
	char *p = must(kmem_cache_alloc(s, GFP_KERNEL));

	p[100] = 1;
	kmem_cache_free(s, aim(p));
	return 0;
}
