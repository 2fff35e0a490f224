/*
 * A page is given to kfree().
 */
#include "misuse.h"
#include <kmem/mm.h>
#include <kmem/slab.h>

int main(void)
{
	void *p = (void *)__get_free_page(GFP_KERNEL);

	must(p);
	kfree(aim(p));
	return 0;
}
