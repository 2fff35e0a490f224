/*
 * An exact block is freed by an order.
 */
#include "misuse.h"
#include <kmem/mm.h>

int main(void)
{
	void *p = must(alloc_pages_exact(4 * PAGE_SIZE, GFP_KERNEL));

	free_pages((unsigned long)aim(p), 2);
	return 0;
}
