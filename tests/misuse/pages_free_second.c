/*
 * The second page of a block is given to free().
 */
#include "misuse.h"
#include <kmem/mm.h>

int main(void)
{
	char *p = (char *)__get_free_pages(GFP_KERNEL, 2);

	must(p);
	free(aim(p + PAGE_SIZE));
	return 0;
}
