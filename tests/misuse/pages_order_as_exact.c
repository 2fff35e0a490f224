/*
 * A block of an order is freed by a size.
 */
#include "misuse.h"
#include <kmem/mm.h>

int main(void)
{
	void *p = (void *)__get_free_pages(GFP_KERNEL, 2);

	must(p);
	free_pages_exact(aim(p), 4 * PAGE_SIZE);
	return 0;
}
