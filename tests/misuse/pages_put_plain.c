/*
 * The last reference to a block that is not compound goes by put_page().
 */
#include "misuse.h"
#include <kmem/mm.h>

int main(void)
{
	struct page *page = must(alloc_pages(GFP_KERNEL, 1));

	aim(page_address(page));
	put_page(page);
	return 0;
}
