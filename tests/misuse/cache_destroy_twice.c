/* A cache destroyed twice. */
#include "misuse.h"
#include <kmem/slab.h>

int main(void)
{
	struct kmem_cache *s = kmem_cache_create("mine", 200, 0, SLAB_NO_MERGE, NULL);

	CHECK(kmem_cache_destroy(s) == 0, "destroy");
	kmem_cache_destroy(aim(s));
	return 0;
}
