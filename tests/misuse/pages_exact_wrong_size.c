/*
 * An exact block is freed with less than its size.
 */
#include "misuse.h"
#include <kmem/mm.h>

int main(void)
{
	void *p = must(alloc_pages_exact(5 * PAGE_SIZE, GFP_KERNEL));

	free_pages_exact(aim(p), 4 * PAGE_SIZE);
	return 0;
}
