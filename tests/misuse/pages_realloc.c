/*
 * Pages are given to realloc().
 */
#include "misuse.h"
#include <kmem/mm.h>

int main(void)
{
	void *p = (void *)__get_free_pages(GFP_KERNEL, 2);

	must(p);
	if (!realloc(aim(p), 100))
		return 1;
	return 0;
}
