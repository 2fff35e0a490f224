/*
 * A reference is taken to a page of a slab.
 */
#include "misuse.h"
#include <kmem/mm.h>

int main(void)
{
	struct page *page = virt_to_page(must(malloc(5000)));

	aim(page_address(page));
	get_page(page);
	return 0;
}
