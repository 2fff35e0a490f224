/*
 * A block is freed by an address within its first page.
 */
#include "misuse.h"
#include <kmem/mm.h>

int main(void)
{
	char *p = (char *)__get_free_pages(GFP_KERNEL, 3);

	must(p);
	free_pages((unsigned long)aim(p + 64), 3);
	return 0;
}
