/* malloc's memory, given to a cache that does not share with it. */
#include "misuse.h"
#include <kmem/slab.h>

int main(void)
{
	struct kmem_cache *s = kmem_cache_create("mine", 200, 0, SLAB_NO_MERGE, NULL);

	kmem_cache_free(s, aim(must(malloc(200))));
	return 0;
}
