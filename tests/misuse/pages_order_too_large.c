/*
 * A block of one page is freed as one of two.
 */
#include "misuse.h"
#include <kmem/mm.h>

int main(void)
{
	struct page *page = must(alloc_page(GFP_KERNEL));

	aim(page_address(page));
	__free_pages(page, 1);
	return 0;
}
