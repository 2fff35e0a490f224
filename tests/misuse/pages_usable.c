/*
 * The usable size of pages is asked for.
 */
#include "misuse.h"
#include <kmem/mm.h>

int main(void)
{
	void *p = (void *)__get_free_pages(GFP_KERNEL, 2);

	must(p);
	if (malloc_usable_size(aim(p)) == 0)
		return 1;
	return 0;
}
