/*
 * A page of a slab is freed as a page.
 */
#include "misuse.h"
#include <kmem/mm.h>

int main(void)
{
	void *p = must(malloc(64));
	struct page *page = virt_to_page(p);

	aim(page_address(page));
	__free_page(page);
	return 0;
}
