/*
 * A block of pages is freed twice.
 */
#include "misuse.h"
#include <kmem/mm.h>

int main(void)
{
	void *p = (void *)__get_free_pages(GFP_KERNEL, 3);

	free_pages((unsigned long)must(p), 3);
	free_pages((unsigned long)aim(p), 3);
	return 0;
}
