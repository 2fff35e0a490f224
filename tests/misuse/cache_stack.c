/* The address of a variable, given to a cache. */
#include "misuse.h"
#include <kmem/slab.h>

int main(void)
{
	struct kmem_cache *s = kmem_cache_create("mine", 200, 0, SLAB_NO_MERGE, NULL);
	char local[200];

	kmem_cache_free(s, aim(local));
	return 0;
}
