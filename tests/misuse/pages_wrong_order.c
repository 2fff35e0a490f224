/*
 * A block of eight pages is freed as one of four.
 */
#include "misuse.h"
#include <kmem/mm.h>

int main(void)
{
	void *p = (void *)__get_free_pages(GFP_KERNEL, 3);

	must(p);
	free_pages((unsigned long)aim(p), 2);
	return 0;
}
