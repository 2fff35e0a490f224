/* A cache that shares with kmalloc, destroyed once too often. */
#include "misuse.h"
#include <kmem/slab.h>

int main(void)
{
	struct kmem_cache *s = kmem_cache_create("mine", 64, 0, 0, NULL);

	CHECK(kmem_cache_destroy(s) == 0, "destroy");
	kmem_cache_destroy(aim(s));
	return 0;
}
