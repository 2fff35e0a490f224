/*
 * A reference is taken to the second page of a block that is not compound.
 */
#include "misuse.h"
#include <kmem/mm.h>

int main(void)
{
	struct page *page = must(alloc_pages(GFP_KERNEL, 4));

	aim(page_address(nth_page(page, 1)));
	get_page(nth_page(page, 1));
	return 0;
}
