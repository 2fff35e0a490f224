/*
 * A block is freed by the address of its second page.
 */
#include "misuse.h"
#include <kmem/mm.h>

int main(void)
{
	char *p = (char *)__get_free_pages(GFP_KERNEL, 3);

	must(p);
	free_pages((unsigned long)aim(p + PAGE_SIZE), 3);
	return 0;
}
