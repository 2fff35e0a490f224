/*
 * A reference is taken to a page that is free.
 */
#include "misuse.h"
#include <kmem/mm.h>

int main(void)
{
	struct page *page = must(alloc_pages(GFP_KERNEL, 4));

	__free_pages(page, 4);
	aim(page_address(page));
	get_page(page);
	return 0;
}
