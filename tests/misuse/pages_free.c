/*
 * Pages are given to free().
 */
#include "misuse.h"
#include <kmem/mm.h>

int main(void)
{
	void *p = (void *)__get_free_pages(GFP_KERNEL, 2);

	must(p);
	free(aim(p));
	return 0;
}
