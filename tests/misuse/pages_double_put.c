/*
 * A reference more is given back than was taken.
 */
#include "misuse.h"
#include <kmem/mm.h>

int main(void)
{
	struct page *page = must(alloc_pages(GFP_KERNEL | __GFP_COMP, 2));

	get_page(page);
	put_page(page);
	put_page(page);
	aim(page_address(page));
	put_page(page);
	return 0;
}
